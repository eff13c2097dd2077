#include "state/partition_state.h"

#include <gtest/gtest.h>

#include <map>

#include "state/formats/codecs.h"
#include "tests/support/state_samples.h"

namespace offerstream {
namespace {

constexpr std::uint64_t kPlenty = 1u << 30;

// A partition with its store, one transaction after the other.
struct Partition {
  explicit Partition(std::uint64_t memory = kPlenty) : memory(memory) { Start(); }

  void Start() {
    state = std::make_unique<PartitionState>(plan, *store, 0, memory);
    const Result<PartitionMeta> meta = store->LoadMeta(0);
    if (meta) state->SetFloor(meta->floor);
    ASSERT_TRUE(state->LoadAll());
  }
  CustomerProfile& Open(const std::string& id) { return state->Open(id, H64(id), seq); }
  const CustomerProfile* Find(const std::string& id) { return state->Find(id, H64(id)); }
  void Touch(const std::string& id) { Open(id).truncated += 1; }
  PartitionMeta Commit(const ShareRequest& request) {
    PartitionMeta meta;
    state->TakeShare(request, samples::Position(seq), batch, meta);
    EXPECT_TRUE(store->Write(0, batch, meta));
    state->ShareWritten(batch, meta);
    state->EndTransaction();
    ++seq;
    return meta;
  }
  PartitionMeta CommitAll() { return Commit({.all = true}); }
  PartitionMeta CommitNothing(std::uint64_t events = 1) {
    return Commit({.tail_events_max = 1u << 30, .txn_events = events, .rows_max = 0});
  }
  std::map<std::string, std::string> Dump() {
    std::map<std::string, std::string> all;
    EXPECT_TRUE(state->Dump([&](std::string_view id, std::string_view row) { all.emplace(id, row); }));
    return all;
  }

