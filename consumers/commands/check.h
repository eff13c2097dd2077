// `offerstream check`: everything that can be wrong with a configuration, at once.
#pragma once

#include <map>
#include <string>

#include "consumers/config/config.h"

namespace offerstream {

/// Options of `check`.
struct CheckOptions {
  std::string config = "offerstream.yaml";
  std::map<std::string, std::string> set{};  ///< overrides: dotted key -> value
  bool online = false, json = false;
};

/// Prints every mistake with its place; exit code 3 when there is one, 0 when sound.
int RunCheck(const CheckOptions& options);

/// Adds the mistakes of the mappings a configuration names; with any, the configuration goes.
void TellMappings(LoadedConfig& loaded);

/// Loads a configuration for a command; prints its mistakes to stderr and returns null when there are any (the command
/// then returns ExitCode(Code::kConfiguration)).
std::unique_ptr<Config> LoadOrExplain(const std::string& path, const std::map<std::string, std::string>& set);

}  // namespace offerstream
