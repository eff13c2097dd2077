// The feature schema from section `features`: which numbers a model sees, in which order, under which names.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "consumers/config/plan_builder.h"
#include "consumers/config/quantity_text.h"
#include "consumers/config/settings.h"
#include "models/domain/random.h"
#include "models/model_view.h"

namespace offerstream {

namespace {

using Kind = YamlNode::Kind;

// Centre and scale of each profile number on customers of a bank or a shop: close is enough, the prior needs numbers
// of the order of one.
constexpr ScaledNumber kScales[] = {
    {ProfileNumber::kRecency, 3.0, 1.5},        {ProfileNumber::kFrequency, 1.0, 1.0},
    {ProfileNumber::kMonetary, 4.0, 2.0},       {ProfileNumber::kDeposits, 3.0, 3.0},
    {ProfileNumber::kWithdrawals, 3.0, 3.0},    {ProfileNumber::kNetFlow, 0.0, 4.0},
    {ProfileNumber::kTenure, 4.0, 2.0},         {ProfileNumber::kProductsOwned, 1.0, 1.0},
    {ProfileNumber::kDaysSinceClick, 3.5, 2.0}, {ProfileNumber::kClickRate, 0.05, 0.05},
    {ProfileNumber::kEngagement, 1.0, 1.0},     {ProfileNumber::kImpressions, 1.5, 1.0},
};
static_assert(std::size(kScales) == kProfileNumbers);

// Quantiles of a standard normal: for numbers whose own are not told.
constexpr std::array<double, 12> kNormalKnots = {-1.9, -1.3, -.95, -.65, -.4, -.13, .13, .4, .65, .95, 1.3, 1.9};
constexpr std::array<double, CrossSpec::kCuts> kNormalQuarters = {-.6745, 0, .6745};

constexpr std::string_view kWeekdays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

class FeatureBuilder {
 public:
  FeatureBuilder(const YamlNode& root, CampaignPlan& plan, Mistakes& mistakes)
      : node_(root.Find("features")), root_(root), plan_(plan), mistakes_(mistakes) {}

  void Build() {
    Add({FeatureKind::kBias, 0, 0, 0, 1, "bias"});
    Block("bias");
    Attributes();
    for (const ScaledNumber& number : ReadScaledNumbers(node_, "features.profile", mistakes_)) {
      Add({FeatureKind::kProfileNumber, static_cast<std::uint16_t>(number.number), 0, number.centre, number.scale,
           std::string(Name(number.number))});
    }
    Block("profile");
    if (ReadBool(node_, "features.products")) {
      for (std::size_t i = 0; i < plan_.products.size(); ++i) {
        Add({FeatureKind::kOwnsProduct, Index(i), 0, 0, 1, "owns=" + plan_.products[i].id});
      }
    }
    Block("products");
    Affinity();
    Churn();
    Time();
    const bool segment = Bool("features.segment", plan_.segments.size() > 0);
    if (segment && plan_.segments.size() == 0)
      Wrong("segment", "segments are turned off (segments.features is empty)");
    if (segment) {
      for (std::size_t slot = 0; slot < SegmentView::kSlots; ++slot) {
        Add({FeatureKind::kSegmentSlot, 0, Index(slot), 0, 1, fmt::format("segment_slot={}", slot)});
      }
    }
    Block("segment");
    Curves();
    NumberCrosses();
    schema().candidate_begin = schema().features.size();
    Candidates(segment);
    CheckSize();
    std::string names;
    for (const FeatureSpec& feature : schema().features) names += feature.name + "\n";
    schema().epoch = static_cast<std::uint32_t>(H64(names));
  }

