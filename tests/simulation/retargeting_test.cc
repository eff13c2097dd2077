// Potential revenue of approaching customers again, against what the planted market would have paid (B7).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "consumers/config/config.h"
#include "consumers/offline/lockstep.h"
#include "consumers/offline/report/customer_survey.h"
#include "consumers/offline/report/replay_tally.h"
#include "consumers/offline/simulated_market.h"
#include "consumers/wire/event_decoder.h"
#include "consumers/wire/event_mapping.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

// OFFERSTREAM_SEEDS=100, in parts by OFFERSTREAM_FIRST_SEED, for the stated figures.
int FromEnvironment(const char* name, int fallback) {
  const char* text = std::getenv(name);
  const int wanted = text == nullptr ? 0 : std::atoi(text);
  return wanted > 0 ? wanted : fallback;
}

struct Outlook {
  double expected = 0, half = 0, planted = 0, paid = 0;
  std::int64_t customers = 0;
};

// The bank's own campaigns for two weeks; then everybody who saw and did not convert.
Outlook LookAt(std::uint64_t seed) {
  const LoadedConfig loaded = LoadConfig(std::string(OFFERSTREAM_SOURCE_DIR) + "/deploy/demo/offerstream.yaml", {});
  const std::shared_ptr<const CampaignPlan> plan = loaded.config->plan;
  MarketOptions options;
  options.seed = seed;
  options.customers = 600;
  options.days = 14;
  options.visits_per_day = 0;
  SimulatedMarket market(options);
  ReplayTally tally(*plan);
  ChoiceRecord choices(plan, tally);
  LockstepSink sink;
  sink.label = [&](const Observation& row, std::span<const float>, const Event&) { choices.Label(row); };
  sink.event = [&](const Event& event) { tally.Saw(event); };
  Lockstep engine(plan, {}, std::move(sink));
  EventDecoder decoder(plan, LoadMapping("segment").mapping, true);
  DecodedBatch batch;
  MarketRecord record;
  std::int64_t offset = 0;
  while (market.Next(record)) {
    Record wire;
    wire.key = record.customer_id;
    wire.null_key = false;
    wire.value = record.value;
    wire.timestamp_ms = record.time;
    wire.cause.offset = offset++;
    batch.Clear();
    decoder.Decode(wire, batch);
    for (const Event& event : batch.events) {
      choices.Before(event, engine.Find(event.customer_id, event.customer_hash), engine.models());
      engine.Apply(event);
    }
  }
  EXPECT_TRUE(engine.Finish());
  CustomerSurvey survey(plan, engine.models(), tally, &choices, tally.to());
  Outlook outlook;
  survey.OnChoice([&](const CustomerProfile& profile, const Candidate& choice, std::uint32_t ordinal) {
    const auto index = static_cast<std::size_t>(market.CustomerOf(std::string_view(profile.id)));
    const int offer = BankOfferOf(plan->offers[choice.offer.value].id), channel = BankChannelOf(plan->channels[choice.channel.value].id);
    const double p = market.market().Response(market.customer(index), static_cast<std::size_t>(offer), static_cast<std::size_t>(channel),
                                              ordinal, tally.to());
    Draws draws(seed, profile.hash, 77, Purpose::kSimulation);
    outlook.planted += p * kBankGoalValue;
    outlook.paid += draws.Uniform() < p ? kBankGoalValue : 0;
  });
  EXPECT_TRUE(engine.EachCustomer([&](const CustomerProfile& profile) { survey.Visit(profile); }));
  double variance = 0;
  std::map<std::uint16_t, Retargeting> offers;
  for (const auto& [place, cell] : survey.retargeting()) {
    Retargeting& sum = offers[place.second];
    outlook.expected += cell.revenue;
    outlook.customers += cell.customers;
    sum.chance_variance += cell.chance_variance;
    sum.gradient.resize(cell.gradient.size());
    for (std::size_t j = 0; j < cell.gradient.size(); ++j) sum.gradient[j] += cell.gradient[j];
  }
  for (const auto& [offer, sum] : offers) variance += survey.Variance(offer, sum.chance_variance, sum.gradient);
  variance += survey.RatioVariance(outlook.expected);
  outlook.half = 1.959963984540054 * std::sqrt(variance);
  return outlook;
}

TEST(Retargeting, WhatTheMarketPaysLiesInsideTheIntervalOfThePotentialRevenue) {
  const int worlds = FromEnvironment("OFFERSTREAM_SEEDS", 40), first = FromEnvironment("OFFERSTREAM_FIRST_SEED", 100);
  int inside = 0;
  double expected = 0, planted = 0, paid = 0;
  for (int world = first; world < first + worlds; ++world) {
    const Outlook outlook = LookAt(static_cast<std::uint64_t>(world));
    ASSERT_GT(outlook.customers, 50);
    inside += std::abs(outlook.paid - outlook.expected) <= outlook.half;
    expected += outlook.expected;
    planted += outlook.planted;
    paid += outlook.paid;
  }
  std::printf("B7 inside %d of %d; expected over planted %.3f, over paid %.3f\n", inside, worlds, expected / planted, expected / paid);
  EXPECT_GE(inside * 100, (worlds < 100 ? 85 : 93) * worlds);   // 40 draws of .95 are 35 or more in 99 of 100 runs
  // Each customer's best-looking offer is picked by looking, among people who did not convert: what was said of such picks
  // before is corrected by how they turned out. Uncorrected, and with a cell's level learned twice, it was 1.63.
  EXPECT_GT(expected / planted, 0.8);
  EXPECT_LT(expected / planted, 1.25);
}

}  // namespace
}  // namespace offerstream
