#include "models/learning/delay_curve.h"

#include <cmath>

#include <gtest/gtest.h>

#include "models/domain/random.h"
#include "models/learning/calibrator.h"

namespace offerstream {
namespace {

constexpr Duration kHour = 3'600'000, kDay = 24 * kHour;

TEST(DelayCurve, BeforeTheFirstConversionItIsAnExponentialOfASeventhOfTheWindow) {
  const DelayCurve curve(7 * kDay);
  EXPECT_EQ(curve.F(0), 0);
  EXPECT_EQ(curve.F(7 * kDay), 1);
  EXPECT_NEAR(curve.F(kDay), (1 - std::exp(-1)) / (1 - std::exp(-7)), .02);
  double before = 0;
  for (Duration age = 0; age <= 7 * kDay; age += kHour / 4) {
    EXPECT_GE(curve.F(age), before);
    before = curve.F(age);
  }
}

TEST(DelayCurve, FollowsTheConversionsItHasSeen) {
  DelayCurve curve(7 * kDay);
  Draws draws(1, 1, 1, Purpose::kSimulation);
  for (int i = 0; i < 5000; ++i) curve.Learn(static_cast<Duration>((2 + draws.Uniform()) * static_cast<double>(kDay)));
  EXPECT_LT(curve.F(kDay), .02);
  EXPECT_NEAR(curve.F(5 * kDay / 2), .5, .08);
  EXPECT_GT(curve.F(7 * kDay / 2), .97);
}

TEST(DelayCurve, OffsetsOfAllIntervalsAddUpToOneLabel) {
  DelayCurve curve(30 * kDay);
  curve.Learn(kDay);
  double sum = 0;
  Duration from = 0;
  for (std::uint32_t cut = 0; cut <= CutsBelow(curve.window()); ++cut) {
    const Duration to = cut < CutsBelow(curve.window()) ? kLabelCuts[cut] : curve.window();
    sum += std::exp(curve.Offset(from, to));
    from = to;
  }
  EXPECT_NEAR(sum, 1, 1e-9);
  EXPECT_NEAR(curve.Offset(kDay, kDay), std::log(1e-3), 1e-12);
}

TEST(DelayCurve, OldConversionsWeighLess) {
  DelayCurve fresh(7 * kDay), old(7 * kDay);
  for (int i = 0; i < 100; ++i) {
    fresh.Learn(6 * kDay);
    old.Learn(6 * kDay);
  }
  old.Drift(10 * 28 * 24);
  EXPECT_GT(old.F(kDay), fresh.F(kDay) + .3);
}

TEST(DelayCurve, APoolOfSiblingsCountsFiftyConversions) {
  DelayCurve curve(7 * kDay);
  curve.SetPool(std::vector<float>{.5F, .5F, .5F, .5F, 1});
  EXPECT_NEAR(curve.F(kDay), .5, .03);
  for (int i = 0; i < 50; ++i) curve.Learn(6 * kDay);
  EXPECT_NEAR(curve.F(kDay), .25, .03);
}

TEST(DelayCurve, SharesEndWithOneAtTheWindow) {
  std::array<double, kLabelCutsMax> shares{};
  EXPECT_EQ(DelayCurve(kHour / 2).Shares(shares), 1u);
  EXPECT_EQ(shares[0], 1);
  EXPECT_EQ(DelayCurve(30 * kDay).Shares(shares), 7u);  // 30 d itself is W, not a cut below it
  EXPECT_EQ(shares[6], 1);
  EXPECT_LT(shares[5], 1);
}

TEST(DelayCurve, AnotherWindowKeepsTheConversionsInsideIt) {
  DelayCurve curve(30 * kDay);
  for (int i = 0; i < 500; ++i) curve.Learn(kDay / 2);
  for (int i = 0; i < 500; ++i) curve.Learn(20 * kDay);
  curve.Configure(7 * kDay);
  EXPECT_GT(curve.F(2 * kDay), .9);
}

TEST(Calibrator, TakesOutABiasOfLabelsKnownAtOnceAndBelievesLateOnesLess) {
  Calibrator at_once, late;
  Draws draws(2, 2, 2, Purpose::kSimulation);
  for (int i = 0; i < 20'000; ++i) {
    const double logit = -2 + .7 * draws.Normal();
    const double y = draws.Uniform() < fixed::Logistic(logit - .5) ? 1 : 0;
    at_once.Learn(logit, y, Calibrator::WeightOf(0));
    late.Learn(logit, y, Calibrator::WeightOf(30 * kDay));
  }
  EXPECT_NEAR(at_once.Apply(-2), -2.5, .1);
  EXPECT_GT(late.Apply(-2), -2.3);
  EXPECT_LT(late.Apply(-2), -2.0);
}

}  // namespace
}  // namespace offerstream