 private:
  FeatureSchema& schema() { return plan_.features; }
  static std::uint16_t Index(std::size_t i) { return static_cast<std::uint16_t>(i); }
  void Add(FeatureSpec feature) {
    if (!names_.insert(feature.name).second) {
      mistakes_.Add(node_ != nullptr ? node_->place : root_.place,
                    fmt::format("features: two are called '{}'", feature.name));
    }
    schema().features.push_back(std::move(feature));
  }
  // Ends a block: what was added since the last one counts under this name.
  void Block(std::string_view name) {
    if (schema().size() > counted_)
      blocks_ += fmt::format("{}{} {}", blocks_.empty() ? "" : ", ", name, schema().size() - counted_);
    counted_ = schema().size();
  }
  bool Bool(std::string_view path, bool standard) {
    return ReadNode(node_, path) != nullptr ? ReadBool(node_, path) : standard;
  }
  void Wrong(std::string_view key, std::string_view message) {
    const YamlNode* child = node_ != nullptr ? node_->Find(key) : nullptr;
    mistakes_.Add(child != nullptr ? child->place : root_.place, fmt::format("features.{}: {}", key, message));
  }

  void Attributes() {
    const YamlNode* list = node_ != nullptr ? node_->Find("attributes") : nullptr;
    for (std::size_t i = 0; i < plan_.attributes.size(); ++i) {
      // The list's own entries come first in the plan's table, in their order.
      const YamlNode* entry = list != nullptr && i < list->children.size() ? &list->children[i] : nullptr;
      if (entry == nullptr || !ReadBool(entry, "features.attributes[].feature")) continue;
      const AttributeSpec& attribute = plan_.attributes[i];
      if (attribute.type == AttributeType::kNumber) {
        Add({FeatureKind::kAttributeNumber, Index(i), 0, attribute.centre, attribute.scale, attribute.name});
        if (ReadBool(entry, "features.attributes[].missing")) {
          Add({FeatureKind::kAttributeMissing, Index(i), 0, 0, 1, attribute.name + ":missing"});
        }
      } else if (attribute.type == AttributeType::kBool) {
        Add({FeatureKind::kAttributeLevel, Index(i), 0, 0, 1, attribute.name});
      } else {
        for (std::size_t level = 0; level < attribute.levels.size(); ++level) {
          Add({FeatureKind::kAttributeLevel, Index(i), Index(level), 0, 1,
               attribute.name + "=" + attribute.levels[level]});
        }
      }
    }
    Block("attributes");
  }

  // Equal shares are expected: the centre; a customer who turns to one category alone is some three scales away.
  void Affinity() {
    plan_.affinity = ReadBool(node_, "features.affinity");
    if (!plan_.affinity) return;
    const std::size_t categories = plan_.categories.size();
    if (categories < 2) return Wrong("affinity", "shares need products of at least two categories (products[].category)");
    for (std::size_t c = 0; c < categories; ++c) {
      Add({FeatureKind::kAffinity, Index(c), 0, 1.0 / static_cast<double>(categories), 0.25, "affinity=" + plan_.categories[c].id});
    }
    Block("affinity");
  }

  void Churn() {
    if (!ReadBool(node_, "features.churn")) return;
    if (!plan_.churn.on) return Wrong("churn", "nobody is looked at without a section churn");
    Add({FeatureKind::kChurn, 0, 0, 0.5, 0.25, "churn"});
    Add({FeatureKind::kChurn, 0, 1, 0, 1, "churn:missing"});
    Block("churn");
  }

  void Time() {
    const std::string time = ReadText(node_, "features.time");
    if (time != "false") {
      Add({FeatureKind::kHourSin, 0, 0, 0, 1, "hour_sin"});
      Add({FeatureKind::kHourCos, 0, 0, 0, 1, "hour_cos"});
    }
    if (time == "week" || time == "true") {
      for (std::size_t day = 0; day < 7; ++day)
        Add({FeatureKind::kWeekday, 0, Index(day), 0, 1, fmt::format("weekday={}", kWeekdays[day])});
    }
    Block("time");
  }

