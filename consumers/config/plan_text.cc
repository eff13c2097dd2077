// The canonical text of a plan: everything resolved and written out, defaults too, so that a later version with other
// defaults still reads the plan that was in force.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "consumers/config/plan_builder.h"
#include "consumers/config/quantity_text.h"
#include "models/domain/event.h"
#include "models/domain/event_time.h"

namespace offerstream {

namespace {

using Op = Condition::Op;

// "{}" of a double is the shortest text that reads back to the same bits.
class PlanWriter {
 public:
  explicit PlanWriter(const CampaignPlan& plan) : plan_(plan) {}

  std::string Write() {
    Line("version: 1");
    Line("currency: {}", YamlScalar(plan_.currency));
    Line("app: {{ id: {} }}", YamlScalar(plan_.app_id));
    Line("time: {{ lateness: {}, dedup_horizon: {} }}", DurationText(plan_.lateness),
         DurationText(plan_.dedup_horizon));
    Line("decisions: {{ detail: {} }}", plan_.compact_decisions ? "compact" : "full");
    Line("channels:");
    for (const ChannelSpec& c : plan_.channels) {
      Line(
          "  {}: {{ cost: {}, cap: {{ window: {}, start: {}, max: {}, learn: {} }}, cooldown: {}, unsubscribe_value: "
          "{} }}",
          YamlScalar(c.id), c.cost, DurationText(c.cap.window), c.cap.start, c.cap.max, c.cap.learn,
          DurationText(c.cooldown), c.unsubscribe_value);
    }
    Line("products: [{}", plan_.products.empty() ? "]" : "");
    for (const ProductSpec& p : plan_.products) {
      Line("  {{ id: {}, category: {} }}{}", YamlScalar(p.id), YamlScalar(p.category),
           &p == &plan_.products.back() ? "]" : ",");
    }
    Offers();
    for (const BudgetSpec& b : plan_.budgets) {
      if (&b == &plan_.budgets.front()) Line("budgets:");
      Line("  - {{ id: {}, amount: {}, period: {}, starts: {}, pace: {} }}", YamlScalar(b.id), b.amount, DurationText(b.period),
           YamlScalar(FormatTime(b.starts)), b.pace == BudgetPace::kAsap ? "asap" : "even");
    }
    Line("outcomes:");
    for (const OutcomeSpec& o : plan_.outcomes) {
      Line("  {}: {{ window: {}, value: {} }}", YamlScalar(o.id), DurationText(o.window),
           o.value_from_event ? "from_event" : "none");
    }
    Line("consent: {{ opt_in: {}, channels_from: {} }}", plan_.consent.opt_in,
         plan_.consent.from_attributes ? "attributes" : "none");
    Deciding();
    Features();
    Line("segments: {{ features: [{}], k: {} }}", Segments(),
         plan_.segments.k == 0 ? "auto" : fmt::to_string(plan_.segments.k));
    if (const ChurnSpec& c = plan_.churn; c.on) {
      Line("churn: {{ horizon: {}, inactive_after: {}, purchases: [{}] }}", DurationText(c.horizon), DurationText(c.inactive_after),
           Purchases(c.purchase_kinds));
    }
    if (plan_.items.on) Line("items: {{ purchases: [{}] }}", Purchases(plan_.items.purchase_kinds));
    const LearningSpec& l = plan_.learning;
    Line(
        "learning: {{ half_life: {{ level: {}, slope: {} }}, race: true, variants: {{ half_lives: {}, variances: {}, features: [{}], "
        "serve: {} }}, adopt: {}, snapshot: {{ observations: {}, every: {} }} }}",
        DurationText(l.level_half_life), DurationText(l.slope_half_life), l.race.half_lives, l.race.variances, Sets(),
        l.race.pool ? "pool" : "leader", l.adopt ? "commit" : "never", l.snapshot_observations, DurationText(l.snapshot_every));
    return std::move(out_);
  }

