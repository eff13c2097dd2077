#include "models/evaluating/off_policy_estimator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "models/domain/fixed_math.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

// Rows small enough to do by hand.
const std::vector<OffPolicyRow> kRows = {
    {.unit = 1, .weight = 2.0, .reward = 1.0, .predicted = 0.5, .expected = 0.6},
    {.unit = 2, .weight = 0.5, .reward = 0.0, .predicted = 0.2, .expected = 0.3},
    {.unit = 3, .weight = 0.0, .reward = 1.0, .predicted = 0.4, .expected = 0.1},
    {.unit = 4, .weight = 1.5, .reward = 2.0, .predicted = 1.0, .expected = 0.8},
};

OffPolicyResult ResultOf(const std::vector<OffPolicyRow>& rows, std::size_t replicates = 0) {
  OffPolicyEstimator estimator(1, replicates);
  for (const OffPolicyRow& row : rows) EXPECT_TRUE(estimator.Add(row));
  return estimator.Result();
}

TEST(OffPolicyEstimator, GivesTheTextbookValuesOfEveryMethod) {
  const OffPolicyResult r = ResultOf(kRows);
  EXPECT_EQ(r.n, 4);
  EXPECT_DOUBLE_EQ(r.mean_weight, 1.0);
  EXPECT_DOUBLE_EQ(r.ess, 16.0 / 6.5);
  EXPECT_DOUBLE_EQ(r.max_weight, 2.0);
  EXPECT_DOUBLE_EQ(r.logged_value, 1.0);
  EXPECT_DOUBLE_EQ(r.of(OffPolicyMethod::kIps).value, 5.0 / 4);
  EXPECT_DOUBLE_EQ(r.of(OffPolicyMethod::kSnips).value, 5.0 / 4);
  EXPECT_DOUBLE_EQ(r.of(OffPolicyMethod::kDm).value, 1.8 / 4);
  const double correction = 2.0 * 0.5 + 0.5 * -0.2 + 0 + 1.5 * 1.0;
  EXPECT_DOUBLE_EQ(r.of(OffPolicyMethod::kDr).value, (1.8 + correction) / 4);
  EXPECT_DOUBLE_EQ(r.of(OffPolicyMethod::kSndr).value, 1.8 / 4 + correction / 4.0);
  EXPECT_NEAR(r.difference, (1.8 + correction) / 4 - 1.0, 1e-15);
}

TEST(OffPolicyEstimator, StandardErrorsAreThoseOfTheRowsTerms) {
  const OffPolicyResult r = ResultOf(kRows);
  const double snips = 1.25;
  double variance = 0, mean = 0, squares = 0;
  for (const OffPolicyRow& row : kRows) {
    variance += row.weight * row.weight * (row.reward - snips) * (row.reward - snips);
    const double t = row.expected + row.weight * (row.reward - row.predicted);
    mean += t / 4;
    squares += t * t / 4;
  }
  const OffPolicyEstimate& s = r.of(OffPolicyMethod::kSnips);
  EXPECT_NEAR((s.normal.high - s.normal.low) / 2, 1.959963984540054 * std::sqrt(variance) / 4, 1e-12);
  const OffPolicyEstimate& d = r.of(OffPolicyMethod::kDr);
  EXPECT_NEAR((d.normal.high - d.normal.low) / 2, 1.959963984540054 * std::sqrt((squares - mean * mean) / 3), 1e-12);
}

