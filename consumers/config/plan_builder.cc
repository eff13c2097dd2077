#include "consumers/config/plan_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "consumers/config/quantity_text.h"
#include "consumers/config/settings.h"
#include "models/domain/event.h"
#include "models/domain/random.h"

namespace offerstream {

namespace {

using Kind = YamlNode::Kind;

const YamlNode kEmptyMap = [] {
  YamlNode node;
  node.kind = Kind::kMap;
  return node;
}();

// Calls `f(name, node)` for each entry of a table of names; a name without a map reads as an empty one.
void EachNamed(const YamlNode* table, const std::function<void(const YamlNode::Key&, const YamlNode&)>& f) {
  if (table == nullptr || !table->Is(Kind::kMap)) return;
  for (std::size_t i = 0; i < table->children.size(); ++i) {
    f(table->keys[i], table->children[i].Is(Kind::kMap) ? table->children[i] : kEmptyMap);
  }
}

// Calls `f(node, index)` for each map of a list.
void EachListed(const YamlNode* list, const std::function<void(const YamlNode&, std::size_t)>& f) {
  if (list == nullptr || !list->Is(Kind::kList)) return;
  for (std::size_t i = 0; i < list->children.size(); ++i) {
    if (list->children[i].Is(Kind::kMap)) f(list->children[i], i);
  }
}

const Place& PlaceOf(const YamlNode& parent, std::string_view key) {
  const YamlNode* child = parent.Find(key);
  return child != nullptr ? child->place : parent.place;
}

class PlanBuilder {
 public:
  PlanBuilder(const YamlNode& root, std::uint32_t epoch, Mistakes& mistakes)
      : root_(root), mistakes_(mistakes), plan_(std::make_shared<CampaignPlan>()) {
    plan_->epoch = epoch;
  }

  std::shared_ptr<CampaignPlan> Build() {
    const YamlNode* app = root_.Find("app");
    plan_->app_id = ReadText(app, "app.id");
    plan_->currency = ReadText(&root_, "currency");
    const YamlNode* time = root_.Find("time");
    plan_->lateness = ReadDuration(time, "time.lateness");
    plan_->dedup_horizon = ReadDuration(time, "time.dedup_horizon");
    plan_->compact_decisions = ReadText(root_.Find("decisions"), "decisions.detail") == "compact";
    Channels();
    Products();
    Outcomes();
    Consents();
    Attributes();
    Segments();
    Churn();
    Items();
    plan_->Index();
    Budgets();
    Offers();
    plan_->Index();
    Deciding();
    Learning();
    plan_->Index();
    BuildFeatures(root_, *plan_, mistakes_);
    if (!mistakes_.empty()) return plan_;  // a name that is nowhere has no index to write
    plan_->text = PlanText(*plan_);
    plan_->digest = H64(plan_->text);
    return plan_;
  }

 private:
  // Reports an id given twice in one list.
  void Unique(std::set<std::string>& seen, const std::string& id, const Place& place, std::string_view what) {
    if (!id.empty() && !seen.insert(id).second) mistakes_.Add(place, fmt::format("{} '{}' is given twice", what, id));
  }

  void Channels() {
    EachNamed(root_.Find("channels"), [&](const YamlNode::Key& key, const YamlNode& node) {
      ChannelSpec channel;
      channel.id = key.text;
      channel.cost = ReadNumber(&node, "channels.*.cost");
      channel.cooldown = ReadDuration(&node, "channels.*.cooldown");
      channel.unsubscribe_value = ReadNumber(&node, "channels.*.unsubscribe_value");
      const YamlNode* cap = node.Find("cap");
      channel.cap.window = ReadDuration(cap, "channels.*.cap.window");
      channel.cap.start = static_cast<std::uint16_t>(ReadInteger(cap, "channels.*.cap.start"));
      channel.cap.max = static_cast<std::uint16_t>(ReadInteger(cap, "channels.*.cap.max"));
      channel.cap.learn = ReadBool(cap, "channels.*.cap.learn");
      if (channel.cap.start > channel.cap.max) {
        mistakes_.Add(
            cap != nullptr ? PlaceOf(*cap, "start") : key.place,
            fmt::format("channels.{}.cap.start: {} is above cap.max {}", key.text, channel.cap.start, channel.cap.max));
      }
      plan_->channels.push_back(std::move(channel));
    });
  }

  void Products() {
    std::set<std::string> seen;
    EachListed(root_.Find("products"), [&](const YamlNode& node, std::size_t) {
      ProductSpec product;
      product.id = ReadText(&node, "products[].id");
      product.category = ReadText(&node, "products[].category");
      Unique(seen, product.id, PlaceOf(node, "id"), "product");
      plan_->products.push_back(std::move(product));
    });
  }

