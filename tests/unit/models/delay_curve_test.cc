#include "models/learning/delay_curve.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

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
  old.Drift(10 * 28 * 24, 10 * 28 * 24);
  EXPECT_GT(old.F(kDay), fresh.F(kDay) + .3);
}

// One exposure a minute from hour 0, every 20th converts: half within the hour, the rest evenly within two days. Told as
// a decision fold tells it, held or at once, in order of time until `until`.
DelayCurve Watched(Duration until, bool held) {
  DelayCurve curve(30 * kDay);
  struct Told {
    EventTime at;
    Duration from, to, age;  // age 0: closed unconverted
  };
  std::vector<Told> told;
  Draws draws(3, 3, 3, Purpose::kSimulation);
  for (EventTime shown = 0; shown < until; shown += kHour / 60) {
    const bool converts = draws.Uniform() < .05, soon = draws.Uniform() < .5;
    const auto age = 1 + static_cast<Duration>(draws.Uniform() * static_cast<double>(soon ? kHour : 2 * kDay));
    Duration from = 0;
    for (const Duration to : {kLabelCuts[0], kLabelCuts[1], kLabelCuts[2], kLabelCuts[3], kLabelCuts[4], kLabelCuts[5]}) {
      const bool here = converts && age <= to;
      told.push_back({shown + (here && !held ? age : to), from, to, here ? age : 0});
      if (here) break;
      from = to;
    }
  }
  std::stable_sort(told.begin(), told.end(), [](const Told& a, const Told& b) { return a.at < b.at; });
  std::int64_t hour = 0;
  for (const Told& t : told) {
    if (t.at > until) break;
    for (; hour < t.at / kHour; ++hour) curve.Drift(1, hour + 1);
    if (t.age > 0) curve.Convert(t.from, t.to, t.age, t.at, held);
    if (t.age == 0) curve.Close(t.from, t.to);
  }
  return curve;
}

TEST(DelayCurve, ClosedIntervalsTellItLongBeforeAWindowIsOver) {
  for (const bool held : {true, false}) {
    const DelayCurve curve = Watched(8 * kDay, held);
    // Beyond a week nobody has been watched yet: there the guess holds, 16 of 100 conversions.
    const double seen = curve.F(7 * kDay);
    EXPECT_NEAR(seen, .8, .03) << held;
    EXPECT_NEAR(curve.F(kHour) / seen, .51, .06) << held;
    EXPECT_NEAR(curve.F(kDay) / seen, .75, .06) << held;
    EXPECT_GT(curve.F(3 * kDay) / seen, .95) << held;
  }
}

TEST(DelayCurve, ConversionsToldAtOnceDoNotMakeTheYoungLookEager) {
  const DelayCurve held = Watched(3 * kDay, true), at_once = Watched(3 * kDay, false);
  for (const Duration age : {kHour, 6 * kHour, kDay}) EXPECT_NEAR(held.F(age), at_once.F(age), .03) << age;
}

TEST(DelayCurve, AnIntervalNobodyHasReachedKeepsItsShareOfThePool) {
  const DelayCurve fresh(30 * kDay);
  DelayCurve curve(30 * kDay);
  for (int i = 0; i < 1000; ++i) curve.Close(0, kHour);
  for (int i = 0; i < 100; ++i) curve.Convert(0, kHour, kHour / 2, kHour, true);
  curve.Drift(1, 1);
  EXPECT_NEAR(curve.F(kHour), fresh.F(kHour), 1e-6);  // many may answer, or they may answer at once: nobody can say yet
}

TEST(DelayCurve, ContinuesFromItsBytesWithConversionsThatStillWait) {
  DelayCurve a = Watched(4 * kDay, false);
  std::string bytes, later_a, later_b;
  ByteWriter out(bytes);
  a.Save(out);
  ByteReader in(bytes);
  DelayCurve b = DelayCurve::Restore(in);
  ASSERT_TRUE(in.ok());
  EXPECT_TRUE(in.AtEnd());
  for (DelayCurve* curve : {&a, &b}) {
    for (int hour = 97; hour < 300; ++hour) curve->Drift(1, hour);
    ByteWriter more(curve == &a ? later_a : later_b);
    curve->Save(more);
  }
  EXPECT_EQ(later_a, later_b);
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
