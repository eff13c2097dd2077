#include "models/learning/churn_learner.h"

#include <gtest/gtest.h>

#include <vector>

#include "models/domain/decay.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

Observation Look(double buys, Money spend, std::uint32_t segment, EventTime time) {
  Observation row;
  row.kind = ObservationKind::kChurnLook;
  row.probability = buys;
  row.value = spend;
  row.segment = segment;
  row.time = time;
  return row;
}

Observation Known(double said, bool bought, EventTime time) {
  Observation row;
  row.kind = ObservationKind::kChurnRow;
  row.probability = said;
  row.y = bought ? 1.0f : 0.0f;
  row.time = time;
  return row;
}

TEST(ChurnLearner, WhatIsAtRiskIsSummedOverTheNewestLookAtEachCustomer) {
  ChurnLearner learner;
  EXPECT_EQ(learner.View().segments[0].customers, 0);
  for (int turn = 0; turn < 3; ++turn) {   // the same two customers, three turns long
    learner.Apply(Look(.25, 10'000, 4, (5 + 28 * turn) * kDay), {});
    learner.Apply(Look(.5, 2'000, 0, (9 + 28 * turn) * kDay), {});
  }
  const ChurnView view = learner.View();
  ASSERT_EQ(view.segments.size(), 2u);
  EXPECT_EQ(view.segments[0].segment, 0u);
  EXPECT_EQ(view.segments[0].customers, 2);
  EXPECT_DOUBLE_EQ(view.segments[0].spend, 120);
  EXPECT_DOUBLE_EQ(view.segments[0].at_risk, 85);
  EXPECT_DOUBLE_EQ(view.segments[0].leave, .625);
  EXPECT_EQ(view.segments[1].segment, 4u);
  EXPECT_EQ(view.segments[1].customers, 1);
  EXPECT_DOUBLE_EQ(view.segments[1].at_risk, 75);
}

TEST(ChurnLearner, LearnsWhoBuysAgainAndIsJudgedByWhatWasSaidThen) {
  ChurnLearner learner;
  Draws draws(1, 2, 3, Purpose::kSimulation);
  BuyingProfile often, once;
  for (int day = 0; day < 200; day += 10) often.Take(day * kDay, 1000, false);
  once.Take(0, 1000, false);
  for (int i = 0; i < 2000; ++i) {
    const bool faithful = draws.Below(2) == 0, bought = draws.Uniform() < (faithful ? .9 : .1);
    const ChurnModel::Features x = ChurnModel::Describe(faithful ? often : once, 200 * kDay);
    learner.Apply(Known(BuysWithin(learner.View(), x), bought, (300 + i / 100) * kDay), x);
  }
  const ChurnView view = learner.View();
  EXPECT_EQ(view.labels, 2000);
  EXPECT_GT(view.auc, .85);
  EXPECT_LT(view.log_loss_ratio, .65);
  EXPECT_NEAR(BuysWithin(view, ChurnModel::Describe(often, 200 * kDay)), .9, .05);
  EXPECT_NEAR(BuysWithin(view, ChurnModel::Describe(once, 200 * kDay)), .1, .05);
  EXPECT_NEAR(BuysWithin(view, ChurnModel::Describe(once, 200 * kDay)), learner.model().Buys(ChurnModel::Describe(once, 200 * kDay)), 1e-12);
}

TEST(ChurnLearner, RefusesWhatMakesNoSense) {
  ChurnLearner learner;
  const ChurnModel::Features x{};
  ChurnModel::Features wrong{};
  wrong[3] = std::numeric_limits<float>::infinity();
  learner.Apply(Known(.5, true, 0), std::span<const float>(x).first(3));
  learner.Apply(Known(.5, true, 0), wrong);
  learner.Apply(Known(1.5, true, 0), x);
  learner.Apply(Known(.5, true, kNever), x);
  learner.Apply(Look(.5, -1, 0, 0), {});
  EXPECT_EQ(learner.rejected(), 5);
  EXPECT_EQ(learner.score().labels(), 0);
  EXPECT_EQ(learner.looks(), 0);
}

TEST(ChurnLearner, GoesOnFromWhatWasSavedAndKeepsTheNewestSegments) {
  ChurnLearner learner, again;
  BuyingProfile p;
  p.Take(0, 1000, false);
  for (int i = 0; i < 300; ++i) {
    learner.Apply(Look(.3, i, static_cast<std::uint32_t>(i % 90), i * kDay / 4), {});
    learner.Apply(Known(.3, i % 3 == 0, (100 + i) * kDay), ChurnModel::Describe(p, i * kDay));
  }
  EXPECT_LE(learner.View().segments.size(), ChurnLearner::kSegmentsMost + 1);
  std::string bytes, bytes_again;
  ByteWriter writer(bytes), writer_again(bytes_again);
  learner.Save(writer);
  ByteReader in(bytes);
  again.Restore(in);
  ASSERT_TRUE(in.ok() && in.AtEnd());
  again.Save(writer_again);
  EXPECT_EQ(bytes, bytes_again);
  for (std::size_t cut = 0; cut < bytes.size(); cut += 7) {
    ByteReader damaged(std::string_view(bytes).substr(0, cut));
    again.Restore(damaged);
    EXPECT_FALSE(damaged.ok()) << cut;
  }
}

}  // namespace
}  // namespace offerstream