  void Outcomes() {
    plan_->outcomes = {{.id = "click", .window = OutcomeWindow("click")},
                       {.id = "conversion", .window = OutcomeWindow("conversion")}};
    EachNamed(root_.Find("outcomes"), [&](const YamlNode::Key& key, const YamlNode& node) {
      const bool standard = key.text == "click" || key.text == "conversion";
      const std::string kind = node.Find("kind") != nullptr ? ReadText(&node, "outcomes.*.kind")
                               : standard                   ? key.text
                                                            : "history";
      if (standard ? kind != key.text : kind != "history") {
        mistakes_.Add(PlaceOf(node, "kind"),
                      fmt::format("outcomes.{}.kind: must be {}", key.text, standard ? key.text : "history"));
      }
      OutcomeSpec* outcome = nullptr;
      for (OutcomeSpec& known : plan_->outcomes) outcome = known.id == key.text ? &known : outcome;
      if (outcome == nullptr) {
        if (plan_->outcomes.size() == kOutcomesMax) {
          mistakes_.Add(key.place, fmt::format("outcomes.{}: more than {} outcomes, click and conversion counted",
                                               key.text, kOutcomesMax));
          return;
        }
        outcome = &plan_->outcomes.emplace_back();
        outcome->id = key.text;
      }
      outcome->window =
          node.Find("window") != nullptr ? ReadDuration(&node, "outcomes.*.window") : OutcomeWindow(key.text);
      outcome->value_from_event = ReadText(&node, "outcomes.*.value") == "from_event";
    });
  }

  void Consents() {
    const YamlNode* consent = root_.Find("consent");
    plan_->consent.opt_in = ReadBool(consent, "consent.opt_in");
    plan_->consent.from_attributes = ReadText(consent, "consent.channels_from") == "attributes";
  }

  void Segments() {
    const YamlNode* segments = root_.Find("segments");
    const std::vector<ScaledNumber> numbers = ReadScaledNumbers(segments, "segments.features", mistakes_, plan_->attributes);
    for (const bool attribute : {false, true}) {   // the profile's own come first
      for (const ScaledNumber& number : numbers) {
        if (number.attribute.known() != attribute) continue;
        if (attribute) plan_->segments.attributes.push_back(number.attribute);
        else plan_->segments.features.push_back(number.number);
        plan_->segments.centre.push_back(number.centre);
        plan_->segments.scale.push_back(number.scale);
      }
    }
    if (numbers.size() > kSegmentDimensionMax) {
      mistakes_.Add(PlaceOf(*segments, "features"), fmt::format("segments.features: more than {} numbers", kSegmentDimensionMax));
    }
    plan_->segments.k = static_cast<std::uint32_t>(ReadInteger(segments, "segments.k"));
  }

  // The section turns it on, empty or not.
  void Churn() {
    const YamlNode* churn = root_.Find("churn");
    plan_->churn.on = churn != nullptr;
    if (churn == nullptr) return;
    plan_->churn.horizon = ReadDuration(churn, "churn.horizon");
    plan_->churn.inactive_after = ReadDuration(churn, "churn.inactive_after");
    plan_->churn.purchase_kinds = PurchaseKinds(churn, "churn.purchases");
  }

  void Items() {
    const YamlNode* items = root_.Find("items");
    plan_->items.on = items != nullptr;
    if (items != nullptr) plan_->items.purchase_kinds = PurchaseKinds(items, "items.purchases");
  }

  static std::uint32_t PurchaseKinds(const YamlNode* parent, std::string_view path) {
    std::uint32_t kinds = 0;
    for (const std::string& kind : ReadTexts(parent, path)) {
      const EventKind bought = kind == "conversion" ? EventKind::kConversion : EventKind::kTransaction;
      kinds |= 1u << static_cast<unsigned>(bought);
    }
    return kinds;
  }

