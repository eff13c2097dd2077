#include "consumers/commands/cli.h"

#include <cstdio>
#include <functional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "consumers/commands/check.h"
#include "consumers/commands/mapping.h"
#include "consumers/commands/schema.h"
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
          if (equals == std::string::npos || equals == 0) throw CLI::ValidationError("--set", "KEY=VALUE is wanted, not " + pair);
          set[pair.substr(0, equals)] = pair.substr(equals + 1);
        }
      },
      "override a key of the configuration: --set kafka.brokers=host:9092 (repeatable)");
}

// Registers a subcommand whose options live as long as the parse.
template <typename Options>
CLI::App& AddCommand(CLI::App& app, Chosen& chosen, const char* name, const char* text, std::shared_ptr<Options> options,
                     int (*run)(const Options&)) {
  CLI::App& command = *app.add_subcommand(name, text);
  command.callback([&chosen, options, run] { chosen.run = [options, run] { return run(*options); }; });
  return command;
}

void AddCheck(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App& command = AddCommand(app, chosen, "check", "check a configuration: every mistake at once", options, RunCheck);
  command.add_option("-c,--config,config", options->config, "configuration file")->required();
  command.add_flag("--online", options->online, "ask the brokers, too");
  command.add_flag("--json", options->json, "result as JSON");
  AddSet(command, options->set);
}

void AddMapping(CLI::App& app, Chosen& chosen) {
  CLI::App& group = *app.add_subcommand("mapping", "test a mapping, try it on a file, or print a table as JSON records");
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
    if (verb == "try") command.add_option("--limit", options->limit, "records shown (default 10)");
    else command.add_flag("--keyed", options->keyed, "put the customer and a tab before each record");
  }
}

void AddSchema(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<SchemaOptions>();
  CLI::App& command = AddCommand(app, chosen, "schema", "print a format: config, mapping, decision, reference, default", options, RunSchema);
  command.add_option("what", options->what, "config, mapping, decision (JSON Schema), reference (Markdown), default (YAML)");
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
  AddCheck(app, chosen);
  AddMapping(app, chosen);
  AddSchema(app, chosen);
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
