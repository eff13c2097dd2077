// A27 on S7: an experiment without effect, watched all the time, is called an effect at most one time in twenty.
#include <array>
#include <cmath>
#include <cstdio>

#include <gtest/gtest.h>

#include "models/domain/fixed_math.h"
#include "models/domain/numeric_path.h"
#include "models/domain/random.h"
#include "models/evaluating/lift_estimator.h"
#include "tests/accuracy/bank_rows.h"

namespace offerstream {
namespace {

constexpr int kUnits = 40'000, kPeekEvery = 100;

struct Errors {
  int sequence = 0, evidence = 0, one_look = 0;
};

// One A/A stream; y Bernoulli .1, or 5 % log-normal(3, 1) spend, which also sets conversion.
Errors Watch(bool spend, std::uint64_t run) {
  Draws draws(run, spend, 7, Purpose::kSimulation);
  LiftEstimator lift;
  Errors errors;
  for (int i = 1; i <= kUnits; ++i) {
    Observation row;
    row.kind = ObservationKind::kLiftRow;
    row.arm = draws.Below(2) == 0 ? 0 : 1;
    row.y = draws.Uniform() < (spend ? .05 : .1) ? 1.0f : 0.0f;
    if (spend && row.y > 0) row.value = static_cast<Money>(std::nearbyint(100 * fixed::Exp(3 + draws.Normal())));
    lift.Apply(row);
    if (i % kPeekEvery != 0) continue;
    const LiftView view = lift.View();
    const LiftOutcome& o = view.measures[static_cast<std::size_t>(spend ? LiftMeasure::kRevenue : LiftMeasure::kConversion)];
    if (!o.watched) continue;
    if (o.anytime_low > 0 || o.anytime_high < 0) errors.sequence = 1;
    if (o.log_evidence >= fixed::Log(1 / .05)) errors.evidence = 1;
    if (o.plain.low > 0 || o.plain.high < 0) errors.one_look = 1;
  }
  return errors;
}

TEST(Lift, A27WatchingAllTheTimeErrsAtMostOneTimeInTwenty) {
  FixNumericPath();
  const int runs = accuracy::Seeds(100);
  for (const bool spend : {false, true}) {
    Errors sum;
    for (int run = 0; run < runs; ++run) {
      const Errors e = Watch(spend, static_cast<std::uint64_t>(run));
      sum.sequence += e.sequence;
      sum.evidence += e.evidence;
      sum.one_look += e.one_look;
    }
    std::printf("A27, %s, %d streams: confidence sequence %.3f, mSPRT %.3f, fixed interval watched %.3f\n",
                spend ? "spend" : "rate", runs, sum.sequence / double(runs), sum.evidence / double(runs), sum.one_look / double(runs));
    // With few streams the bound has its own noise: two standard errors of 5 %.
    const double bound = .05 + 2 * std::sqrt(.05 * .95 / runs) * (runs < 1000 ? 1 : 0);
    EXPECT_LE(sum.sequence, bound * runs);
    EXPECT_LE(sum.evidence, bound * runs);
    EXPECT_GE(sum.one_look, .2 * runs);   // what the others protect from
  }
}

TEST(Lift, IntervalAtTwiceThePlannedUnitsIsHalfAsWideAgain) {
  const double t = 40'000, variance = .1 * .9 / 10'000 * 2;
  const double ratio = AnytimeHalfWidth(variance, t, t / 2, .05) / (1.959964 * std::sqrt(variance));
  std::printf("width at twice the planned units: %.3f of one look's\n", ratio);
  EXPECT_NEAR(ratio, 1.56, .03);
}

}  // namespace
}  // namespace offerstream