  bool Wanted(FeatureSet set) const {
    const std::vector<FeatureSet>& sets = plan_.learning.race.features;
    return std::any_of(sets.begin(), sets.end(), [set](FeatureSet s) { return (s & set) != 0; });
  }
  bool IsNumber(std::size_t j) {
    const FeatureKind kind = schema().features[j].kind;
    return kind == FeatureKind::kAttributeNumber || kind == FeatureKind::kProfileNumber;
  }
  // In the feature's own scale.
  std::vector<double> KnotsOf(std::size_t j) {
    const FeatureSpec& f = schema().features[j];
    std::vector<double> knots(kNormalKnots.begin(), kNormalKnots.end());
    if (f.kind != FeatureKind::kAttributeNumber || plan_.attributes[f.index].knots.empty()) return knots;
    knots.clear();
    for (const double knot : plan_.attributes[f.index].knots) knots.push_back((knot - f.centre) / f.scale);
    return knots;
  }
  // A feature made of others means something else with other knots or another scale: its name tells.
  std::string Mark(const FeatureSpec& f, const std::vector<double>& knots) {
    std::string text = fmt::format("{} {}", f.centre, f.scale);
    for (const double knot : knots) text += fmt::format(" {}", knot);
    return fmt::format("{:04x}", H64(text) & 0xffff);
  }

  void Curves() {
    const std::size_t end = schema().size();
    for (std::size_t j = 0; Wanted(kCurveFeatures) && j < end; ++j) {
      if (!IsNumber(j)) continue;
      const FeatureSpec source = schema().features[j];
      const std::vector<double> knots = KnotsOf(j);
      const std::string mark = Mark(source, knots);
      const std::size_t curve = schema().curves.size();
      schema().curves.push_back({Index(j), Index(schema().size()), knots});
      for (std::size_t k = 0; k < knots.size(); ++k) {
        Add({FeatureKind::kCurve, Index(curve), Index(k), 0, 1, fmt::format("{}~{}#{}", source.name, k + 1, mark)});
      }
    }
    Block("curves");
  }

  // The declared pairs of numbers, else all of them where there are few enough.
  void NumberCrosses() {
    std::vector<std::pair<std::size_t, std::size_t>> pairs = NumberPairs();
    if (!Wanted(kCrossFeatures)) {
      if (!pairs.empty()) Wrong("crosses", "pairs of numbers are raced: learning.variants.features has neither crosses nor all");
      return;
    }
    const bool all = !named_pairs_;
    for (std::size_t a = 0; all && a < schema().size(); ++a) {
      for (std::size_t b = a + 1; b < schema().size(); ++b) {
        if (IsNumber(a) && IsNumber(b)) pairs.emplace_back(a, b);
      }
    }
    if (pairs.empty() && all) return Wrong("crosses", "there are no two numbers to cross");
    if (pairs.size() > kCrossesMax) {
      return Wrong("crosses", fmt::format("{} pairs of numbers are more than {}: name the ones to try, like [[age, balance]]",
                                          pairs.size(), kCrossesMax));
    }
    for (const auto& [a, b] : pairs) {
      const FeatureSpec first = schema().features[a], second = schema().features[b];
      const std::size_t cross = schema().crosses.size();
      CrossSpec spec{Index(a), Index(b), Index(schema().size()), Quarters(a), Quarters(b)};
      const std::string mark = Mark(first, KnotsOf(a)) + Mark(second, KnotsOf(b));
      schema().crosses.push_back(spec);
      for (std::size_t cell = 0; cell < CrossSpec::kCells; ++cell) {
        Add({FeatureKind::kCell, Index(cross), Index(cell), 0, 1,
             fmt::format("{}*{}:{}.{}#{}", first.name, second.name, cell / 4 + 1, cell % 4 + 1, mark)});
      }
    }
    Block("cells");
  }

  std::array<double, CrossSpec::kCuts> Quarters(std::size_t j) {
    const FeatureSpec& f = schema().features[j];
    if (f.kind != FeatureKind::kAttributeNumber || plan_.attributes[f.index].knots.empty()) return kNormalQuarters;
    const std::vector<double> knots = KnotsOf(j);
    std::array<double, CrossSpec::kCuts> cuts{};
    for (std::size_t q = 0; q < cuts.size(); ++q) {
      const double at = static_cast<double>(q + 1) / 4 * static_cast<double>(knots.size() - 1);
      const auto below = static_cast<std::size_t>(at);
      const double share = at - static_cast<double>(below);
      cuts[q] = (1 - share) * knots[below] + share * knots[std::min(below + 1, knots.size() - 1)];
    }
    return cuts;
  }

