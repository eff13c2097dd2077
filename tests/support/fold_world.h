// Plans and events for tests of the decision fold, in a few words each.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/decision_fold.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/random.h"
#include "tests/support/map_memory.h"

namespace offerstream {

inline constexpr Duration kMinute = 60'000, kHour = 60 * kMinute, kDayLength = 24 * kHour;
/// 2026-01-05 00:00 UTC, a Monday.
inline constexpr EventTime kStart = 1'767'571'200'000;

/// Feature list in the order the schema wants: customer first, candidate last.
inline void AddFeature(CampaignPlan& plan, FeatureKind kind, std::string name, std::uint16_t index = 0,
                       std::uint16_t level = 0, double centre = 0, double scale = 1) {
  FeatureSpec f;
  f.kind = kind;
  f.name = std::move(name);
  f.index = index;
  f.level = level;
  f.centre = centre;
  f.scale = scale;
  if (!f.ByCandidate()) plan.features.candidate_begin = plan.features.features.size() + 1;
  plan.features.features.push_back(std::move(f));
}

/// Three offers on push and email, two products, age and job, everything on; no holdout, no random arm, no cap lottery.
inline CampaignPlan SmallPlan() {
  CampaignPlan plan;
  plan.lateness = 10 * kMinute;
  for (const char* id : {"push", "email"}) {
    ChannelSpec c;
    c.id = id;
    c.cap.start = 3;
    c.cap.max = 6;
    c.unsubscribe_value = 10;
    plan.channels.push_back(c);
  }
  for (const char* id : {"savings", "gold"}) {
    ProductSpec p;
    p.id = id;
    p.category = "bank";
    plan.products.push_back(p);
  }
  for (const char* id : {"save", "card", "loan"}) {
    OfferSpec o;
    o.id = id;
    o.campaign_id = "winter";
    o.channels = {ChannelIndex(0), ChannelIndex(1)};
    o.value = 40;
    o.goal = OutcomeIndex(1);
    plan.offers.push_back(o);
  }
  plan.offers[0].product = ProductIndex(0);
  plan.offers[1].product = ProductIndex(1);
  plan.outcomes = {{"click", 7 * kDayLength, false}, {"conversion", 30 * kDayLength, true}};
  AttributeSpec age;
  age.name = "age";
  age.centre = 40;
  age.scale = 12;
  AttributeSpec job;
  job.name = "job";
  job.type = AttributeType::kCategory;
  job.levels = {"admin", "retired"};
  plan.attributes = {age, job};
  AddFeature(plan, FeatureKind::kBias, "bias");
  AddFeature(plan, FeatureKind::kAttributeNumber, "age", 0, 0, 40, 12);
  AddFeature(plan, FeatureKind::kAttributeMissing, "age missing", 0);
  AddFeature(plan, FeatureKind::kAttributeLevel, "job=admin", 1, 0);
  AddFeature(plan, FeatureKind::kAttributeLevel, "job=retired", 1, 1);
  AddFeature(plan, FeatureKind::kProfileNumber, "recency", static_cast<std::uint16_t>(ProfileNumber::kRecency), 0, 3, 2);
  AddFeature(plan, FeatureKind::kProfileNumber, "monetary", static_cast<std::uint16_t>(ProfileNumber::kMonetary), 0, 3, 2);
  AddFeature(plan, FeatureKind::kOwnsProduct, "owns savings", 0);
  AddFeature(plan, FeatureKind::kSegmentSlot, "segment_slot=0", 0, 0);
  AddFeature(plan, FeatureKind::kHourSin, "hour sin");
  AddFeature(plan, FeatureKind::kHourCos, "hour cos");
  AddFeature(plan, FeatureKind::kWeekday, "monday", 0, 0);
  AddFeature(plan, FeatureKind::kChannel, "channel=push", 0);
  AddFeature(plan, FeatureKind::kChannelClickRate, "channel click rate");
  AddFeature(plan, FeatureKind::kImpressionOrdinal, "ln n");
  plan.features.epoch = 7;
  plan.segments.features = {ProfileNumber::kRecency, ProfileNumber::kFrequency};
  plan.segments.centre = {3, 1};
  plan.segments.scale = {2, 1};
  plan.decide.trigger_kinds = 1u << static_cast<unsigned>(EventKind::kRequest);
  plan.decide.min_interval = 0;
  plan.decide.placements = {"home"};
  plan.explore.cap_lottery = 0;
  plan.experiment.holdout = 0;
  plan.experiment.random = 0;
  plan.Index();
  return plan;
}

inline std::shared_ptr<const CampaignPlan> Shared(CampaignPlan plan) {
  return std::make_shared<const CampaignPlan>(std::move(plan));
}

/// Events with storage behind their views; they live as long as this.
class EventScript {
 public:
  /// An event of its own id, at the next offset.
  Event& Add(EventKind kind, std::string customer, EventTime time) {
    Event& e = events_.emplace_back();
    e.kind = kind;
    e.time = time;
    e.cause.offset = static_cast<std::int64_t>(events_.size()) - 1;
    e.event_id = Keep("e" + std::to_string(events_.size()));
    e.customer_id = Keep(std::move(customer));
    e.event_hash = H64(e.event_id);
    e.customer_hash = H64(e.customer_id);
    return e;
  }
  /// The same event once more, at a new offset.
  Event& Repeat(const Event& event) {
    Event& e = events_.emplace_back(event);
    e.cause.offset = static_cast<std::int64_t>(events_.size()) - 1;
    return e;
  }
  void Attribute(Event& event, AttributeIndex attribute, AttributeValue value) {
    auto& list = attributes_.emplace_back(event.attributes.begin(), event.attributes.end());
    list.push_back({attribute, value});
    event.attributes = list;
  }
  std::deque<Event>& events() { return events_; }

