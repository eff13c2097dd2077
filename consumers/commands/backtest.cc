#include "consumers/commands/backtest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "consumers/commands/check.h"
#include "consumers/config/config.h"
#include "consumers/offline/backtest.h"
#include "consumers/offline/backtest_report.h"
#include "consumers/offline/text_output.h"
#include "consumers/wire/csv_reader.h"
#include "consumers/wire/event_mapping.h"
#include "models/domain/event_time.h"
#include "models/domain/numeric_path.h"

namespace offerstream {
namespace {

int Complain(Code code, const std::string& detail) {
  fmt::print(stderr, "offerstream: {}\n", detail);
  return ExitCode(code);
}

// Where KEY=VALUE begins after a comma: letters, digits, dots and underscores up to an equals sign.
bool StartsOverride(const std::string& text, std::size_t at) {
  const std::size_t equals = text.find('=', at);
  if (equals == std::string::npos || equals == at) return false;
  return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(at), text.begin() + static_cast<std::ptrdiff_t>(equals), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

/// The log and the policies, loaded.
struct Setting {
  std::unique_ptr<Config> config{};
  std::shared_ptr<const EventMapping> mapping{};
  std::vector<NamedPolicy> policies{};
  DecisionLog decisions{};
  EventTime since = kNever;
  bool own = false;   ///< there is a log of our own decisions
};

int LoadPolicies(const BacktestArguments& arguments, Setting& setting) {
  if (arguments.policies.empty()) return Complain(Code::kUsage, "name at least one policy: --policy NAME=FILE");
  std::set<std::string> names;
  for (const std::string& text : arguments.policies) {
    PolicyArgument argument;
    if (!ParsePolicyArgument(text, argument)) {
      return Complain(Code::kUsage, fmt::format("--policy takes NAME=FILE or NAME=FILE,KEY=VALUE, not '{}'", text));
    }
    if (!names.insert(argument.name).second) {
      return Complain(Code::kUsage, fmt::format("two policies are named '{}'; give each a name of its own", argument.name));
    }
    const std::unique_ptr<Config> config = LoadOrExplain(argument.file, argument.set);
    if (config == nullptr) return ExitCode(Code::kConfiguration);
    if (config->plan->currency != setting.config->plan->currency) {
      return Complain(Code::kConfiguration, fmt::format("policy '{}' counts in {}, the log's configuration in {}", argument.name,
                                                        config->plan->currency, setting.config->plan->currency));
    }
    setting.policies.push_back({argument.name, config->plan});
  }
  return 0;
}

int Load(const BacktestArguments& arguments, Setting& setting) {
  const std::string since = arguments.since.size() == 10 ? arguments.since + "T00:00:00Z" : arguments.since;
  if (!since.empty() && !ParseRfc3339(since, setting.since)) {
    return Complain(Code::kUsage, "--since takes a date or an RFC 3339 time, not '" + arguments.since + "'");
  }
  setting.config = LoadOrExplain(arguments.config, arguments.set);
  if (setting.config == nullptr) return ExitCode(Code::kConfiguration);
  const LoadedMapping mapping =
      LoadMapping(!arguments.mapping.empty() ? arguments.mapping : setting.config->events.front().mapping);
  for (const ConfigError& error : mapping.errors) fmt::print(stderr, "{}\n", error.Text());
  if (mapping.mapping == nullptr) return ExitCode(Code::kConfiguration);
  setting.mapping = mapping.mapping;
  if (const int code = LoadPolicies(arguments, setting); code != 0) return code;
  for (const std::string& path : arguments.decisions) {
    if (const Status status = setting.decisions.Read(path); !status) return Complain(status.error().code, status.error().detail);
  }
  setting.own = !arguments.decisions.empty();
  setting.decisions.Seal();
  if (setting.own && setting.decisions.size() == 0) {
    return Complain(Code::kNotFound, "no decision is in " + arguments.decisions.front() + ": one published record a line is wanted");
  }
  return 0;
}

Result<BacktestReport> Pass(const BacktestArguments& arguments, const Setting& setting, std::vector<double> bounds) {
  BacktestOptions options;
  options.topic = setting.config->events.front().topic;
  options.reject_key_mismatch = setting.config->events.front().reject_key_mismatch;
  options.since = setting.since;
  options.seed = arguments.seed;
  options.replicates = bounds.empty() ? arguments.replicates : 0;
  if (bounds.empty()) {   // the second reading is for rejection alone
    options.study = StudyWith(arguments.challengers, arguments.challenger_every, setting.config->plan->explore.seed);
  }
  options.bounds = std::move(bounds);
  Backtest backtest(setting.config->plan, setting.mapping, setting.policies, setting.own ? &setting.decisions : nullptr, options);
  for (const std::string& path : arguments.inputs) {
    backtest.input().files.push_back(path);
    Status read = ReadRecords(path, *setting.mapping, [&](Record& record) { backtest.Apply(record); });
    if (!read) return tl::unexpected<Error>(read.error());
  }
  return backtest.Finish();
}

/// Why nothing could be weighed, or empty.
std::string WhyNothing(const Setting& setting, const BacktestReport& report) {
  const LogReport& log = report.log;
  if (log.weighed > 0) return {};
  if (report.input.records == 0) return "the log is empty: the input holds no record";
  if (report.input.events == 0) return "the log is empty: no record of the input is an event";
  if (log.decisions == 0) {
    return setting.own ? "no decision of the decision log was caused by an event of the input: are both of the same time and topic?"
                       : "the log has no propensities: no impression of the input carries one (mapping field 'propensity'), and no "
                         "--decisions were given; without the probabilities the choices were drawn with, nothing can be said of "
                         "other choices";
  }
  if (log.invalid == log.decisions) return fmt::format("none of the {} logged choices has a propensity in (0, 1]", log.invalid);
  return fmt::format(
      "none of the {} logged choices can be weighed: {} before --since, {} in the holdout, {} without a propensity in (0, 1], {} for offers the "
      "configuration does not know, {} late, {} whose windows had not closed, {} whose goal is never told",
      log.decisions, log.early, log.holdout, log.invalid, log.unknown, log.late, log.open, log.unlabelled);
}

void TellRejected(const BacktestReport& report) {
  for (const auto& [what, n] : report.rejected_details) fmt::print(stderr, "rejected {} records: {}\n", n, what);
}

}  // namespace

bool ParsePolicyArgument(const std::string& text, PolicyArgument& out) {
  out = {};
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return false;
  out.name = text.substr(0, equals);
  std::vector<std::string> pieces;
  std::size_t begin = equals + 1;
  for (std::size_t comma = text.find(',', begin); comma != std::string::npos; comma = text.find(',', comma + 1)) {
    if (!StartsOverride(text, comma + 1)) continue;
    pieces.push_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  pieces.push_back(text.substr(begin));
  out.file = pieces.front();
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    const std::size_t at = pieces[i].find('=');
    out.set[pieces[i].substr(0, at)] = pieces[i].substr(at + 1);
  }
  return !out.file.empty();
}

int RunBacktest(const BacktestArguments& arguments) {
  FixNumericPath();
  Setting setting;
  if (const int code = Load(arguments, setting); code != 0) return code;
  if (arguments.rejection && std::count(arguments.inputs.begin(), arguments.inputs.end(), "-") > 0) {
    return Complain(Code::kUsage, "--rejection reads the input twice: give it as a file, not on stdin");
  }
  auto report = Pass(arguments, setting, {});
  if (!report) return Complain(report.error().code, report.error().detail);
  if (const Status& status = report->studied.status; !status) return Complain(status.error().code, status.error().detail);
  TellRejected(*report);
  if (const std::string why = WhyNothing(setting, *report); !why.empty()) return Complain(Code::kNotFound, why);
  if (arguments.rejection) {
    std::vector<double> bounds;
    for (const PolicyReport& policy : report->policies) bounds.push_back(std::max(1.0, policy.result.max_weight));
    const auto second = Pass(arguments, setting, bounds);
    if (!second) return Complain(second.error().code, second.error().detail);
    for (std::size_t p = 0; p < report->policies.size(); ++p) report->policies[p].rejection = second->policies[p].rejection;
  }
  for (const auto& [path, text] : {std::pair(arguments.report, &BacktestJson), std::pair(arguments.html, &BacktestPage)}) {
    if (path.empty()) continue;
    TextOutput file;
    Status written = file.Open(path);
    if (written) {
      file.Line(text(*report));
      written = file.Flush();
    }
    if (!written) return Complain(written.error().code, written.error().detail);
  }
  fmt::print("{}", arguments.json ? BacktestJson(*report) : BacktestText(*report));
  const bool passed = std::all_of(report->policies.begin(), report->policies.end(),
                                  [](const PolicyReport& policy) { return PassesGate(policy.result); });
  return arguments.gate && !passed ? ExitCode(Code::kGateFailed) : 0;
}

}  // namespace offerstream
