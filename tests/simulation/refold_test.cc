// Recovery by seed: random customers, transactions, adoptions, clock advances and sweep bounds are folded live; then any
// fuzzy checkpoint (each customer's row as of its own transaction) and the recorded facts must give the same customers.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "models/domain/bytes.h"
#include "tests/support/fold_world.h"
#include "tests/support/profile_text.h"
#include "tests/support/random_fold.h"

namespace offerstream {
namespace {

struct Txn {
  std::size_t begin = 0, end = 0;          // events
  EventTime clock = kNever;
  std::map<std::pair<std::int64_t, std::uint16_t>, std::string> facts{};   // as the journal keeps them
  std::vector<TurnFact> turns{};
  PartitionAccount account{};              // after it
  std::map<std::string, CustomerProfile> customers{};
};

struct LiveRun {
  std::shared_ptr<const CampaignPlan> plan;
  EventScript script;
  std::vector<Txn> txns;
  std::uint64_t decisions = 0, observations = 0, caps = 0, turns = 0, looks = 0, labels = 0, baskets = 0;
};

void FoldLive(std::uint64_t seed, LiveRun& run) {
  Draws draws(seed, 1, 2, Purpose::kSimulation);
  run.plan = Shared(RandomPlan(draws));
  MapMemory memory;
  DecisionFold fold(run.plan, memory);
  FoldOutput out;
  EventTime now = kStart;
  std::vector<DecisionId> decisions;
  run.txns.resize(1);   // seq 0: before the first
  for (TxnSeq seq = 1; seq <= 40; ++seq) {
    Txn& txn = run.txns.emplace_back();
    txn.begin = run.script.events().size();
    fold.Begin(seq, draws.Below(3) == 0 ? draws.Below(3) : 1000);
    if (draws.Below(4) == 0) fold.Adopt(RandomModels(*run.plan, draws, seq));
    out.Clear();
    if (draws.Below(6) == 0) {
      now += static_cast<Duration>(draws.Below(3 * kDayLength));
      txn.clock = now;
      fold.AdvanceClock(now, out);
    }
    for (std::uint64_t n = draws.Below(30); n > 0; --n) {
      now += static_cast<Duration>(draws.Below(10) == 0 ? draws.Below(12 * kHour) : draws.Below(20 * kMinute));
      Event& e = draws.Below(15) == 0 && !run.script.events().empty()
                     ? run.script.Repeat(run.script.events()[draws.Below(run.script.events().size())])
                     : RandomEvent(run.script, draws, now, decisions);
      fold.Apply(e, out);
    }
    if (draws.Below(3) == 0) fold.Sweep(out);
    txn.end = run.script.events().size();
    for (std::size_t i = 0; i < out.decision_count; ++i) {
      decisions.push_back(out.decisions[i].id);
      if (decisions.size() > 20) decisions.erase(decisions.begin());
    }
    for (std::size_t i = 0; i < out.fact_count; ++i) {
      ByteWriter writer(txn.facts[{out.facts[i].cause.offset, out.facts[i].cause.part}]);
      out.facts[i].facts.Save(*run.plan, writer);
    }
    txn.turns.assign(out.turns.begin(), out.turns.begin() + static_cast<std::ptrdiff_t>(out.turn_count));
    run.turns += out.turn_count;
    run.decisions += out.decision_count;
    run.observations += out.observations.rows.size();
    run.looks += Rows(out, ObservationKind::kChurnLook);
    run.labels += Rows(out, ObservationKind::kChurnRow);
    run.baskets += Rows(out, ObservationKind::kBasket);
    run.caps += out.cap_count;
    txn.account = fold.account();
    for (const auto& [id, profile] : memory.customers()) txn.customers.emplace(id, *profile);
  }
}

// Recovers from rows as of transactions >= floor, at random per customer, and compares with the live end.
void Recover(const LiveRun& run, TxnSeq floor, Draws& draws) {
  const TxnSeq last = run.txns.size() - 1;
  MapMemory memory;
  DecisionFold fold(run.plan, memory);
  for (int c = 0; c < 9; ++c) {
    const std::string id = "c" + std::to_string(c);
    const TxnSeq as_of = floor + draws.Below(last - floor + 1);
    const auto row = run.txns[as_of].customers.find(id);
    if (row != run.txns[as_of].customers.end()) memory.Restore(row->second, as_of);
  }
  fold.SetAccount(run.txns[floor].account);
  EventFacts facts;
  const std::deque<Event>& events = const_cast<LiveRun&>(run).script.events();
  for (TxnSeq seq = floor + 1; seq <= last; ++seq) {
    const Txn& txn = run.txns[seq];
    fold.Begin(seq, 1);
    fold.Recall(&txn.turns);
    fold.RefoldClock(txn.clock, txn.account.frontier);
    for (std::size_t i = txn.begin; i < txn.end; ++i) {
      const auto at = txn.facts.find({events[i].cause.offset, events[i].cause.part});
      if (at != txn.facts.end()) {
        ByteReader reader(at->second);
        ASSERT_TRUE(facts.Load(*run.plan, reader) && reader.AtEnd());
      }
      fold.Refold(events[i], at == txn.facts.end() ? nullptr : &facts, txn.account.frontier);
    }
    ASSERT_EQ(fold.turns_missing(), 0u) << "seq " << seq;
    ASSERT_EQ(fold.account().watermark, txn.account.watermark);
    ASSERT_EQ(fold.account().frontier, txn.account.frontier) << "seq " << seq;
    ASSERT_EQ(fold.account().max_event_time, txn.account.max_event_time);
  }
  ASSERT_EQ(memory.customers().size(), run.txns[last].customers.size());
  for (const auto& [id, profile] : run.txns[last].customers) {
    const CustomerProfile* recovered = memory.Find(id, profile.hash);
    ASSERT_NE(recovered, nullptr) << id;
    ASSERT_EQ(TextOf(*recovered), TextOf(profile)) << id << " from floor " << floor;
  }
}

TEST(Refold, AnyFuzzyCheckpointAndTheFactsGiveTheLiveCustomers) {
  std::uint64_t decisions = 0, observations = 0, caps = 0, turns = 0, looks = 0, labels = 0, baskets = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    LiveRun run;
    FoldLive(seed, run);
    decisions += run.decisions;
    observations += run.observations;
    caps += run.caps;
    turns += run.turns;
    looks += run.looks;
    labels += run.labels;
    baskets += run.baskets;
    Draws draws(seed, 3, 4, Purpose::kSimulation);
    for (int trial = 0; trial < 5; ++trial) {
      Recover(run, draws.Below(run.txns.size()), draws);
      if (HasFatalFailure()) {
        ADD_FAILURE() << "seed " << seed;
        return;
      }
    }
  }
  EXPECT_GT(decisions, 1000u);   // the worlds are not empty
  EXPECT_GT(observations, 1000u);
  EXPECT_GT(caps, 500u);
  EXPECT_GT(turns, 500u);
  EXPECT_GT(looks, 500u);
  EXPECT_GT(labels, 300u);
  EXPECT_GT(baskets, 500u);
}

TEST(Refold, TheSameEventsGiveTheSameDigests) {
  LiveRun a, b;
  FoldLive(5, a);
  FoldLive(5, b);
  ASSERT_EQ(a.txns.size(), b.txns.size());
  for (std::size_t i = 0; i < a.txns.size(); ++i) EXPECT_EQ(a.txns[i].facts, b.txns[i].facts);
}

}  // namespace
}  // namespace offerstream
