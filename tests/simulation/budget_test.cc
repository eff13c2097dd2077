// Budgets over several partitions: four decision folds with leases of their own, one learner, views that arrive late,
// and crashes. Whatever happens, no more is spent than there is.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "models/learning_fold.h"
#include "state/formats/codecs.h"
#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

constexpr double kAmount = 40, kPush = .25;

CampaignPlan Plan(BudgetPace pace) {
  CampaignPlan plan = SmallPlan();
  plan.channels[0].cost = kPush;
  plan.channels[0].cap.start = plan.channels[1].cap.start = 50;
  plan.channels[0].cap.max = plan.channels[1].cap.max = 50;
  plan.channels[0].cap.learn = plan.channels[1].cap.learn = false;
  BudgetSpec budget;
  budget.id = "winter";
  budget.amount = kAmount;
  budget.period = 4 * kDayLength;
  budget.starts = kStart;
  budget.pace = pace;
  plan.budgets.push_back(budget);
  for (OfferSpec& offer : plan.offers) {
    offer.budget = BudgetIndex(0);
    offer.channels = {ChannelIndex(0)};
  }
  plan.experiment.holdout = .1;
  plan.Index();
  return plan;
}

/// One partition: its fold, and what a commit keeps of it.
struct Partition {
  Partition(std::shared_ptr<const CampaignPlan> p, std::uint32_t number)
      : plan(std::move(p)), holder(number), memory(std::make_unique<MapMemory>()), fold(std::make_unique<DecisionFold>(plan, *memory)) {
    fold->SetHolder(holder);
    Commit();
  }
  void Commit() {
    account.clear();
    ByteWriter writer(account);
    fold->account().Save(writer);
  }
  /// As after a crash: the account of the last commit. (Customers stay: they have no part in budgets.)
  void Recover() {
    fold = std::make_unique<DecisionFold>(plan, *memory);
    fold->SetHolder(holder);
    PartitionAccount committed;
    ByteReader in(account);
    ASSERT_TRUE(committed.Load(in));
    fold->SetAccount(std::move(committed));
  }
  std::shared_ptr<const CampaignPlan> plan;
  std::uint32_t holder;
  std::unique_ptr<MapMemory> memory;
  std::unique_ptr<DecisionFold> fold;
  std::string account;
  FoldOutput out;
};

/// Partitions and learner, a transaction of each in turn. `crash` of 100: how often the open transaction is lost.
struct BudgetWorld {
  BudgetWorld(BudgetPace pace, std::uint64_t seed) : plan(Shared(Plan(pace))), learner(plan), draws(seed, 1, 1, Purpose::kSimulation) {
    for (std::uint32_t p = 0; p < 4; ++p) partitions.push_back(std::make_unique<Partition>(plan, p));
  }

  /// Events of `p` between two commits; false when the transaction was lost.
  bool Turn(Partition& p, EventTime from, std::size_t events, bool crash) {
    p.fold->Begin(++seq, 1'000'000);
    if (views.size() > 2 && draws.Below(2) == 0) p.fold->Adopt(views[views.size() - 1 - draws.Below(2)]);
    p.out.Clear();
    for (std::size_t i = 0; i < events; ++i) {
      const EventTime at = from + static_cast<EventTime>(i) * 20'000;
      p.fold->Apply(script.Add(EventKind::kRequest, "c" + std::to_string(p.holder) + "." + std::to_string(draws.Below(400)), at), p.out);
    }
    if (crash) {
      p.Recover();
      return false;
    }
    p.Commit();
    for (std::size_t d = 0; d < p.out.decision_count; ++d) {
      const Decision& decision = p.out.decisions[d];
      if (decision.has_offer) spent[static_cast<std::size_t>((decision.event_time - kStart) / (4 * kDayLength))] += kPush;
      if (decision.has_offer) prices.push_back(decision.price);
      for (const Exclusion& e : decision.excluded) refused += e.stage == Stage::kBudget;
    }
    Learn(p.out.observations);
    return true;
  }

  /// Through the bytes of the log, as live.
  void Learn(const ObservationBatch& rows) {
    std::vector<std::uint32_t> mine;
    for (std::uint32_t r = 0; r < rows.rows.size(); ++r) {
      if (rows.rows[r].model == plan->budgets[0].model) mine.push_back(r);
    }
    if (mine.empty()) return;
    std::string bytes;
    EncodeObservations(*plan, rows, mine, bytes);
    log.push_back(bytes);
    Fold(learner, log.size() - 1);
    for (PublishedModel& model : learner.Publish(log.size())) {
      AdoptedModels next = views.empty() ? AdoptedModels{} : views.back();
      next.budgets[model.model] = model.budget;
      views.push_back(std::move(next));
    }
  }
  void Fold(LearningFold& to, std::size_t offset) const {
    ObservationBatch batch;
    ASSERT_TRUE(DecodeObservations(*plan, log[offset], batch));
    for (const Observation& row : batch.rows) to.Apply(row, batch.Features(row), offset);
  }

