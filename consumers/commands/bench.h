// `offerstream bench`: what the engine costs on this machine, as ratios inside one run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "consumers/offline/bench_world.h"

namespace offerstream {

/// The command line, typed.
struct BenchOptions {
  BenchWorkload workload{};
  int rounds = 5;         ///< of every figure, interleaved
  bool json = false;      ///< one object instead of the table
  bool gate = false;      ///< exit code 4 when a figure is beyond its limit
  bool memory = true;     ///< measure memory, too
  std::string brokers{};  ///< not empty: the stream against the pass-through floor, too
  bool stream = true;     ///< with brokers: the highest rate, too
  std::vector<std::uint32_t> latency{};  ///< events a second at which the time from event to decision is measured, too
};

/// Runs it; the exit code. An answer that is wrong ends it with 4, whatever was measured.
int RunBench(const BenchOptions& options);

}  // namespace offerstream
