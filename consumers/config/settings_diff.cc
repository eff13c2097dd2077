#include "consumers/config/settings_diff.h"

#include <fmt/format.h>

#include <algorithm>

#include "consumers/config/settings.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

using Kind = YamlNode::Kind;

// What a plan epoch can take over between two transactions. The rest is bound to files, sockets, threads and the groups of Kafka, or
// rows and snapshots are made of it, which is carried over by name while nothing runs.
constexpr std::string_view kOnReload[] = {"channels", "products", "offers", "budgets", "outcomes", "consent", "decide", "explore", "experiment", "learning",
                                          "decisions", "time"};
constexpr std::string_view kAtStart[] = {"learning.adopt", "time.idle_after"};   // of these all the same

constexpr std::string_view kSecretWords[] = {"password", "secret", "token", "jaas", "credential", "pem", ".key"};

/// The table's path of a child, or empty: a part of what has its own reader.
std::string TablePath(const std::string& parent, const std::string& key) {
  const std::string plain = parent.empty() ? key : parent + "." + key, any = parent + ".*";
  for (const std::string& path : {plain, any}) {
    for (const Setting& setting : Settings()) {
      // A table's entries have no line of their own, their keys have.
      if (setting.path == path || setting.path.starts_with(path + ".")) return path;
    }
  }
  return {};
}

std::string Standard(const std::string& table) {
  for (const Setting& setting : Settings()) {
    if (setting.path == table) return std::string(setting.standard);
  }
  return {};
}

/// A subtree on one line.
std::string OneLine(const YamlNode& node) {
  std::string text;
  switch (node.kind) {
    case Kind::kNull: return "null";
    case Kind::kScalar: return node.text;
    case Kind::kList:
      for (const YamlNode& child : node.children) text += (text.empty() ? "" : ", ") + OneLine(child);
      return "[" + text + "]";
    case Kind::kMap:
      for (std::size_t i = 0; i < node.keys.size(); ++i) {
        text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", node.keys[i].text, OneLine(node.children[i]));
      }
      return "{ " + text + " }";
  }
  return text;
}

bool IsSecret(std::string_view path) {
  return std::any_of(std::begin(kSecretWords), std::end(kSecretWords), [&](std::string_view word) { return path.find(word) != std::string_view::npos; }) &&
         !path.ends_with("_file");
}

/// Walks a tree beside the table.
struct Flattener {
  std::map<std::string, std::string> out{};

  void Put(const std::string& path, const std::string& table, const std::string& text) {
    if (!table.empty() && text == Standard(table)) return;
    out[path] = IsSecret(path) ? fmt::format("(secret {:08x})", H64(text) & 0xffffffff) : text;
  }
  static std::string NameOf(const YamlNode& entry, std::size_t number) {
    for (const char* key : {"id", "topic", "name"}) {
      if (const YamlNode* name = entry.Find(key); name != nullptr && name->Is(Kind::kScalar)) return name->text;
    }
    return std::to_string(number);
  }
  void Walk(const YamlNode& node, const std::string& path, const std::string& table) {
    const bool known = path.empty() || !table.empty();
    if (node.Is(Kind::kMap) && known) {
      for (std::size_t i = 0; i < node.keys.size(); ++i) {
        const std::string& key = node.keys[i].text;
        const std::string below = path.empty() ? key : path + "." + key;
        const std::string entry = TablePath(table, key);
        // A pass-through map's keys are settings, whatever they are.
        if (entry.empty() && !node.children[i].Is(Kind::kScalar)) out[below] = OneLine(node.children[i]);
        else Walk(node.children[i], below, entry);
      }
    } else if (node.Is(Kind::kList) && known && HasEntries(table)) {
      for (std::size_t i = 0; i < node.children.size(); ++i) {
        Walk(node.children[i], fmt::format("{}[{}]", path, NameOf(node.children[i], i)), table + "[]");
      }
    } else {
      Put(path, table, node.Is(Kind::kScalar) ? node.text : OneLine(node));
    }
  }
  /// Lists of maps whose keys stand in the table.
  static bool HasEntries(const std::string& table) {
    const auto settings = Settings();
    return std::any_of(settings.begin(), settings.end(), [&](const Setting& one) { return one.path.starts_with(table + "[]."); });
  }
};

}  // namespace

std::map<std::string, std::string> FlatSettings(const YamlNode& root) {
  Flattener flat;
  flat.Walk(root, "", "");
  return std::move(flat.out);
}

bool NeedsRestart(std::string_view path) {
  const auto below = [path](std::string_view prefix) {
    return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '.' || path[prefix.size()] == '[');
  };
  return std::none_of(std::begin(kOnReload), std::end(kOnReload), below) || std::any_of(std::begin(kAtStart), std::end(kAtStart), below);
}

std::string SettingChange::Text() const {
  return fmt::format("{}: {} -> {}", path, before.empty() ? "(not given)" : before, after.empty() ? "(not given)" : after);
}

std::vector<SettingChange> ChangesOf(const std::map<std::string, std::string>& before, const std::map<std::string, std::string>& after) {
  std::vector<SettingChange> changes;
  const auto note = [&](const std::string& path, const std::string& was, const std::string& is) {
    if (was != is) changes.push_back({path, was, is, NeedsRestart(path)});
  };
  for (const auto& [path, was] : before) {
    const auto now = after.find(path);
    note(path, was, now == after.end() ? std::string() : now->second);
  }
  for (const auto& [path, is] : after) {
    if (!before.contains(path)) note(path, {}, is);
  }
  std::sort(changes.begin(), changes.end(), [](const SettingChange& a, const SettingChange& b) { return a.path < b.path; });
  return changes;
}

}  // namespace offerstream
