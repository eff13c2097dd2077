// `offerstream run`: the service, until a signal.
#pragma once

#include <map>
#include <string>

namespace offerstream {

/// Options of `run`.
struct RunOptions {
  std::string config = "offerstream.yaml";
  std::map<std::string, std::string> set{};   ///< overrides: dotted key -> value
  bool accept_offset_reset = false;           ///< go on at group offsets that were set by hand
};

/// Runs until SIGTERM or SIGINT (a second one ends at once with 130); the exit code.
int RunRun(const RunOptions& options);

}  // namespace offerstream
