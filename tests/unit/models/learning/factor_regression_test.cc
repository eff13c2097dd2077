#include "models/learning/factor_regression.h"

#include <cmath>

#include <gtest/gtest.h>

#include "models/domain/fixed_math.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

// Six numbers of two factors; the first raises the logit by .9, the second not.
FactorRegression Told(int rows, Duration late, std::uint64_t seed = 1) {
  FactorRegression regression(6, 1);
  Draws draws(seed, 5, 6, Purpose::kSimulation);
  std::vector<float> numbers(6);
  for (int i = 0; i < rows; ++i) {
    const double f[2] = {draws.Normal(), draws.Normal()};
    for (std::size_t j = 0; j < 6; ++j) numbers[j] = static_cast<float>(.8 * f[j / 3] + .6 * draws.Normal());
    const bool y = draws.Uniform() < fixed::Logistic(-1 + .9 * f[0]);
    regression.Add(i, i + late, numbers, y, .3, .3);
  }
  regression.Finish();
  return regression;
}

TEST(FactorRegression, ThePlantedFactorIsFoundWithItsEffectAndTheOtherIsNone) {
  const FactorRegression told = Told(8'000, 0);
  ASSERT_TRUE(told.factors().has_value());
  ASSERT_EQ(told.factors()->count(), 2u);
  ASSERT_EQ(told.effects().size(), 3u);
  const std::size_t first = std::abs(told.factors()->loading(0, 0)) > .5 ? 1 : 2;   // the factor of numbers 0 to 2
  const double sign = told.factors()->loading(0, first - 1) > 0 ? 1 : -1;
  // Three numbers tell .84 of a factor's variance: of .9 a unit .9 sqrt(.84) = .82 a standard deviation of the score is left.
  EXPECT_NEAR(sign * told.effects()[first].coefficient, .82, .1);
  EXPECT_GT(std::abs(told.effects()[first].coefficient) / told.effects()[first].se, 20);
  EXPECT_LT(std::abs(told.effects()[3 - first].coefficient), .15);   // the rotation is estimated, too
}

TEST(FactorRegression, PredictionsAreOfRowsTheFitHasNotSeenAndBeatTheBaseRate) {
  const FactorRegression told = Told(8'000, 0);
  EXPECT_EQ(told.record().score.labels(), 7'000);
  EXPECT_EQ(told.online().score.labels(), 7'000);
  EXPECT_GT(told.record().score.Auc(), .68);
  EXPECT_LT(told.record().score.LogLoss(), told.online().score.LogLoss());
  EXPECT_NEAR(told.record().score.Calibration(), 1, .05);
}

TEST(FactorRegression, AnswersThatComeLateNeverReachBack) {
  // Every answer is 3,000 rows late: whoever was exposed before the first fit, which was made at 1,000 + 3,000, is not scored.
  const FactorRegression told = Told(8'000, 3'000);
  EXPECT_EQ(told.record().score.labels(), 8'000 - 3'999);
}

TEST(FactorRegression, TooLittleOrOneKindOfAnswerGivesNoEffects) {
  EXPECT_TRUE(Told(10, 0).effects().empty());
  FactorRegression no(6, 1);
  Draws draws(1, 5, 6, Purpose::kSimulation);
  std::vector<float> numbers(6);
  for (int i = 0; i < 1'500; ++i) {
    for (float& v : numbers) v = static_cast<float>(draws.Normal());
    no.Add(i, i, numbers, false, .1, .1);
  }
  no.Finish();
  EXPECT_TRUE(no.effects().empty());
  EXPECT_EQ(no.record().score.labels(), 0);
}

}  // namespace
}  // namespace offerstream
