#include "consumers/config/yaml_document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>
#include <tuple>

namespace offerstream {

namespace {

// Builds the tree from parser events: they carry the place of every node, and repeated keys are still visible.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::shared_ptr<const std::string> file, std::optional<Place> fixed, Mistakes& mistakes)
      : file_(std::move(file)), fixed_(std::move(fixed)), mistakes_(mistakes) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { Put(Make(mark, YamlNode::Kind::kNull)); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    mistakes_.Add(PlaceOf(mark), "aliases (*name) are not supported; write the value out");
    Put(Make(mark, YamlNode::Kind::kNull));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    YamlNode node = Make(mark, YamlNode::Kind::kScalar);
    node.text = value;
    node.quoted = tag == "!";
    Put(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    Open(Make(mark, YamlNode::Kind::kList));
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    Open(Make(mark, YamlNode::Kind::kMap));
  }
  void OnMapEnd() override { Close(); }

  std::optional<YamlNode> root{};

 private:
  struct Level {
    YamlNode node;
    std::optional<YamlNode::Key> key;
  };

  Place PlaceOf(const YAML::Mark& mark) const {
    return fixed_ ? *fixed_ : Place{file_, mark.line + 1, mark.column + 1};
  }
  YamlNode Make(const YAML::Mark& mark, YamlNode::Kind kind) const {
    YamlNode node;
    node.kind = kind;
    node.place = PlaceOf(mark);
    return node;
  }
  void Open(YamlNode node) {
    if (open_.size() >= static_cast<std::size_t>(kYamlDepthMax)) {
      throw YAML::ParserException(YAML::Mark(), fmt::format("nested deeper than {} levels", kYamlDepthMax));
    }
    open_.push_back({std::move(node), std::nullopt});
  }
  void Close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    Put(std::move(node));
  }
  void Put(YamlNode node) {
    if (open_.empty()) {
      root = std::move(node);
      return;
    }
    Level& level = open_.back();
    if (level.node.Is(YamlNode::Kind::kList)) {
      level.node.children.push_back(std::move(node));
    } else if (!level.key) {
      if (!node.Is(YamlNode::Kind::kScalar)) mistakes_.Add(node.place, "a key must be a plain text");
      level.key = YamlNode::Key{node.text, node.place};
    } else {
      if (level.node.Find(level.key->text) != nullptr) {
        mistakes_.Add(level.key->place, fmt::format("'{}' is given twice", level.key->text));
      } else {
        level.node.keys.push_back(std::move(*level.key));
        level.node.children.push_back(std::move(node));
      }
      level.key.reset();
    }
  }

  std::shared_ptr<const std::string> file_;
  std::optional<Place> fixed_;
  Mistakes& mistakes_;
  std::vector<Level> open_{};
};

std::optional<YamlNode> Parse(const std::string& text, const std::shared_ptr<const std::string>& file,
                              const std::optional<Place>& fixed, Mistakes& mistakes) {
  const auto place = [&](int line, int column) { return fixed ? *fixed : Place{file, line, column}; };
  if (text.size() > kYamlBytesMax) {
    mistakes.Add(place(1, 1), fmt::format("longer than {} bytes", kYamlBytesMax));
    return std::nullopt;
  }
  TreeBuilder builder(file, fixed, mistakes);
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    if (parser.HandleNextDocument(builder)) {
      TreeBuilder rest(file, fixed, mistakes);
      if (parser.HandleNextDocument(rest)) {
        mistakes.Add(rest.root ? rest.root->place : place(1, 1), "a second YAML document; one is expected");
      }
    }
  } catch (const YAML::Exception& e) {
    const bool known = !e.mark.is_null();
    mistakes.Add(place(known ? e.mark.line + 1 : 1, known ? e.mark.column + 1 : 1), "not YAML: " + e.msg);
    return std::nullopt;
  } catch (const std::exception& e) {
    mistakes.Add(place(1, 1), std::string("not YAML: ") + e.what());
    return std::nullopt;
  }
  if (builder.root && !builder.root->Is(YamlNode::Kind::kNull)) return std::move(builder.root);
  YamlNode empty;
  empty.kind = fixed ? YamlNode::Kind::kNull : YamlNode::Kind::kMap;
  empty.place = place(1, 1);
  return empty;
}

// Levenshtein distance; `a` and `b` are short words.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string ConfigError::Text() const {
  return line > 0 ? fmt::format("{}:{}:{}: {}", file, line, column, message) : fmt::format("{}: {}", file, message);
}

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].text == key) return &children[i];
  }
  return nullptr;
}

YamlNode* YamlNode::Find(std::string_view key) {
  return const_cast<YamlNode*>(static_cast<const YamlNode*>(this)->Find(key));
}

void Mistakes::Add(const Place& place, std::string message) {
  list_.push_back({place.file ? *place.file : std::string(), place.line, place.column, std::move(message)});
}

void Mistakes::AddUnknown(const Place& place, std::string message, std::string_view word,
                          const std::vector<std::string>& known) {
  const std::string nearest = Nearest(word, known);
  if (!nearest.empty()) message += fmt::format("; did you mean '{}'?", nearest);
  Add(place, std::move(message));
}

std::vector<ConfigError> Mistakes::Take() {
  std::stable_sort(list_.begin(), list_.end(), [](const ConfigError& a, const ConfigError& b) {
    return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
  });
  return std::exchange(list_, {});
}

std::optional<YamlNode> ParseYaml(const std::string& text, const std::string& file, Mistakes& mistakes) {
  return Parse(text, std::make_shared<const std::string>(file), std::nullopt, mistakes);
}

std::optional<YamlNode> ParseYamlValue(const std::string& text, const Place& place, Mistakes& mistakes) {
  return Parse(text, place.file, place, mistakes);
}

std::string Nearest(std::string_view word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = Distance(word, candidate);
    if (distance < least && distance < std::max(word.size(), candidate.size())) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

std::string YamlScalar(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-' || c == '/';
  };
  const bool word = !text.empty() && ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z')) &&
                    std::all_of(text.begin(), text.end(), plain);
  static constexpr std::string_view kReserved[] = {"true", "false", "null", "yes", "no", "on", "off", "Null", "NULL"};
  if (word && std::find(std::begin(kReserved), std::end(kReserved), text) == std::end(kReserved))
    return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace offerstream
