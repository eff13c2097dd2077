// Plans, profiles and records for tests of stored formats and of the partition's memory: small, fixed or drawn by seed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "models/domain/campaign_plan.h"
#include "models/domain/customer_profile.h"
#include "models/domain/random.h"
#include "state/marks.h"
#include "state/state_batch.h"

namespace offerstream::samples {

/// A row at the end of the batch; an empty value: erased.
inline void AddRow(StateBatch& batch, std::string_view id, std::string_view value, TxnSeq as_of) {
  StateRow row;
  row.as_of = as_of;
  row.id_begin = static_cast<std::uint32_t>(batch.arena.size());
  row.id_size = static_cast<std::uint32_t>(id.size());
  batch.arena += id;
  row.value_begin = static_cast<std::uint32_t>(batch.arena.size());
  row.value_size = static_cast<std::uint32_t>(value.size());
  batch.arena += value;
  batch.rows.push_back(row);
}

/// Three channels, four offers, three outcomes, four attributes, two placements.
inline std::shared_ptr<CampaignPlan> Plan() {
  auto plan = std::make_shared<CampaignPlan>();
  for (const char* id : {"email", "push", "sms"}) plan->channels.push_back({.id = id});
  for (const char* id : {"card", "loan"}) plan->products.push_back({.id = id});
  for (const char* id : {"gold", "platinum", "mortgage", "deposit"}) {
    OfferSpec offer;
    offer.id = id;
    for (std::size_t c = 0; c < plan->channels.size(); ++c) offer.channels.push_back(ChannelIndex(c));
    offer.goal = OutcomeIndex(CampaignPlan::kConversion);
    offer.value = 10;
    plan->offers.push_back(offer);
  }
  for (const char* id : {"click", "conversion", "visit"}) plan->outcomes.push_back({.id = id});
  for (const char* name : {"age", "job", "vip", "city"}) plan->attributes.push_back({.name = name});
  plan->decide.placements = {"home", "inbox"};
  plan->Index();
  return plan;
}

/// A profile with every field in use about half of the time. `id` and `hash` are set.
// long: every field of the row once, in its order
inline void FillProfile(const CampaignPlan& plan, Draws& draws, CustomerProfile& p) {
  const auto coin = [&] { return draws.Below(2) == 0; };
  const auto time = [&] { return coin() ? kNever : static_cast<EventTime>(1'700'000'000'000 + draws.Below(1'000'000'000)); };
  const auto sums = [&](DecayedSums& s) {
    if (coin()) s = {draws.Normal(), draws.Normal(), draws.Normal(), time()};
  };
  p.channels.Clear();
  p.next_due = coin() ? INT64_MAX : time();
  EventTime enrolled = kNever;
  for (EventTime* t : {&p.first_seen, &p.last_event, &p.last_transaction, &p.last_click, &enrolled}) *t = time();
  if (enrolled != kNever) p.enrolled_in = CustomerProfile::kInProgramme;
  const bool open = coin();
  Enrolment programme;
  programme.at = enrolled;
  if (coin()) programme.conversions = static_cast<std::uint16_t>(draws.Below(5));
  if (coin()) programme.value = static_cast<Money>(draws.Below(100'000)) - 50'000;
  if (coin()) programme.pre_value = draws.Normal();
  if (open) p.enrolments.push_back(programme);
  for (DecayedSums* s : {&p.orders, &p.value, &p.deposits, &p.withdrawals, &p.engagement}) sums(*s);
  if (coin()) p.place.Tell({draws.Bits(), time(), {0.5f, -0.0f, 1.0f}, 7});
  if (coin()) p.truncated = static_cast<std::uint32_t>(draws.Below(1000));
  for (std::size_t i = 0; i < plan.channels.size(); ++i) {
    if (coin()) continue;
    ChannelProfile c;
    sums(c.impressions);
    sums(c.clicks);
    if (coin()) c.conversions_d30 = draws.Uniform();
    c.last_impression = time();
    c.last_click = time();
    c.consent = static_cast<Consent>(draws.Below(4));
    c.published_limit = static_cast<std::uint16_t>(draws.Below(50));
    c.published_source = static_cast<CapSource>(draws.Below(3));
    c.published_capped = coin();
    p.channels.Put(ChannelIndex(i), c);
  }
  for (std::size_t i = 0; i < plan.decide.placements.size(); ++i) p.SetLastDecision(PlacementIndex(i), time());
  for (std::size_t i = 0; i < plan.attributes.size(); ++i) {
    if (coin()) continue;
    AttributeValue value{static_cast<AttributeValue::Type>(draws.Below(4))};
    if (value.type == AttributeValue::Type::kNumber) value.number = draws.Normal();
    if (value.type == AttributeValue::Type::kBool) value.number = coin() ? 1 : 0;
    if (value.type == AttributeValue::Type::kText) value.text = draws.Bits();
    p.attributes.push_back(AttributeSlot(AttributeIndex(i), value));
  }
  for (std::uint64_t n = draws.Below(3); n > 0; --n) p.owned.push_back({draws.Bits(), time()});
  EventTime at = 1'700'000'000'000;
  for (std::uint64_t n = draws.Below(6); n > 0; --n) {
    at += static_cast<EventTime>(draws.Below(86'400'000));
    p.impressions.push_back(static_cast<PackedImpression>(at) << 8 | draws.Below(plan.channels.size()));
    p.seen.push_back({draws.Bits(), at});
  }
  for (std::uint64_t n = draws.Below(4); n > 0; --n) {
    Exposure& e = p.exposures.emplace_back();
    e.id = draws.Bits();
    if (coin()) e.offer = OfferIndex(draws.Below(plan.offers.size()));
    if (coin()) e.channel = ChannelIndex(draws.Below(plan.channels.size()));
    for (EventTime* t : {&e.decided, &e.shown, &e.valid_until, &e.next_due}) *t = time();
    e.propensity = draws.Uniform();
    e.ordinal = static_cast<std::uint16_t>(draws.Below(20));
    e.segment = static_cast<std::uint32_t>(draws.Below(9));
    e.arm = static_cast<std::uint8_t>(draws.Below(3));
    e.lottery = coin();
    e.unsubscribed = coin();
    e.foreign = coin();
    e.labels.resize(plan.outcomes.size());
    for (PendingLabel& l : e.labels) {
      l.next_cut = coin() ? static_cast<std::uint8_t>(draws.Below(8)) : kLabelClosed;
      if (l.next_cut == kLabelClosed) continue;
      l.mask = static_cast<std::uint8_t>(draws.Below(256));
      l.converted = coin();
      l.hold = coin();
      if (coin()) l.last_cut = 3'600'000;
      if (coin()) l.delay = static_cast<Duration>(draws.Below(1'000'000));
      if (coin()) l.value = -static_cast<Money>(draws.Below(1000));
      if (coin()) l.logit = draws.Normal();
      if (coin()) l.probability = draws.Uniform();
      if (coin()) l.cap_logit = draws.Normal();
    }
    std::vector<float> x(draws.Below(40));
    for (float& v : x) v = coin() ? 0.0f : coin() ? 1.0f : static_cast<float>(draws.Normal());
    e.x.Assign(x);
  }
}

/// A profile of seed `seed`.
inline CustomerProfile Profile(const CampaignPlan& plan, std::uint64_t seed) {
  Draws draws(seed, 1, 2, Purpose::kSimulation);
  CustomerProfile p;
  p.id = "customer-" + std::to_string(seed);
  p.hash = H64(p.id);
  FillProfile(plan, draws, p);
  return p;
}

/// … who has bought and was looked at.
inline CustomerProfile Buyer(const CampaignPlan& plan, std::uint64_t seed) {
  CustomerProfile p = Profile(plan, seed);
  Buying& bought = p.KeepHabits().buying.emplace_back();
  bought.known = {1'600'000'000'000, 1'690'000'000'000, -12'345, 3};
  bought.after = bought.looked = 1'695'000'000'000;
  bought.buys = 0.125f;
  bought.looks.push_back({1'693'000'000'000, 1'690'000'000'000, 700, 2, 0.5f, false});
  p.KeepHabits().recent.push_back({77, 1'689'000'000'000});
  p.KeepHabits().recent.push_back({H64("lamp"), 1'690'000'000'000});
  bought.looks.push_back({1'695'000'000'000, 1'690'000'000'000, -12'345, 3, 0.125f, true});
  return p;
}

/// A position after transaction `seq`.
inline FoldPosition Position(TxnSeq seq) {
  FoldPosition p;
  p.seq = seq;
  p.offsets = {static_cast<std::int64_t>(seq * 10)};
  p.watermark = p.frontier = p.max_event_time = static_cast<EventTime>(seq * 1000);
  return p;
}

}  // namespace offerstream::samples
