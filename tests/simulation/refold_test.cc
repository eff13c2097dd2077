// Recovery by seed: random customers, transactions, adoptions, clock advances and sweep bounds are folded live; then any
// fuzzy checkpoint (each customer's row as of its own transaction) and the recorded facts must give the same customers.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "models/domain/bytes.h"
#include "tests/support/fold_world.h"
#include "tests/support/profile_text.h"

namespace offerstream {
namespace {

struct Txn {
  std::size_t begin = 0, end = 0;          // events
  EventTime clock = kNever;
  std::map<std::pair<std::int64_t, std::uint16_t>, std::string> facts{};   // as the journal keeps them
  PartitionAccount account{};              // after it
  std::map<std::string, CustomerProfile> customers{};
};

CampaignPlan RandomPlan(Draws& draws) {
  CampaignPlan plan = SmallPlan();
  plan.decide.min_interval = static_cast<Duration>(draws.Below(3)) * 30 * kMinute;
  plan.decide.placements = {"home", "banner"};
  plan.decide.trigger_kinds |= 1u << static_cast<unsigned>(EventKind::kClick);
  plan.experiment.holdout = .1;
  plan.experiment.random = .2;
  plan.experiment.horizon = static_cast<Duration>(1 + draws.Below(5)) * kDayLength;
  plan.explore.cap_lottery = .3;
  plan.channels[0].cooldown = static_cast<Duration>(draws.Below(2)) * kHour;
  plan.channels[1].cap.window = 2 * kDayLength;
  plan.lateness = static_cast<Duration>(1 + draws.Below(4)) * 20 * kMinute;
  plan.dedup_horizon = static_cast<Duration>(1 + draws.Below(5)) * kDayLength;
  plan.Index();
  return plan;
}

Event& RandomEvent(EventScript& script, Draws& draws, EventTime now, const std::vector<DecisionId>& decisions) {
  static constexpr EventKind kKinds[] = {
      EventKind::kImpression, EventKind::kImpression, EventKind::kImpression, EventKind::kRequest, EventKind::kRequest,
      EventKind::kClick,      EventKind::kClick,      EventKind::kConversion, EventKind::kTransaction,
      EventKind::kEngagement, EventKind::kProfile,    EventKind::kDelivery,   EventKind::kUnsubscribe,
      EventKind::kIgnore,     EventKind::kDelete};
  const std::size_t kind = draws.Below(draws.Below(4) == 0 ? 15 : 9);
  const EventTime time = now - static_cast<Duration>(draws.Below(8) == 0 ? draws.Below(6 * kHour) : draws.Below(kMinute));
  Event& e = script.Add(kKinds[kind], "c" + std::to_string(draws.Below(9)), time);
  if (draws.Below(3) != 0) {
    e.offer = OfferIndex(draws.Below(3));
    e.offer_hash = 1;
  }
  if (draws.Below(3) != 0) e.channel = ChannelIndex(draws.Below(2));
  if (draws.Below(3) == 0 && !decisions.empty()) e.decision_id = decisions[draws.Below(decisions.size())];
  if (draws.Below(2) == 0) {
    e.has_value = true;
    e.value = static_cast<Money>(draws.Below(10000)) - 1000;
    e.product = ProductIndex(draws.Below(2));
  }
  e.direction = static_cast<Direction>(draws.Below(3));
  e.failed = draws.Below(2) == 0;
  e.transactional = draws.Below(20) == 0;
  if (e.kind == EventKind::kImpression && draws.Below(10) == 0) {
    e.outcomes_known = 3;
    e.outcomes_yes = static_cast<std::uint8_t>(draws.Below(4));
  }
  if (e.kind == EventKind::kProfile || draws.Below(6) == 0) {
    script.Attribute(e, AttributeIndex(0), {AttributeValue::Type::kNumber, static_cast<double>(draws.Below(80)), 0});
    script.Attribute(e, AttributeIndex(2 + draws.Below(2)), {AttributeValue::Type::kBool, double(draws.Below(2)), 0});
  }
  return e;
}

AdoptedModels RandomModels(const CampaignPlan& plan, Draws& draws, std::uint64_t version) {
  AdoptedModels models;
  models.responses.resize(plan.models());
  for (std::size_t m = 0; m < plan.models(); ++m) {
    if (draws.Below(3) == 0) continue;
    auto view = View(plan, ModelIndex(m), -2 + draws.Normal(), .01 + draws.Uniform(), version);
    for (double& mean : view->mean) mean += .2 * draws.Normal();
    view->labels = static_cast<std::int64_t>(draws.Below(2) * 100);
    models.responses[m] = view;
  }
  auto caps = std::make_shared<CapView>();
  caps->version = version;
  for (std::uint32_t segment = 0; segment < 3; ++segment) {
    for (std::size_t c = 0; c < 2; ++c) {
      CapCell cell;
      cell.segment = segment;
      cell.channel = ChannelIndex(c);
      cell.limit = static_cast<std::uint16_t>(draws.Below(5));
      caps->cells.push_back(cell);
    }
  }
  models.caps = caps;
  auto segments = std::make_shared<SegmentView>();
  segments->version = version;
  segments->epoch = static_cast<std::uint32_t>(version / 3);
  segments->dimension = 2;
  segments->centre = {3, 1};
  segments->scale = {2, 1};
  segments->low = {0, 0};
  segments->high = {10, 10};
  segments->macros = {{1, 0, .5, {draws.Normal(), 0}}, {2, 1, .5, {draws.Normal(), 1}}};
  models.segments = segments;
  return models;
}

struct LiveRun {
  std::shared_ptr<const CampaignPlan> plan;
  EventScript script;
  std::vector<Txn> txns;
  std::uint64_t decisions = 0, observations = 0, caps = 0;
};

void FoldLive(std::uint64_t seed, LiveRun& run) {
  Draws draws(seed, 1, 2, Purpose::kSimulation);
  run.plan = Shared(RandomPlan(draws));
  MapMemory memory(*run.plan);
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
    run.decisions += out.decision_count;
    run.observations += out.observations.rows.size();
    run.caps += out.cap_count;
    txn.account = fold.account();
    for (const auto& [id, profile] : memory.customers()) txn.customers.emplace(id, *profile);
  }
}

// Recovers from rows as of transactions >= floor, at random per customer, and compares with the live end.
void Recover(const LiveRun& run, TxnSeq floor, Draws& draws) {
  const TxnSeq last = run.txns.size() - 1;
  MapMemory memory(*run.plan);
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
    fold.RefoldClock(txn.clock, txn.account.frontier);
    for (std::size_t i = txn.begin; i < txn.end; ++i) {
      const auto at = txn.facts.find({events[i].cause.offset, events[i].cause.part});
      if (at != txn.facts.end()) {
        ByteReader reader(at->second);
        ASSERT_TRUE(facts.Load(*run.plan, reader) && reader.AtEnd());
      }
      fold.Refold(events[i], at == txn.facts.end() ? nullptr : &facts, txn.account.frontier);
    }
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
  std::uint64_t decisions = 0, observations = 0, caps = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    LiveRun run;
    FoldLive(seed, run);
    decisions += run.decisions;
    observations += run.observations;
    caps += run.caps;
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
