#include "models/learning/cap_curve.h"

#include <gtest/gtest.h>

#include "tests/unit/models/learning_worlds.h"

namespace offerstream {
namespace {

using testing::CapRows;
using testing::SmallPlan;

void Feed(CapCurve& curve, std::size_t count) {
  for (const testing::Row& row : CapRows(count)) ASSERT_TRUE(curve.Apply(row.observation));
}

TEST(CapCurve, TermsAreTheLogarithmAndItsHinges) {
  EXPECT_EQ(CapCurve::TermsOf(1), (CapCurve::Terms{1, 0, 0, 0, 0}));
  const CapCurve::Terms at_12 = CapCurve::TermsOf(12);
  EXPECT_NEAR(at_12[1], std::log(12), 1e-15);
  EXPECT_NEAR(at_12[2], std::log(4), 1e-15);
  EXPECT_NEAR(at_12[3], std::log(2), 1e-15);
  EXPECT_NEAR(at_12[4], std::log(1.2), 1e-15);
}

TEST(CapCurve, SaysNothingBeforeTwoHundredImpressionsOfACell) {
  CapCurve curve(SmallPlan(2));
  Feed(curve, 1000);  // about 125 impressions a cell with a conversion row
  for (const CapCell& cell : curve.View().cells) {
    EXPECT_LT(cell.impressions, 200);
    EXPECT_EQ(cell.limit, 0);
  }
}

TEST(CapCurve, LearnsACapInsideItsOwnInterval) {
  const auto plan = SmallPlan(2);
  for (ChannelSpec& channel : plan->channels) channel.cost = 1.0;
  CapCurve curve(plan);
  Feed(curve, 40'000);
  const CapView view = curve.View();
  ASSERT_EQ(view.cells.size(), 4u);
  for (const CapCell& cell : view.cells) {
    // Net = 40 p - 1 - 12 * .01 turns negative where p = 2.8 %: with a mean logit of -2.7 at n of 5 to 8.
    EXPECT_GE(cell.limit, 4) << cell.segment;
    EXPECT_LE(cell.limit, 9) << cell.segment;
    EXPECT_LE(cell.low, cell.limit);
    EXPECT_GE(cell.high, cell.limit);
    ASSERT_EQ(cell.points.size(), CapCurve::kPoints);
    EXPECT_NEAR(cell.points[0].conversion_rate, .07, .015);
    EXPECT_GT(cell.points[0].net_value, 0);
    EXPECT_LT(cell.points[14].net_value, 0);
    EXPECT_NEAR(cell.points[0].unsubscribe_rate, .01, .006);
    EXPECT_EQ(view.Find(cell.segment, cell.channel), &cell);
  }
  EXPECT_EQ(view.Find(9, ChannelIndex(0)), nullptr);
  EXPECT_NEAR(curve.Calibration(), 1, .1);
}

TEST(CapCurve, TheHardMaximumWins) {
  const auto plan = SmallPlan(2);
  for (ChannelSpec& channel : plan->channels) {
    channel.cost = 0;
    channel.unsubscribe_value = 0;
    channel.cap.max = 3;
  }
  CapCurve curve(plan);
  Feed(curve, 20'000);
  for (const CapCell& cell : curve.View().cells) {
    EXPECT_EQ(cell.limit, 3);
    EXPECT_LE(cell.high, 3);
  }
}

TEST(CapCurve, AChannelThatIsNotLearnedKeepsNoLimit) {
  const auto plan = SmallPlan(2);
  plan->channels[1].cap.learn = false;
  CapCurve curve(plan);
  Feed(curve, 20'000);
  for (const CapCell& cell : curve.View().cells) EXPECT_EQ(cell.limit == 0, cell.channel == ChannelIndex(1));
}

TEST(CapCurve, ChannelsKeepTheirCellsWhenThePlanReordersThem) {
  CapCurve curve(SmallPlan(2));
  Feed(curve, 4000);
  const auto plan = SmallPlan(2);
  std::swap(plan->channels[0], plan->channels[1]);
  plan->Index();
  const std::int64_t before = curve.View().Find(1, ChannelIndex(0))->impressions;
  curve.Configure(plan);
  EXPECT_EQ(curve.View().Find(1, ChannelIndex(1))->impressions, before);
}

TEST(CapCurve, RefusesRowsThatFitNoCell) {
  CapCurve curve(SmallPlan(2));
  Observation row = CapRows(1)[0].observation;
  for (const auto spoil : {+[](Observation& o) { o.channel = 9; }, +[](Observation& o) { o.outcome = 9; },
                           +[](Observation& o) { o.n = 0; }, +[](Observation& o) { o.served_logit = NAN; },
                           +[](Observation& o) { o.y = -1; }}) {
    Observation bad = row;
    spoil(bad);
    EXPECT_FALSE(curve.Apply(bad));
  }
  EXPECT_EQ(curve.rejected(), 5);
  EXPECT_EQ(curve.rows(), 0);
}

}  // namespace
}  // namespace offerstream
