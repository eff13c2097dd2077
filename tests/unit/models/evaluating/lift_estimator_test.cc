#include "models/evaluating/lift_estimator.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "models/domain/bytes.h"
#include "models/domain/decision.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

Observation Row(Arm arm, double before, bool converted, Money revenue, std::uint32_t epoch = 1, double planned = 0) {
  Observation row;
  row.kind = ObservationKind::kLiftRow;
  row.arm = static_cast<std::uint8_t>(arm);
  row.y = converted ? 1.0f : 0.0f;
  row.value = revenue;
  row.pre_value = before;
  row.segment = epoch;
  row.propensity = planned;
  return row;
}

LiftOutcome Of(const LiftView& view, LiftMeasure measure) { return view.measures[static_cast<std::size_t>(measure)]; }

TEST(LiftEstimator, SpendBeforeTakesOutMostOfTheNoiseItExplains) {
  LiftEstimator lift;
  Draws draws(3, 1, 1, Purpose::kSimulation);
  for (int i = 0; i < 4000; ++i) {
    const Arm arm = i % 2 == 0 ? Arm::kPolicy : Arm::kHoldout;
    const double before = 100 + 20 * draws.Normal();
    const double spent = before + 2 * draws.Normal() + (arm == Arm::kPolicy ? 1 : 0);
    lift.Apply(Row(arm, before, true, static_cast<Money>(std::nearbyint(spent * 100))));
  }
  const LiftOutcome revenue = Of(lift.View(), LiftMeasure::kRevenue);
  EXPECT_NEAR(revenue.theta, 1, .02);
  EXPECT_LT(revenue.adjusted.standard_error, .2 * revenue.plain.standard_error);
  EXPECT_NEAR(revenue.adjusted.difference, 1, 4 * revenue.adjusted.standard_error);
}

TEST(LiftEstimator, AllocationEpochsAreNotMixed) {
  // Simpson: more customers are treated in the epoch that converts worse. Within each the effect is +.1.
  LiftEstimator lift;
  const auto add = [&](std::uint32_t epoch, Arm arm, int n, int converted) {
    for (int i = 0; i < n; ++i) lift.Apply(Row(arm, 0, i < converted, 0, epoch));
  };
  add(1, Arm::kPolicy, 200, 120);    // .6
  add(1, Arm::kHoldout, 800, 400);   // .5
  add(2, Arm::kPolicy, 800, 160);    // .2
  add(2, Arm::kHoldout, 200, 20);    // .1
  EXPECT_NEAR(lift.View().lift, .1, 1e-12);
}

TEST(LiftEstimator, ABrokenSplitHasNoVerdict) {
  LiftEstimator good, broken;
  for (int i = 0; i < 10'000; ++i) {
    const Arm arm = i % 10 == 0 ? Arm::kHoldout : Arm::kPolicy;
    const bool converted = i % 10 == 0 ? i % 100 == 0 : i % 4 == 1;
    const double planned = arm == Arm::kHoldout ? .1 : .9;
    good.Apply(Row(arm, 0, converted, 0, 1, planned));
    if (arm == Arm::kPolicy || i % 50 != 0) broken.Apply(Row(arm, 0, converted, 0, 1, planned));
  }
  EXPECT_GT(good.View().sample_ratio_p, .9);
  EXPECT_EQ(good.View().verdict, LiftVerdict::kHelps);
  EXPECT_LT(broken.View().sample_ratio_p, 1e-3);
  EXPECT_EQ(broken.View().verdict, LiftVerdict::kBrokenSplit);
  EXPECT_FALSE(broken.View().roi_known);
}

TEST(LiftEstimator, OneHugeSpenderBeforeDoesNotMoveTheCovariate) {
  LiftEstimator calm, shaken;
  for (int i = 0; i < 5000; ++i) {
    const Observation row = Row(i % 2 == 0 ? Arm::kPolicy : Arm::kHoldout, 10 + i % 7, i % 3 == 0, 100 * (i % 7));
    calm.Apply(row);
    shaken.Apply(row);
  }
  shaken.Apply(Row(Arm::kPolicy, 1e9, true, 0));
  const double theta = Of(calm.View(), LiftMeasure::kRevenue).theta;
  EXPECT_NEAR(theta, 1, 1e-9);
  EXPECT_NEAR(Of(shaken.View(), LiftMeasure::kRevenue).theta, theta, .05);
}

TEST(LiftEstimator, IncrementalReturnIsRevenueCausedOverCost) {
  LiftEstimator lift;
  for (int i = 0; i < 2000; ++i) {
    const bool treated = i % 2 == 0;
    Observation row = Row(treated ? Arm::kPolicy : Arm::kHoldout, 0, true, (treated ? 1200 : 1000) + 100 * (i / 2 % 2));
    row.cost = treated ? .5 : 0;
    lift.Apply(row);
  }
  lift.AddCost(500);
  const LiftView view = lift.View({.margin = .5});
  ASSERT_TRUE(view.roi_known);
  EXPECT_DOUBLE_EQ(view.cost, 1000);
  EXPECT_NEAR(view.incremental_roi, (2.0 * .5 * 1000 - 1000) / 1000, 1e-9);
  EXPECT_LT(view.roi_low, view.incremental_roi);
  EXPECT_GT(view.roi_high, view.incremental_roi);
}

