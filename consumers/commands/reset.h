// `offerstream reset`: moves an application's position in its inputs, or lets it forget everything. Shows a plan; acts only when told.
#pragma once

#include <map>
#include <string>

namespace offerstream {

/// Options of `reset`.
struct ResetOptions {
  std::string config = "offerstream.yaml";
  std::map<std::string, std::string> set{};   ///< overrides: dotted key -> value
  std::string to{};                           ///< earliest, latest, a time, or TOPIC:PARTITION=OFFSET,...
  bool state = false;                         ///< forget state and models, too: directory and internal topics
  bool execute = false;                       ///< without it only the plan is printed
};

/// The exit code. 1 while an instance is in the group or on the directory.
int RunReset(const ResetOptions& options);

}  // namespace offerstream
