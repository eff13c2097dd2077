// PartitionState beside the simplest thing that could be meant: random operations on both, equal answers, by seed.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <tuple>

#include "state/partition_state.h"
#include "tests/support/state_samples.h"

namespace offerstream {
namespace {

constexpr int kCustomers = 60;

struct Toy {
  std::uint32_t count = 0;
  EventTime due = INT64_MAX;
};

class Pair {
 public:
  explicit Pair(std::uint64_t seed) : draws_(seed, 11, 12, Purpose::kSimulation) {
    static constexpr std::uint64_t kMemory[] = {1, 30'000, 100'000, 1u << 30};
    memory_ = kMemory[draws_.Below(4)];
    Start();
  }

  void Step() {
    const std::string id = "c" + std::to_string(draws_.Below(kCustomers));
    switch (draws_.Below(16)) {
      case 0: return Erase(id);
      case 1: case 2: return Commit(draws_.Below(10) == 0);
      case 3: return Prefetch();
      case 4: return Timers();
      case 5: return Look(id);
      case 6: return draws_.Below(20) == 0 ? Restart() : Look(id);
      default: return Change(id);
    }
  }

  void CompareAll() {
    std::map<std::string, std::uint32_t> rows, expected;
    std::string previous;
    ASSERT_TRUE(state_->Dump([&](std::string_view id, std::string_view) {
      EXPECT_LT(previous, id);
      previous = id;
      rows.emplace(id, 0);
    }));
    for (auto& [id, count] : rows) count = state_->Find(id, H64(id))->truncated;
    for (const auto& [id, toy] : toys_) expected.emplace(id, toy.count);
    ASSERT_EQ(rows, expected);
  }

 private:
  void Start() {
    state_ = std::make_unique<PartitionState>(plan_, *store_, 0, memory_);
    if (const auto meta = store_->LoadMeta(0)) state_->SetFloor(meta->floor);
    ASSERT_TRUE(state_->LoadAll());
  }

  void Change(const std::string& id) {
    CustomerProfile& c = state_->Open(id, H64(id), seq_);
    Toy& toy = toys_[id];
    ASSERT_EQ(c.truncated, toy.count) << id;
    ASSERT_EQ(c.next_due, toy.due);
    ASSERT_EQ(c.id, id);
    c.truncated = ++toy.count;
    c.next_due = toy.due = draws_.Below(3) == 0 ? INT64_MAX : now_ + static_cast<EventTime>(draws_.Below(200));
    state_->Reschedule(c);
  }

  void Erase(const std::string& id) {
    if (state_->Find(id, H64(id)) == nullptr) return;
    state_->Erase(state_->Open(id, H64(id), seq_), seq_);
    toys_.erase(id);
  }

  void Look(const std::string& id) {
    const CustomerProfile* c = state_->Find(id, H64(id));
    const auto toy = toys_.find(id);
    ASSERT_EQ(c != nullptr, toy != toys_.end()) << id;
    if (c != nullptr) {
      ASSERT_EQ(c->truncated, toy->second.count);
    }
  }

  void Timers() {
    now_ += static_cast<EventTime>(draws_.Below(100));
    std::set<std::tuple<EventTime, IdHash, std::string>> due;
    for (const auto& [id, toy] : toys_) {
      if (toy.due <= now_) due.emplace(toy.due, H64(id), id);
    }
    for (const auto& [time, hash, id] : due) {
      CustomerProfile* c = state_->NextDue(now_, seq_);
      ASSERT_NE(c, nullptr);
      ASSERT_EQ(std::string_view(c->id), id);
      ASSERT_EQ(c->next_due, time);
      c->next_due = toys_[id].due = INT64_MAX;
      state_->Reschedule(*c);
    }
    ASSERT_EQ(state_->NextDue(now_, seq_), nullptr);
  }

  void Prefetch() {
    std::vector<std::string> names;
    for (int n = 0; n < 8; ++n) names.push_back("c" + std::to_string(draws_.Below(kCustomers)));
    std::vector<IdHash> hashes;
    for (const std::string& name : names) hashes.push_back(H64(name));
    state_->Prefetch(std::vector<std::string_view>(names.begin(), names.end()), hashes);
  }

  void Commit(bool all) {
    PartitionMeta meta;
    state_->TakeShare({.all = all, .tail_events_max = 1 + draws_.Below(50), .txn_events = draws_.Below(10)}, samples::Position(seq_),
                      batch_, meta);
    ASSERT_TRUE(std::is_sorted(batch_.rows.begin(), batch_.rows.end(),
                               [&](const StateRow& a, const StateRow& b) { return batch_.Id(a) < batch_.Id(b); }));
    ASSERT_LE(meta.floor.seq, seq_);
    ASSERT_TRUE(store_->Write(0, batch_, meta));
    state_->ShareWritten(batch_, meta);
    state_->EndTransaction();
    ++seq_;
  }

  void Restart() {
    Commit(true);
    Start();
  }

  std::shared_ptr<CampaignPlan> plan_ = samples::Plan();
  std::unique_ptr<StateStore> store_ = OpenMemoryStore();
  Draws draws_;
  std::uint64_t memory_ = 0;
  std::unique_ptr<PartitionState> state_{};
  std::map<std::string, Toy> toys_{};
  StateBatch batch_{};
  TxnSeq seq_ = 1;
  EventTime now_ = 1000;
};

TEST(PartitionState, AnswersLikeAMapWhateverIsAskedInWhateverOrder) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Pair pair(seed);
    for (int step = 0; step < 2000 && !testing::Test::HasFatalFailure(); ++step) {
      pair.Step();
      if (step % 250 == 0) pair.CompareAll();
    }
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << "seed " << seed;
      return;
    }
  }
}

}  // namespace
}  // namespace offerstream
