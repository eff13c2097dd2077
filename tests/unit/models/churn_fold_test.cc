#include <gtest/gtest.h>

#include "models/deciding/customer_rounds.h"
#include "models/deciding/feature_map.h"
#include "models/deciding/label_resolver.h"
#include "models/domain/recent_items.h"
#include "models/domain/retention.h"
#include "models/learning/churn_model.h"
#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

CampaignPlan Looking() {
  CampaignPlan plan = SmallPlan();
  plan.segments = {};
  plan.segments.retell = 28 * kDayLength;
  plan.churn.on = true;
  plan.churn.horizon = 30 * kDayLength;
  plan.churn.inactive_after = 100 * kDayLength;
  plan.churn.purchase_kinds = 1u << static_cast<unsigned>(EventKind::kTransaction);
  plan.Index();
  return plan;
}

Event& Buy(FoldWorld& w, const std::string& customer, EventTime at, Money value) {
  Event& e = w.script.Add(EventKind::kTransaction, customer, at);
  e.has_value = true;
  e.value = value;
  return e;
}

const Observation* FirstOf(const FoldOutput& out, ObservationKind kind) {
  for (const Observation& row : out.observations.rows) {
    if (row.kind == kind) return &row;
  }
  return nullptr;
}

TEST(ChurnFold, WhoBoughtIsLookedAtInItsTurnAndTheAnswerComesWhenTheHorizonIsOver) {
  FoldWorld w(Looking());
  w.Apply(Buy(w, "u1", kStart, 5000));
  const EventTime turn = NextTurn(H64("u1"), kStart, 28 * kDayLength);
  EXPECT_EQ(w.Of("u1").next_due, turn);
  w.Clock(turn + w.plan->lateness);
  const Observation* look = FirstOf(w.out, ObservationKind::kChurnLook);
  ASSERT_NE(look, nullptr);
  EXPECT_EQ(look->model, ChurnOwner());
  EXPECT_EQ(look->time, turn);
  EXPECT_EQ(look->n, 1u);
  EXPECT_EQ(look->value, SpendsAYearMinor(w.Of("u1"), turn));
  ASSERT_EQ(w.out.turn_count, 1u);
  EXPECT_EQ(w.out.turns[0].move.micro, 0u);   // nobody is told where it is
  EXPECT_EQ(static_cast<double>(w.out.turns[0].buys), look->probability);
  const BuyingProfile then = w.Of("u1").Bought()->known;
  EXPECT_NEAR(look->probability, ChurnModel().Buys(ChurnModel::Describe(then, turn)), 1e-6);
  // It buys within the horizon of the first look and not within that of the second.
  w.Apply(Buy(w, "u1", turn + 5 * kDayLength, 700));
  w.Clock(turn + 30 * kDayLength + w.plan->lateness);
  const Observation* label = FirstOf(w.out, ObservationKind::kChurnRow);
  ASSERT_NE(label, nullptr);
  EXPECT_EQ(label->time, turn + 30 * kDayLength);
  EXPECT_EQ(label->y, 1);
  const auto x = w.out.observations.Features(*label);
  const ChurnModel::Features expected = ChurnModel::Describe(then, turn);
  EXPECT_TRUE(std::equal(x.begin(), x.end(), expected.begin(), expected.end())) << "as it was known then";
  w.Clock(turn + 58 * kDayLength + w.plan->lateness);
  const Observation* second = FirstOf(w.out, ObservationKind::kChurnRow);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->y, 0);
}

TEST(ChurnFold, DepositsAreNoPurchaseAndWhatIsGivenBackIsNoOrder) {
  FoldWorld w(Looking());
  Event& deposit = Buy(w, "u1", kStart, 5000);
  deposit.direction = Direction::kIn;
  w.Apply(deposit);
  w.Apply(Buy(w, "u1", kStart, -100));
  w.Apply(w.script.Add(EventKind::kConversion, "u1", kStart));   // not among the plan's purchases
  EXPECT_EQ(w.Of("u1").Bought(), nullptr);
  w.Apply(Buy(w, "u1", kStart + kHour, 5000));
  w.Apply(Buy(w, "u1", kStart + 2 * kHour, -2000));
  ASSERT_NE(w.Of("u1").Bought(), nullptr);
  EXPECT_EQ(w.Of("u1").Bought()->known.orders, 1);
  EXPECT_EQ(w.Of("u1").Bought()->known.spent, 3000);
  EXPECT_EQ(w.Of("u1").Bought()->known.last, kStart + kHour);
}

TEST(ChurnFold, NobodyLooksAtWhoIsSilentForTooLongUntilItBuysAgain) {
  FoldWorld w(Looking());
  w.Apply(Buy(w, "u1", kStart, 5000));
  std::size_t looks = 0, labels = 0;
  for (int day = 1; day < 400; day += 7) {
    w.Clock(kStart + day * kDayLength);
    looks += Rows(w.out, ObservationKind::kChurnLook);
    labels += Rows(w.out, ObservationKind::kChurnRow);
  }
  EXPECT_EQ(looks, 1 + static_cast<std::size_t>((kStart + 100 * kDayLength - NextTurn(H64("u1"), kStart, 28 * kDayLength)) / (28 * kDayLength)));
  EXPECT_EQ(labels, looks);
  EXPECT_EQ(w.Of("u1").next_due, INT64_MAX);
  w.Apply(Buy(w, "u1", kStart + 400 * kDayLength, 5000));
  EXPECT_EQ(Rows(w.out, ObservationKind::kChurnLook), 0u);   // not of the past nobody saw
  EXPECT_EQ(w.Of("u1").next_due, NextTurn(H64("u1"), kStart + 400 * kDayLength, 28 * kDayLength));
}

