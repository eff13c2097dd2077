// THE settings table: every key with its type, default, range, unit and effect, once. The check of a file, the JSON
// Schema and the reference page all come from it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "consumers/config/yaml_document.h"

namespace offerstream {

/// What may stand at a key.
enum class SettingType : std::uint8_t {
  kSection,  ///< a map with the keys below it
  kList,     ///< a list of maps: keys stand under "path[]"
  kTable,    ///< a map from names to maps: keys stand under "path.*"
  kText,
  kInteger,
  kNumber,
  kBool,
  kDuration,
  kSize,
  kTime,
  kChoice,  ///< one of `choices`
  kTexts,   ///< a list of texts, each one of `choices` if given
  kPass,    ///< a map of texts, passed on as it is
  kFree,    ///< read by its own reader (eligibility, feature lists)
  kLater,   ///< named in the plan of the product, refused now
};

/// One line of the table. Ranges: numbers as they are, durations in milliseconds, sizes in bytes, texts in bytes.
struct Setting {
  std::string_view path;
  SettingType type;
  std::string_view standard;  ///< default as YAML; "" = none
  double min, max;
  std::string_view choices;  ///< "a|b|c"; for kInteger an extra word allowed ("auto")
  bool required;
  std::string_view effect;  ///< what it does, one sentence
};

/// The whole table, sections before what they contain.
std::span<const Setting> Settings();
/// The line of a path; never null for a path of the table (asserts).
const Setting& SettingOf(std::string_view path);
/// "a|b" -> {a, b}.
std::vector<std::string> Choices(const Setting& setting);

/// Checks keys, types and ranges of a whole configuration against the table; everything wrong is added to `mistakes`.
void CheckSettings(const YamlNode& root, Mistakes& mistakes);

/// Typed reads after CheckSettings, of the key that ends `path`, from its parent map (null or absent: the default). A
/// value of the wrong form has been reported; it reads as the default here, so that reading can go on to further
/// mistakes.
std::string ReadText(const YamlNode* parent, std::string_view path);
double ReadNumber(const YamlNode* parent, std::string_view path);
/// The extra word of the setting ("auto") reads as `word_value`.
std::int64_t ReadInteger(const YamlNode* parent, std::string_view path, std::int64_t word_value = 0);
bool ReadBool(const YamlNode* parent, std::string_view path);
Duration ReadDuration(const YamlNode* parent, std::string_view path);
std::uint64_t ReadSize(const YamlNode* parent, std::string_view path);
/// A date or time; `absent` when not given.
EventTime ReadTime(const YamlNode* parent, std::string_view path, EventTime absent);
std::vector<std::string> ReadTexts(const YamlNode* parent, std::string_view path);
/// The child node itself, or null.
const YamlNode* ReadNode(const YamlNode* parent, std::string_view path);

}  // namespace offerstream