  std::shared_ptr<CampaignPlan> plan = samples::Plan();
  std::unique_ptr<StateStore> store = OpenMemoryStore();
  std::uint64_t memory;
  std::unique_ptr<PartitionState> state{};
  StateBatch batch{};
  TxnSeq seq = 1;
};

TEST(PartitionState, ANewCustomerHasItsIdAndNothingIsKnownOfIt) {
  Partition p;
  EXPECT_EQ(p.Find("anna"), nullptr);
  CustomerProfile& anna = p.Open("anna");
  EXPECT_EQ(anna.id, "anna");
  EXPECT_EQ(anna.hash, H64("anna"));
  EXPECT_EQ(anna.channels.known(), 0);
  EXPECT_EQ(anna.first_dirty, 1u);
  EXPECT_EQ(p.Find("anna"), &anna);
}

TEST(PartitionState, WrittenRowsAreCleanAndComeBackAfterARestart) {
  Partition p;
  p.Touch("anna");
  p.Touch("bert");
  const PartitionMeta meta = p.CommitAll();
  EXPECT_EQ(meta.floor.seq, 1u);
  EXPECT_EQ(p.batch.rows.size(), 2u);
  EXPECT_EQ(p.batch.Id(p.batch.rows[0]), "anna");
  EXPECT_EQ(p.state->sizes().dirty, 0u);
  p.Start();
  ASSERT_NE(p.Find("anna"), nullptr);
  EXPECT_EQ(p.Find("anna")->truncated, 1u);
  EXPECT_EQ(p.Find("anna")->as_of, 1u);
}

TEST(PartitionState, FloorIsThePositionBeforeTheFirstUnwrittenChange) {
  Partition p;
  p.Touch("anna");
  EXPECT_EQ(p.CommitAll().floor.seq, 1u);
  p.Touch("bert");
  EXPECT_EQ(p.CommitNothing().floor.seq, 1u);
  p.Touch("carl");
  const PartitionMeta meta = p.CommitNothing();
  EXPECT_EQ(meta.committed.seq, 3u);
  EXPECT_EQ(meta.floor.seq, 1u);
  EXPECT_EQ(meta.floor.offsets, samples::Position(1).offsets);
  // One row a commit: bert, dirty for longest, goes first and the floor follows to just before carl.
  EXPECT_EQ(p.Commit({.tail_events_max = 1, .txn_events = 5, .rows_max = 1}).floor.seq, 2u);
  EXPECT_EQ(p.batch.Id(p.batch.rows.at(0)), "bert");
  EXPECT_EQ(p.CommitAll().floor.seq, 5u);
}

TEST(PartitionState, AShareNeverLeavesTheTailLongerThanAskedFor) {
  Partition p;
  const ShareRequest request{.tail_events_max = 1000, .txn_events = 100};
  for (int txn = 0; txn < 200; ++txn) {
    for (int n = 0; n < 100; ++n) p.Touch("c" + std::to_string((txn * 37 + n * n) % 5000));
    p.Commit(request);
    EXPECT_LE(p.state->sizes().tail_events, 1000u + 100u);
    EXPECT_LE(p.batch.rows.size(), 300u);  // no bursts
  }
}

TEST(PartitionState, ACustomerChangedAfterTheShareWasTakenStaysDirtySinceThen) {
  Partition p;
  p.Touch("anna");
  PartitionMeta first;
  StateBatch batch;
  p.state->TakeShare({.all = true}, samples::Position(1), batch, first);
  p.seq = 2;
  p.Touch("anna");  // the store is still writing transaction 1
  ASSERT_TRUE(p.store->Write(0, batch, first));
  p.state->ShareWritten(batch, first);
  EXPECT_EQ(p.state->sizes().dirty, 1u);
  EXPECT_EQ(p.Find("anna")->first_dirty, 2u);
  EXPECT_EQ(p.CommitNothing().floor.seq, 1u);
  EXPECT_EQ(p.CommitAll().floor.seq, 3u);
}

TEST(PartitionState, AnErasedCustomerLeavesATombstoneUntilTheFloorHasPassed) {
  Partition p;
  p.Touch("old");
  p.CommitAll();
  p.Touch("old");
  p.Touch("anna");
  p.CommitNothing();  // 2: old is dirty since 2, the floor stays at 1
  p.state->Erase(p.Open("anna"), p.seq);
  EXPECT_EQ(p.Find("anna"), nullptr);
  const PartitionMeta meta = p.Commit({.tail_events_max = 1u << 30, .txn_events = 1});  // 3: erased ones go always
  EXPECT_EQ(meta.floor.seq, 1u);
  ASSERT_EQ(p.batch.rows.size(), 1u);
  std::string row;
  ASSERT_TRUE(p.store->Load(0, "anna", row));
  ASSERT_TRUE(PeekProfile(row));
  EXPECT_TRUE(PeekProfile(row)->gone);
  EXPECT_EQ(PeekProfile(row)->as_of, 3u);

  // A restart re-folds transaction 2: anna's events of it are passed over, those after the erasure are not.
  p.Start();
  CustomerProfile& passed = p.state->Open("anna", H64("anna"), 2);
  EXPECT_EQ(passed.as_of, 3u);
  EXPECT_EQ(passed.first_dirty, 0u);
  EXPECT_EQ(p.Find("anna"), nullptr);
  EXPECT_EQ(p.Dump().count("anna"), 0u);
  EXPECT_EQ(p.state->Open("anna", H64("anna"), 4).first_dirty, 4u);
  EXPECT_NE(p.Find("anna"), nullptr);
}

TEST(PartitionState, ATombstoneGoesWithTheFirstBatchWhoseFloorIncludesIt) {
  Partition p;
  p.Touch("anna");
  p.CommitAll();
  p.state->Erase(p.Open("anna"), p.seq);
  p.CommitAll();
  std::string row;
  ASSERT_TRUE(p.store->Load(0, "anna", row));
  EXPECT_TRUE(row.empty());
}

TEST(PartitionState, ACustomerBornAgainBeforeItsTombstoneWasWrittenIsWrittenWhole) {
  Partition p;
  p.Touch("anna");
  p.Open("anna").truncated = 40;
  p.CommitAll();
  p.state->Erase(p.Open("anna"), p.seq);
  p.Touch("anna");
  EXPECT_EQ(p.Find("anna")->truncated, 1u);
  p.CommitAll();
  p.Start();
  ASSERT_NE(p.Find("anna"), nullptr);
  EXPECT_EQ(p.Find("anna")->truncated, 1u);
}

TEST(PartitionState, TimersComeInOrderOfTimeThenHash) {
  Partition p;
  std::map<std::pair<EventTime, IdHash>, std::string> expected;
  for (int n = 0; n < 300; ++n) {
    const std::string id = "c" + std::to_string(n);
    CustomerProfile& c = p.Open(id);
    for (int change = 0; change <= n % 3; ++change) {
      c.next_due = 1000 + (n * 7919 + change * 13) % 50;
      p.state->Reschedule(c);
    }
    expected.emplace(std::pair(c.next_due, c.hash), id);
  }
  EXPECT_EQ(p.state->sizes().timers, 300u);
  EXPECT_EQ(p.state->NextDue(999, p.seq), nullptr);
  for (const auto& [key, id] : expected) {
    CustomerProfile* due = p.state->NextDue(2000, p.seq);
    ASSERT_NE(due, nullptr);
    EXPECT_EQ(std::string_view(due->id), id);
    due->next_due = INT64_MAX;
    p.state->Reschedule(*due);
  }
  EXPECT_EQ(p.state->NextDue(INT64_MAX - 1, p.seq), nullptr);
  EXPECT_EQ(p.state->sizes().timers, 0u);
}

TEST(PartitionState, ACustomerAheadOfTheTransactionKeepsItsTimersUntilItIsReached) {
  Partition p;
  for (const char* id : {"anna", "bert"}) {
    CustomerProfile& c = p.Open(id);
    c.next_due = 100;
    p.state->Reschedule(c);
  }
  p.seq = 5;
  p.CommitAll();
  p.Start();
  EXPECT_EQ(p.state->NextDue(200, 4), nullptr);
  EXPECT_EQ(p.state->NextDue(200, 5), nullptr);
  CustomerProfile* due = p.state->NextDue(200, 6);
  ASSERT_NE(due, nullptr);
  EXPECT_EQ(due->first_dirty, 6u);
}

TEST(PartitionState, CustomersThatDoNotFitAreReadWhenNeededAndTheirTimersStillFire) {
  Partition p(400'000);
  for (int n = 0; n < 2000; ++n) {
    CustomerProfile& c = p.Open("c" + std::to_string(n));
    c.truncated = static_cast<std::uint32_t>(n);
    c.next_due = 10'000 + n;
    p.state->Reschedule(c);
  }
  p.CommitAll();
  p.CommitAll();
  EXPECT_LT(p.state->sizes().cached, 1000u);
  EXPECT_EQ(p.state->sizes().timers, 2000u);
  EXPECT_EQ(p.Dump().size(), 2000u);
  for (const bool restarted : {false, true}) {
    if (restarted) p.Start();
    const std::uint64_t misses = p.state->sizes().misses;
    for (int n = 0; n < 2000; ++n) {
      const CustomerProfile* c = p.Find("c" + std::to_string(n));
      ASSERT_NE(c, nullptr);
      EXPECT_EQ(c->truncated, static_cast<std::uint32_t>(n));
      if (n % 100 == 0) p.CommitAll();
    }
    EXPECT_GT(p.state->sizes().misses, misses);
  }
  for (int n = 0; n < 2000; ++n) {
    CustomerProfile* due = p.state->NextDue(20'000, p.seq);
    ASSERT_NE(due, nullptr);
    EXPECT_EQ(due->next_due, 10'000 + n);
    due->next_due = INT64_MAX;
    p.state->Reschedule(*due);
  }
  EXPECT_EQ(p.state->NextDue(20'000, p.seq), nullptr);
}

TEST(PartitionState, PrefetchReadsTheMissingTogetherAndChangesNothingElse) {
  Partition p(300'000);
  for (int n = 0; n < 1000; ++n) p.Touch("c" + std::to_string(n));
  p.CommitAll();
  p.CommitAll();
  const auto before = p.Dump();
  std::vector<std::string> names;
  for (int n = 0; n < 64; ++n) names.push_back("c" + std::to_string(n * 17));
  names.push_back("c0");
  std::vector<std::string_view> ids(names.begin(), names.end());
  std::vector<IdHash> hashes;
  for (const std::string& name : names) hashes.push_back(H64(name));
  p.state->Prefetch(ids, hashes);
  const std::uint64_t misses = p.state->sizes().misses;
  for (const std::string& name : names) {
    EXPECT_EQ(p.Find(name) != nullptr, std::stoi(name.substr(1)) < 1000) << name;
  }
  EXPECT_EQ(p.state->sizes().misses, misses);
  EXPECT_EQ(p.Dump(), before);
}

}  // namespace
}  // namespace offerstream
