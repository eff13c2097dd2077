// Observations, journal and meta records for tests of stored formats, drawn by seed.
#pragma once

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "models/domain/recent_items.h"
#include "state/formats/codecs.h"
#include "state/formats/journal.h"
#include "tests/support/state_samples.h"

namespace offerstream::samples {

/// `count` observations of one model, of every kind, every field in use now and then.
inline ObservationBatch Observations(const CampaignPlan& plan, std::uint64_t seed, std::size_t count) {
  Draws draws(seed, 3, 4, Purpose::kSimulation);
  const auto coin = [&] { return draws.Below(2) == 0; };
  const auto place = [&](Coordinates& c) {
    if (coin()) c = {draws.Bits(), static_cast<EventTime>(draws.Below(1'000'000)), {1.5f, 0.0f, -2.0f}, 3};
  };
  ObservationBatch batch;
  EventTime time = 1'700'000'000'000;
  for (std::size_t i = 0; i < count; ++i) {
    Observation& o = batch.rows.emplace_back();
    o.kind = static_cast<ObservationKind>(1 + draws.Below(6));
    o.model = H64("gold/click");
    o.time = coin() ? kNever : time += static_cast<EventTime>(draws.Below(100'000)) - 20'000;
    if (coin()) o.exposure = draws.Bits();
    if (coin()) {
      o.x_begin = static_cast<std::uint32_t>(batch.arena.size());
      o.x_size = static_cast<std::uint32_t>(1 + draws.Below(70));
      for (std::uint32_t n = 0; n < o.x_size; ++n) {
        batch.arena.push_back(coin() ? 0.0f : coin() ? 1.0f : static_cast<float>(draws.Normal()));
      }
    }
    o.y = coin() ? 0.0f : coin() ? 1.0f : 0.25f;
    if (coin()) o.from = 3'600'000;
    if (coin()) o.to = coin() ? kWholeWindow : 21'600'000;
    if (coin()) o.delay = 77;
    if (coin()) o.value = -12'345;
    if (coin()) o.served_logit = draws.Normal();
    if (coin()) o.probability = draws.Uniform();
    if (coin()) o.propensity = draws.Uniform();
    if (coin()) o.n = static_cast<std::uint32_t>(draws.Below(300));
    if (coin()) o.segment = static_cast<std::uint32_t>(draws.Below(10));
    if (coin()) o.channel = static_cast<std::uint16_t>(draws.Below(plan.channels.size()));
    if (coin()) o.outcome = static_cast<std::uint16_t>(draws.Below(plan.outcomes.size()));
    o.arm = static_cast<std::uint8_t>(draws.Below(3));
    o.lottery = coin();
    o.unsubscribed = coin();
    o.instant = coin();
    if (coin()) o.pre_value = draws.Normal();
    if (coin()) o.customer = draws.Bits();
    MovePlaces& places = batch.Move(o);
    place(places.old_place);
    place(places.new_place);
  }
  return batch;
}

/// Kinds of version 2: a look, one whose horizon is over, and a purchase (all of one model, as only a test has them).
inline ObservationBatch ChurnRows() {
  ObservationBatch batch;
  batch.arena = {1, -0.5f, 0, 0.25f};
  for (const ObservationKind kind : {ObservationKind::kChurnLook, ObservationKind::kChurnRow}) {
    Observation& o = batch.rows.emplace_back();
    o.kind = kind;
    o.model = H64("churn");
    o.time = 1'700'000'000'000;
    o.probability = .25;
  }
  batch.rows[0].value = 12'345;
  batch.rows[0].n = 3;
  batch.rows[0].segment = 2;
  batch.rows[1].y = 1;
  batch.rows[1].x_size = 4;
  Observation& basket = batch.rows.emplace_back();
  basket.kind = ObservationKind::kBasket;
  basket.model = H64("churn");
  basket.time = 1'700'000'000'500;
  basket.exposure = 99;
  basket.n = 1;
  basket.x_begin = static_cast<std::uint32_t>(batch.arena.size());
  basket.x_size = kItemFloats;
  AppendItem(batch.arena, 0xfedcba9876543210u);
  return batch;
}

/// All rows of a batch as one record.
inline std::string Encoded(const CampaignPlan& plan, const ObservationBatch& batch) {
  std::vector<std::uint32_t> rows(batch.rows.size());
  std::iota(rows.begin(), rows.end(), 0u);
  std::string bytes;
  EncodeObservations(plan, batch, rows, bytes);
  return bytes;
}

/// A journal record with `facts` events that have facts.
inline JournalRecord Journal(const CampaignPlan& plan, std::uint64_t seed, std::size_t facts) {
  Draws draws(seed, 5, 6, Purpose::kSimulation);
  JournalRecord r;
  r.seq = 1000 + seed;
  r.log_id = {draws.Bits(), draws.Bits()};
  r.plan_epoch = 3;
  r.ranges = {{0, 100, 220}, {1, 7, 7}, {2, 0, INT64_MAX}};
  r.adopted = {{draws.Bits(), 12}, {draws.Bits(), draws.Bits()}};
  r.clock = draws.Below(2) == 0 ? kNever : 1'700'000'000'000;
  r.sweep_max = 5000;
  r.max_event_time = 1'700'000'600'000;
  r.watermark = 1'700'000'000'000;
  r.frontier = r.watermark - 1;
  for (std::size_t i = 0; i < facts; ++i) {
    RecordedFacts& f = r.facts.emplace_back();
    f.cause = {static_cast<std::uint16_t>(i % 3), 5, static_cast<std::int64_t>(100 + 3 * i)};
    f.cause.part = static_cast<std::uint16_t>(draws.Below(2));
    DecisionFact& d = f.facts.decisions.emplace_back();
    d.id = draws.Bits();
    d.placement = PlacementIndex(draws.Below(2));
    d.has_offer = draws.Below(4) != 0;
    if (d.has_offer) {
      d.offer = OfferIndex(draws.Below(plan.offers.size()));
      d.channel = ChannelIndex(draws.Below(plan.channels.size()));
      d.propensity = draws.Uniform();
      d.served[1] = {draws.Normal(), draws.Uniform(), draws.Normal(), 0x5f, true};
    }
    d.arm = static_cast<Arm>(draws.Below(3));
    d.segment = 4;
    if (draws.Below(2) == 0) f.facts.caps.push_back({ChannelIndex(1), 9, CapSource::kLearned});
    if (draws.Below(2) == 0) {
      f.facts.has_move = true;
      f.facts.move = {draws.Bits(), 1'700'000'000'000, {0.5f, -1.0f}, 2};
    }
  }
  r.records = 120;
  r.decisions = 40;
  r.dead_letters = 2;
  r.records_digest = draws.Bits();
  r.decisions_digest = draws.Bits();
  for (std::size_t i = 0; i < facts / 2; ++i) {
    r.turns.push_back({draws.Bits(), {draws.Bits(), 1'699'999'000'000 + static_cast<EventTime>(i), {-0.25f, 3.0f}, 2}});
  }
  if (r.turns.size() > 1) {
    r.turns[1].buys = 0.75f;
    r.turns[1].segment = 6;
  }
  return r;
}

/// A partition's meta record with everything set.
inline PartitionMeta Meta() {
  PartitionMeta meta;
  meta.committed = Position(90);
  meta.committed.offsets = {12, -1, INT64_MAX};
  meta.committed.journal_offset = 4711;
  meta.committed.plan_epoch = 2;
  meta.floor = Position(70);
  meta.log_id = {0x0123456789abcdefu, 0xfedcba9876543210u};
  meta.writer = "offerstream-1-0";
  meta.account.max_event_time = 91'000;
  meta.account.watermark = 90'000;
  meta.account.frontier = 90'000;
  meta.account.adopted = {{1, 10}, {2, 20}};
  meta.account.births = {5, 9};
  meta.changelog_offset = 333;
  meta.applied_at_ms = 1'767'571'200'000;
  return meta;
}

}  // namespace offerstream::samples
