#include "models/deciding/caps.h"

#include <gtest/gtest.h>

#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

struct CapsTest : ::testing::Test {
  CapsTest() : plan(SmallPlan()) {}
  void Show(EventTime at, std::size_t channel) {
    profile.impressions.push_back(PackImpression(at, ChannelIndex(channel)));
    profile.channels.Update(ChannelIndex(channel), [at](ChannelProfile& c) { c.last_impression = at; });
  }
  CampaignPlan plan;
  CustomerProfile profile;
};

TEST_F(CapsTest, AnImpressionCountsUntilItsWindowIsOver) {
  Show(kStart, 0);
  Show(kStart + kDayLength, 0);
  Show(kStart + kDayLength, 1);
  const ChannelIndex push(0);
  EXPECT_EQ(CountShown(plan, profile, push, kStart + kDayLength), 2);
  EXPECT_EQ(CountShown(plan, profile, push, kStart + 7 * kDayLength - 1), 2);
  EXPECT_EQ(CountShown(plan, profile, push, kStart + 7 * kDayLength), 1);
  EXPECT_EQ(CountShown(plan, profile, push, kStart + 8 * kDayLength), 0);
  EXPECT_EQ(ReopensAt(plan, profile, push, 2), kStart + 7 * kDayLength);
  EXPECT_EQ(ReopensAt(plan, profile, push, 1), kStart + 8 * kDayLength);
  EXPECT_EQ(ReopensAt(plan, profile, push, 3), kNever);
  const CapUse use = CountCapUse(plan, profile, kStart + 2 * kDayLength);
  EXPECT_EQ(use.shown[0], 2);
  EXPECT_EQ(use.shown[1], 1);
  EXPECT_EQ(use.oldest[0], kStart);
}

TEST_F(CapsTest, LearnedLimitCountsOnlyWithLearningAndTheHardMaximumWins) {
  CapView view;
  CapCell cell;
  cell.segment = 2;
  cell.channel = ChannelIndex(0);
  cell.limit = 9;
  view.cells = {cell};
  const auto limit = [&](std::uint32_t segment) {
    return LimitFor(plan, &view, false, 1, segment, ChannelIndex(0), kStart);
  };
  EXPECT_EQ(limit(2).limit, plan.channels[0].cap.max);
  EXPECT_EQ(limit(2).source, CapSource::kLearned);
  EXPECT_EQ(limit(1).limit, plan.channels[0].cap.start);
  plan.channels[0].cap.learn = false;
  EXPECT_EQ(limit(2).limit, plan.channels[0].cap.start);
  EXPECT_EQ(limit(2).source, CapSource::kConfigured);
}

TEST_F(CapsTest, LotteryDrawsEveryLimitFromThreeBelowToFiveAboveAlikeAndKeepsItForItsPeriod) {
  plan.channels[0].cap.start = 10;
  plan.channels[0].cap.max = 50;
  plan.explore.cap_lottery = .1;
  std::map<int, int> seen;
  int drawn = 0;
  for (std::uint64_t c = 0; c < 45'000; ++c) {
    const IdHash customer = H64({c});
    drawn += InCapLottery(plan, customer, kStart);
    const CapLimit limit = LimitFor(plan, nullptr, true, customer, 0, ChannelIndex(0), kStart);
    EXPECT_EQ(limit.limit, LimitFor(plan, nullptr, true, customer, 0, ChannelIndex(0), kStart + 1).limit);
    ++seen[limit.limit];
  }
  EXPECT_NEAR(drawn, 4500, 250);
  EXPECT_EQ(seen.size(), 9u);
  EXPECT_EQ(seen.begin()->first, 7);
  EXPECT_EQ(seen.rbegin()->first, 15);
  for (const auto& [limit, n] : seen) EXPECT_NEAR(n, 5000, 300) << limit;
}

}  // namespace
}  // namespace offerstream
