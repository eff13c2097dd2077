// What differs between two configurations, setting by setting, and which of it a running service can take over.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "consumers/config/yaml_document.h"

namespace offerstream {

/// Every key of a checked tree by its path; entries of lists by their id, topic or name ("offers[gold-card].value"), else by their
/// number. What reads "password", "secret", "token" and the like is told as a hash. Defaults that were written out are left out.
std::map<std::string, std::string> FlatSettings(const YamlNode& root);

/// True when a setting (of the table or of FlatSettings) takes effect at a start only.
bool NeedsRestart(std::string_view path);

/// One setting that differs; `before` or `after` empty: it was not given.
struct SettingChange {
  std::string path{}, before{}, after{};
  bool needs_restart = false;
  /// "offers[gold-card].value: 90 -> 120".
  std::string Text() const;
};
/// By path.
std::vector<SettingChange> ChangesOf(const std::map<std::string, std::string>& before, const std::map<std::string, std::string>& after);

}  // namespace offerstream