  // Declared attributes, then consent_CHANNEL for each channel: kept for the consent rule, never a feature.
  void Attributes() {
    std::set<std::string> seen;
    const YamlNode* features = root_.Find("features");
    EachListed(features != nullptr ? features->Find("attributes") : nullptr, [&](const YamlNode& node, std::size_t) {
      AttributeSpec attribute;
      attribute.name = ReadText(&node, "features.attributes[].name");
      const std::string type = ReadText(&node, "features.attributes[].type");
      attribute.type = type == "category" ? AttributeType::kCategory
                       : type == "bool"   ? AttributeType::kBool
                                          : AttributeType::kNumber;
      attribute.centre = ReadNumber(&node, "features.attributes[].center");
      attribute.scale = ReadNumber(&node, "features.attributes[].scale");
      attribute.levels = ReadTexts(&node, "features.attributes[].levels");
      Knots(node, attribute);
      attribute.afterwards = ReadBool(&node, "features.attributes[].afterwards");
      Unique(seen, attribute.name, PlaceOf(node, "name"), "attribute");
      CheckAttribute(node, attribute);
      plan_->attributes.push_back(std::move(attribute));
    });
    if (!plan_->consent.from_attributes) return;
    for (const ChannelSpec& channel : plan_->channels) {
      const std::string name = "consent_" + channel.id;
      if (!seen.insert(name).second) continue;
      AttributeSpec attribute;
      attribute.name = name;
      attribute.type = AttributeType::kBool;
      plan_->attributes.push_back(std::move(attribute));
    }
  }

  void Knots(const YamlNode& node, AttributeSpec& attribute) {
    for (const std::string& text : ReadTexts(&node, "features.attributes[].knots")) {
      double knot = 0;
      const bool number = ParseNumber(text, knot);
      if (!number || (!attribute.knots.empty() && knot <= attribute.knots.back())) {
        mistakes_.Add(PlaceOf(node, "knots"), fmt::format("attribute '{}': knots are ascending numbers", attribute.name));
        return;
      }
      attribute.knots.push_back(knot);
    }
    if (!attribute.knots.empty() && attribute.knots.size() < 3) {
      mistakes_.Add(PlaceOf(node, "knots"), fmt::format("attribute '{}': a curve takes at least 3 knots", attribute.name));
    }
  }

  void CheckAttribute(const YamlNode& node, const AttributeSpec& attribute) {
    const auto misplaced = [&](std::string_view key, AttributeType type, std::string_view word) {
      if (node.Find(key) != nullptr && attribute.type != type) {
        mistakes_.Add(PlaceOf(node, key), fmt::format("attribute '{}': {} belongs to a {}", attribute.name, key, word));
      }
    };
    misplaced("center", AttributeType::kNumber, "number");
    misplaced("scale", AttributeType::kNumber, "number");
    misplaced("missing", AttributeType::kNumber, "number");
    misplaced("knots", AttributeType::kNumber, "number");
    misplaced("levels", AttributeType::kCategory, "category");
    std::set<std::string> levels;
    for (const std::string& level : attribute.levels) Unique(levels, level, PlaceOf(node, "levels"), "level");
  }

  void Budgets() {
    std::set<std::string> seen;
    EachListed(root_.Find("budgets"), [&](const YamlNode& node, std::size_t at) {
      BudgetSpec budget;
      budget.id = ReadText(&node, "budgets[].id");
      Unique(seen, budget.id, PlaceOf(node, "id"), "budget");
      budget.amount = ReadNumber(&node, "budgets[].amount");
      budget.period = ReadDuration(&node, "budgets[].period");
      budget.starts = ReadTime(&node, "budgets[].starts", 0);
      budget.pace = ReadText(&node, "budgets[].pace") == "asap" ? BudgetPace::kAsap : BudgetPace::kEven;
      if (node.Find("amount") != nullptr && !(budget.amount > 0)) {
        mistakes_.Add(PlaceOf(node, "amount"),
                      fmt::format("budgets[{}].amount: must be above 0; leave the offers of '{}' out to spend nothing", at, budget.id));
      }
      plan_->budgets.push_back(std::move(budget));
    });
    if (!plan_->budgets.empty() && ReadText(root_.Find("learning"), "learning.adopt") == "never") {
      mistakes_.Add(root_.Find("budgets")->place, "budgets: money is granted with learned models; learning.adopt must be commit");
    }
  }

