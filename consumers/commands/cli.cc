#include "consumers/commands/cli.h"

#include <cstdio>
#include <functional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "consumers/commands/backtest.h"
#include "consumers/commands/bench.h"
#include "consumers/commands/check.h"
#include "consumers/commands/config_change.h"
#include "consumers/commands/demo.h"
#include "consumers/commands/dlq.h"
#include "consumers/commands/init.h"
#include "consumers/commands/mapping.h"
#include "consumers/commands/replay.h"
#include "consumers/commands/reset.h"
#include "consumers/commands/run.h"
#include "consumers/commands/schema.h"
#include "consumers/commands/simulate.h"
#include "consumers/commands/state.h"
#include "consumers/commands/topics.h"
#include "consumers/commands/verify.h"
#include "consumers/commands/version.h"
#include "models/domain/status.h"

namespace offerstream {

namespace {

// What the named command will run; set when its subcommand is parsed.
struct Chosen {
  std::function<int()> run{};
};

// "a.b=value" -> {a.b, value}.
void AddSet(CLI::App& command, std::map<std::string, std::string>& set) {
  command.add_option_function<std::vector<std::string>>(
      "--set",
      [&set](const std::vector<std::string>& pairs) {
        for (const std::string& pair : pairs) {
          const auto equals = pair.find('=');
          if (equals == std::string::npos || equals == 0)
            throw CLI::ValidationError("--set", "KEY=VALUE is wanted, not " + pair);
          set[pair.substr(0, equals)] = pair.substr(equals + 1);
        }
      },
      "override a key of the configuration: --set kafka.brokers=host:9092 (repeatable)");
}

// Registers a subcommand whose options live as long as the parse.
template <typename Options>
CLI::App& AddCommand(CLI::App& app, Chosen& chosen, const char* name, const char* text,
                     std::shared_ptr<Options> options, int (*run)(const Options&)) {
  CLI::App& command = *app.add_subcommand(name, text);
  command.callback([&chosen, options, run] { chosen.run = [options, run] { return run(*options); }; });
  return command;
}

void AddCheck(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App& command =
      AddCommand(app, chosen, "check", "check a configuration: every mistake at once", options, RunCheck);
  command.add_option("-c,--config,config", options->config, "configuration file")->required();
  command.add_flag("--online", options->online, "ask the brokers, too");
  command.add_flag("--json", options->json, "result as JSON");
  AddSet(command, options->set);
}

void AddConfig(CLI::App& app, Chosen& chosen) {
  CLI::App& group = *app.add_subcommand("config", "what a changed configuration says and would do, before it is activated");
  group.require_subcommand(1);
  for (const char* what : {"diff", "preview"}) {
    auto options = std::make_shared<ConfigChangeOptions>();
    options->what = what;
    const bool preview = std::string_view(what) == "preview";
    CLI::App& command = AddCommand(group, chosen, what,
                                   preview ? "what a change would have done to the last decisions" : "the settings that differ, and which need a restart",
                                   options, RunConfigChange);
    command.add_option("-c,--config", options->config, "the configuration as it is")->required();
    command.add_option("changed", options->changed, "the configuration as it would be")->required();
    command.add_flag("--json", options->json, "result as JSON");
    AddSet(command, options->set);
    if (!preview) continue;
    command.add_option("input", options->inputs, "events: files (.gz and .zst by name); default: the topics of the configuration");
    command.add_option("--decisions", options->decisions, "with files: published decisions, one a line (repeatable; default: made from the events)")
        ->allow_extra_args(false);
    command.add_option("--last", options->last, "decisions compared (default 10000); those before teach the models")->check(CLI::Range(1, 100'000'000));
  }
}

void AddInit(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<InitOptions>();
  CLI::App& command =
      AddCommand(app, chosen, "init", "draft a configuration and a mapping for a table", options, RunInit);
  command.add_option("--from", options->from, "a CSV or JSON-lines file (.gz and .zst by name)")->required();
  command.add_option("--out", options->out, "folder for offerstream.yaml and mapping.yaml (default: here)");
  command.add_flag("--force", options->force, "overwrite them");
}

void AddMapping(CLI::App& app, Chosen& chosen) {
  CLI::App& group =
      *app.add_subcommand("mapping", "test a mapping, try it on a file, or print a table as JSON records");
  group.require_subcommand(1);
  for (const char* action : {"test", "try", "rows"}) {
    auto options = std::make_shared<MappingOptions>();
    options->action = action;
    const std::string_view verb = action;
    CLI::App& command = AddCommand(group, chosen, action,
                                   verb == "test"  ? "run the tests a mapping carries; exit code 4 when one fails"
                                   : verb == "try" ? "show what the records of a file become"
                                                   : "print the rows of a CSV file as JSON records",
                                   options, RunMapping);
    command.add_option("-c,--config", options->config, "configuration file (default: the built-in one)");
    command.add_option("-m,--mapping", options->mapping, "a preset or a mapping file instead of the configuration's");
    AddSet(command, options->set);
    if (verb == "test") continue;
    command.add_option("input", options->inputs, "files (.gz and .zst by name; - is stdin)")->required();
    if (verb == "try")
      command.add_option("--limit", options->limit, "records shown (default 10)");
    else
      command.add_flag("--keyed", options->keyed, "put the customer and a tab before each record");
  }
}

void AddSchema(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<SchemaOptions>();
  CLI::App& command = AddCommand(app, chosen, "schema", "print a format: config, mapping, decision, reference, default",
                                 options, RunSchema);
  command.add_option("what", options->what,
                     "config, mapping, decision (JSON Schema), reference (Markdown), default (YAML)");
}

void AddChallengers(CLI::App& command, std::vector<std::string>& challengers, std::uint32_t& every) {
  command.add_option("--challenger", challengers, "batch learners beside the online model, in the report: random-forest, boosting")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"random-forest", "boosting"}));
  command.add_option("--challenger-every", every, "labels between two refits (at least 1 % of those so far)")
      ->check(CLI::Range(100, 10'000'000));
}

