// `offerstream init`: drafts a configuration and a mapping for a table nobody has described yet.
#pragma once

#include <string>

namespace offerstream {

/// Options of `init`.
struct InitOptions {
  std::string from{};     ///< a CSV or JSON-lines file (.gz, .zst by name)
  std::string out = ".";  ///< folder for offerstream.yaml and mapping.yaml
  bool force = false;     ///< overwrite them
};

/// Writes the pair and says what was guessed; the draft passes `check` and `mapping test`. Exit code 2 when a file is
/// there already and `force` is not given.
int RunInit(const InitOptions& options);

}  // namespace offerstream
