// A YAML text as a plain tree that knows where everything stood. The only place that knows yaml-cpp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consumers/config/config.h"

namespace offerstream {

/// Where a piece of configuration was written. Lines and columns count from 1; line 0: not from a file (environment,
/// flag), `file` then names what it was.
struct Place {
  std::shared_ptr<const std::string> file{};
  int line = 0, column = 0;
};

/// One node; owns its children. For maps `keys` runs parallel to `children`.
struct YamlNode {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
  struct Key {
    std::string text{};
    Place place{};
  };
  Kind kind = Kind::kNull;
  bool quoted = false;  ///< a scalar in quotes or a block: never a number or a truth value
  std::string text{};   ///< of a scalar
  Place place{};
  std::vector<Key> keys{};
  std::vector<YamlNode> children{};

  /// The child of a map, or null. O(keys).
  const YamlNode* Find(std::string_view key) const;
  YamlNode* Find(std::string_view key);
  bool Is(Kind k) const { return kind == k; }
};

/// Collects mistakes so that all are reported at once, in the order of their places.
class Mistakes {
 public:
  /// One mistake at its place.
  void Add(const Place& place, std::string message);
  /// Adds "; did you mean 'x'?" when one of `known` is near `word`.
  void AddUnknown(const Place& place, std::string message, std::string_view word,
                  const std::vector<std::string>& known);
  bool empty() const { return list_.empty(); }
  /// Sorted by file, line and column; equal places keep the order of discovery.
  std::vector<ConfigError> Take();

 private:
  std::vector<ConfigError> list_{};
};

// Named limits of a YAML text.
inline constexpr std::size_t kYamlBytesMax = 8u << 20;
inline constexpr int kYamlDepthMax = 64;

/// Parses one YAML document. Aliases, repeated keys, further documents and texts past the limits are mistakes at their
/// place; null only when nothing usable was read. An empty text is an empty map. Never throws.
std::optional<YamlNode> ParseYaml(const std::string& text, const std::string& file, Mistakes& mistakes);
/// A flow value without a place of its own ("[a, b]", "7d"), for overrides; errors are put at `place`.
std::optional<YamlNode> ParseYamlValue(const std::string& text, const Place& place, Mistakes& mistakes);

/// Of `known`, the word nearest to `word` by edit distance, if near enough to be what was meant; else empty.
std::string Nearest(std::string_view word, const std::vector<std::string>& known);

/// Writes a text as a YAML double-quoted scalar where a plain one would be misread; plain otherwise.
std::string YamlScalar(std::string_view text);

}  // namespace offerstream