void AddReplay(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App& command =
      AddCommand(app, chosen, "replay", "files through the engine, without a broker", options, RunReplay);
  command.add_option("-c,--config", options->config, "configuration file")->required();
  command.add_option("--mapping", options->mapping,
                     "mapping file or preset (default: the configuration's first input)");
  command.add_option("input", options->inputs, "files (.gz and .zst by name); - is stdin");
  auto verify = std::make_shared<bool>(false);
  command.add_flag("--verify", *verify, "re-derive a live run from its logs; exit code 4 and the first event that differs");
  command.callback([&chosen, options, verify] {
    if (!*verify && options->inputs.empty()) throw CLI::RequiredError("input");
    chosen.run = [options, verify] {
      return *verify ? RunVerify({.config = options->config, .set = options->set, .what = "", .id = ""}) : RunReplay(*options);
    };
  });
  command.add_option("--decisions", options->decisions,
                     "decision records, one a line; - is stdout, flushed when the input pauses");
  command.add_option("--caps", options->caps, "cap records, one a line");
  command.add_option("--predictions", options->predictions,
                     "one line when a label is final: what was said before, and what came");
  command.add_option("--report", options->report, "what was found, as JSON");
  command.add_option("--html", options->html, "the same as one page with tables and charts, for screen and paper");
  AddChallengers(command, options->challengers, options->challenger_every);
  command.add_option("--models", options->models, "complete model snapshots, one a line, in hexadecimal");
  command.add_option("--dead-letters", options->dead_letters, "records that are no events, with file, line and reason");
  command.add_option("--state", options->state, "keep the profiles in this directory (default: in memory)");
  command.add_option("--shards", options->shards, "decision folds; changes no result")->check(CLI::Range(1, 64));
  command.add_option("--observation-partitions", options->observation_partitions, "learning folds; changes no result")
      ->check(CLI::Range(1, 64));
  AddSet(command, options->set);
}

void AddBacktest(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<BacktestArguments>();
  CLI::App& command = AddCommand(app, chosen, "backtest", "what other configurations would have earned on logged decisions", options, RunBacktest);
  command.add_option("-c,--config", options->config, "configuration the log was made under, or that describes a foreign log")->required();
  command.add_option("--mapping", options->mapping, "mapping file or preset (default: the configuration's first input)");
  command.add_option("--policy", options->policies, "NAME=FILE: a configuration to evaluate (repeatable); NAME=FILE,explore.policy=uniform overrides keys")
      ->allow_extra_args(false);
  command.add_option("--decisions", options->decisions, "published decisions, one a line (repeatable); without: impressions that carry a propensity")
      ->allow_extra_args(false);
  command.add_option("input", options->inputs, "events: files (.gz and .zst by name); - is stdin")->required();
  command.add_option("--report", options->report, "what was found, as JSON, into this file");
  command.add_option("--html", options->html, "the same as one self-contained page");
  command.add_option("--since", options->since, "a date or time: decisions before only teach the policies");
  AddChallengers(command, options->challengers, options->challenger_every);
  command.add_option("--replicates", options->replicates, "of the bootstrap (default 10000; 0: normal intervals only)")->check(CLI::Range(0, 1'000'000));
  command.add_option("--seed", options->seed, "of the bootstrap and of the rejection replay");
  command.add_flag("--rejection", options->rejection, "also let each policy learn only from choices it might have made (reads the input twice)");
  command.add_flag("--json", options->json, "result as JSON");
  command.add_flag("--gate", options->gate, "exit code 4 when a policy has no verdict or earns less than the log");
  AddSet(command, options->set);
}

