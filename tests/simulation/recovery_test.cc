// Crashes by seed: a partition's fold runs over PartitionState, a store, the changelog and the journal, all through their
// stored bytes, and dies at random points, also while recovering. What it has committed must equal an uninterrupted run
// over a std::map: facts, decisions, account and, at the end, every customer.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/domain/bytes.h"
#include "state/formats/codecs.h"
#include "state/formats/journal.h"
#include "state/partition_state.h"
#include "tests/support/random_fold.h"

namespace offerstream {
namespace {

constexpr TxnSeq kTransactions = 40;

// What enters a transaction from outside; the same for the uninterrupted run and for every attempt of the other.
struct Script {
  std::size_t begin = 0, end = 0;   // events
  std::size_t sweep_max = 0;
  EventTime clock = kNever;
  bool sweep_after = false;
  std::optional<AdoptedModels> models{};
};

// What came of it in the uninterrupted run.
struct Outcome {
  std::uint64_t records = 0, decided = 0, observations = 0, caps = 0, looks = 0;
  std::string facts{};
  PartitionAccount account{};
};

struct World {
  std::shared_ptr<const CampaignPlan> plan{};
  EventScript events{};
  std::vector<Script> scripts{1};     // by seq; 0 is before the first
  std::vector<Outcome> outcomes{1};
  std::map<std::string, std::string> customers{};  // encoded, at the end
};

Outcome OutcomeOf(const CampaignPlan& plan, const DecisionFold& fold, const FoldOutput& out) {
  Outcome o;
  o.records = out.records.value();
  o.decided = out.decided.value();
  o.observations = out.observations.rows.size();
  o.caps = out.cap_count;
  o.looks = Rows(out, ObservationKind::kChurnLook);
  ByteWriter writer(o.facts);
  for (std::size_t i = 0; i < out.fact_count; ++i) out.facts[i].facts.Save(plan, writer);
  o.account = fold.account();
  return o;
}

std::string Body(const CampaignPlan& plan, const CustomerProfile& profile) {
  std::string row;
  EncodeProfile(plan, profile, 0, row);
  return std::string(ProfileBody(row));
}

void RunUninterrupted(std::uint64_t seed, World& world) {
  Draws draws(seed, 1, 2, Purpose::kSimulation);
  world.plan = Shared(RandomPlan(draws));
  MapMemory memory;
  DecisionFold fold(world.plan, memory);
  FoldOutput out;
  EventTime now = kStart;
  std::vector<DecisionId> decisions;
  auto& events = world.events.events();
  for (TxnSeq seq = 1; seq <= kTransactions; ++seq) {
    Script& script = world.scripts.emplace_back();
    script.begin = events.size();
    script.sweep_max = draws.Below(3) == 0 ? draws.Below(3) : 1000;
    fold.Begin(seq, script.sweep_max);
    if (draws.Below(4) == 0) {
      script.models = RandomModels(*world.plan, draws, seq);
      fold.Adopt(*script.models);
    }
    out.Clear();
    if (draws.Below(6) == 0) {
      script.clock = now += static_cast<Duration>(draws.Below(3 * kDayLength));
      fold.AdvanceClock(now, out);
    }
    for (std::uint64_t n = draws.Below(30); n > 0; --n) {
      now += static_cast<Duration>(draws.Below(10) == 0 ? draws.Below(12 * kHour) : draws.Below(20 * kMinute));
      Event& e = draws.Below(15) == 0 && !events.empty() ? world.events.Repeat(events[draws.Below(events.size())])
                                                         : RandomEvent(world.events, draws, now, decisions);
      fold.Apply(e, out);
    }
    script.sweep_after = draws.Below(3) == 0;
    if (script.sweep_after) fold.Sweep(out);
    script.end = events.size();
    for (std::size_t i = 0; i < out.decision_count; ++i) decisions.push_back(out.decisions[i].id);
    if (decisions.size() > 20) decisions.erase(decisions.begin(), decisions.end() - 20);
    world.outcomes.push_back(OutcomeOf(*world.plan, fold, out));
  }
  for (const auto& [id, profile] : memory.customers()) world.customers.emplace(id, Body(*world.plan, *profile));
}

// One committed transaction as the logs hold it: journal pieces; the share with its meta record (the changelog).
struct Committed {
  std::vector<std::string> journal{};
  StateBatch share{};
  std::string meta{};
};

class CrashingRun {
 public:
  CrashingRun(World& world, std::uint64_t seed) : world_(world), draws_(seed, 7, 8, Purpose::kSimulation) {
    static constexpr std::uint64_t kMemory[] = {6'000, 20'000, 1u << 30};
    memory_ = kMemory[draws_.Below(3)];
    tail_events_ = draws_.Below(4) == 0 ? 0 : 1 + draws_.Below(300);
    crash_one_in_ = 4 + draws_.Below(30);
  }

