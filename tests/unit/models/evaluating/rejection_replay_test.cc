#include "models/evaluating/rejection_replay.h"

#include <gtest/gtest.h>

#include <array>

#include "models/domain/random.h"

namespace offerstream {
namespace {

TEST(RejectionReplay, KeepsEachChoiceWithItsWeightsShareOfTheBound) {
  RejectionReplay replay(5, 4.0);
  std::array<int, 3> kept{};
  const std::array<double, 3> weights = {0, 1, 4};
  for (std::uint64_t i = 0; i < 30'000; ++i) kept[i % 3] += replay.Accept(weights[i % 3], 77, i) ? 1 : 0;
  EXPECT_EQ(kept[0], 0);
  EXPECT_NEAR(kept[1], 2'500, 150);
  EXPECT_EQ(kept[2], 10'000);
  EXPECT_EQ(replay.clipped(), 0);
  EXPECT_EQ(replay.offered(), 30'000);
}

TEST(RejectionReplay, WeightsAboveTheBoundAreCounted) {
  RejectionReplay replay(5, 2.0);
  EXPECT_TRUE(replay.Accept(3, 1, 1));
  EXPECT_EQ(replay.clipped(), 1);
}

TEST(RejectionReplay, ADrawDependsOnWhatIsDecidedAndNotOnTheOrder) {
  RejectionReplay a(5, 4.0), b(5, 4.0);
  (void)b.Accept(1, 9, 9);
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(a.Accept(1, 3, i), b.Accept(1, 3, i));
}

// Logged uniformly over two arms of value .2 and .6; the policy takes the better one with .9.
TEST(RejectionReplay, TheMeanOfWhatIsKeptIsThePolicysValue) {
  RejectionReplay replay(5, 1.8);
  Draws draws(2, 1, 0, Purpose::kSimulation);
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const bool better = draws.Uniform() < .5;
    const double reward = draws.Uniform() < (better ? .6 : .2) ? 1 : 0;
    if (replay.Accept((better ? .9 : .1) / .5, i, i)) replay.Add(reward);
  }
  EXPECT_NEAR(replay.Value(), .56, .015);
  EXPECT_LT(replay.Normal().low, .56);
  EXPECT_GT(replay.Normal().high, .56);
}

TEST(RejectionReplay, NothingAcceptedIsZeroAndNoNumberThatIsNone) {
  const RejectionReplay replay(1, 1);
  EXPECT_EQ(replay.Value(), 0);
  EXPECT_EQ(replay.Normal().low, 0);
}

}  // namespace
}  // namespace offerstream