TEST(OffPolicyEstimator, TheDifferenceToTheLogIsPaired) {
  std::vector<OffPolicyRow> rows;   // rewards vary widely, the policy's weights hardly: only the latter is uncertain
  for (int i = 0; i < 1'000; ++i) {
    rows.push_back({.unit = static_cast<std::uint64_t>(i), .weight = i % 2 == 0 ? 1.02 : .98, .reward = i % 7 == 0 ? 100.0 : 0.0});
  }
  const OffPolicyResult normal = ResultOf(rows), boot = ResultOf(rows, 2'000);
  const OffPolicyEstimate& value = normal.of(OffPolicyMethod::kSndr);
  const double own = value.normal.high - value.normal.low;
  const double paired = normal.difference_interval.high - normal.difference_interval.low;
  EXPECT_LT(paired, own / 20);
  EXPECT_NEAR((boot.difference_interval.high - boot.difference_interval.low) / paired, 1, .1);
}

TEST(OffPolicyEstimator, TheLogUnderItsOwnPolicyEarnsWhatItEarned) {
  std::vector<OffPolicyRow> rows;
  for (int i = 0; i < 400; ++i) rows.push_back({.unit = static_cast<std::uint64_t>(i), .weight = 1, .reward = i % 10 == 0 ? 1.0 : 0.0, .predicted = .1, .expected = .1});
  const OffPolicyResult r = ResultOf(rows, 1'000);
  for (const OffPolicyMethod method : {OffPolicyMethod::kIps, OffPolicyMethod::kSnips, OffPolicyMethod::kDr, OffPolicyMethod::kSndr}) {
    EXPECT_NEAR(r.of(method).value, .1, 1e-12) << Name(method);
  }
  EXPECT_NEAR(r.difference, 0, 1e-12);
  EXPECT_NEAR(r.difference_interval.low, 0, 1e-12);
  EXPECT_NEAR(r.difference_interval.high, 0, 1e-12);
  EXPECT_DOUBLE_EQ(r.ess, 400);
  EXPECT_TRUE(r.supported) << r.refusal;
}

TEST(OffPolicyEstimator, ThinSupportIsRefusedWithTheReason) {
  std::vector<OffPolicyRow> rows;
  for (int i = 0; i < 1'000; ++i) rows.push_back({.unit = static_cast<std::uint64_t>(i), .weight = i == 7 ? 700.0 : .3, .reward = 1});
  const OffPolicyResult r = ResultOf(rows);
  EXPECT_LT(r.ess, 3);
  EXPECT_FALSE(r.supported);
  EXPECT_NE(r.refusal.find("effective sample size"), std::string::npos) << r.refusal;
}

TEST(OffPolicyEstimator, WhatTheLogNeverDidIsRefusedByTheMeanWeight) {
  std::vector<OffPolicyRow> rows;   // half of what the policy would do has no propensity in the log
  for (int i = 0; i < 1'000; ++i) rows.push_back({.unit = static_cast<std::uint64_t>(i), .weight = .5, .reward = 1});
  OffPolicyResult r = ResultOf(rows);
  EXPECT_FALSE(r.supported);
  EXPECT_NE(r.refusal.find("does not contain what this policy would do"), std::string::npos) << r.refusal;
  for (OffPolicyRow& row : rows) row.weight = 1.5;
  r = ResultOf(rows);
  EXPECT_FALSE(r.supported);
  EXPECT_NE(r.refusal.find("cannot be those"), std::string::npos) << r.refusal;
}

TEST(OffPolicyEstimator, NoRowsAreNoVerdict) {
  const OffPolicyResult r = ResultOf({});
  EXPECT_EQ(r.n, 0);
  EXPECT_FALSE(r.supported);
  EXPECT_FALSE(r.refusal.empty());
}

TEST(OffPolicyEstimator, ARowThePolicyDeclinesEarnsNothingAndKeepsTheMeanWeight) {
  std::vector<OffPolicyRow> rows;
  for (int i = 0; i < 500; ++i) {
    const bool declines = i % 2 == 0;
    rows.push_back({.unit = static_cast<std::uint64_t>(i), .weight = declines ? 0.0 : 1.0, .reward = 1, .predicted = 1, .expected = declines ? 9.0 : 1.0, .declines = declines});
  }
  const OffPolicyResult r = ResultOf(rows);
  EXPECT_DOUBLE_EQ(r.mean_weight, 1.0);
  EXPECT_TRUE(r.supported) << r.refusal;
  EXPECT_DOUBLE_EQ(r.of(OffPolicyMethod::kSnips).value, .5);
  EXPECT_DOUBLE_EQ(r.of(OffPolicyMethod::kDr).value, .5);
  EXPECT_DOUBLE_EQ(r.logged_value, 1.0);
  EXPECT_DOUBLE_EQ(r.difference, -.5);
}

TEST(OffPolicyEstimator, BadNumbersAreRefusedAndCounted) {
  OffPolicyEstimator estimator(1, 0);
  EXPECT_FALSE(estimator.Add({.weight = -1}));
  EXPECT_FALSE(estimator.Add({.weight = NAN}));
  EXPECT_FALSE(estimator.Add({.weight = 1, .reward = HUGE_VAL}));
  EXPECT_FALSE(estimator.Add({.weight = 1, .predicted = NAN}));
  EXPECT_EQ(estimator.rejected(), 4);
  EXPECT_EQ(estimator.Result().n, 0);
}

// Rare huge weights and a good model: taming the weights must be preferred, and be closer to the truth.
TEST(OffPolicyEstimator, HeavyWeightsAreTamedWhereTheModelIsGood) {
  double dr_error = 0, os_error = 0, switch_error = 0;
  for (std::uint64_t run = 0; run < 60; ++run) {
    OffPolicyEstimator estimator(1, 0);
    Draws draws(11, run, 0, Purpose::kSimulation);
    for (int i = 0; i < 2'000; ++i) {
      // With .998 the log does what the policy never does; the policy's choice has propensity .002.
      const bool rare = draws.Uniform() < .002;
      const double reward = draws.Uniform() < .5 ? 1 : 0;
      estimator.Add({.unit = static_cast<std::uint64_t>(i), .weight = rare ? 500.0 : 0.0, .reward = reward, .predicted = .5, .expected = .5});
    }
    const OffPolicyResult r = estimator.Result();
    const auto error = [&](OffPolicyMethod m) { return (r.of(m).value - .5) * (r.of(m).value - .5); };
    dr_error += error(OffPolicyMethod::kDr);
    os_error += error(OffPolicyMethod::kDrOs);
    switch_error += error(OffPolicyMethod::kSwitch);
    EXPECT_GT(r.of(OffPolicyMethod::kDrOs).parameter, 0);
  }
  EXPECT_LT(os_error, .7 * dr_error);
  EXPECT_LT(switch_error, dr_error);
}

// Student's interval by hand: V +- t(2 m / (kurtosis - 1)) sqrt(sum u^2) / n over units.
TEST(OffPolicyEstimator, StudentsIntervalTakesUnitsTogetherAndItsFreedomFromTheirKurtosis) {
  std::vector<OffPolicyRow> rows;
  std::vector<double> units(60);
  double sum = 0;
  for (std::size_t i = 0; i < 240; ++i) {
    const double reward = i / 4 == 7 ? 5.0 : static_cast<double>(i % 3);   // one customer stands out
    rows.push_back({.unit = i / 4, .weight = 1, .reward = reward});
    units[i / 4] += reward;
    sum += reward;
  }
  double squares = 0, fourths = 0;
  for (double& u : units) {
    u -= sum / 60;
    squares += u * u;
    fourths += u * u * u * u;
  }
  const OffPolicyResult r = ResultOf(rows, 1'000);
  const double freedom = 2 * 60 / (60 * fourths / (squares * squares) - 1);
  EXPECT_NEAR(r.freedom, freedom, 1e-9 * freedom);
  const OffPolicyEstimate& e = r.of(OffPolicyMethod::kSndr);
  const double t = (e.student.high - e.value) / (std::sqrt(squares) / 240);
  EXPECT_GT(freedom, 2);
  EXPECT_LT(freedom, 10);   // few: t is far from the normal's 1.96
  EXPECT_GT(t, 2.2);
  EXPECT_LT(t, 3.2);
  EXPECT_EQ(e.interval.low, std::min(e.bootstrap.low, e.student.low));
  EXPECT_EQ(e.interval.high, std::max(e.bootstrap.high, e.student.high));
}

TEST(OffPolicyEstimator, ManyLikeUnitsGiveTheNormalInterval) {
  std::vector<OffPolicyRow> rows;
  for (std::uint64_t i = 0; i < 4'000; ++i) rows.push_back({.unit = i, .weight = i % 2 == 0 ? 1.5 : .5, .reward = i % 3 == 0 ? 1.0 : 0.0});
  const OffPolicyResult r = ResultOf(rows, 1'000);
  const OffPolicyEstimate& e = r.of(OffPolicyMethod::kSnips);
  EXPECT_NEAR((e.student.high - e.student.low) / (e.normal.high - e.normal.low), 1, .005);
}

TEST(OffPolicyEstimator, WhereOneCustomerMakesTheUncertaintyThereIsNoVerdict) {
  std::vector<OffPolicyRow> rows;
  for (std::uint64_t i = 0; i < 2'000; ++i) rows.push_back({.unit = i, .weight = 1, .reward = i == 5 ? -400.0 : (i % 2 == 0 ? 1.0 : 0.0)});
  const OffPolicyResult r = ResultOf(rows, 500);
  EXPECT_GT(r.ess, OffPolicyEstimator::kEssMin);
  EXPECT_FALSE(r.supported);
  EXPECT_NE(r.refusal.find("One customer"), std::string::npos) << r.refusal;
}

// Heavy weights, rare answers and rarer losses (somebody left): a log without a loss at a heavy weight says too little of
// how uncertain it is, one with it has skewness the wrong way round. Each interval alone misses more often than both do.
TEST(OffPolicyEstimator, TheIntervalHoldsWhereRareAnswersMeetHeavyWeights) {
  constexpr int kWorlds = 400;
  constexpr double kAnswers = .03, kLeaves = .001;
  int inside = 0, bootstrap = 0;
  for (std::uint64_t world = 0; world < kWorlds; ++world) {
    OffPolicyEstimator estimator(world, 400);
    Draws draws(17, world, 0, Purpose::kSimulation);
    for (std::uint64_t i = 0; i < 2'000; ++i) {
      const double weight = draws.Uniform() < .05 ? 10 : .5 / .95;
      const double u = draws.Uniform();
      estimator.Add({.unit = i / 2, .weight = weight, .reward = u < kAnswers ? 40.0 : (u > 1 - kLeaves ? -110.0 : -.1)});
    }
    const OffPolicyResult r = estimator.Result();
    const OffPolicyEstimate& e = r.of(OffPolicyMethod::kSndr);
    const double is = 40 * kAnswers - 110 * kLeaves - .1 * (1 - kAnswers - kLeaves);
    inside += e.interval.low <= is && is <= e.interval.high;
    bootstrap += e.bootstrap.low <= is && is <= e.bootstrap.high;
  }
  EXPECT_GE(inside, kWorlds * 93 / 100) << bootstrap << " by the bootstrap alone";
  EXPECT_GT(inside, bootstrap);
}

TEST(OffPolicyEstimator, TheSameRowsAndSeedGiveTheSameBits) {
  const OffPolicyResult a = ResultOf(kRows, 500), b = ResultOf(kRows, 500);
  for (std::size_t m = 0; m < kOffPolicyMethods; ++m) {
    EXPECT_EQ(a.methods[m].bootstrap.low, b.methods[m].bootstrap.low);
    EXPECT_EQ(a.methods[m].bootstrap.high, b.methods[m].bootstrap.high);
  }
}

TEST(PoissonBootstrap, CountsAreOneOnAverageWithVarianceOne) {
  PoissonBootstrap bootstrap(3, 1, 2'000);
  const double one[] = {1};
  for (std::uint64_t unit = 0; unit < 200; ++unit) bootstrap.Add(unit, one);
  double sum = 0, squares = 0;
  for (std::size_t b = 0; b < bootstrap.replicates(); ++b) {
    sum += bootstrap.Sum(0, b);
    squares += bootstrap.Sum(0, b) * bootstrap.Sum(0, b);
  }
  const double n = static_cast<double>(bootstrap.replicates()), mean = sum / n;
  EXPECT_NEAR(mean / 200, 1, .005);
  EXPECT_NEAR((squares / n - mean * mean) / 200, 1, .1);
}

TEST(PoissonBootstrap, RowsOfOneUnitAreTakenTogether) {
  PoissonBootstrap apart(3, 1, 2'000), together(3, 1, 2'000);
  const double one[] = {1};
  for (std::uint64_t i = 0; i < 400; ++i) {
    apart.Add(i, one);
    together.Add(i / 4, one);   // 100 customers of four rows
  }
  const auto width = [](const PoissonBootstrap& b) {
    const Interval i = b.Corrected([&](std::size_t r) { return b.Sum(0, r); }, 400, 0);
    return i.high - i.low;
  };
  EXPECT_NEAR(width(together) / width(apart), 2, .15);
}

// A mean of rare rewards: few samples hold the large ones, so the interval has to reach further up than down.
TEST(PoissonBootstrap, TheCorrectionForSkewnessCoversMeansOfRareRewards) {
  constexpr int kWorlds = 400, kUnits = 150;
  constexpr double kShare = 0.06, kMean = kShare;   // exponential rewards of mean 1, seldom
  int plain_inside = 0, inside = 0, plain_above = 0, above = 0;
  for (int world = 0; world < kWorlds; ++world) {
    Draws draws(11, static_cast<std::uint64_t>(world), 0, Purpose::kSimulation);
    PoissonBootstrap bootstrap(static_cast<std::uint64_t>(world), 2, 1'000);
    std::vector<double> rewards;
    double sum = 0;
    for (std::uint64_t unit = 0; unit < kUnits; ++unit) {
      const double u = draws.Uniform(), reward = u < kShare ? -fixed::Log(1 - draws.Uniform()) : 0;
      rewards.push_back(reward);
      sum += reward;
      const double terms[] = {1, reward};
      bootstrap.Add(unit, terms);
    }
    const double mean = sum / kUnits;
    double squares = 0, cubes = 0;
    for (const double r : rewards) {
      squares += (r - mean) * (r - mean);
      cubes += (r - mean) * (r - mean) * (r - mean);
    }
    const auto statistic = [&](std::size_t b) { return bootstrap.Sum(1, b) / bootstrap.Sum(0, b); };
    std::vector<double> values;
    for (std::size_t b = 0; b < bootstrap.replicates(); ++b) values.push_back(statistic(b));
    std::nth_element(values.begin(), values.begin() + 500, values.end());
    const Interval plain = bootstrap.Corrected(statistic, values[500], 0);   // an estimate in the middle: nothing to correct
    const Interval corrected = bootstrap.Corrected(statistic, mean, Acceleration(squares, cubes));
    plain_inside += plain.low <= kMean && kMean <= plain.high;
    plain_above += kMean > plain.high;
    inside += corrected.low <= kMean && kMean <= corrected.high;
    above += kMean > corrected.high;
  }
  EXPECT_GT(inside, plain_inside + kWorlds / 100);
  EXPECT_GE(inside, kWorlds * 92 / 100) << plain_inside << " plain";
  EXPECT_LT(above, plain_above) << "the true mean lies above a plain interval too often";
}

TEST(PoissonBootstrap, ManyRowsGoOnWithFewerReplicatesAndOfManyRows) {
  PoissonBootstrap bootstrap(3, 1, 1'500);
  const double one[] = {1};
  for (std::int64_t i = 0; i <= PoissonBootstrap::kManyRows; ++i) bootstrap.Add(static_cast<std::uint64_t>(i), one);
  EXPECT_EQ(bootstrap.replicates(), PoissonBootstrap::kFewReplicates);
  const Interval all = bootstrap.Corrected([&](std::size_t b) { return bootstrap.Sum(0, b); }, static_cast<double>(PoissonBootstrap::kManyRows), 0);
  EXPECT_NEAR((all.low + all.high) / 2, static_cast<double>(PoissonBootstrap::kManyRows), 150);
}

}  // namespace
}  // namespace offerstream