TEST(ChurnFold, WhatWasSaidAtTheLookIsAFeatureUntilTheNextOne) {
  CampaignPlan plan = Looking();
  for (const std::uint16_t level : {0, 1}) {
    FeatureSpec f{FeatureKind::kChurn, 0, level, level == 0 ? .5 : 0, level == 0 ? .25 : 1, level == 0 ? "churn" : "churn:missing"};
    plan.features.features.insert(plan.features.features.begin() + static_cast<std::ptrdiff_t>(plan.features.candidate_begin++), f);
  }
  plan.Index();
  FoldWorld w(plan);
  const std::size_t at = plan.features.candidate_begin - 2;
  FeatureMap map(*w.plan);
  std::vector<float> x(map.size());
  w.Apply(Buy(w, "u1", kStart, 5000));
  const Event& request = w.script.Add(EventKind::kRequest, "u1", kStart + 29 * kDayLength);
  map.FillCustomer(w.Of("u1"), request, 0xff, x);
  EXPECT_EQ(x[at], 0);
  EXPECT_EQ(x[at + 1], 1);
  auto churn = std::make_shared<ChurnView>(ChurnModel().View());
  churn->mean[0] = 2;
  AdoptedModels models;
  models.responses.resize(w.plan->models());
  models.churn = churn;
  w.fold.Begin(2, 1000);
  w.fold.Adopt(models);
  EXPECT_EQ(w.fold.account().adopted.count(ChurnOwner()), 1u);
  w.Clock(kStart + 28 * kDayLength + w.plan->lateness);
  const double said = static_cast<double>(w.Of("u1").Bought()->buys);
  EXPECT_GT(said, .6);
  map.FillCustomer(w.Of("u1"), request, 0xff, x);
  EXPECT_NEAR(x[at], (1 - said - .5) / .25, 1e-6);
  EXPECT_EQ(x[at + 1], 0);
}

TEST(ItemsFold, APurchaseTellsWhatElseTheCustomerBoughtInThirtyDays) {
  CampaignPlan plan = Looking();
  plan.churn = {};
  plan.items = {true, 1u << static_cast<unsigned>(EventKind::kTransaction)};
  FoldWorld w(plan);
  const auto buy = [&](IdHash item, EventTime at, Money value = 100) -> FoldOutput& {
    Event& e = Buy(w, "u1", at, value);
    e.product_hash = item;
    return w.Apply(e);
  };
  const auto told = [&] {
    const Observation* row = FirstOf(w.out, ObservationKind::kBasket);
    std::vector<IdHash> others;
    if (row == nullptr) return std::pair(std::string("none"), others);
    const auto x = w.out.observations.Features(*row);
    for (std::size_t i = 0; i < x.size(); i += kItemFloats) {
      EXPECT_TRUE(ReadItem(std::span<const float, kItemFloats>(x.subspan(i, kItemFloats)), others.emplace_back()));
    }
    EXPECT_EQ(row->model, ItemsOwner());
    return std::pair(std::to_string(row->exposure % 100) + (row->n == 1 ? " new order" : "") + (row->y == 1 ? " again" : ""), others);
  };
  const IdHash a = 0xffffffffffffff01u, b = 2, c = 0x8000000000000003u;
  using Items = std::vector<IdHash>;
  buy(a, kStart);
  EXPECT_EQ(told(), (std::pair(std::to_string(a % 100) + " new order", Items{})));
  buy(b, kStart + kHour);
  EXPECT_EQ(told(), (std::pair(std::string("2"), Items{a})));
  buy(a, kStart + 2 * kHour);
  EXPECT_EQ(told().first, "none");                       // the same once more in one order
  buy(a, kStart + 2 * kDayLength);
  EXPECT_EQ(told(), (std::pair(std::to_string(a % 100) + " new order again", Items{})));
  buy(c, kStart + 3 * kDayLength, -100);
  EXPECT_EQ(told().first, "none");                       // given back
  buy(c, kStart + 31 * kDayLength);
  EXPECT_EQ(told(), (std::pair(std::to_string(c % 100) + " new order", Items{a})));   // b is too long ago
  EXPECT_EQ(w.Of("u1").Recent().size(), 2u);
}

TEST(ChurnFold, WithoutTheSectionNothingIsKept) {
  CampaignPlan plan = Looking();
  plan.churn = {};
  FoldWorld w(plan);
  w.Apply(Buy(w, "u1", kStart, 5000));
  EXPECT_TRUE(w.Of("u1").habits.empty());
  EXPECT_EQ(w.Of("u1").next_due, INT64_MAX);
}

}  // namespace
}  // namespace offerstream
