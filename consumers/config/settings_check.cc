// The check of a configuration against the settings table, and the typed reads that rely on it.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "consumers/config/quantity_text.h"
#include "consumers/config/settings.h"
#include "models/domain/event_time.h"

namespace offerstream {

namespace {

using Kind = YamlNode::Kind;
using T = SettingType;

std::string_view LastKey(std::string_view path) { return path.substr(path.rfind('.') + 1); }

std::string Below(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

// Keys directly below a path of the table ("" = the top), with their lines.
std::map<std::string, const Setting*> KeysBelow(std::string_view path) {
  std::map<std::string, const Setting*> keys;
  for (const Setting& setting : Settings()) {
    if (setting.path.size() <= path.size() || !setting.path.starts_with(path)) continue;
    std::string_view rest = setting.path.substr(path.size());
    if (!path.empty()) {
      if (rest[0] != '.') continue;
      rest.remove_prefix(1);
    }
    if (rest.find_first_of(".[") == std::string_view::npos && rest != "*") keys.emplace(rest, &setting);
  }
  return keys;
}

std::string WantedText(const Setting& setting) {
  switch (setting.type) {
    case T::kSection:
    case T::kTable:
    case T::kPass:
      return "a map of keys";
    case T::kList:
      return "a list of maps";
    case T::kTexts:
      return "a list of texts, like [a, b]";
    case T::kText:
      return "a text";
    case T::kInteger:
      return setting.choices.empty() ? "a whole number" : fmt::format("a whole number or '{}'", setting.choices);
    case T::kNumber:
      return "a number";
    case T::kBool:
      return "true or false";
    case T::kDuration:
      return "a duration like 90s, 10m, 6h or 7d";
    case T::kSize:
      return "a size like 64MiB or 2GiB";
    case T::kTime:
      return "a date like 2026-01-31 or a time like 2026-01-31T08:00:00Z";
    case T::kChoice: {
      std::string words;
      for (const std::string& word : Choices(setting)) words += (words.empty() ? "" : ", ") + word;
      return "one of " + words;
    }
    case T::kFree:
    case T::kLater:
      break;
  }
  return "something else";
}

// The bounds as a person would write them.
std::string RangeText(const Setting& setting) {
  const auto text = [&](double v) -> std::string {
    if (setting.type == T::kDuration) return DurationText(static_cast<Duration>(v));
    if (setting.type == T::kSize) return fmt::format("{}MiB", static_cast<std::uint64_t>(v) >> 20);
    return fmt::format("{}", v);
  };
  return fmt::format("{} to {}", text(setting.min), text(setting.max));
}

class Check {
 public:
  explicit Check(Mistakes& mistakes) : mistakes_(mistakes) {}

  // `name`: what the person wrote (with indices), for messages; `path`: the table's.
  void Map(const YamlNode& node, const std::string& path, const std::string& name) {
    const auto known = KeysBelow(path);
    std::vector<std::string> words;
    for (const auto& [key, setting] : known) {
      if (setting->type != T::kLater) words.push_back(key);
    }
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const auto& key = node.keys[i];
      const auto at = known.find(key.text);
      if (at == known.end()) {
        mistakes_.AddUnknown(key.place, fmt::format("{}: unknown key", Below(name, key.text)), key.text, words);
      } else if (at->second->type == T::kLater) {
        if (node.children[i].text == "false") continue;
        mistakes_.Add(key.place, fmt::format("{}: {} not supported yet", Below(name, key.text), at->second->choices));
      } else {
        Value(*at->second, node.children[i], Below(name, key.text));
      }
    }
    for (const auto& [key, setting] : known) {
      if (setting->required && node.Find(key) == nullptr) {
        mistakes_.Add(node.place, fmt::format("{}: missing", Below(name, key)));
      }
    }
  }

 private:
  void Wrong(const Setting& setting, const YamlNode& node, const std::string& name) {
    std::string got = node.Is(Kind::kScalar) ? fmt::format("'{}'", node.text)
                      : node.Is(Kind::kList) ? "a list"
                      : node.Is(Kind::kMap)  ? "a map"
                                             : "nothing";
    const std::string message = fmt::format("{}: {} is wanted, not {}", name, WantedText(setting), got);
    if (setting.type == T::kChoice && node.Is(Kind::kScalar)) {
      mistakes_.AddUnknown(node.place, message, node.text, Choices(setting));
    } else {
      mistakes_.Add(node.place, message);
    }
  }
  void Range(const Setting& setting, const YamlNode& node, const std::string& name, double value) {
    if (value < setting.min || value > setting.max) {
      mistakes_.Add(node.place, fmt::format("{}: {} is out of range, {}", name, node.text, RangeText(setting)));
    }
  }
  void Count(const Setting& setting, const YamlNode& node, const std::string& name) {
    const double n = static_cast<double>(node.children.size());
    if (n < setting.min || n > setting.max) {
      mistakes_.Add(node.place,
                    fmt::format("{}: {} entries are out of range, {}", name, node.children.size(), RangeText(setting)));
    }
  }
  void Value(const Setting& setting, const YamlNode& node, const std::string& name) {
    const std::string path(setting.path);
    switch (setting.type) {
      case T::kSection:
        if (node.Is(Kind::kNull)) return;
        if (!node.Is(Kind::kMap)) return Wrong(setting, node, name);
        return Map(node, path, name);
      case T::kTable:
        if (!node.Is(Kind::kMap)) return Wrong(setting, node, name);
        Count(setting, node, name);
        for (std::size_t i = 0; i < node.children.size(); ++i) {
          const YamlNode& child = node.children[i];
          const std::string below = Below(name, node.keys[i].text);
          if (child.Is(Kind::kNull)) continue;
          if (child.Is(Kind::kMap))
            Map(child, path + ".*", below);
          else
            mistakes_.Add(child.place, fmt::format("{}: a map of keys is wanted", below));
        }
        return;
      case T::kList:
        if (!node.Is(Kind::kList)) return Wrong(setting, node, name);
        Count(setting, node, name);
        for (std::size_t i = 0; i < node.children.size(); ++i) {
          const YamlNode& child = node.children[i];
          const std::string below = fmt::format("{}[{}]", name, i);
          if (child.Is(Kind::kMap))
            Map(child, path + "[]", below);
          else
            mistakes_.Add(child.place, fmt::format("{}: a map of keys is wanted", below));
        }
        return;
      case T::kTexts:
        return Texts(setting, node, name);
      case T::kPass:
        if (!node.Is(Kind::kMap)) return Wrong(setting, node, name);
        for (std::size_t i = 0; i < node.children.size(); ++i) {
          if (!node.children[i].Is(Kind::kScalar)) {
            mistakes_.Add(node.children[i].place, fmt::format("{}: a text is wanted", Below(name, node.keys[i].text)));
          }
        }
        return;
      case T::kFree:
      case T::kLater:
        return;
      default:
        return Scalar(setting, node, name);
    }
  }
  void Texts(const Setting& setting, const YamlNode& node, const std::string& name) {
    if (!node.Is(Kind::kList)) return Wrong(setting, node, name);
    Count(setting, node, name);
    const auto known = Choices(setting);
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      const YamlNode& child = node.children[i];
      if (!child.Is(Kind::kScalar)) {
        mistakes_.Add(child.place, fmt::format("{}[{}]: a text is wanted", name, i));
      } else if (!known.empty() && std::find(known.begin(), known.end(), child.text) == known.end()) {
        mistakes_.AddUnknown(child.place, fmt::format("{}[{}]: '{}' is not known", name, i, child.text), child.text,
                             known);
      }
    }
  }
  void Scalar(const Setting& setting, const YamlNode& node, const std::string& name) {
    if (!node.Is(Kind::kScalar)) return Wrong(setting, node, name);
    double number = 0;
    std::int64_t integer = 0;
    std::uint64_t size = 0;
    const auto known = Choices(setting);
    const bool word = std::find(known.begin(), known.end(), node.text) != known.end();
    switch (setting.type) {
      case T::kText:
        if (static_cast<double>(node.text.size()) < setting.min ||
            static_cast<double>(node.text.size()) > setting.max) {
          mistakes_.Add(node.place,
                        fmt::format("{}: {} bytes are out of range, {}", name, node.text.size(), RangeText(setting)));
        }
        return;
      case T::kChoice:
        return word ? void() : Wrong(setting, node, name);
      case T::kBool:
        return !node.quoted && (node.text == "true" || node.text == "false") ? void() : Wrong(setting, node, name);
      case T::kInteger:
        if (word) return;
        if (node.quoted || !ParseInteger(node.text, integer)) return Wrong(setting, node, name);
        return Range(setting, node, name, static_cast<double>(integer));
      case T::kNumber:
        if (node.quoted || !ParseNumber(node.text, number)) return Wrong(setting, node, name);
        return Range(setting, node, name, number);
      case T::kDuration:
        if (!ParseDuration(node.text, integer)) return Wrong(setting, node, name);
        return Range(setting, node, name, static_cast<double>(integer));
      case T::kSize:
        if (!ParseSize(node.text, size)) return Wrong(setting, node, name);
        return Range(setting, node, name, static_cast<double>(size));
      case T::kTime:
        return ParseDateOrTime(node.text, integer) ? void() : Wrong(setting, node, name);
      default:
        return;
    }
  }