  void Offers() {
    std::vector<std::string> channels, products, outcomes;
    for (const auto& channel : plan_->channels) channels.push_back(channel.id);
    for (const auto& product : plan_->products) products.push_back(product.id);
    for (const auto& outcome : plan_->outcomes) outcomes.push_back(outcome.id);
    std::set<std::string> seen;
    EachListed(root_.Find("offers"), [&](const YamlNode& node, std::size_t at) {
      OfferSpec offer;
      const std::string name = fmt::format("offers[{}]", at);
      offer.id = ReadText(&node, "offers[].id");
      Unique(seen, offer.id, PlaceOf(node, "id"), "offer");
      offer.campaign_id = ReadText(&node, "offers[].campaign");
      offer.value = ReadNumber(&node, "offers[].value");
      offer.lever = ReadNumber(&node, "offers[].lever");
      offer.starts = ReadTime(&node, "offers[].starts", kNever);
      offer.ends = ReadTime(&node, "offers[].ends", INT64_MAX);
      offer.repeatable = ReadBool(&node, "offers[].repeatable");
      if (offer.ends <= offer.starts) mistakes_.Add(PlaceOf(node, "ends"), name + ".ends: not after starts");
      if (const std::string budget = ReadText(&node, "offers[].budget"); !budget.empty()) {
        std::vector<std::string> budgets;
        for (const BudgetSpec& known : plan_->budgets) budgets.push_back(known.id);
        offer.budget = BudgetIndex(Resolve(node, "budget", name, budget, budgets, "budget"));
      }
      const std::string product = ReadText(&node, "offers[].product");
      if (!product.empty()) offer.product = ProductIndex(Resolve(node, "product", name, product, products, "product"));
      offer.goal = OutcomeIndex(Resolve(node, "goal", name, ReadText(&node, "offers[].goal"), outcomes, "outcome"));
      if (!offer.repeatable && product.empty())
        mistakes_.Add(PlaceOf(node, "repeatable"), name + ".repeatable: false needs a product");
      OfferChannels(node, name, channels, offer);
      if (const YamlNode* eligible = ReadNode(&node, "offers[].eligible")) {
        offer.eligible = ReadCondition(*eligible, *plan_, mistakes_);
      }
      plan_->offers.push_back(std::move(offer));
    });
  }

  void OfferChannels(const YamlNode& node, const std::string& name, const std::vector<std::string>& channels,
                     OfferSpec& offer) {
    const YamlNode* list = node.Find("channels");
    if (list == nullptr || !list->Is(Kind::kList)) {
      for (std::size_t i = 0; i < channels.size(); ++i) offer.channels.emplace_back(i);
      return;
    }
    std::set<std::uint16_t> indices;
    for (std::size_t i = 0; i < list->children.size(); ++i) {
      const YamlNode& child = list->children[i];
      if (!child.Is(Kind::kScalar)) continue;
      const auto at = std::find(channels.begin(), channels.end(), child.text);
      if (at == channels.end()) {
        mistakes_.AddUnknown(child.place, fmt::format("{}.channels[{}]: no channel '{}'", name, i, child.text),
                             child.text, channels);
      } else {
        indices.insert(static_cast<std::uint16_t>(at - channels.begin()));
      }
    }
    for (const std::uint16_t index : indices) offer.channels.emplace_back(index);
  }

  // Index of a name in a list; a mistake with a suggestion when it is not there.
  std::size_t Resolve(const YamlNode& node, std::string_view key, const std::string& name, const std::string& id,
                      const std::vector<std::string>& known, std::string_view what) {
    const auto at = std::find(known.begin(), known.end(), id);
    if (at != known.end()) return static_cast<std::size_t>(at - known.begin());
    mistakes_.AddUnknown(PlaceOf(node, key), fmt::format("{}.{}: no {} '{}'", name, key, what, id), id, known);
    return 0;
  }