 private:
  std::string_view Keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  std::deque<std::string> texts_;
  std::deque<std::vector<AttributeUpdate>> attributes_;
  std::deque<Event> events_;
};

/// A plan, a memory and a fold in one transaction that never ends.
struct FoldWorld {
  explicit FoldWorld(CampaignPlan p = SmallPlan()) : plan(Shared(std::move(p))), fold(plan, memory) {
    fold.Begin(1, 1'000'000);
  }
  /// Folds an event; the output holds its effects alone.
  FoldOutput& Apply(const Event& event) {
    out.Clear();
    fold.Apply(event, out);
    return out;
  }
  FoldOutput& Clock(EventTime time) {
    out.Clear();
    fold.AdvanceClock(time, out);
    return out;
  }
  const CustomerProfile& Of(std::string_view id) { return *memory.Find(id, H64(id)); }

  std::shared_ptr<const CampaignPlan> plan;
  MapMemory memory;
  DecisionFold fold;
  FoldOutput out;
  EventScript script;
};

/// A response view for the plan: level and slopes, variance `variance` on the diagonal.
inline std::shared_ptr<ResponseView> View(const CampaignPlan& plan, ModelIndex model, double level, double variance,
                                          std::uint64_t version = 1) {
  auto view = std::make_shared<ResponseView>();
  const std::size_t d = plan.features.size();
  view->model = plan.ModelHash(model);
  view->version = version;
  view->schema_epoch = plan.features.epoch;
  view->mean.assign(d, 0.0);
  view->mean[0] = level;
  view->covariance.assign(d * d, 0.0f);
  for (std::size_t j = 0; j < d; ++j) view->covariance[j * d + j] = static_cast<float>(variance);
  view->feature_mean.assign(d, 0.0);
  view->labels = 100;
  return view;
}

/// How many observations of a kind came out.
inline std::size_t Rows(const FoldOutput& out, ObservationKind kind) {
  return static_cast<std::size_t>(std::count_if(out.observations.rows.begin(), out.observations.rows.end(),
                                                [kind](const Observation& o) { return o.kind == kind; }));
}

/// An impression of an offer on a channel; `decision` 0: of no decision of ours.
inline Event& Show(FoldWorld& w, const std::string& customer, EventTime at, std::size_t offer, std::size_t channel,
                   DecisionId decision = 0) {
  Event& e = w.script.Add(EventKind::kImpression, customer, at);
  e.offer = OfferIndex(offer);
  e.channel = ChannelIndex(channel);
  e.decision_id = decision;
  return e;
}

}  // namespace offerstream
