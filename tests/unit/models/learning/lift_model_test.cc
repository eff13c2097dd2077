// Experiments and budgets as models of the learning fold.
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "models/domain/bytes.h"
#include "models/learning_fold.h"
#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

Observation Row(IdHash model, std::uint8_t arm, bool converted) {
  Observation row;
  row.kind = ObservationKind::kLiftRow;
  row.model = model;
  row.time = kStart;
  row.arm = arm;
  row.y = converted ? 1.0f : 0.0f;
  return row;
}

TEST(LiftModel, EachCampaignIsAModelOfItsOwnWithItsCosts) {
  LearningFold fold(Shared(SmallPlan()));
  for (int i = 0; i < 200; ++i) fold.Apply(Row(H64("lift/winter"), i % 2, i % 4 == 0), {}, static_cast<std::uint64_t>(i));
  Observation cost;
  cost.kind = ObservationKind::kCost;
  cost.model = H64("lift/winter");
  cost.cost = 12;
  fold.Apply(cost, {}, 200);
  fold.Apply(Row(H64("lift/autumn"), 0, true), {}, 201);   // the plan has no such campaign
  const auto published = fold.Publish(202);
  ASSERT_EQ(published.size(), 1u);
  EXPECT_EQ(published[0].id, "lift/winter");
  ASSERT_NE(published[0].lift, nullptr);
  EXPECT_DOUBLE_EQ(published[0].lift->lift, .5);
  EXPECT_DOUBLE_EQ(published[0].lift->cost, 12);
  std::string bytes, again;
  fold.Save(published[0].model, bytes);
  LearningFold restored(Shared(SmallPlan()));
  ASSERT_TRUE(restored.Restore("lift/winter", 202, bytes));
  restored.Save(published[0].model, again);
  EXPECT_EQ(bytes, again);
}

TEST(LiftModel, ASnapshotOfTheFirstFormContinues) {
  std::string bytes;
  ByteWriter out(bytes);
  out.U8(1);
  out.U8(4);   // kind of the first form
  for (const std::int64_t customers : {1000, 100, 10}) {
    for (const std::int64_t number : {customers, customers / 10, customers * 50}) out.I64(number);
    for (const double number : {9000.0, 200.0, 400.0, 100.0}) out.F64(number);
  }
  out.I64(1110);
  out.I64(2);
  LearningFold fold(Shared(SmallPlan()));
  ASSERT_TRUE(fold.Restore("lift", 50, bytes));
  fold.Apply(Row(H64("lift"), 1, true), {}, 60);
  const auto view = fold.All(61)[0].lift;
  EXPECT_EQ(view->arms[0].customers, 1000);
  EXPECT_EQ(view->arms[0].converted, 100);
  EXPECT_DOUBLE_EQ(view->arms[0].revenue, 500);
  EXPECT_EQ(view->arms[1].converted, 11);
  EXPECT_FALSE(fold.Restore("lift", 50, std::string_view(bytes).substr(0, 40)));
}

TEST(BudgetModel, IsMadeOnItsFirstRowAndCarriedOverToAnotherAmount) {
  CampaignPlan plan = SmallPlan();
  plan.channels[0].cost = 1;
  plan.budgets.push_back({.id = "b", .amount = 1000, .starts = kStart, .pace = BudgetPace::kAsap});
  for (OfferSpec& offer : plan.offers) offer.budget = BudgetIndex(0);
  plan.Index();
  LearningFold fold(Shared(plan));
  Observation row;
  row.kind = ObservationKind::kSpend;
  row.model = H64("budget/b");
  row.time = kStart;
  row.exposure = static_cast<std::uint64_t>(kStart);
  row.instant = true;
  fold.Apply(row, {}, 1);
  auto view = fold.Publish(2)[0].budget;
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->amount, 1'000'000'000);
  EXPECT_EQ(view->periods[0].granted.at(0), 10'000'000);
  plan.budgets[0].amount = 5;   // less than was thought: what is out stays out, no more comes
  fold.Configure(Shared(plan));
  fold.Apply(row, {}, 3);
  view = fold.Publish(4)[0].budget;
  EXPECT_EQ(view->amount, 5'000'000);
  EXPECT_EQ(view->periods[0].granted.at(0), 10'000'000);
}

}  // namespace
}  // namespace offerstream
