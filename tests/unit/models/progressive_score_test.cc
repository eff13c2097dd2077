#include "models/evaluating/progressive_score.h"

#include <cmath>

#include <gtest/gtest.h>

#include "models/domain/fixed_math.h"
#include "models/domain/random.h"
#include "models/learning/drift_detector.h"

namespace offerstream {
namespace {

TEST(ProgressiveScore, CountsTiesHalfAndRanksTheRest) {
  ProgressiveScore score;
  EXPECT_EQ(score.Auc(), .5);
  score.Add(.1, false, .5);
  score.Add(.2, true, .5);
  EXPECT_EQ(score.Auc(), 1);
  score.Add(.2, false, .5);  // ties with the positive
  EXPECT_NEAR(score.Auc(), .75, 1e-3);
  EXPECT_EQ(score.labels(), 3);
  EXPECT_EQ(score.positives(), 1);
}

TEST(ProgressiveScore, TheTruthIsCalibratedAndBeatsTheBaseRate) {
  ProgressiveScore score;
  Draws draws(1, 1, 1, Purpose::kSimulation);
  double mean = 0;
  for (int i = 0; i < 30'000; ++i) {
    const double p = fixed::Logistic(-1 + draws.Normal());
    mean += p / 30'000;
    score.Add(p, draws.Uniform() < p, .3);
  }
  EXPECT_NEAR(score.Calibration(), 1, .04);
  EXPECT_NEAR(score.Auc(), .74, .02);  // of N(-1, 1) logits
  EXPECT_LT(score.LogLossRatio(), .95);
  EXPECT_NEAR(score.Alift(), mean / 2 + (1 - mean) * score.Auc(), .01);
  const ProgressiveScore::F1 best = score.BestF1();
  EXPECT_NEAR(best.f1, 2 * best.precision * best.recall / (best.precision + best.recall), 1e-9);
  EXPECT_GT(best.recall, .5);
}

TEST(ProgressiveScore, ForgetsWithAHalfLifeOfTwentyThousandLabels) {
  ProgressiveScore score;
  for (int i = 0; i < 100'000; ++i) score.Add(.5, true, .5);
  for (int i = 0; i < 20'000; ++i) score.Add(.5, false, .5);
  EXPECT_NEAR(score.Calibration(), .5 / .484, .02);  // 31/32 of the past, half of it left
}

TEST(ProgressiveScore, SurvivesMillionsOfLabelsAndItsSnapshot) {
  ProgressiveScore score;
  for (int i = 0; i < 7'000'000; ++i) score.Add(i % 4 == 0 ? .3 : .2, i % 4 == 0, .25);  // its weights are rescaled
  EXPECT_EQ(score.Auc(), 1);
  EXPECT_TRUE(std::isfinite(score.LogLoss()));
  std::string bytes;
  ByteWriter out(bytes);
  score.Save(out);
  ProgressiveScore restored;
  ByteReader in(bytes);
  restored.Restore(in);
  EXPECT_TRUE(in.ok() && in.AtEnd());
  EXPECT_EQ(restored.LogLoss(), score.LogLoss());
  EXPECT_EQ(restored.Auc(), 1);
}

TEST(DriftDetector, FindsALevelShiftAndRestarts) {
  DriftDetector detector;
  Draws draws(3, 3, 3, Purpose::kSimulation);
  for (int i = 0; i < 5000; ++i) {
    const double z = -2 + .7 * draws.Normal();
    ASSERT_FALSE(detector.Add(z, draws.Uniform() < fixed::Logistic(z)));
  }
  int delay = 0;
  for (bool found = false; !found && delay < 3000; ++delay) {
    const double z = -2 + .7 * draws.Normal();
    found = detector.Add(z, draws.Uniform() < fixed::Logistic(z + 1));
  }
  EXPECT_LT(delay, 1000);
  EXPECT_EQ(detector.alarms(), 1);
}

}  // namespace
}  // namespace offerstream
