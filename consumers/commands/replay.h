// `offerstream replay`: files through the engine, without a broker.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace offerstream {

/// The command line, typed. Empty file names: not written; "-" is stdout.
struct ReplayOptions {
  std::string config{}, mapping{};        ///< mapping empty: the first input's of the configuration
  std::vector<std::string> inputs{};      ///< files (.gz .zst by name) or "-": stdin
  std::string decisions{}, caps{}, predictions{}, report{}, html{}, models{}, dead_letters{};
  std::string state{};                    ///< directory of a store; empty: in memory
  std::vector<std::string> challengers{}; ///< of the report: random-forest, boosting
  std::uint32_t challenger_every = 1000;  ///< labels between two refits
  std::size_t shards = 1, observation_partitions = 1;
  std::map<std::string, std::string> set{};
};

/// Runs it; the exit code. Decisions on stdout are flushed whenever the input pauses. A bad record is counted by
/// reason (and written to --dead-letters); it never ends the replay.
int RunReplay(const ReplayOptions& options);

}  // namespace offerstream