void AddDemo(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<DemoOptions>();
  CLI::App& command = AddCommand(app, chosen, "demo", "the simulated bank and the engine, live; learned against planted at the end", options, RunDemo);
  command.add_option("--for", options->seconds, "end by itself after this time, e.g. 60s (default: Ctrl-C)");
  command.add_option("--kafka", options->brokers, "run the service over this Kafka (default: both folds in one thread, no broker)");
  command.add_option("--state", options->state, "directory of the service's store (default: a temporary one)");
  command.add_option("--customers", options->customers, "how many customers (default 1000)")->check(CLI::Range(50, 1'000'000));
  command.add_option("--seed", options->seed, "everything that is simulated follows from it");
}

void AddSimulate(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<SimulateOptions>();
  CLI::App& command = AddCommand(app, chosen, "simulate", "the built-in customers as events", options, RunSimulate);
  MarketOptions& market = options->market;
  command.add_option("-c,--config", options->config, "whose Kafka and first input topic to write to, instead of a file");
  command.add_option("--kafka", options->brokers, "write to a topic of this Kafka instead of a file");
  command.add_option("--topic", options->topic, "the topic (default: events, or the configuration's first input)");
  command.add_option("--customers", market.customers, "how many customers")->check(CLI::Range(1, 10'000'000));
  command.add_option("--days", market.days, "event time to simulate")->check(CLI::Range(0.01, 3650.0));
  command.add_option("--seed", market.seed, "everything follows from it");
  command.add_option("--events", market.events, "stop after so many records (default: when the days are over)");
  command.add_option("--visits-per-day", market.visits_per_day, "mean requests per customer");
  command.add_flag("--drift", market.drift, "tastes turn half-way");
  command.add_option("--dirt", market.dirt, "share of events repeated, late or with garbage beside them")
      ->check(CLI::Range(0.0, 0.9));
  command.add_option("--out", options->out, "file, one JSON a line (default: stdout)");
  command.add_flag("--keyed", options->keyed, "customer id and a tab before each line");
  command.add_option("--truth", options->truth, "write the planted truth here");
  auto* decide = command.add_option("--decide", options->decide, "a configuration that decides for the customers: the closed loop, in files");
  command.add_option("--decisions", options->decisions, "with --decide: its decisions, one JSON a line")->needs(decide);
}

void AddRun(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<RunOptions>();
  CLI::App& command = AddCommand(app, chosen, "run", "run the service until SIGTERM", options, RunRun);
  command.add_option("-c,--config,config", options->config, "configuration file")->required();
  command.add_flag("--accept-offset-reset", options->accept_offset_reset, "go on at committed offsets that were set by hand");
  AddSet(command, options->set);
}

void AddInspect(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App& command = AddCommand(app, chosen, "inspect", "customer ID or decision ID: what the logs say of it", options, RunInspect);
  command.add_option("what", options->what, "customer or decision")->required();
  command.add_option("id", options->id, "its id")->required();
  command.add_option("-c,--config", options->config, "configuration file")->required();
  AddSet(command, options->set);
}

