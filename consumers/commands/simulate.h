// `offerstream simulate`: the built-in customers as events, the planted truth beside them.
#pragma once

#include <string>

#include "consumers/offline/simulated_market.h"

namespace offerstream {

/// The command line, typed. `out` empty or "-": stdout.
struct SimulateOptions {
  std::string config{};        ///< -c: events carry what this configuration calls things; empty: the bank's own names
  MarketOptions market{};
  std::string out{}, truth{};
  bool keyed = false;          ///< customer id and a tab before each line
  std::string brokers{}, topic = "events";   ///< brokers not empty: into a topic instead of a file
};

/// Runs it; the exit code. Progress on stderr when that is a terminal.
int Simulate(const SimulateOptions& options);

}  // namespace offerstream