 private:
  template <typename... Args>
  void Line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  void Offers() {
    Line("offers:");
    for (const OfferSpec& o : plan_.offers) {
      std::string line = fmt::format("  - {{ id: {}, campaign: {}", YamlScalar(o.id), YamlScalar(o.campaign_id));
      if (o.product.known()) line += ", product: " + YamlScalar(plan_.products[o.product.value].id);
      std::string channels;
      for (const ChannelIndex c : o.channels)
        channels += (channels.empty() ? "" : ", ") + YamlScalar(plan_.channels[c.value].id);
      line += fmt::format(", channels: [{}], value: {}, goal: {}, lever: {}", channels, o.value,
                          YamlScalar(plan_.outcomes[o.goal.value].id), o.lever);
      if (o.starts != kNever) line += ", starts: " + YamlScalar(FormatTime(o.starts));
      if (o.ends != INT64_MAX) line += ", ends: " + YamlScalar(FormatTime(o.ends));
      line += fmt::format(", repeatable: {}", o.repeatable);
      if (o.budget.known()) line += ", budget: " + YamlScalar(plan_.budgets[o.budget.value].id);
      if (o.eligible.op != Op::kTrue) line += ", eligible: " + ConditionText(o.eligible);
      Line("{} }}", line);
    }
  }

  std::string ConditionText(const Condition& c) {
    std::string parts;
    const auto add = [&](const std::string& part) { parts += (parts.empty() ? "" : ", ") + part; };
    switch (c.op) {
      case Op::kAll:
      case Op::kAny:
        for (const Condition& child : c.children) add(ConditionText(child));
        return fmt::format("{{ {}: [{}] }}", c.op == Op::kAll ? "all" : "any", parts);
      case Op::kNot:
        return fmt::format("{{ not: {} }}", ConditionText(c.children[0]));
      case Op::kAttributeRange:
        add("attribute: " + YamlScalar(plan_.attributes[c.index].name));
        if (c.min != -1e300) add(fmt::format("min: {}", c.min));
        if (c.max != 1e300) add(fmt::format("max: {}", c.max));
        return fmt::format("{{ {} }}", parts);
      case Op::kAttributeIn:
        for (const std::string& text : c.texts) add(YamlScalar(text));
        return fmt::format("{{ attribute: {}, in: [{}] }}", YamlScalar(plan_.attributes[c.index].name), parts);
      case Op::kSegmentIn:
        for (const std::uint32_t id : c.segments) add(fmt::to_string(id));
        return fmt::format("{{ segment: [{}] }}", parts);
      case Op::kOwns:
        return fmt::format("{{ owns: {} }}", YamlScalar(plan_.products[c.index].id));
      case Op::kTrue:
        break;
    }
    return "{ all: [] }";
  }

  void Deciding() {
    std::string kinds, placements;
    for (std::size_t k = 0; k < kEventKinds; ++k) {
      if ((plan_.decide.trigger_kinds >> k & 1) != 0)
        kinds += fmt::format("{}{}", kinds.empty() ? "" : ", ", Name(static_cast<EventKind>(k)));
    }
    for (const std::string& placement : plan_.decide.placements)
      placements += (placements.empty() ? "" : ", ") + YamlScalar(placement);
    Line("decide: {{ on: [{}], min_interval: {}, valid_for: {}, placements: [{}], threshold: {} }}", kinds,
         DurationText(plan_.decide.min_interval), DurationText(plan_.decide.valid_for), placements,
         plan_.decide.threshold);
    constexpr std::string_view kPolicies[] = {"inverse_gap", "squarecb", "epsilon_greedy", "thompson", "greedy"};
    const ExploreSpec& e = plan_.explore;
    Line("explore: {{ policy: {}, kappa: {}, gamma0: {}, epsilon: {}, lottery: {}, cap_lottery: {}, seed: {} }}",
         kPolicies[static_cast<std::size_t>(e.policy)], e.kappa, e.gamma0, e.epsilon, e.lottery, e.cap_lottery, e.seed);
    const ExperimentSpec& x = plan_.experiment;
    std::string campaigns;
    for (const auto& [id, holdout] : x.campaign_holdout) {
      campaigns += fmt::format("{}{}: {{ holdout: {} }}", campaigns.empty() ? "" : ", ", YamlScalar(id), holdout);
    }
    if (!campaigns.empty()) campaigns = fmt::format(", campaigns: {{ {} }}", campaigns);
    Line("experiment: {{ holdout: {}, random: {}, salt: {}, horizon: {}, margin: {}, planned: {:.0f}{} }}", x.holdout,
         x.random, YamlScalar(x.salt), DurationText(x.horizon), x.margin, x.planned, campaigns);
  }

  bool Has(FeatureKind kind, std::size_t index = SIZE_MAX) const {
    return std::any_of(plan_.features.features.begin(), plan_.features.features.end(),
                       [&](const FeatureSpec& f) { return f.kind == kind && (index == SIZE_MAX || f.index == index); });
  }