  Mistakes& mistakes_;
};

// The text given, or the default when nothing usable was given.
template <typename Parse>
auto ReadAs(const YamlNode* parent, std::string_view path, Parse parse) {
  const YamlNode* node = ReadNode(parent, path);
  auto value = decltype(parse("", false).second){};
  if (node != nullptr && node->Is(Kind::kScalar)) {
    const auto [good, parsed] = parse(node->text, node->quoted);
    if (good) return parsed;
  }
  const std::string_view standard = SettingOf(path).standard;
  if (!standard.empty()) value = parse(std::string(standard), false).second;
  return value;
}

}  // namespace

void CheckSettings(const YamlNode& root, Mistakes& mistakes) {
  if (!root.Is(Kind::kMap)) {
    mistakes.Add(root.place, "a map of keys is wanted");
    return;
  }
  Check(mistakes).Map(root, "", "");
}

const YamlNode* ReadNode(const YamlNode* parent, std::string_view path) {
  if (parent == nullptr || !parent->Is(Kind::kMap)) return nullptr;
  const YamlNode* node = parent->Find(LastKey(path));
  return node == nullptr || node->Is(Kind::kNull) ? nullptr : node;
}

std::string ReadText(const YamlNode* parent, std::string_view path) {
  return ReadAs(parent, path, [](const std::string& text, bool) { return std::pair(true, text); });
}