  void Run() {
    Recover();
    while (log_.size() - 1 < kTransactions) {
      if (testing::Test::HasFatalFailure()) return;
      if (!Transaction(log_.size())) {
        ++crashes;
        Recover();
      }
    }
    CompareWithUninterrupted("at the end");
    Recover();
    CompareWithUninterrupted("after a last recovery");
  }

  std::uint64_t crashes = 0, rebuilds = 0, refolded = 0, longest_tail = 0;

 private:
  bool Crash() { return draws_.Below(crash_one_in_ * 4) == 0; }

  ShareRequest Request(std::uint64_t events) {
    ShareRequest request{.tail_events_max = tail_events_, .txn_events = events};
    request.all = draws_.Below(25) == 0;
    if (draws_.Below(3) == 0) request.rows_max = 1 + draws_.Below(4);
    if (draws_.Below(5) == 0) request.bytes_max = 100;
    return request;
  }

  FoldPosition PositionAfter(TxnSeq seq) const {
    FoldPosition position;
    position.seq = seq;
    position.offsets = {static_cast<std::int64_t>(world_.scripts[seq].end)};
    const PartitionAccount& account = fold_->account();
    position.max_event_time = account.max_event_time;
    position.watermark = account.watermark;
    position.frontier = account.frontier;
    return position;
  }

  void Fold(TxnSeq seq, FoldOutput& out) {
    const Script& script = world_.scripts[seq];
    fold_->Begin(seq, script.sweep_max);
    if (stale_models_) fold_->Adopt(LastModels(seq - 1));  // what memory held before the crash
    stale_models_ = false;
    if (script.models) fold_->Adopt(*script.models);
    if (script.clock != kNever) fold_->AdvanceClock(script.clock, out);
    std::vector<std::string_view> ids;
    std::vector<IdHash> hashes;
    for (std::size_t i = script.begin; i < script.end; ++i) {
      ids.push_back(Events()[i].customer_id);
      hashes.push_back(Events()[i].customer_hash);
    }
    if (draws_.Below(2) == 0) state_->Prefetch(ids, hashes);
    for (std::size_t i = script.begin; i < script.end; ++i) {
      fold_->Apply(Events()[i], out);
      if (unstored_ && draws_.Below(10) == 0) Stored();  // the store's thread is done somewhere in the next transaction
    }
    if (script.sweep_after) fold_->Sweep(out);
  }

  // False: the process died.
  bool Transaction(TxnSeq seq) {
    FoldOutput out;
    Fold(seq, out);
    if (unstored_) Stored();
    const Outcome outcome = OutcomeOf(*world_.plan, *fold_, out), &expected = world_.outcomes[seq];
    EXPECT_EQ(outcome.facts, expected.facts) << "seq " << seq;
    EXPECT_EQ(outcome.records, expected.records);
    EXPECT_EQ(outcome.decided, expected.decided) << "seq " << seq;
    EXPECT_EQ(outcome.observations, expected.observations) << "seq " << seq;
    EXPECT_EQ(outcome.caps, expected.caps) << "seq " << seq;
    EXPECT_EQ(outcome.looks, expected.looks) << "seq " << seq;
    EXPECT_EQ(outcome.account.frontier, expected.account.frontier) << "seq " << seq;
    if (Crash()) return false;

    const std::uint64_t events = world_.scripts[seq].end - world_.scripts[seq].begin;
    Committed& committed = staged_;
    PartitionMeta meta;
    meta.account = fold_->account();
    state_->TakeShare(Request(events), PositionAfter(seq), committed.share, meta);
    committed.meta.clear();
    EncodeMeta(meta, committed.meta);
    committed.journal = Journal(seq, out);
    if (Crash()) return false;
    log_.push_back(committed);          // the commit
    longest_tail = std::max(longest_tail, state_->sizes().tail_events);
    if (Crash()) return false;
    EXPECT_TRUE(store_->Write(0, committed.share, meta));
    if (Crash()) return false;
    unstored_ = true;
    if (draws_.Below(2) == 0) Stored();
    return !Crash();
  }

