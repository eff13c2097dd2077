// The demonstration's world without a broker: what is planted must be found by the engine as it is shipped.
#include <gtest/gtest.h>

#include "consumers/config/embedded_files.h"
#include "consumers/offline/closed_loop.h"

namespace offerstream {
namespace {

LoadedConfig Demo() {
  return ParseConfig(std::string(EmbeddedFile("deploy/demo/offerstream.yaml")), "deploy/demo/offerstream.yaml", {});
}

TEST(DemoWorld, TheConfigurationHasThePricesThePlantedCapsAreTheOptimumOf) {
  const LoadedConfig loaded = Demo();
  ASSERT_NE(loaded.config, nullptr) << (loaded.errors.empty() ? "" : loaded.errors[0].Text());
  const CampaignPlan& plan = *loaded.config->plan;
  ASSERT_EQ(plan.channels.size(), kBankChannels);
  for (const ChannelSpec& channel : plan.channels) {
    const int k = BankChannelOf(channel.id);
    ASSERT_GE(k, 0) << channel.id;
    EXPECT_DOUBLE_EQ(channel.cost, kBankChannelTable[static_cast<std::size_t>(k)].cost);
    EXPECT_DOUBLE_EQ(channel.unsubscribe_value, kBankChannelTable[static_cast<std::size_t>(k)].unsubscribe_value);
    EXPECT_EQ(channel.cap.window, kBankCapWindow);
  }
  ASSERT_EQ(plan.offers.size(), kBankOffers);
  for (const OfferSpec& offer : plan.offers) {
    EXPECT_GE(BankOfferOf(offer.id), 0) << offer.id;
    EXPECT_DOUBLE_EQ(offer.value, kBankGoalValue);
  }
}

TEST(DemoWorld, SegmentsAndCapsAreFoundAndHoldoutIsBeaten) {
  const LoadedConfig loaded = Demo();
  ASSERT_NE(loaded.config, nullptr);
  auto loop = ClosedLoop::Make(*loaded.config, DemoMarket(1, 1'000, 60));
  ASSERT_TRUE(loop.has_value());
  while ((*loop)->Step()) {
  }
  EXPECT_EQ((*loop)->rejected(), 0u);
  const AdoptedModels& models = (*loop)->engine().models();
  ASSERT_NE(models.segments, nullptr);
  EXPECT_EQ(models.segments->macros.size(), kBankSegments);
  const auto [counting, within] = DemoTally::Score((*loop)->tally().Compare(models));
  EXPECT_GE(counting, 12u);
  EXPECT_GE(static_cast<double>(within), 0.8 * static_cast<double>(counting)) << (*loop)->tally().Table(models);
  ASSERT_NE(models.lift, nullptr);
  EXPECT_GT(models.lift->low, 0.0);
}

TEST(DemoWorld, TheSameSeedGivesTheSameDecisionsAndModels) {
  const LoadedConfig loaded = Demo();
  ASSERT_NE(loaded.config, nullptr);
  std::vector<std::pair<std::string, std::string>> snapshots[2];
  std::uint64_t decisions[2];
  for (int run = 0; run < 2; ++run) {
    auto loop = ClosedLoop::Make(*loaded.config, DemoMarket(5, 100, 25));
    ASSERT_TRUE(loop.has_value());
    while ((*loop)->Step()) {
    }
    snapshots[run] = (*loop)->engine().Snapshots();
    decisions[run] = (*loop)->tally().decisions();
  }
  EXPECT_GT(decisions[0], 2'000u);
  EXPECT_EQ(decisions[0], decisions[1]);
  EXPECT_EQ(snapshots[0], snapshots[1]);
}

}  // namespace
}  // namespace offerstream
