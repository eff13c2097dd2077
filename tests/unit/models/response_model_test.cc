#include "models/learning/response_model.h"

#include <cmath>

#include <Eigen/Dense>
#include <gtest/gtest.h>

#include "models/domain/fixed_math.h"
#include "models/domain/random.h"
#include "models/learning/logistic_step.h"

namespace offerstream {
namespace {

std::vector<float> RandomX(Draws& draws, std::size_t d) {
  std::vector<float> x(d, 1.0F);
  for (std::size_t j = 1; j < d; ++j) x[j] = static_cast<float>(draws.Normal());
  return x;
}

TEST(SolveLogit, FindsTheRootForAnyGain) {
  for (double z0 : {-30.0, -3.0, 0.0, 2.5, 40.0}) {
    for (double gain : {0.0, 1e-6, 0.3, 4.0, 100.0}) {
      for (double y : {0.0, 0.4, 1.0}) {
        const double z = SolveLogit(z0, gain, y);
        EXPECT_NEAR(z, z0 + gain * (y - fixed::Logistic(z)), 1e-6 * (1 + gain)) << z0 << " " << gain << " " << y;
      }
    }
  }
}

TEST(SolveLogit, NeverOvershootsTheLabel) {
  for (double gain : {1.0, 1e3, 1e6, 1e9}) {
    const double up = SolveLogit(-5, gain, 1), down = SolveLogit(5, gain, 0);
    EXPECT_GE(up, -5);
    EXPECT_LE(down, 5);
    EXPECT_TRUE(std::isfinite(up) && std::isfinite(down));
  }
}

TEST(ResponseModel, OneStepIsTheModeOfPriorTimesLikelihoodAlongX) {
  ResponseModel model(3);
  const std::vector<float> x = {1, 2, -1};
  const ResponseModel::Prediction before = model.Learn(x, 1.0, 1.0, 0.3);
  EXPECT_DOUBLE_EQ(before.variance, 1.0 + 0.1 * 4 + 0.1);
  // At the mode: m - m0 = P0 x (y - p) with p at the new logit.
  const double p = fixed::Logistic(model.Predict(x).logit + 0.3);
  EXPECT_NEAR(model.mean(1), 0.1 * 2 * (1 - p), 1e-9);
  EXPECT_NEAR(model.mean(2), 0.1 * -1 * (1 - p), 1e-9);
  EXPECT_NEAR(model.mean(0) - fixed::Logit(.05), 1.0 * (1 - p), 1e-9);
}

// The test oracle: the square-root form (Potter) keeps P = S S' and cannot lose symmetry or positivity.
TEST(ResponseModel, CovarianceEqualsThatOfTheSquareRootFilter) {
  constexpr int d = 7;
  ResponseModel model(d);
  Eigen::MatrixXd root = Eigen::MatrixXd::Identity(d, d) * std::sqrt(0.1);
  root(0, 0) = 1;
  Eigen::VectorXd mean = Eigen::VectorXd::Zero(d);
  mean[0] = fixed::Logit(.05);
  Draws draws(3, 1, 1, Purpose::kSimulation);
  for (int i = 0; i < 3000; ++i) {
    const std::vector<float> x = RandomX(draws, d);
    const double y = draws.Uniform() < 0.3 ? 1 : 0;
    model.Learn(x, y, 1.0, 0.0);
    Eigen::VectorXd e(d);
    for (int j = 0; j < d; ++j) e[j] = static_cast<double>(x[static_cast<std::size_t>(j)]);
    const Eigen::VectorXd phi = root.transpose() * e;
    const double v = phi.squaredNorm(), p = fixed::Logistic(SolveLogit(mean.dot(e), v, y)), h = p * (1 - p);
    mean += root * phi * (y - p);
    root -= root * phi * phi.transpose() * (h / (1 + h * v + std::sqrt(1 + h * v)));
  }
  const Eigen::MatrixXd covariance = root * root.transpose();
  for (std::size_t i = 0; i < d; ++i) {
    EXPECT_NEAR(model.mean(i), mean[static_cast<Eigen::Index>(i)], 1e-9);
    for (std::size_t j = 0; j < d; ++j) {
      EXPECT_NEAR(model.covariance(i, j), covariance(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)), 1e-12);
      EXPECT_EQ(model.covariance(i, j), model.covariance(j, i));
    }
  }
}

TEST(ResponseModel, PredictionsAreTheFormWrittenOutForEveryDimension) {
  for (std::size_t d = 1; d <= 17; ++d) {
    Draws draws(5, 1, d, Purpose::kSimulation);
    ResponseModel model(d);
    for (int i = 0; i < 60; ++i) {
      std::vector<float> x = RandomX(draws, d);
      for (std::size_t j = 1; j < d; ++j) x[j] = draws.Uniform() < 0.6 ? 0.0F : x[j];
      double variance = 0, logit = 0;
      for (std::size_t a = 0; a < d; ++a) {
        logit += model.mean(a) * static_cast<double>(x[a]);
        for (std::size_t b = 0; b < d; ++b) {
          variance += static_cast<double>(x[a]) * model.covariance(a, b) * static_cast<double>(x[b]);
        }
      }
      const ResponseModel::Prediction said = model.Learn(x, i % 3 == 0, 1.0, 0.0);
      ASSERT_NEAR(said.variance, variance, 1e-12) << d;
      ASSERT_NEAR(said.logit, logit, 1e-12) << d;
      if (i == 30) model.Drift(5, HalfLives{});
    }
  }
}

TEST(ResponseModel, DriftForgetsTowardsThePriorAndNeverPastIt) {
  ResponseModel model(4);
  const std::vector<float> x = {1, 1, 0, 0};
  for (int i = 0; i < 500; ++i) model.Learn(x, 1.0, 1.0, 0.0);
  const double learned = model.mean(1), narrow = model.covariance(1, 1);
  model.Drift(28 * 24, HalfLives{});
  EXPECT_NEAR(model.mean(1), learned / 2, 1e-12);
  EXPECT_NEAR(model.covariance(1, 1), narrow / 4 + 0.1 * 0.75, 1e-12);
  model.Drift(1e6, HalfLives{});
  EXPECT_NEAR(model.mean(1), 0, 1e-9);
  EXPECT_NEAR(model.covariance(0, 0), 4, 1e-9);
  EXPECT_NEAR(model.covariance(1, 1), 0.1, 1e-9);
}

TEST(ResponseModel, WideningStopsAtThePrior) {
  ResponseModel model(3);
  for (int i = 0; i < 2000; ++i) model.Learn(std::vector<float>{1, i % 2 ? 1.0F : -1.0F, 0}, i % 5 == 0, 1.0, 0.0);
  const double level = model.covariance(0, 0), slope = model.covariance(1, 1);
  model.Widen(4, 1.5);
  EXPECT_NEAR(model.covariance(0, 0), 4 * level, 1e-12);
  EXPECT_NEAR(model.covariance(1, 1), 1.5 * slope, 1e-12);
  EXPECT_NEAR(model.covariance(2, 2), 0.1, 1e-12);
  EXPECT_TRUE(model.Sound());
}

TEST(ResponseModel, BirthReplacesThePriorWithThatOfSiblings) {
  ResponseModel model(3);
  model.Birth(std::vector<float>{-1, 0.5F, 0}, std::vector<float>{0.5F, 0.2F, 0.05F});
  EXPECT_EQ(model.mean(1), 0.5);
  EXPECT_FLOAT_EQ(static_cast<float>(model.covariance(1, 1)), 0.2F);
  model.Drift(1e6, HalfLives{});
  EXPECT_NEAR(model.mean(0), -1, 1e-9);
  EXPECT_NEAR(model.covariance(1, 1), static_cast<double>(0.2F), 1e-9);
  EXPECT_NEAR(model.covariance(2, 2), 0.1, 1e-9);
}

// x' = (x - a)/b: every prediction and its variance stay what they were.
TEST(ResponseModel, RescaledFeaturesPredictTheSame) {
  Draws draws(9, 1, 1, Purpose::kSimulation);
  ResponseModel model(3);
  for (int i = 0; i < 800; ++i) model.Learn(RandomX(draws, 3), draws.Uniform() < 0.2, 1.0, 0.0);
  ResponseModel moved = model;
  moved.Reshape({{{0, 0, 1}, {2, 0.7, 2.5}, {1, -1.5, 0.4}}, {}});
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> x = RandomX(draws, 3);
    const std::vector<float> moved_x = {1, (x[2] - 0.7F) / 2.5F, (x[1] + 1.5F) / 0.4F};
    EXPECT_NEAR(moved.Predict(moved_x).logit, model.Predict(x).logit, 1e-5);
    EXPECT_NEAR(moved.Predict(moved_x).variance, model.Predict(x).variance, 1e-5);
  }
}