TEST(LiftEstimator, OffersAreCountedOnTheirOwnBits) {
  LiftEstimator lift;
  const IdHash offers[] = {11, 0, 13};   // the second has no product
  for (int i = 0; i < 100; ++i) {
    Observation row = Row(i % 2 == 0 ? Arm::kPolicy : Arm::kHoldout, 0, true, 0);
    row.exposure = i % 2 == 0 ? 0b111 : 0b100;
    lift.Apply(row, offers);
  }
  const LiftView view = lift.View();
  ASSERT_EQ(view.offers.size(), 2u);
  EXPECT_EQ(view.offers[0].offer, 11u);
  EXPECT_DOUBLE_EQ(view.offers[0].conversion.difference, 1);
  EXPECT_EQ(view.offers[1].offer, 13u);
  EXPECT_DOUBLE_EQ(view.offers[1].conversion.difference, 0);
}

TEST(LiftEstimator, ContinuesBitForBitFromItsBytes) {
  LiftEstimator whole, half;
  Draws draws(5, 1, 1, Purpose::kSimulation);
  std::string bytes, end, again;
  const IdHash offers[] = {7};
  for (int i = 0; i < 3000; ++i) {
    Observation row = Row(static_cast<Arm>(draws.Below(3)), 50 * draws.Uniform(), draws.Below(3) == 0,
                          static_cast<Money>(draws.Below(9000)), static_cast<std::uint32_t>(draws.Below(20)), .3);
    row.exposure = draws.Below(2);
    whole.Apply(row, offers);
    if (i == 1500) {
      ByteWriter writer(bytes);
      whole.Save(writer);
      ByteReader in(bytes);
      half.Restore(in);
      ASSERT_TRUE(in.ok() && in.AtEnd());
    } else if (i > 1500) {
      half.Apply(row, offers);
    }
  }
  ByteWriter a(end), b(again);
  whole.Save(a);
  half.Save(b);
  EXPECT_EQ(end, again);
}

TEST(LiftEstimator, RefusesWhatIsNoRow) {
  LiftEstimator lift;
  Observation row = Row(Arm::kPolicy, 0, true, 0);
  row.arm = 3;
  EXPECT_FALSE(lift.Apply(row));
  row = Row(Arm::kPolicy, NAN, true, 0);
  EXPECT_FALSE(lift.Apply(row));
  row = Row(Arm::kPolicy, 0, true, 0, 1, 1.5);
  EXPECT_FALSE(lift.Apply(row));
  EXPECT_EQ(lift.rejected(), 3);
  EXPECT_EQ(lift.rows(), 0);
}

TEST(LiftStatistics, FiellerIntervalIsWhereTheTestStopsRejecting) {
  Stratum s;
  s.treated = {1000, 0, 0, 150, 150, 0};
  s.control = {1000, 0, 0, 100, 100, 0};
  const LiftEffect e = EffectOf(std::span(&s, 1), 0);
  EXPECT_NEAR(e.relative, .5, 1e-12);
  const double vt = .15 * .85 / 999, vc = .1 * .9 / 999;
  for (const double relative : {e.relative_low, e.relative_high}) {
    const double ratio = 1 + relative;
    EXPECT_NEAR(std::abs(.15 - ratio * .1) / std::sqrt(vt + ratio * ratio * vc), 1.959964, 1e-5);
  }
  s.control.y = s.control.y2 = 2;   // the control's rate may be 0: no end
  EXPECT_TRUE(std::isnan(EffectOf(std::span(&s, 1), 0).relative_high));
}

TEST(LiftStatistics, ChiSquareTailsOfTheTables) {
  EXPECT_NEAR(ChiSquareTail(3.841459, 1), .05, 1e-6);
  EXPECT_NEAR(ChiSquareTail(5.991465, 2), .05, 1e-6);
  EXPECT_NEAR(ChiSquareTail(11.344867, 3), .01, 1e-6);
  EXPECT_NEAR(ChiSquareTail(18.467, 4), .001, 1e-6);
  EXPECT_EQ(ChiSquareTail(0, 3), 1);
}

TEST(LiftStatistics, ManyCampaignsNeedMoreEvidenceEach) {
  const double one[] = {std::log(25.0)};
  EXPECT_TRUE(Discoveries(one, .05)[0]);
  std::vector<double> many(20, 0.0);
  many[3] = std::log(25.0);   // needs 20 / .05 = 400 alone
  EXPECT_FALSE(Discoveries(many, .05)[3]);
  for (std::size_t i = 0; i < 16; ++i) many[i] = std::log(26.0);   // 20 / (16 x .05) = 25
  EXPECT_TRUE(Discoveries(many, .05)[3]);
  EXPECT_FALSE(Discoveries(many, .05)[19]);
}

}  // namespace
}  // namespace offerstream