  void Candidates(bool segment) {
    const std::size_t channels = plan_.channels.size();
    if (Bool("features.channel", channels > 1)) {
      for (std::size_t c = 0; c < channels; ++c) {
        Add({FeatureKind::kChannel, Index(c), 0, 0, 1, "channel=" + plan_.channels[c].id});
      }
      Add({FeatureKind::kChannelClickRate, 0, 0, 0.05, 0.1, "channel_click_rate"});
    }
    Block("channel");
    if (ReadBool(node_, "features.ordinal")) Add({FeatureKind::kImpressionOrdinal, 0, 0, 0, 1, "impression_ordinal"});
    Block("ordinal");
    const std::size_t cross = SegmentView::kSlots * channels;
    const bool fits = schema().size() + cross <= static_cast<std::size_t>(ReadInteger(node_, "features.max"));
    if (!Crossed(segment && channels > 1 && fits)) return;
    if (!segment) Wrong("crosses", "segment x channel needs features.segment");
    for (std::size_t slot = 0; slot < SegmentView::kSlots; ++slot) {
      for (std::size_t c = 0; c < channels; ++c) {
        Add({FeatureKind::kSegmentChannel, Index(c), Index(slot), 0, 1,
             fmt::format("segment_slot={}*channel={}", slot, plan_.channels[c].id)});
      }
    }
    Block("crosses");
  }

  static bool IsPair(const YamlNode& node) { return node.Is(Kind::kList) && node.children.size() == 2; }
  static bool IsSegmentChannel(const YamlNode& node) {
    return IsPair(node) && node.children[0].text == "segment" && node.children[1].text == "channel";
  }

  // Whether segment x channel is wanted.
  bool Crossed(bool standard) {
    const YamlNode* crosses = ReadNode(node_, "features.crosses");
    if (crosses == nullptr) return standard;
    return std::any_of(crosses->children.begin(), crosses->children.end(), IsSegmentChannel);
  }

  // The pairs of numbers in features.crosses, as positions.
  std::vector<std::pair<std::size_t, std::size_t>> NumberPairs() {
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    const YamlNode* crosses = ReadNode(node_, "features.crosses");
    if (crosses == nullptr) return pairs;
    if (!crosses->Is(Kind::kList)) Wrong("crosses", "a list of pairs is wanted, like [[segment, channel]]");
    std::vector<std::string> numbers;
    std::vector<std::size_t> places;
    for (std::size_t j = 0; j < schema().size(); ++j) {
      if (!IsNumber(j)) continue;
      numbers.push_back(schema().features[j].name);
      places.push_back(j);
    }
    for (const YamlNode& pair : crosses->children) {
      if (!crosses->Is(Kind::kList) || IsSegmentChannel(pair)) continue;
      named_pairs_ = true;
      if (!IsPair(pair)) {
        mistakes_.Add(pair.place, "features.crosses: a pair is wanted, like [segment, channel] or [age, balance]");
        continue;
      }
      std::array<std::size_t, 2> at{};
      bool known = true;
      for (std::size_t i = 0; i < 2; ++i) {
        const auto found = std::find(numbers.begin(), numbers.end(), pair.children[i].text);
        if (found == numbers.end()) {
          mistakes_.AddUnknown(pair.children[i].place,
                               fmt::format("features.crosses: no number '{}'", pair.children[i].text), pair.children[i].text, numbers);
          known = false;
        } else {
          at[i] = places[static_cast<std::size_t>(found - numbers.begin())];
        }
      }
      if (known && at[0] == at[1]) mistakes_.Add(pair.place, "features.crosses: a number with itself is no pair");
      else if (known) pairs.emplace_back(at[0], at[1]);
    }
    return pairs;
  }