  std::shared_ptr<const CampaignPlan> plan;
  LearningFold learner;
  Draws draws;
  EventScript script;
  std::vector<std::unique_ptr<Partition>> partitions;
  std::vector<std::string> log;
  std::vector<AdoptedModels> views;
  std::vector<double> prices;
  double spent[3] = {0, 0, 0};
  std::size_t refused = 0;
  TxnSeq seq = 0;
};

// Two periods of four days, a transaction of 10 events every 200 s in each of four partitions.
void LiveThrough(BudgetWorld& w, std::uint64_t crashes_of_100) {
  const std::size_t turns = static_cast<std::size_t>(8 * kDayLength / 200'000);
  for (std::size_t t = 0; t + 1 < turns; ++t) {
    for (auto& p : w.partitions) {
      const bool crash = w.draws.Below(100) < crashes_of_100;
      const EventTime from = kStart + static_cast<EventTime>(t) * 200'000;
      if (!w.Turn(*p, from, 10, crash)) w.Turn(*p, from, 10, false);   // read again after the crash
    }
    if (t % 500 != 499) continue;
    // The learner crashes, too: from its snapshot and the log it comes to the same grants.
    std::string bytes, same;
    w.learner.Save(w.plan->budgets[0].model, bytes);
    LearningFold again(w.plan);
    for (std::size_t offset = 0; offset < w.log.size(); ++offset) w.Fold(again, offset);
    again.Save(w.plan->budgets[0].model, same);
    ASSERT_EQ(bytes, same);
    LearningFold restored(w.plan);
    ASSERT_TRUE(restored.Restore("budget/winter", w.log.size(), bytes));
    w.learner = std::move(restored);
  }
}

TEST(Budgets, FourPartitionsNeverSpendMoreThanThereIsAndNearlyAllOfIt) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    BudgetWorld w(BudgetPace::kAsap, seed);
    LiveThrough(w, 0);
    for (const int period : {0, 1}) {
      EXPECT_LE(w.spent[period], kAmount + 1e-9) << "period " << period;
      EXPECT_GE(w.spent[period], .97 * kAmount) << "period " << period;
    }
    EXPECT_GT(w.refused, 1000u);
  }
}

TEST(Budgets, CrashesOfPartitionsAndLearnerSpendNothingTwice) {
  for (const std::uint64_t seed : {4, 5, 6}) {
    BudgetWorld w(BudgetPace::kAsap, seed);
    LiveThrough(w, 30);
    for (const int period : {0, 1}) {
      EXPECT_LE(w.spent[period], kAmount + 1e-9) << "period " << period;
      EXPECT_GE(w.spent[period], .97 * kAmount) << "period " << period;
    }
  }
}

TEST(Budgets, APriceSpreadsTheMoneyOverThePeriod) {
  BudgetWorld even(BudgetPace::kEven, 7);
  const std::size_t half = static_cast<std::size_t>(2 * kDayLength / 200'000);
  for (std::size_t t = 0; t < half; ++t) {
    for (auto& p : even.partitions) even.Turn(*p, kStart + static_cast<EventTime>(t) * 200'000, 10, false);
  }
  EXPECT_NEAR(even.spent[0], kAmount / 2, .12 * kAmount);
  EXPECT_GT(even.prices.back(), 0);
  BudgetWorld asap(BudgetPace::kAsap, 7);
  for (std::size_t t = 0; t < half; ++t) {
    for (auto& p : asap.partitions) asap.Turn(*p, kStart + static_cast<EventTime>(t) * 200'000, 10, false);
  }
  EXPECT_GT(asap.spent[0], .95 * kAmount);
  EXPECT_EQ(asap.prices.back(), 0);
}

TEST(Budgets, AnIdlePartitionGivesItsLeaseBackAfterAnHour) {
  BudgetWorld w(BudgetPace::kAsap, 8);
  Partition& p = *w.partitions[0];
  w.Turn(p, kStart, 2, false);                       // nothing granted: asks
  w.Turn(*w.partitions[1], kStart, 2, false);
  w.Turn(*w.partitions[2], kStart, 2, false);
  p.fold->Begin(++w.seq, 1000);
  p.fold->Adopt(w.views.back());
  p.out.Clear();
  p.fold->AdvanceClock(kStart + kMinute + 600'000, p.out);
  const BudgetLease& lease = p.fold->account().leases.begin()->second;
  EXPECT_EQ(lease.available(), 400'000);             // a hundredth of 40
  p.out.Clear();
  p.fold->AdvanceClock(kStart + 2 * kHour, p.out);
  EXPECT_EQ(lease.available(), 0);
  ASSERT_EQ(p.out.observations.rows.size(), 1u);
  EXPECT_EQ(p.out.observations.rows[0].delay, 400'000);
}

}  // namespace
}  // namespace offerstream
