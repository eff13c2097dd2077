// What is made from the settings table for people and editors: the JSON Schema and the reference page.
#include <fmt/format.h>

#include "consumers/config/quantity_text.h"
#include "consumers/config/settings.h"
#include "consumers/config/settings_diff.h"

namespace offerstream {

namespace {

using T = SettingType;

std::string JsonText(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// The direct children of a path in the table.
std::vector<const Setting*> ChildrenOf(std::string_view path) {
  std::vector<const Setting*> children;
  for (const Setting& setting : Settings()) {
    std::string_view rest = setting.path;
    if (!path.empty()) {
      if (!rest.starts_with(path) || rest.size() <= path.size() || rest[path.size()] != '.') continue;
      rest.remove_prefix(path.size() + 1);
    }
    if (rest.find_first_of(".[*") == std::string_view::npos && setting.type != T::kLater) children.push_back(&setting);
  }
  return children;
}

std::string ObjectSchema(const std::string& path, int depth);

std::string EnumText(const Setting& setting) {
  std::string words;
  for (const std::string& word : Choices(setting)) words += (words.empty() ? "" : ", ") + JsonText(word);
  return words;
}

// JSON Schema of one value, without its description.
std::string ValueSchema(const Setting& setting, int depth) {
  const std::string path(setting.path);
  switch (setting.type) {
    case T::kSection:
      return ObjectSchema(path, depth);
    case T::kList:
      return fmt::format(R"("type": "array", "maxItems": {}, "items": {{{}}})", setting.max,
                         ObjectSchema(path + "[]", depth));
    case T::kTable:
      return fmt::format(R"("type": "object", "maxProperties": {}, "additionalProperties": {{{}}})", setting.max,
                         ObjectSchema(path + ".*", depth));
    case T::kText:
      return fmt::format(R"("type": ["string", "number"], "maxLength": {})", setting.max);
    case T::kInteger:
      if (!setting.choices.empty()) {
        return fmt::format(R"("oneOf": [{{"enum": [{}]}}, {{"type": "integer", "minimum": {}, "maximum": {}}}])",
                           EnumText(setting), setting.min, setting.max);
      }
      return fmt::format(R"("type": "integer", "minimum": {}, "maximum": {})", setting.min, setting.max);
    case T::kNumber:
      return fmt::format(R"("type": "number", "minimum": {}, "maximum": {})", setting.min, setting.max);
    case T::kBool:
      return R"("type": "boolean")";
    case T::kDuration:
      return R"("type": ["string", "integer"], "pattern": "^(0|[0-9]+(ms|s|m|h|d))$")";
    case T::kSize:
      return R"("type": ["string", "integer"], "pattern": "^[0-9]+(B|KiB|MiB|GiB|TiB)?$")";
    case T::kTime:
      return R"("type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}")";
    case T::kChoice:
      if (setting.choices.find("true") != std::string_view::npos)
        return fmt::format(R"("enum": [{}, true, false])", EnumText(setting));
      return fmt::format(R"("enum": [{}])", EnumText(setting));
    case T::kTexts:
      if (!setting.choices.empty())
        return fmt::format(R"("type": "array", "items": {{"enum": [{}]}})", EnumText(setting));
      return fmt::format(R"("type": "array", "maxItems": {}, "items": {{"type": ["string", "number"]}})", setting.max);
    case T::kPass:
      return R"("type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]})";
    case T::kFree:
    case T::kLater:
      break;
  }
  return R"("type": ["array", "object"])";
}

std::string ObjectSchema(const std::string& path, int depth) {
  const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
  std::string properties, required;
  for (const Setting* setting : ChildrenOf(path)) {
    const std::string_view key = setting->path.substr(setting->path.rfind('.') + 1);
    properties += fmt::format("{}\n{}  {}: {{\"description\": {}, {}}}", properties.empty() ? "" : ",", indent,
                              JsonText(key), JsonText(setting->effect), ValueSchema(*setting, depth + 1));
    if (setting->required) required += (required.empty() ? "" : ", ") + JsonText(key);
  }
  return fmt::format(
      "\"type\": \"object\", \"additionalProperties\": false, \"required\": [{}], \"properties\": {{{}\n{}}}", required,
      properties, indent);
}

std::string RangeOf(const Setting& setting) {
  switch (setting.type) {
    case T::kInteger:
    case T::kNumber:
      return fmt::format("{}{} to {}", setting.choices.empty() ? "" : std::string(setting.choices) + " or ",
                         setting.min, setting.max);
    case T::kDuration:
      return fmt::format("{} to {}", DurationText(static_cast<Duration>(setting.min)),
                         DurationText(static_cast<Duration>(setting.max)));
    case T::kSize:
      return fmt::format("from {} MiB", static_cast<std::uint64_t>(setting.min) >> 20);
    case T::kBool:
      return "true, false";
    case T::kChoice:
    case T::kTexts: {
      std::string words;
      for (const std::string& word : Choices(setting)) words += (words.empty() ? "" : ", ") + word;
      return words;
    }
    case T::kTime:
      return "date or time";
    case T::kLater:
      return "not supported yet";
    default:
      return "";
  }
}

}  // namespace

std::string ConfigJsonSchema() {
  return fmt::format(
      "{{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"title\": \"Offerstream "
      "configuration\",\n{}}}\n",
      ObjectSchema("", 0));
}

std::string ConfigReference() {
  std::string page =
      "# Configuration reference\n\n"
      "Made from the settings table by `offerstream schema reference`. `[]` stands for each entry of a list, `*` for "
      "each name. What takes effect on a `reload` (SIGHUP) does so at a `start`, too.\n\n"
      "| key | default | range | takes effect | effect |\n|---|---|---|---|---|\n";
  for (const Setting& setting : Settings()) {
    page += fmt::format("| `{}` | {} | {} | {} | {} |\n", setting.path,
                        setting.required           ? "required"
                        : setting.standard.empty() ? ""
                                                   : fmt::format("`{}`", setting.standard),
                        RangeOf(setting), NeedsRestart(setting.path) ? "start" : "reload", setting.type == T::kLater ? "" : setting.effect);
  }
  return page;
}

}  // namespace offerstream
