// Random plans, events and models for simulations of the decision fold.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/learning/churn_model.h"
#include "tests/support/fold_world.h"

namespace offerstream {

/// SmallPlan with two placements, arms, cap lottery, and times of its own.
inline CampaignPlan RandomPlan(Draws& draws) {
  CampaignPlan plan = SmallPlan();
  plan.decide.min_interval = static_cast<Duration>(draws.Below(3)) * 30 * kMinute;
  plan.decide.placements = {"home", "banner"};
  plan.decide.trigger_kinds |= 1u << static_cast<unsigned>(EventKind::kClick);
  plan.experiment.holdout = .1;
  plan.experiment.random = .2;
  plan.experiment.horizon = static_cast<Duration>(1 + draws.Below(5)) * kDayLength;
  plan.explore.cap_lottery = .3;
  plan.channels[0].cooldown = static_cast<Duration>(draws.Below(2)) * kHour;
  plan.channels[1].cap.window = 2 * kDayLength;
  plan.lateness = static_cast<Duration>(1 + draws.Below(4)) * 20 * kMinute;
  plan.dedup_horizon = static_cast<Duration>(1 + draws.Below(5)) * kDayLength;
  plan.segments.retell = static_cast<Duration>(1 + draws.Below(3)) * 8 * kHour;
  plan.churn.on = true;
  plan.churn.look_every = draws.Below(2) == 0 ? plan.segments.retell : 5 * kHour;   // at the same moment, or not
  plan.churn.horizon = static_cast<Duration>(1 + draws.Below(30)) * kHour;
  plan.churn.inactive_after = static_cast<Duration>(1 + draws.Below(40)) * 6 * kHour;
  plan.churn.purchase_kinds = 1u << static_cast<unsigned>(EventKind::kConversion) | 1u << static_cast<unsigned>(EventKind::kTransaction);
  plan.items = {true, plan.churn.purchase_kinds};
  for (const std::uint16_t level : {0, 1}) {   // last of the customer's own features, before those of the candidates
    FeatureSpec f;
    f.kind = FeatureKind::kChurn;
    f.name = level == 0 ? "churn" : "churn:missing";
    f.level = level;
    const auto at = static_cast<std::ptrdiff_t>(plan.features.candidate_begin++);
    plan.features.features.insert(plan.features.features.begin() + at, f);
  }
  plan.Index();
  return plan;
}

/// An event of any kind, of one of nine customers, a little or much late, some naming one of `decisions`.
inline Event& RandomEvent(EventScript& script, Draws& draws, EventTime now, const std::vector<DecisionId>& decisions) {
  static constexpr EventKind kKinds[] = {
      EventKind::kImpression, EventKind::kImpression, EventKind::kImpression, EventKind::kRequest, EventKind::kRequest,
      EventKind::kClick,      EventKind::kClick,      EventKind::kConversion, EventKind::kTransaction,
      EventKind::kEngagement, EventKind::kProfile,    EventKind::kDelivery,   EventKind::kUnsubscribe,
      EventKind::kIgnore,     EventKind::kDelete};
  const std::size_t kind = draws.Below(draws.Below(4) == 0 ? 15 : 9);
  const EventTime time = now - static_cast<Duration>(draws.Below(8) == 0 ? draws.Below(6 * kHour) : draws.Below(kMinute));
  Event& e = script.Add(kKinds[kind], "c" + std::to_string(draws.Below(9)), time);
  if (draws.Below(3) != 0) {
    e.offer = OfferIndex(draws.Below(3));
    e.offer_hash = 1;
  }
  if (draws.Below(3) != 0) e.channel = ChannelIndex(draws.Below(2));
  if (draws.Below(3) == 0 && !decisions.empty()) e.decision_id = decisions[draws.Below(decisions.size())];
  if (draws.Below(2) == 0) {
    e.has_value = true;
    e.value = static_cast<Money>(draws.Below(10000)) - 1000;
    e.product = ProductIndex(draws.Below(2));
    e.product_hash = 1 + draws.Below(80);   // more than are remembered
  }
  e.direction = static_cast<Direction>(draws.Below(3));
  e.failed = draws.Below(2) == 0;
  e.transactional = draws.Below(20) == 0;
  if (e.kind == EventKind::kImpression && draws.Below(10) == 0) {
    e.outcomes_known = 3;
    e.outcomes_yes = static_cast<std::uint8_t>(draws.Below(4));
  }
  if (e.kind == EventKind::kProfile || draws.Below(6) == 0) {
    script.Attribute(e, AttributeIndex(0), {AttributeValue::Type::kNumber, static_cast<double>(draws.Below(80)), 0});
    script.Attribute(e, AttributeIndex(2 + draws.Below(2)), {AttributeValue::Type::kBool, double(draws.Below(2)), 0});
  }
  return e;
}

/// Views as a learning fold might publish them: some responses, caps and segments.
inline AdoptedModels RandomModels(const CampaignPlan& plan, Draws& draws, std::uint64_t version) {
  AdoptedModels models;
  models.responses.resize(plan.models());
  for (std::size_t m = 0; m < plan.models(); ++m) {
    if (draws.Below(3) == 0) continue;
    auto view = View(plan, ModelIndex(m), -2 + draws.Normal(), .01 + draws.Uniform(), version);
    for (double& mean : view->mean) mean += .2 * draws.Normal();
    view->labels = static_cast<std::int64_t>(draws.Below(2) * 100);
    models.responses[m] = view;
  }
  auto caps = std::make_shared<CapView>();
  caps->version = version;
  for (std::uint32_t segment = 0; segment < 3; ++segment) {
    for (std::size_t c = 0; c < 2; ++c) {
      CapCell cell;
      cell.segment = segment;
      cell.channel = ChannelIndex(c);
      cell.limit = static_cast<std::uint16_t>(draws.Below(5));
      cell.impressions = static_cast<std::int64_t>(draws.Below(2) * 1000);   // a curve that scores use, or not yet
      for (std::uint16_t n = 1; n <= 25; ++n) {
        CapCell::Point& point = cell.points.emplace_back();
        point.n = n;
        point.shift.fill(-.1 * n);
      }
      caps->cells.push_back(cell);
    }
  }
  models.caps = caps;
  auto segments = std::make_shared<SegmentView>();
  segments->version = version;
  segments->epoch = static_cast<std::uint32_t>(version / 3);
  segments->dimension = 2;
  segments->centre = {3, 1};
  segments->scale = {2, 1};
  segments->low = {0, 0};
  segments->high = {10, 10};
  segments->macros = {{1, 0, .5, {draws.Normal(), 0}}, {2, 1, .5, {draws.Normal(), 1}}};
  models.segments = segments;
  if (draws.Below(2) == 0) {
    auto churn = std::make_shared<ChurnView>(ChurnModel().View());
    churn->version = version;
    for (double& mean : churn->mean) mean += .3 * draws.Normal();
    models.churn = churn;
  }
  return models;
}

}  // namespace offerstream