double ReadNumber(const YamlNode* parent, std::string_view path) {
  return ReadAs(parent, path, [](const std::string& text, bool) {
    double value = 0;
    const bool good = ParseNumber(text, value);
    return std::pair(good, value);
  });
}

std::int64_t ReadInteger(const YamlNode* parent, std::string_view path, std::int64_t word_value) {
  const std::string_view word = SettingOf(path).choices;
  return ReadAs(parent, path, [&](const std::string& text, bool) {
    std::int64_t value = word_value;
    const bool good = (!word.empty() && text == word) || ParseInteger(text, value);
    return std::pair(good, value);
  });
}

bool ReadBool(const YamlNode* parent, std::string_view path) {
  return ReadAs(parent, path, [](const std::string& text, bool) {
    return std::pair(text == "true" || text == "false", text == "true");
  });
}

Duration ReadDuration(const YamlNode* parent, std::string_view path) {
  return ReadAs(parent, path, [](const std::string& text, bool) {
    Duration value = 0;
    const bool good = ParseDuration(text, value);
    return std::pair(good, value);
  });
}

std::uint64_t ReadSize(const YamlNode* parent, std::string_view path) {
  return ReadAs(parent, path, [](const std::string& text, bool) {
    std::uint64_t value = 0;
    const bool good = ParseSize(text, value);
    return std::pair(good, value);
  });
}

EventTime ReadTime(const YamlNode* parent, std::string_view path, EventTime absent) {
  const YamlNode* node = ReadNode(parent, path);
  EventTime time = absent;
  if (node != nullptr && node->Is(Kind::kScalar) && !ParseDateOrTime(node->text, time)) time = absent;
  return time;
}

std::vector<std::string> ReadTexts(const YamlNode* parent, std::string_view path) {
  std::vector<std::string> texts;
  const YamlNode* node = ReadNode(parent, path);
  std::optional<YamlNode> standard;
  if (node == nullptr || !node->Is(Kind::kList)) {
    Mistakes none;
    standard = ParseYamlValue(std::string(SettingOf(path).standard), Place{}, none);
    node = standard ? &*standard : nullptr;
  }
  if (node != nullptr) {
    for (const YamlNode& child : node->children) {
      if (child.Is(Kind::kScalar)) texts.push_back(child.text);
    }
  }
  return texts;
}

}  // namespace offerstream
