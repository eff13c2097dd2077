#include "consumers/wire/mapping_lists.h"

#include <array>
#include <utility>

#include "consumers/wire/event_mapping.h"

namespace offerstream {
namespace {

// What programs print for values JSON spells otherwise.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kWords = {
    {{"None", "null"}, {"True", "true"}, {"False", "false"}, {"null", "null"}, {"true", "true"}, {"false", "false"}, {"nan", "null"}}};

}  // namespace

YamlNode AtItem(const YamlNode& node, const std::string& list, std::size_t item) {
  YamlNode copy = node;
  const std::string before = list + "/*";
  if (copy.text.starts_with(before)) copy.text = list + "/" + std::to_string(item) + copy.text.substr(before.size());
  for (YamlNode& child : copy.children) child = AtItem(child, list, item);
  return copy;
}

bool AppendList(std::string_view text, std::string& json) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos || text[begin] != '[') return false;
  std::string out, quoted;
  for (std::size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\'' || c == '"') {
      quoted.clear();
      for (++i; i < text.size() && text[i] != c; ++i) quoted += text[i] == '\\' && i + 1 < text.size() ? text[++i] : text[i];
      if (i == text.size()) return false;   // never closed
      AppendJsonText(quoted, out);
      continue;
    }
    if (std::string_view("[],-+.0123456789eE \t").find(c) != std::string_view::npos) {
      if (c != ' ' && c != '\t') out += c;
      continue;
    }
    bool word = false;
    for (const auto& [printed, spelled] : kWords) {
      if (word || !text.substr(i).starts_with(printed)) continue;
      out += spelled;
      i += printed.size() - 1;
      word = true;
    }
    if (!word) return false;
  }
  json += out;
  return true;
}

}  // namespace offerstream
