// `offerstream backtest`: what other configurations would have earned on logged decisions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace offerstream {

/// The command line, typed.
struct BacktestArguments {
  std::string config{}, mapping{};         ///< of the log; mapping empty: the configuration's first input's
  std::vector<std::string> policies{};     ///< NAME=FILE[,KEY=VALUE...]: a configuration, with some keys overridden
  std::vector<std::string> decisions{};    ///< published decisions; none: a foreign log
  std::vector<std::string> inputs{};       ///< events (.gz .zst by name) or "-": stdin
  std::string report{}, html{};            ///< JSON, and a page of it, into these files as well
  std::string since{};                     ///< a date or time: decisions before only teach
  std::uint64_t seed = 1;
  std::size_t replicates = 10'000;         ///< of the bootstrap; 0: normal intervals only
  std::vector<std::string> challengers{};  ///< random-forest, boosting: beside the log's own models
  std::uint32_t challenger_every = 1000;   ///< labels between two refits
  bool rejection = false, gate = false, json = false;
  std::map<std::string, std::string> set{};
};

/// One NAME=FILE[,KEY=VALUE...]. A comma inside a value needs a file of its own: the text is cut at commas that are
/// followed by a key and an equals sign.
struct PolicyArgument {
  std::string name{}, file{};
  std::map<std::string, std::string> set{};
};
/// False when it has not that form.
bool ParsePolicyArgument(const std::string& text, PolicyArgument& out);

/// Runs it; the exit code: 4 with --gate when a policy has no verdict or earns less than the log.
int RunBacktest(const BacktestArguments& arguments);

}  // namespace offerstream
