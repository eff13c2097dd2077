#include "models/learning/budget_owner.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

CampaignPlan PaidPlan(double amount, BudgetPace pace = BudgetPace::kAsap) {
  CampaignPlan plan = SmallPlan();
  plan.channels[0].cost = .5;
  plan.channels[1].cost = .1;
  BudgetSpec budget;
  budget.id = "winter";
  budget.amount = amount;
  budget.period = 30 * kDayLength;
  budget.starts = kStart;
  budget.pace = pace;
  plan.budgets.push_back(budget);
  for (OfferSpec& offer : plan.offers) offer.budget = BudgetIndex(0);
  plan.Index();
  return plan;
}

Observation Spend(std::uint32_t holder, EventTime time, Micros spent, bool wants, std::uint32_t decisions = 1) {
  Observation row;
  row.kind = ObservationKind::kSpend;
  row.time = time;
  row.exposure = static_cast<std::uint64_t>(kStart + (time - kStart) / (30 * kDayLength) * 30 * kDayLength);
  row.segment = holder;
  row.n = decisions;
  row.value = spent;
  row.instant = wants;
  return row;
}

BudgetOwner Owner(const CampaignPlan& plan) {
  BudgetOwner owner;
  owner.Configure(plan, plan.budgets[0]);
  return owner;
}

Micros Granted(const BudgetOwner& owner, std::uint32_t holder, EventTime period = kStart) {
  const BudgetView view = owner.View();
  const BudgetView::Period* p = view.Find(period);
  return p == nullptr || !p->granted.contains(holder) ? 0 : p->granted.at(holder);
}

