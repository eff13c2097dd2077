#include "consumers/offline/simulated_market.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "consumers/offline/market_event_writer.h"

namespace offerstream {
namespace {

MarketOptions Small() {
  MarketOptions options;
  options.seed = 7;
  options.customers = 400;
  options.days = 20;
  return options;
}

std::vector<std::string> Lines(const MarketOptions& options) {
  SimulatedMarket market(options);
  MarketRecord record;
  std::vector<std::string> out;
  while (market.Next(record)) out.push_back(std::string(record.customer_id) + '\t' + std::string(record.value));
  return out;
}

std::string IdOf(const std::string& line) {
  const auto at = line.find("\"messageId\":\"");
  return at == std::string::npos ? "" : line.substr(at + 13, 16);
}

TEST(BankMarket, PlantedCapIsWhereTheNextImpressionStopsPaying) {
  const BankMarket market(1);
  for (std::size_t s = 0; s < kBankSegments; ++s) {
    for (std::size_t k = 0; k < kBankChannels; ++k) {
      unsigned last = 0;
      while (last < 30 && market.PlantedNet(s, k, last + 1) > 0) ++last;
      EXPECT_EQ(last, BankMarket::PlantedCap(s, k)) << s << ' ' << k;
      if (BankMarket::Answers(s, k)) {
        EXPECT_GE(last, 8u);
        EXPECT_LE(last, 12u);
      }
    }
  }
}

TEST(BankMarket, OneSegmentAnswersNoDigitalChannelAndOneIgnoresOne) {
  EXPECT_FALSE(BankMarket::Answers(3, 0) || BankMarket::Answers(3, 1) || BankMarket::Answers(3, 2));
  EXPECT_TRUE(BankMarket::Answers(3, 3));
  int silent = 0;
  for (std::size_t s = 0; s < 3; ++s) {
    for (std::size_t k = 0; k < kBankChannels; ++k) silent += BankMarket::Answers(s, k) ? 0 : 1;
  }
  EXPECT_EQ(silent, 1);
}

TEST(SimulatedMarket, TheSameSeedGivesTheSameBytesAndAnotherSeedOthers) {
  const auto first = Lines(Small());
  EXPECT_EQ(first, Lines(Small()));
  MarketOptions other = Small();
  other.seed = 8;
  EXPECT_NE(first, Lines(other));
  EXPECT_GT(first.size(), 10'000u);
}

TEST(SimulatedMarket, StopsAfterTheEventsAskedFor) {
  MarketOptions options = Small();
  options.events = 1'234;
  EXPECT_EQ(Lines(options).size(), 1'234u);
}

TEST(SimulatedMarket, EventIdsAreUniqueWithoutDirtAndRepeatWithIt) {
  MarketOptions options = Small();
  const auto repeats = [](const std::vector<std::string>& lines) {
    std::set<std::string> ids;
    std::size_t again = 0;
    for (const auto& line : lines) again += ids.insert(IdOf(line)).second ? 0 : 1;
    return again;
  };
  EXPECT_EQ(repeats(Lines(options)), 0u);
  options.dirt = 0.1;
  const auto dirty = Lines(options);
  const double share = static_cast<double>(repeats(dirty)) / static_cast<double>(dirty.size());
  EXPECT_GT(share, 0.03);
  EXPECT_LT(share, 0.08);
}

TEST(SimulatedMarket, BetterCustomersGetMoreOfTheBanksImpressions) {
  MarketOptions options = Small();
  SimulatedMarket market(options);
  std::map<std::uint32_t, int> seen;
  MarketRecord record;
  while (market.Next(record)) {
    if (record.value.find("Promotion Viewed") != std::string_view::npos) ++seen[record.customer];
  }
  double good = 0, bad = 0, goods = 0, bads = 0;
  for (std::uint32_t i = 0; i < options.customers; ++i) {
    const bool better = market.customer(i).affinity > 0;
    (better ? good : bad) += seen[i];
    (better ? goods : bads) += 1;
  }
  EXPECT_GT(good / goods, 1.5 * bad / bads);
}

TEST(SimulatedMarket, AnswersFollowThePlantedTruth) {
  MarketOptions options = Small();
  options.customers = 2'000;
  SimulatedMarket market(options);
  MarketRecord record;
  while (market.Next(record)) {
  }
  const auto& cells = market.cells();
  EXPECT_GT(cells[0][0].impressions, 5'000u);
  const auto rate = [&](std::size_t s, std::size_t k) {
    return static_cast<double>(cells[s][k].conversions) / static_cast<double>(cells[s][k].impressions);
  };
  EXPECT_GT(rate(0, 0), 0.01);
  EXPECT_LT(rate(3, 0), 0.003);
  EXPECT_LT(rate(1, 2), 0.003);
  EXPECT_GT(cells[0][0].clicks, 2 * cells[0][0].conversions);
}

TEST(SimulatedMarket, ADecisionHandedInIsShownOnceAndNamesItself) {
  MarketOptions options = Small();
  options.campaigns_per_week = 0;
  options.show_probability = 1;
  SimulatedMarket market(options);
  MarketRecord record;
  int shown = 0;
  bool asked = false;
  while (market.Next(record)) {
    if (record.request && !asked) {
      asked = true;
      market.Show(record.customer_id, 0x1234, 2, 1, record.time, record.time + 86'400'000);
      market.Show("somebody-else", 0x99, 2, 1, record.time, record.time + 86'400'000);
    }
    if (record.value.find("\"decision_id\":\"0000000000001234\"") != std::string_view::npos &&
        record.value.find("Promotion Viewed") != std::string_view::npos) {
      ++shown;
      EXPECT_NE(record.value.find("\"offer_id\":\"home-loan\""), std::string_view::npos);
      EXPECT_NE(record.value.find("\"channel\":\"email\""), std::string_view::npos);
    }
  }
  EXPECT_EQ(shown, 1);
}

TEST(SimulatedMarket, WhoIsShownAnOfferAnswersAsPlantedOnEveryChannel) {
  for (std::size_t channel = 0; channel < kBankChannels; ++channel) {
    MarketOptions options = Small();
    options.customers = 800;
    options.campaigns_per_week = 0;
    options.visits_per_day = 4;
    options.show_probability = 0.25;   // a draw shared with the answer would make four times as many of it
    SimulatedMarket market(options);
    MarketRecord record;
    DecisionId decision = 0;
    double answers = 0;
    while (market.Next(record)) {
      if (record.kind == MarketKind::kConversion) ++answers;
      if (record.request) market.Show(record.customer_id, ++decision, 0, channel, record.time, record.time + 86'400'000);
    }
    const double planted = market.earnings().value / kBankGoalValue;
    EXPECT_GT(planted, 80) << channel;
    EXPECT_NEAR(answers, planted, 4 * std::sqrt(planted)) << channel;
  }
}

TEST(SimulatedMarket, TimesNeverFallAndNobodyIsShownAnythingAfterLeaving) {
  SimulatedMarket market(Small());
  MarketRecord record;
  EventTime last = 0;
  std::set<std::string> gone;
  const auto channel = [](std::string_view v) {
    const auto at = v.find("\"channel\":\"");
    return std::string(v.substr(at + 11, v.find('"', at + 11) - at - 11));
  };
  while (market.Next(record)) {
    EXPECT_GE(record.time, last);
    last = record.time;
    const std::string who(record.customer_id);
    if (record.value.find("Unsubscribed") != std::string_view::npos) gone.insert(who + channel(record.value));
    if (record.value.find("Promotion Viewed") != std::string_view::npos) {
      EXPECT_FALSE(gone.contains(who + channel(record.value)));
    }
  }
  EXPECT_FALSE(gone.empty());
}

TEST(MarketEventWriter, UtcTimesAreCivil) {
  std::string out;
  AppendUtc(0, out);
  out += ' ';
  AppendUtc(1'767'225'600'000 + 59 * 86'400'000LL - 1, out);
  out += ' ';
  AppendUtc(951'782'400'000, out);
  EXPECT_EQ(out, "1970-01-01T00:00:00.000Z 2026-02-28T23:59:59.999Z 2000-02-29T00:00:00.000Z");
}

}  // namespace
}  // namespace offerstream