  void Features() {
    Line("features:");
    Line("  attributes:");
    for (std::size_t i = 0; i < plan_.attributes.size(); ++i) {
      const AttributeSpec& a = plan_.attributes[i];
      const bool feature = Has(FeatureKind::kAttributeNumber, i) || Has(FeatureKind::kAttributeLevel, i);
      std::string line = fmt::format("    - {{ name: {}, type: ", YamlScalar(a.name));
      if (a.type == AttributeType::kNumber) {
        line += fmt::format("number, center: {}, scale: {}, missing: {}", a.centre, a.scale,
                            Has(FeatureKind::kAttributeMissing, i));
        std::string knots;
        for (const double knot : a.knots) knots += fmt::format("{}{}", knots.empty() ? "" : ", ", knot);
        if (!knots.empty()) line += fmt::format(", knots: [{}]", knots);
      } else if (a.type == AttributeType::kBool) {
        line += "bool";
      } else {
        std::string levels;
        for (const std::string& level : a.levels) levels += (levels.empty() ? "" : ", ") + YamlScalar(level);
        line += fmt::format("category, levels: [{}]", levels);
      }
      if (a.afterwards) line += ", afterwards: true";
      Line("{}, feature: {} }}", line, feature || (a.type == AttributeType::kCategory && a.levels.empty()));
    }
    if (plan_.attributes.empty()) Line("    []");
    std::string profile;
    for (const FeatureSpec& f : plan_.features.features) {
      if (f.kind == FeatureKind::kProfileNumber)
        profile += Scaled(profile, Name(static_cast<ProfileNumber>(f.index)), f.centre, f.scale);
    }
    Line("  profile: [{}]", profile);
    Line("  products: {}", Has(FeatureKind::kOwnsProduct));
    Line("  affinity: {}", plan_.affinity);
    if (Has(FeatureKind::kChurn)) Line("  churn: true");
    Line("  time: {}", Has(FeatureKind::kWeekday) ? "week" : Has(FeatureKind::kHourSin) ? "hour" : "false");
    Line("  segment: {}", Has(FeatureKind::kSegmentSlot));
    Line("  channel: {}", Has(FeatureKind::kChannel));
    Line("  ordinal: {}", Has(FeatureKind::kImpressionOrdinal));
    Line("  crosses: [{}]", Crosses());
    Line("  max: {}", plan_.features.size());
  }

  static std::string Scaled(const std::string& before, std::string_view name, double centre, double scale) {
    return fmt::format("{}{{ name: {}, center: {}, scale: {} }}", before.empty() ? "" : ", ", name, centre,
                       scale);
  }
  std::string Sets() const {
    constexpr std::string_view kWords[] = {"linear", "curves", "crosses", "all"};
    std::string text;
    for (const FeatureSet set : plan_.learning.race.features) text += fmt::format("{}{}", text.empty() ? "" : ", ", kWords[set]);
    return text;
  }
  std::string Crosses() const {
    std::string text = Has(FeatureKind::kSegmentChannel) ? "[segment, channel]" : "";
    for (const CrossSpec& cross : plan_.features.crosses) {
      text += fmt::format("{}[{}, {}]", text.empty() ? "" : ", ", YamlScalar(plan_.features.features[cross.first].name),
                          YamlScalar(plan_.features.features[cross.second].name));
    }
    return text;
  }
  static std::string Purchases(std::uint32_t kinds) {
    std::string text;
    for (const EventKind kind : {EventKind::kConversion, EventKind::kTransaction}) {
      if ((kinds >> static_cast<unsigned>(kind) & 1) != 0) text += fmt::format("{}{}", text.empty() ? "" : ", ", Name(kind));
    }
    return text;
  }
  std::string Segments() const {
    std::string text;
    for (std::size_t i = 0; i < plan_.segments.features.size(); ++i) {
      text += Scaled(text, Name(plan_.segments.features[i]), plan_.segments.centre[i], plan_.segments.scale[i]);
    }
    for (std::size_t i = 0; i < plan_.segments.attributes.size(); ++i) {
      const std::size_t at = plan_.segments.features.size() + i;
      text += Scaled(text, YamlScalar(plan_.attributes[plan_.segments.attributes[i].value].name), plan_.segments.centre[at],
                     plan_.segments.scale[at]);
    }
    return text;
  }

  const CampaignPlan& plan_;
  std::string out_{};
};

}  // namespace

std::string PlanText(const CampaignPlan& plan) { return PlanWriter(plan).Write(); }

}  // namespace offerstream
