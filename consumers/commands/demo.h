// `offerstream demo`: the simulated bank, its customers and the engine, live; at the end learned against planted.
#pragma once

#include <cstdint>
#include <string>

namespace offerstream {

/// The command line, typed.
struct DemoOptions {
  std::string seconds{};  ///< "60s"; empty: until Ctrl-C
  std::string brokers{};  ///< the service over this Kafka; empty: both folds in one thread, no broker
  std::string state{};    ///< directory of the service's store; empty: a temporary one, removed at the end
  std::size_t customers = 1'000;
  std::uint64_t seed = 1;
};

/// Runs it. Exit codes: 0; 2 for a duration that cannot be read; 5 when Kafka cannot be reached.
int RunDemo(const DemoOptions& options);

}  // namespace offerstream
