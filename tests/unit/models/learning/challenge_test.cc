#include "models/learning/challenge.h"

#include <gtest/gtest.h>

#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr TreeSettings::Kind kBoosting[] = {TreeSettings::Kind::kBoosting};

ChallengeSchedule Schedule() {
  ChallengeSchedule schedule;
  schedule.every = 200;
  schedule.draws = 2;
  return schedule;
}

// Column 0 decides; the online model knows nothing. Labels are known `delay` after the exposure.
ChallengeStanding RunRows(int rows, EventTime delay) {
  Draws draws(1, 1, 1, Purpose::kSimulation);
  Challenge challenge(kBoosting, 2, Schedule());
  for (int i = 0; i < rows; ++i) {
    const float x[2] = {static_cast<float>(draws.Normal()), static_cast<float>(draws.Normal())};
    EXPECT_TRUE(challenge.Add(i, i + delay, x, draws.Uniform() < (x[0] > 0 ? .9 : .1), .5, .5));
  }
  EXPECT_TRUE(challenge.Finish());
  return challenge.standings().front();
}

TEST(Challenge, RowsBeforeTheFirstFitAreNotScoredAndTheRestByBoth) {
  const ChallengeStanding s = RunRows(1000, 0);
  EXPECT_EQ(s.rows, 800);
  EXPECT_EQ(s.challenger.score.labels(), s.online.score.labels());
  EXPECT_GT(s.challenger.score.Auc(), .85);
  EXPECT_LT(s.loss_gap, -5 * s.loss_gap_se);
  EXPECT_GT(s.total_gain[0], s.total_gain[1]);
  EXPECT_EQ(s.refits, 5);
  EXPECT_EQ(s.searches, 3);  // at 200, 400, 800
}

TEST(Challenge, AFitNeverScoresAnExposureThatWasMadeBeforeIt) {
  // Labels come 500 rows late: the fit of labels 0..199 exists from row 699 on: of 1,000 exposures 301 can be scored.
  EXPECT_EQ(RunRows(1000, 500).rows, 301);
  EXPECT_EQ(RunRows(1000, 2000).rows, 0);
  EXPECT_GT(RunRows(3000, 500).challenger.score.Auc(), .85);
}

}  // namespace
}  // namespace offerstream