  void Deciding() {
    const YamlNode* decide = root_.Find("decide");
    for (const std::string& kind : ReadTexts(decide, "decide.on")) {
      for (std::size_t k = 0; k < kEventKinds; ++k) {
        if (Name(static_cast<EventKind>(k)) == kind) plan_->decide.trigger_kinds |= 1u << k;
      }
    }
    plan_->decide.min_interval = ReadDuration(decide, "decide.min_interval");
    plan_->decide.valid_for = ReadDuration(decide, "decide.valid_for");
    plan_->decide.threshold = ReadNumber(decide, "decide.threshold");
    plan_->decide.placements = ReadTexts(decide, "decide.placements");
    std::set<std::string> seen;
    for (const std::string& placement : plan_->decide.placements) {
      Unique(seen, placement, decide != nullptr ? PlaceOf(*decide, "placements") : root_.place, "placement");
    }
    const YamlNode* explore = root_.Find("explore");
    const std::vector<std::string> policies = {"inverse_gap", "squarecb", "epsilon_greedy", "thompson", "greedy"};
    const auto policy = std::find(policies.begin(), policies.end(), ReadText(explore, "explore.policy"));
    if (policy != policies.end()) plan_->explore.policy = static_cast<ExplorePolicy>(policy - policies.begin());
    plan_->explore.kappa = ReadNumber(explore, "explore.kappa");
    plan_->explore.gamma0 = ReadNumber(explore, "explore.gamma0");
    plan_->explore.epsilon = ReadNumber(explore, "explore.epsilon");
    if (ReadText(explore, "explore.policy") == "uniform") {   // a name for what nobody would look up under another
      plan_->explore.policy = ExplorePolicy::kEpsilonGreedy;
      plan_->explore.epsilon = 1;
    }
    plan_->explore.lottery = ReadNumber(explore, "explore.lottery");
    plan_->explore.cap_lottery = ReadNumber(explore, "explore.cap_lottery");
    plan_->explore.seed = static_cast<std::uint64_t>(ReadInteger(explore, "explore.seed"));
    const YamlNode* experiment = root_.Find("experiment");
    plan_->experiment.holdout = ReadNumber(experiment, "experiment.holdout");
    plan_->experiment.random = ReadNumber(experiment, "experiment.random");
    plan_->experiment.salt = ReadText(experiment, "experiment.salt");
    plan_->experiment.horizon = ReadDuration(experiment, "experiment.horizon");
    plan_->experiment.margin = ReadNumber(experiment, "experiment.margin");
    plan_->experiment.planned = static_cast<double>(ReadInteger(experiment, "experiment.planned"));
    std::vector<std::string> campaigns;
    for (const CampaignSpec& campaign : plan_->campaigns) campaigns.push_back(campaign.id);
    EachNamed(experiment != nullptr ? experiment->Find("campaigns") : nullptr, [&](const YamlNode::Key& key, const YamlNode& node) {
      if (std::find(campaigns.begin(), campaigns.end(), key.text) == campaigns.end()) {
        mistakes_.AddUnknown(key.place, fmt::format("experiment.campaigns: no offer has campaign '{}'", key.text), key.text,
                             campaigns);
      }
      plan_->experiment.campaign_holdout[key.text] = ReadNumber(&node, "experiment.campaigns.*.holdout");
    });
    if (plan_->experiment.holdout + plan_->experiment.random > 1) {
      mistakes_.Add(experiment->place, "experiment: holdout and random together are above 1");
    }
  }

  void Learning() {
    const YamlNode* learning = root_.Find("learning");
    const YamlNode* half_life = learning != nullptr ? learning->Find("half_life") : nullptr;
    const YamlNode* snapshot = learning != nullptr ? learning->Find("snapshot") : nullptr;
    plan_->learning.level_half_life = ReadDuration(half_life, "learning.half_life.level");
    plan_->learning.slope_half_life = ReadDuration(half_life, "learning.half_life.slope");
    Racing(learning);
    plan_->learning.adopt = ReadText(learning, "learning.adopt") == "commit";
    plan_->learning.snapshot_observations =
        static_cast<std::uint32_t>(ReadInteger(snapshot, "learning.snapshot.observations"));
    plan_->learning.snapshot_every = ReadDuration(snapshot, "learning.snapshot.every");
  }

  void Racing(const YamlNode* learning) {
    const YamlNode* variants = learning != nullptr ? learning->Find("variants") : nullptr;
    RaceSpec& race = plan_->learning.race;
    race.half_lives = ReadBool(variants, "learning.variants.half_lives");
    race.variances = ReadBool(variants, "learning.variants.variances");
    race.pool = ReadText(variants, "learning.variants.serve") == "pool";
    race.features.clear();
    const std::vector<std::string> words = {"linear", "curves", "crosses", "all"};
    for (const std::string& word : ReadTexts(variants, "learning.variants.features")) {
      const auto at = std::find(words.begin(), words.end(), word);
      if (at == words.end()) continue;   // already a mistake
      const auto features = static_cast<FeatureSet>(at - words.begin());
      if (std::find(race.features.begin(), race.features.end(), features) != race.features.end()) {
        mistakes_.Add(PlaceOf(*variants, "features"), fmt::format("learning.variants.features: '{}' is given twice", word));
      }
      race.features.push_back(features);
    }
    if (race.features.empty()) race.features = {kPlainFeatures};
    if (!ReadBool(learning, "learning.race")) race = RaceSpec::None(race.features.front());
  }

  const YamlNode& root_;
  Mistakes& mistakes_;
  std::shared_ptr<CampaignPlan> plan_;
};

}  // namespace

Duration OutcomeWindow(std::string_view outcome) { return (outcome == "conversion" ? 30 : 7) * Duration{86'400'000}; }

std::shared_ptr<CampaignPlan> BuildPlan(const YamlNode& root, std::uint32_t epoch, Mistakes& mistakes) {
  return PlanBuilder(root, epoch, mistakes).Build();
}

}  // namespace offerstream