TEST(BudgetOwner, GrantsAHundredthAtATimeAndAtLeastOneImpression) {
  const CampaignPlan large = PaidPlan(1000), small = PaidPlan(2);
  BudgetOwner a = Owner(large), b = Owner(small);
  EXPECT_TRUE(a.Apply(Spend(3, kStart, 0, true), {}));
  EXPECT_EQ(Granted(a, 3), 10'000'000);
  EXPECT_TRUE(b.Apply(Spend(3, kStart, 0, true), {}));
  EXPECT_EQ(Granted(b, 3), 500'000);   // a hundredth would not pay for a push
}

TEST(BudgetOwner, GrantsNeverAddUpToMoreThanTheAmount) {
  const CampaignPlan plan = PaidPlan(100);
  BudgetOwner owner = Owner(plan);
  Draws draws(1, 2, 3, Purpose::kSimulation);
  std::vector<Micros> granted(4), used(4);
  Micros spent = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto holder = static_cast<std::uint32_t>(draws.Below(4));
    const Micros open = granted[holder] - used[holder];
    Observation row = Spend(holder, kStart + i * 60'000LL, static_cast<Micros>(draws.Below(static_cast<std::uint64_t>(open) + 1)), true);
    if (draws.Below(5) == 0) row.delay = open - row.value;   // gives the rest back
    ASSERT_TRUE(owner.Apply(row, {}));
    used[holder] += row.value + row.delay;
    spent += row.value;
    Micros held = 0;
    for (std::uint32_t h = 0; h < 4; ++h) {
      const Micros now = Granted(owner, h);
      ASSERT_GE(now, granted[h]);
      granted[h] = now;
      held += now - used[h];
    }
    ASSERT_LE(spent + held, 100'000'000);
  }
  EXPECT_GT(spent, 99'900'000);   // and nothing is lost on the way
}

TEST(BudgetOwner, WhoWaitsGetsWhatOthersGiveBack) {
  const CampaignPlan plan = PaidPlan(1);
  BudgetOwner owner = Owner(plan);
  owner.Apply(Spend(0, kStart, 0, true), {});
  owner.Apply(Spend(1, kStart, 0, true), {});
  owner.Apply(Spend(2, kStart, 0, true), {});
  EXPECT_EQ(Granted(owner, 0) + Granted(owner, 1), 1'000'000);
  EXPECT_EQ(Granted(owner, 2), 0);
  Observation back = Spend(0, kStart + kHour, 0, false);
  back.delay = 500'000;
  owner.Apply(back, {});
  EXPECT_EQ(Granted(owner, 2), 500'000);
}

TEST(BudgetOwner, RefusesWhatWasNeverGranted) {
  const CampaignPlan plan = PaidPlan(1000);
  BudgetOwner owner = Owner(plan);
  owner.Apply(Spend(0, kStart, 0, true), {});
  EXPECT_FALSE(owner.Apply(Spend(0, kStart, 10'000'001, true), {}));
  Observation back = Spend(0, kStart, 6'000'000, false);
  back.delay = 6'000'000;
  EXPECT_FALSE(owner.Apply(back, {}));
  EXPECT_FALSE(owner.Apply(Spend(0, kStart, -1, false), {}));
  EXPECT_EQ(owner.rejected(), 3);
}

TEST(BudgetOwner, EachPeriodHasItsOwnMoneyAndLongClosedOnesAreRefused) {
  const CampaignPlan plan = PaidPlan(1000);
  BudgetOwner owner = Owner(plan);
  for (int p = 0; p < 6; ++p) owner.Apply(Spend(0, kStart + p * 30 * kDayLength, 0, true), {});
  EXPECT_EQ(Granted(owner, 0, kStart + 150 * kDayLength), 10'000'000);
  EXPECT_EQ(owner.View().periods.size(), 4u);
  EXPECT_FALSE(owner.Apply(Spend(0, kStart, 0, true), {}));
  EXPECT_TRUE(owner.Apply(Spend(1, kStart + 120 * kDayLength, 0, true), {}));   // a holder behind the others
}

TEST(BudgetOwner, PricesOnceTheMarketIsKnownAndLetsOutATwentiethBefore) {
  const CampaignPlan plan = PaidPlan(100, BudgetPace::kEven);
  BudgetOwner owner = Owner(plan);
  const std::vector<float> ratios(100, 2.0f);
  for (int i = 0; i < 4; ++i) owner.Apply(Spend(0, kStart + (i + 1) * 600'000LL, 0, true, 100), ratios);
  EXPECT_FALSE(owner.View().priced);
  EXPECT_LE(Granted(owner, 0), 5'000'000);
  owner.Apply(Spend(0, kStart + 3'000'000, 0, true, 100), ratios);
  EXPECT_TRUE(owner.View().priced);
  // 600 decisions an hour for a month at .3 each cost far more than 100: only the best may be bought.
  EXPECT_FLOAT_EQ(static_cast<float>(owner.View().price), 2.0f);
  const double before = owner.View().price;
  owner.Apply(Spend(0, kStart + 3'600'000, 3'000'000, false, 10), {});   // far more than planned
  EXPECT_GT(owner.View().price, before);
}

TEST(BudgetOwner, ContinuesBitForBitFromItsBytes) {
  const CampaignPlan plan = PaidPlan(500, BudgetPace::kEven);
  BudgetOwner whole = Owner(plan), half;
  Draws draws(9, 2, 3, Purpose::kSimulation);
  std::string middle, end, again;
  for (int i = 0; i < 2000; ++i) {
    const auto holder = static_cast<std::uint32_t>(draws.Below(3));
    std::vector<float> ratios(draws.Below(4), static_cast<float>(draws.Uniform()));
    const EventTime time = kStart + i * 1'800'000LL;
    Observation row = Spend(holder, time, static_cast<Micros>(draws.Below(200'000)), draws.Below(2) == 0, 20);
    row.to = 1;
    whole.Apply(row, ratios);
    if (i == 900) {
      ByteWriter writer(middle);
      whole.Save(writer);
      ByteReader in(middle);
      half.Restore(in);
      ASSERT_TRUE(in.ok() && in.AtEnd());
      half.Configure(plan, plan.budgets[0]);
    } else if (i > 900) {
      half.Apply(row, ratios);
    }
  }
  ByteWriter a(end), b(again);
  whole.Save(a);
  half.Save(b);
  EXPECT_EQ(end, again);
}

TEST(DecisionForecast, KnowsTheHoursOfTheWeek) {
  DecisionForecast forecast;
  // Mornings only, for six weeks: 60 decisions in each of four hours a day.
  for (int h = 0; h < 6 * 168; ++h) {
    const EventTime at = kStart + h * kHour;
    forecast.Add(at, h % 24 >= 8 && h % 24 < 12 ? 60 : 0);
  }
  const EventTime now = kStart + 6 * 168 * kHour;
  EXPECT_NEAR(forecast.Expected(now, now + 7 * kDayLength), 7 * 240, 60);
  EXPECT_GT(forecast.Expected(now + 8 * kHour, now + 12 * kHour), 4 * forecast.Expected(now + 12 * kHour, now + 16 * kHour));
  EXPECT_EQ(forecast.Expected(now, now), 0);
}

}  // namespace
}  // namespace offerstream