TEST(ResponseModel, ADroppedFeatureLeavesItsMeanInTheLevelAndANewOneStartsFromItsPrior) {
  ResponseModel model(2);
  for (int i = 0; i < 400; ++i) model.Learn(std::vector<float>{1, 2}, 1.0, 1.0, 0.0);
  const double whole = model.Predict(std::vector<float>{1, 2}).logit;
  model.Reshape({{{0, 0, 1}, {SchemaChange::kNew, 0, 1}}, {{1, 2.0}}});
  EXPECT_NEAR(model.Predict(std::vector<float>{1, 0}).logit, whole, 1e-9);
  EXPECT_EQ(model.mean(1), 0.0);
  EXPECT_NEAR(model.covariance(1, 1), 0.1, 1e-12);
  EXPECT_EQ(model.covariance(0, 1), 0.0);
}

TEST(Covariance, RoundsToTheWholeMatrix) {
  Covariance covariance(6);
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t j = 0; j <= i; ++j) covariance.Set(i, j, 1.0 / static_cast<double>(1 + i + 7 * j));
  }
  std::vector<float> rounded(100, 9.0F);
  covariance.RoundTo(rounded);
  ASSERT_EQ(rounded.size(), 36u);
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t j = 0; j < 6; ++j) EXPECT_EQ(rounded[i * 6 + j], static_cast<float>(covariance.at(i, j)));
  }
}

