// How fast to forget is not a constant of nature: with shipped defaults the race must come close to the best fixed setting
// of worlds that drift thirty times slower and thirty times faster than the default half-life.
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "models/domain/fixed_math.h"
#include "models/domain/numeric_path.h"
#include "models/domain/random.h"
#include "models/response_learner.h"
#include "tests/accuracy/bank_rows.h"

namespace offerstream {
namespace {

constexpr std::size_t kDimension = 9;
constexpr int kLabels = 60'000, kFirst = 2'000;
constexpr EventTime kMinute = 60'000;

struct Stream {
  std::vector<std::array<float, kDimension>> x{};
  std::vector<float> y{};
};

// Coefficients follow Ornstein-Uhlenbeck processes, one label a minute: the level around -2.5 with variance .3 and a
// half-life of 7 d / pace, eight slopes around +-.3 with variance .1 and 28 d / pace.
Stream Draw(double pace, std::uint64_t seed) {
  Stream stream;
  Draws draws(seed, 31, static_cast<std::uint64_t>(pace * 100), Purpose::kSimulation);
  std::array<double, kDimension> centre{}, at{};
  for (std::size_t j = 0; j < kDimension; ++j) {
    centre[j] = j == 0 ? -2.5 : (j % 2 == 0 ? .3 : -.3);
    at[j] = centre[j] + std::sqrt(j == 0 ? .3 : .1) * draws.Normal();
  }
  for (int i = 0; i < kLabels; ++i) {
    std::array<float, kDimension> x{};
    double z = 0;
    for (std::size_t j = 0; j < kDimension; ++j) {
      const double variance = j == 0 ? .3 : .1, f = fixed::Exp2(-pace / ((j == 0 ? 7 : 28) * 1440.0));
      at[j] = centre[j] + f * (at[j] - centre[j]) + std::sqrt((1 - f * f) * variance) * draws.Normal();
      x[j] = j == 0 ? 1.0F : static_cast<float>(draws.Normal());
      z += at[j] * static_cast<double>(x[j]);
    }
    stream.x.push_back(x);
    stream.y.push_back(draws.Uniform() < fixed::Logistic(z) ? 1.0F : 0.0F);
  }
  return stream;
}

double LossOf(double p, double y) { return -(y * std::log(p) + (1 - y) * std::log(1 - p)); }

// The best a fixed pace and prior variance could have done, told only afterwards.
double Fixed(const Stream& stream, double pace, double variance) {
  ResponseModel model(kDimension);
  model.SetPrior(fixed::Logit(.05), 4 * variance / .1, variance);
  double loss = 0;
  for (int i = 0; i < kLabels; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (i % 60 == 0 && i > 0) model.Drift(1, {7 * 24 / pace, 28 * 24 / pace});
    const auto before = model.Learn(stream.x[at], static_cast<double>(stream.y[at]), 1, 0);
    if (i >= kFirst) loss += LossOf(fixed::Logistic(before.Moderated()), static_cast<double>(stream.y[at]));
  }
  return loss / (kLabels - kFirst);
}

// Shipped defaults, or the same without the race.
double Shipped(const Stream& stream, bool race, double* pace) {
  auto frame = std::make_shared<FeatureFrame>();
  frame->features.resize(kDimension);
  ResponseLearner learner(frame, HalfLives{}, 7 * 86'400'000LL, race ? RaceSpec{} : RaceSpec::None());
  double loss = 0;
  for (int i = 0; i < kLabels; ++i) {
    const auto at = static_cast<std::size_t>(i);
    Observation row;
    row.time = i * kMinute;
    row.to = kWholeWindow;
    row.instant = true;
    row.y = stream.y[at];
    row.served_logit = learner.Predict(stream.x[at]).Moderated();
    row.probability = fixed::Logistic(learner.calibrator().Apply(row.served_logit));
    if (i >= kFirst) loss += LossOf(row.probability, static_cast<double>(row.y));
    EXPECT_TRUE(learner.Apply(row, stream.x[at]));
    row.kind = ObservationKind::kMature;
    EXPECT_TRUE(learner.Apply(row, stream.x[at]));
  }
  *pace = learner.race().pace();
  return loss / (kLabels - kFirst);
}

TEST(Race, FindsHowFastToForgetWithin1Point5PercentOfTheBestFixedSetting) {
  FixNumericPath();
  const int seeds = accuracy::Seeds(2);
  for (const double drift : {1 / 30.0, 30.0}) {
    for (int seed = 1; seed <= seeds; ++seed) {
      const Stream stream = Draw(drift, static_cast<std::uint64_t>(seed));
      double best = 1e9, best_pace = 0, best_variance = 0;
      for (double pace = 1 / 64.0; pace <= 64; pace *= 4) {
        for (const double variance : {.03, .1, .3}) {
          const double loss = Fixed(stream, pace, variance);
          if (loss >= best) continue;
          best = loss;
          best_pace = pace;
          best_variance = variance;
        }
      }
      double pace = 0, unused = 0;
      const double raced = Shipped(stream, true, &pace), plain = Shipped(stream, false, &unused);
      std::printf("race, drift x %.3f, seed %d: best fixed %.5f (pace %.3g, variance %.2f); raced %.5f = %.4f of it, "
                  "pace %.3g at the end; without race %.4f\n",
                  drift, seed, best, best_pace, best_variance, raced, raced / best, pace, plain / best);
      EXPECT_LE(raced, 1.015 * best) << drift;
      EXPECT_LT(raced, plain) << drift;
    }
  }
}

// What is served after a restart in the middle, and which variant leads, is what it would have been without.
TEST(Race, ARestartInTheMiddleLeavesTheSameBytesAndTheSameLeader) {
  FixNumericPath();
  const Stream stream = Draw(30, 7);
  auto frame = std::make_shared<FeatureFrame>();
  frame->features.resize(kDimension);
  std::string bytes[2];
  double pace[2] = {};
  for (const bool restart : {false, true}) {
    ResponseLearner learner(frame, HalfLives{}, 7 * 86'400'000LL);
    for (int i = 0; i < 30'000; ++i) {
      Observation row;
      row.time = i * kMinute;
      row.to = kWholeWindow;
      row.instant = true;
      row.y = stream.y[static_cast<std::size_t>(i)];
      ASSERT_TRUE(learner.Apply(row, stream.x[static_cast<std::size_t>(i)]));
      if (!restart || i % 7'000 != 6'999) continue;
      std::string saved;
      ByteWriter out(saved);
      learner.Save(out);
      ByteReader in(saved);
      auto restored = ResponseLearner::Restore(in, ResponseLearner::Part::kWhole);
      ASSERT_TRUE(restored.has_value());
      EXPECT_TRUE(in.AtEnd());
      learner = std::move(*restored);
    }
    ByteWriter out(bytes[restart]);
    learner.Save(out);
    pace[restart] = learner.race().pace();
    EXPECT_GE(learner.race().changes(), 1) << "a race nobody wins proves little";
  }
  EXPECT_EQ(bytes[0], bytes[1]);
  EXPECT_EQ(pace[0], pace[1]);
}

}  // namespace
}  // namespace offerstream