  void Stored() {
    const Result<PartitionMeta> meta = DecodeMeta(log_.back().meta);
    ASSERT_TRUE(meta);
    state_->ShareWritten(log_.back().share, *meta);
    unstored_ = false;
    state_->EndTransaction();
  }

  std::vector<std::string> Journal(TxnSeq seq, const FoldOutput& out) {
    JournalRecord record;
    record.seq = seq;
    record.ranges = {{0, static_cast<std::int64_t>(world_.scripts[seq].begin), static_cast<std::int64_t>(world_.scripts[seq].end)}};
    record.clock = world_.scripts[seq].clock;
    record.max_event_time = fold_->account().max_event_time;
    record.watermark = fold_->account().watermark;
    record.frontier = fold_->account().frontier;
    record.facts.assign(out.facts.begin(), out.facts.begin() + static_cast<std::ptrdiff_t>(out.fact_count));
    record.turns.assign(out.turns.begin(), out.turns.begin() + static_cast<std::ptrdiff_t>(out.turn_count));
    return EncodeJournal(*world_.plan, record, draws_.Below(2) == 0 ? 200 : 500'000);
  }

  AdoptedModels LastModels(TxnSeq seq) const {
    for (; seq > 0; --seq) {
      if (world_.scripts[seq].models) return *world_.scripts[seq].models;
    }
    AdoptedModels none;
    none.responses.resize(world_.plan->models());
    return none;
  }

  // The local store as it is, completed from the changelog; or a fresh one from a compacted changelog.
  void RestoreStore(const PartitionMeta& target) {
    if (store_ == nullptr || draws_.Below(4) == 0) {
      ++rebuilds;
      store_ = OpenMemoryStore();
      PartitionMeta restoring = target;
      restoring.restoring = true;
      std::map<std::string, std::size_t> newest;
      for (std::size_t seq = 1; seq < log_.size(); ++seq) {
        for (const StateRow& row : log_[seq].share.rows) newest[std::string(log_[seq].share.Id(row))] = seq;
      }
      for (std::size_t seq = 1; seq < log_.size(); ++seq) {
        StateBatch kept = log_[seq].share;  // compaction keeps the newest, and sometimes older ones
        std::erase_if(kept.rows, [&](const StateRow& r) { return newest[std::string(kept.Id(r))] != seq && draws_.Below(2) == 0; });
        ASSERT_TRUE(store_->Write(0, kept, restoring));
      }
      ASSERT_TRUE(store_->Write(0, {}, target));
      return;
    }
    const Result<PartitionMeta> local = store_->LoadMeta(0);
    const TxnSeq stored = local ? local->committed.seq : 0;
    for (TxnSeq seq = stored + 1; seq < log_.size(); ++seq) {
      const Result<PartitionMeta> meta = DecodeMeta(log_[seq].meta);
      ASSERT_TRUE(meta);
      ASSERT_TRUE(store_->Write(0, log_[seq].share, *meta));
    }
  }

  void Recover() {
    while (!TryRecover()) ++crashes;
  }

  // False: died again on the way.
  bool TryRecover() {
    unstored_ = false;
    PartitionMeta meta;
    if (log_.size() > 1) meta = DecodeMeta(log_.back().meta).value();
    RestoreStore(meta);
    state_ = std::make_unique<PartitionState>(world_.plan, *store_, 0, memory_);
    fold_ = std::make_unique<DecisionFold>(world_.plan, *state_);
    PartitionAccount account = meta.account;
    account.max_event_time = meta.floor.max_event_time;
    account.watermark = meta.floor.watermark;
    account.frontier = meta.floor.frontier;
    fold_->SetAccount(account);
    state_->SetFloor(meta.floor);
    EXPECT_TRUE(state_->LoadAll());
    JournalReader reader;
    for (TxnSeq seq = meta.floor.seq + 1; seq <= meta.committed.seq; ++seq) {
      if (draws_.Below(40) == 0) return false;
      Refold(seq, reader);
      if (testing::Test::HasFatalFailure()) return true;
      if (draws_.Below(20) == 0) FlushTail(seq, meta);
    }
    fold_->SetAccount(meta.account);
    stale_models_ = true;
    return true;
  }

  void Refold(TxnSeq seq, JournalReader& reader) {
    ++refolded;
    JournalRecord record;
    for (std::size_t piece = 0; piece < log_[seq].journal.size(); ++piece) {
      const Result<bool> complete = reader.Add(*world_.plan, log_[seq].journal[piece], record);
      ASSERT_TRUE(complete);
      ASSERT_EQ(*complete, piece + 1 == log_[seq].journal.size());
    }
    ASSERT_EQ(record.seq, seq);
    fold_->Begin(seq, 1);
    fold_->Recall(&record.turns);
    fold_->RefoldClock(record.clock, record.frontier);
    std::size_t next_facts = 0;
    for (std::int64_t offset = record.ranges[0].from; offset < record.ranges[0].to; ++offset) {
      const Event& event = Events()[static_cast<std::size_t>(offset)];
      const bool here = next_facts < record.facts.size() && record.facts[next_facts].cause == event.cause;
      fold_->Refold(event, here ? &record.facts[next_facts].facts : nullptr, record.frontier);
      if (here) ++next_facts;
    }
    fold_->RefoldClock(kNever, record.frontier);
    ASSERT_EQ(next_facts, record.facts.size()) << "seq " << seq;
    ASSERT_EQ(fold_->turns_missing(), 0u) << "seq " << seq;
    ASSERT_EQ(fold_->account().watermark, record.watermark) << "seq " << seq;
    ASSERT_EQ(fold_->account().frontier, record.frontier) << "seq " << seq;
    state_->Refolded(PositionAfter(seq), world_.scripts[seq].end - world_.scripts[seq].begin);
    state_->EndTransaction();
  }

  // A tail too long for memory: what is re-folded so far is written on the way. The same event counts once.
  void FlushTail(TxnSeq seq, const PartitionMeta& target) {
    StateBatch share;
    PartitionMeta meta = target;
    state_->TakeShare({.all = true, .txn_events = world_.scripts[seq].end - world_.scripts[seq].begin}, PositionAfter(seq), share, meta);
    meta.committed = target.committed;
    ASSERT_TRUE(store_->Write(0, share, meta));
    state_->ShareWritten(share, meta);
    // The changelog gets them too (a transaction without input in the real shard; here they join the last one's share).
    Committed& last = log_.back();
    for (const StateRow& row : share.rows) {
      std::erase_if(last.share.rows, [&](const StateRow& r) { return last.share.Id(r) == share.Id(row); });
      StateRow copy = row;
      copy.id_begin = static_cast<std::uint32_t>(last.share.arena.size());
      last.share.arena += share.Id(row);
      copy.value_begin = static_cast<std::uint32_t>(last.share.arena.size());
      last.share.arena += share.Value(row);
      last.share.rows.push_back(copy);
    }
    last.meta.clear();
    EncodeMeta(meta, last.meta);
  }

  void CompareWithUninterrupted(const char* when) {
    if (unstored_) Stored();
    std::map<std::string, std::string> customers;
    EXPECT_TRUE(state_->Dump([&](std::string_view id, std::string_view row) { customers.emplace(id, row); }));
    EXPECT_EQ(customers, world_.customers) << when;
  }

  std::deque<Event>& Events() { return world_.events.events(); }

  World& world_;
  Draws draws_;
  std::uint64_t memory_ = 0, tail_events_ = 0, crash_one_in_ = 0;
  std::vector<Committed> log_{1};
  Committed staged_{};
  std::unique_ptr<StateStore> store_{};
  std::unique_ptr<PartitionState> state_{};
  std::unique_ptr<DecisionFold> fold_{};
  bool unstored_ = false;      // the last share is in the store, but the partition has not been told
  bool stale_models_ = false;  // memory was lost: adopt again before folding
};

TEST(Recovery, AfterAnyCrashesTheCommittedRunIsThatOfOneWithoutThem) {
  std::uint64_t crashes = 0, rebuilds = 0, refolded = 0, longest_tail = 0;
  for (std::uint64_t seed = 1; seed <= 800; ++seed) {
    World world;
    RunUninterrupted(seed, world);
    CrashingRun run(world, seed);
    run.Run();
    crashes += run.crashes;
    rebuilds += run.rebuilds;
    refolded += run.refolded;
    longest_tail = std::max(longest_tail, run.longest_tail);
    if (HasFailure()) {
      ADD_FAILURE() << "seed " << seed;
      return;
    }
  }
  std::printf("%llu crashes, %llu rebuilds from the changelog, %llu transactions re-folded, tails up to %llu events\n",
              static_cast<unsigned long long>(crashes), static_cast<unsigned long long>(rebuilds),
              static_cast<unsigned long long>(refolded), static_cast<unsigned long long>(longest_tail));
  EXPECT_GT(crashes, 2000u);  // the faults happen
  EXPECT_GT(refolded, 5000u);
  EXPECT_GT(longest_tail, 150u);
}

}  // namespace
}  // namespace offerstream