TEST(Covariance, ABrokenMatrixMendsToOneThatIsPositive) {
  Covariance covariance(3);
  for (std::size_t i = 0; i < 3; ++i) covariance.Set(i, i, 0.1);
  EXPECT_TRUE(covariance.PositiveDefinite());
  covariance.Set(0, 1, 0.5);
  covariance.Set(2, 2, -1);
  EXPECT_FALSE(covariance.PositiveDefinite());
  covariance.Mend(std::vector<double>{4, 0.1, 0.1});
  EXPECT_TRUE(covariance.PositiveDefinite());
}

TEST(Covariance, RestoreRefusesTruncatedAndNonFiniteBytes) {
  Covariance covariance(4);
  for (std::size_t i = 0; i < 4; ++i) covariance.Set(i, i, 1.0);
  std::string bytes;
  ByteWriter out(bytes);
  covariance.Save(out);
  ByteReader short_in(std::string_view(bytes).substr(0, bytes.size() - 1));
  Covariance::Restore(4, short_in);
  EXPECT_FALSE(short_in.ok());
  bytes[7] = '\x7f';
  bytes[6] = '\xf8';  // NaN
  ByteReader bad_in(bytes);
  Covariance::Restore(4, bad_in);
  EXPECT_FALSE(bad_in.ok());
}

TEST(ResponseModel, AScaledPriorIsThePosteriorItWouldHaveHadFromTheStart) {
  ResponseModel scaled(3), wide(3);
  wide.SetPrior(scaled.prior_mean(0), 1, .3);
  scaled.SetPrior(scaled.prior_mean(0), 1, .1);
  Draws draws(2, 2, 2, Purpose::kSimulation);
  for (int i = 0; i < 400; ++i) {   // half a label each way: nearly Gaussian, so that the order of things hardly matters
    const std::vector<float> x = {1, static_cast<float>(draws.Normal()), static_cast<float>(draws.Normal())};
    scaled.Learn(x, .5, .2, 0);
    wide.Learn(x, .5, .2, 0);
  }
  scaled.ScaleSlopePrior(3);
  EXPECT_NEAR(scaled.prior_variance(1), .3, 1e-12);
  EXPECT_EQ(scaled.prior_variance(0), 1);
  for (std::size_t j = 0; j < 3; ++j) {
    EXPECT_NEAR(scaled.mean(j), wide.mean(j), .02) << j;
    EXPECT_NEAR(scaled.covariance(j, j), wide.covariance(j, j), .02 * wide.covariance(j, j)) << j;
  }
}

}  // namespace
}  // namespace offerstream
