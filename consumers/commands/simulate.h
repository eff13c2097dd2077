// `offerstream simulate`: the built-in customers as events, the planted truth beside them.
#pragma once

#include <string>

#include "consumers/offline/simulated_market.h"

namespace offerstream {

/// The command line, typed. `out` empty or "-": stdout.
struct SimulateOptions {
  std::string config{};  ///< -c: its Kafka and its first input topic, unless named otherwise; empty: none
  MarketOptions market{};
  std::string out{}, truth{};
  std::string decide{}, decisions{};   ///< a configuration that decides for the customers who ask, and where its decisions go
  bool keyed = false;              ///< customer id and a tab before each line
  std::string brokers{}, topic{};  ///< brokers or config not empty: into a topic instead of a file
};

/// Runs it; exit codes 0, 1 (a file cannot be written), 3 (configuration), 5 (Kafka). Progress on stderr when that is a
/// terminal.
int RunSimulate(const SimulateOptions& options);

}  // namespace offerstream
