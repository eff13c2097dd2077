// `offerstream config diff|preview`: what a changed configuration says, and what it would do, before it is activated.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace offerstream {

/// Options of both.
struct ConfigChangeOptions {
  std::string what{};                        ///< diff, preview
  std::string config{}, changed{};           ///< as it is, and as it would be
  std::map<std::string, std::string> set{};  ///< overrides of both: dotted key -> value
  std::vector<std::string> inputs{};         ///< preview: events; none: the topics of `config`
  std::vector<std::string> decisions{};      ///< preview: published decisions; none: made from the inputs
  std::uint64_t last = 10'000;               ///< preview: decisions compared
  bool json = false;
};

/// 0; 3 with every mistake of either; 4 when nothing could be compared.
int RunConfigChange(const ConfigChangeOptions& options);

}  // namespace offerstream