  void CheckSize() {
    const auto max = static_cast<std::size_t>(ReadInteger(node_, "features.max"));
    if (schema().size() > max) {
      Wrong("max", fmt::format("{} features are more than {}: {}", schema().size(), max, blocks_));
    }
  }

  const YamlNode* node_;
  const YamlNode& root_;
  CampaignPlan& plan_;
  Mistakes& mistakes_;
  std::set<std::string> names_{};
  bool named_pairs_ = false;   // features.crosses names pairs of numbers
  std::string blocks_{};
  std::size_t counted_ = 0;
};

// One entry of a list of profile numbers.
void ReadScaledNumber(const YamlNode& node, std::string_view path, std::span<const AttributeSpec> attributes,
                      std::vector<ScaledNumber>& numbers, Mistakes& mistakes) {
  const YamlNode* name = node.Is(Kind::kMap) ? node.Find("name") : &node;
  if (name == nullptr || !name->Is(Kind::kScalar)) {
    mistakes.Add(node.place, fmt::format("{}: a name or {{name, center, scale}} is wanted", path));
    return;
  }
  std::vector<std::string> known;
  ScaledNumber number;
  bool found = false;
  for (const ScaledNumber& candidate : kScales) {
    known.emplace_back(Name(candidate.number));
    if (known.back() == name->text) {
      number = candidate;
      found = true;
    }
  }
  for (std::size_t a = 0; a < attributes.size() && !found; ++a) {
    if (attributes[a].type != AttributeType::kNumber) continue;
    known.push_back(attributes[a].name);
    if (attributes[a].name != name->text) continue;
    number = {{}, attributes[a].centre, attributes[a].scale, AttributeIndex(a)};
    found = true;
  }
  if (!found) {
    mistakes.AddUnknown(name->place, fmt::format("{}: no profile number '{}'", path, name->text), name->text, known);
    return;
  }
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const std::string& key = node.keys[i].text;
    const YamlNode& value = node.children[i];
    double parsed = 0;
    if (key == "name") continue;
    if (key != "center" && key != "scale") {
      mistakes.AddUnknown(node.keys[i].place, fmt::format("{}.{}: unknown key", path, key), key,
                          {"name", "center", "scale"});
    } else if (!value.Is(Kind::kScalar) || !ParseNumber(value.text, parsed) || (key == "scale" && parsed <= 0)) {
      mistakes.Add(value.place,
                   fmt::format("{}.{}: a {}number is wanted", path, key, key == "scale" ? "positive " : ""));
    } else {
      (key == "center" ? number.centre : number.scale) = parsed;
    }
  }
  for (const ScaledNumber& other : numbers) {
    if (other.number == number.number && other.attribute == number.attribute)
      mistakes.Add(name->place, fmt::format("{}: '{}' is given twice", path, name->text));
  }
  numbers.push_back(number);
}

}  // namespace

std::vector<ScaledNumber> ReadScaledNumbers(const YamlNode* parent, std::string_view path, Mistakes& mistakes,
                                            std::span<const AttributeSpec> attributes) {
  std::vector<ScaledNumber> numbers;
  const YamlNode* node = ReadNode(parent, path);
  std::optional<YamlNode> standard;
  if (node == nullptr) {
    standard = ParseYamlValue(std::string(SettingOf(path).standard), Place{}, mistakes);
    node = &*standard;
  }
  if (!node->Is(Kind::kList)) {
    mistakes.Add(node->place, fmt::format("{}: a list of profile numbers is wanted, like [recency, click_rate]", path));
    return numbers;
  }
  for (const YamlNode& child : node->children) ReadScaledNumber(child, path, attributes, numbers, mistakes);
  return numbers;
}

void BuildFeatures(const YamlNode& root, CampaignPlan& plan, Mistakes& mistakes) {
  FeatureBuilder(root, plan, mistakes).Build();
}

}  // namespace offerstream