void AddTopics(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<TopicsOptions>();
  CLI::App& command = AddCommand(app, chosen, "topics", "plan or apply: the topics a configuration needs", options, RunTopics);
  command.add_option("what", options->what, "plan or apply")->required();
  command.add_option("-c,--config", options->config, "configuration file")->required();
  command.add_option("--partitions", options->partitions, "partitions of each topic")->check(CLI::Range(1, 10'000));
  command.add_option("--replication", options->replication, "copies of each partition; default 3, with --dev 1");
  command.add_flag("--dev", options->dev, "one broker, for trying out");
  AddSet(command, options->set);
}

void AddDlq(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<DlqOptions>();
  CLI::App& command = AddCommand(app, chosen, "dlq", "list, show or replay: the records that were no events", options, RunDlq);
  command.add_option("what", options->what, "list, show or replay")->required();
  command.add_option("-c,--config", options->config, "configuration file")->required();
  command.add_option("--topic", options->topic, "only of this input topic");
  command.add_option("--reason", options->reason, "only with this reason, as list names it");
  command.add_option("--partition", options->partition, "only of this partition of the dead-letter topic")->check(CLI::Range(0, 100'000));
  command.add_option("--from", options->from, "only from this offset of the dead-letter topic on")->check(CLI::NonNegativeNumber);
  command.add_option("--limit", options->limit, "at most so many; show: 20 when not given");
  command.add_flag("--dry-run", options->dry_run, "replay: says what it would send");
  AddSet(command, options->set);
}

void AddReset(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<ResetOptions>();
  CLI::App& command = AddCommand(app, chosen, "reset", "move an application's position in its inputs, or let it forget everything", options, RunReset);
  command.add_option("-c,--config", options->config, "configuration file")->required();
  command.add_option("--to", options->to, "earliest, latest, a time (2026-03-01T10:00:00Z), or TOPIC:PARTITION=OFFSET,...");
  command.add_flag("--state", options->state, "forget state and models, too: the directory here and the internal topics; with --to earliest unless told");
  command.add_flag("--execute", options->execute, "do it; without it only the plan is printed");
  AddSet(command, options->set);
}

void AddState(CLI::App& app, Chosen& chosen) {
  CLI::App& group = *app.add_subcommand("state", "look at, copy or print what lies in the state directory while no service runs on it");
  group.require_subcommand(1);
  for (const char* action : {"inspect", "checkpoint", "export"}) {
    auto options = std::make_shared<StateOptions>();
    options->what = action;
    const std::string_view verb = action;
    CLI::App& command = AddCommand(group, chosen, action,
                                   verb == "inspect"      ? "positions, counts and sizes by partition, or one customer"
                                   : verb == "checkpoint" ? "copy it into a new directory, read back and with checksums"
                                                          : "customers as JSON, one a line, by partition and id",
                                   options, RunState);
    command.add_option("-c,--config", options->config, "configuration file")->required();
    AddSet(command, options->set);
    if (verb == "checkpoint") command.add_option("directory", options->target, "the directory to make")->required();
    if (verb == "inspect") {
      command.add_option("--customer", options->customer, "only this customer, as JSON");
      command.add_flag("--online", options->online, "ask Kafka for the committed positions, too");
      command.add_flag("--json", options->json, "result as JSON");
    }
    if (verb != "export") continue;
    command.add_option("--out", options->out, "file instead of stdout");
    command.add_option("--partition", options->partition, "only this partition")->check(CLI::Range(0, 65534));
    command.add_flag("--hash-ids", options->hash_ids, "keyed hashes (privacy.key_file) instead of ids");
  }
}

void AddBench(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App& command = AddCommand(app, chosen, "bench", "what the engine costs here, as ratios inside one run", options, RunBench);
  BenchWorkload& load = options->workload;
  command.add_option("--customers", load.customers, "how many customers")->check(CLI::Range(100, 10'000'000));
  command.add_option("--events", load.events, "how many events are measured, after a warm-up of four a customer")->check(CLI::Range(1'000, 100'000'000));
  command.add_option("--rounds", options->rounds, "of every figure, interleaved")->check(CLI::Range(1, 100));
  command.add_option("--seed", load.seed, "everything follows from it");
  command.add_flag("--zipf", load.zipf, "customers by Zipf 1.1 instead of uniformly");
  command.add_flag("--every-event,!--on-triggers", load.every_event, "a decision on every event (default), or on requests and answers");
  command.add_option("--kafka", options->brokers, "brokers: measure the stream against a pass-through floor, too");
  command.add_option("--latency", options->latency, "events a second: with --kafka, measure at each the time from event to committed decision, too")
      ->delimiter(',')->check(CLI::Range(1, 1'000'000));
  command.add_flag("!--no-stream", options->stream, "leave out the highest rate over Kafka");
  command.add_flag("!--no-memory", options->memory, "leave out the memory of customers");
  command.add_flag("--json", options->json, "result as JSON");
  command.add_flag("--gate", options->gate, "exit code 4 when a figure is beyond its limit");
}

void AddVersion(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<VersionOptions>();
  CLI::App& command = AddCommand(app, chosen, "version", "print the version", options, RunVersion);
  command.add_flag("--json", options->json, "result as JSON");
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  CLI::App app("Offerstream: customer events in, learned next best offers and impression caps out.", "offerstream");
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "help of all commands");
  Chosen chosen;
  AddBacktest(app, chosen);
  AddBench(app, chosen);
  AddCheck(app, chosen);
  AddConfig(app, chosen);
  AddInit(app, chosen);
  AddInspect(app, chosen);
  AddMapping(app, chosen);
  AddReset(app, chosen);
  AddRun(app, chosen);
  AddSchema(app, chosen);
  AddReplay(app, chosen);
  AddDemo(app, chosen);
  AddSimulate(app, chosen);
  AddState(app, chosen);
  AddTopics(app, chosen);
  AddDlq(app, chosen);
  AddVersion(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    // Help is a success; every other refusal is a usage error whatever code the library has for it.
    return app.exit(e) == 0 ? 0 : ExitCode(Code::kUsage);
  }
  return chosen.run();
}

}  // namespace offerstream
