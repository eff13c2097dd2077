// The loop of a shard over Kafka in memory: any fault of commits, steps, groups and processes, in any
// order, ends where a run without them does: decisions and caps byte for byte, and every stored customer.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/decision_worker.h"
#include "consumers/failpoint.h"
#include "consumers/partition_recovery.h"
#include "models/domain/random.h"
#include "state/formats/codecs.h"
#include "tests/simulation/shard_stage.h"

namespace offerstream {
namespace {

using testing::CommitFault;
using testing::Feed;
using testing::kMemory;
using testing::kPartitions;
using testing::MemoryKafka;
using testing::MemoryShard;
using testing::Outputs;
using testing::Process;
using testing::TheConfig;

bool Drained(const MemoryKafka& kafka) {
  for (std::int32_t p = 0; p < kPartitions; ++p) {
    const auto at = kafka.positions.find({"events", p});
    if (at == kafka.positions.end() || at->second.first < static_cast<std::int64_t>(kafka.logs.at({"events", p}).size())) return false;
  }
  return true;
}

/// Turns until all is consumed, then writes everything.
void RunToEnd(Process& process) {
  for (int turn = 0; turn < 5000 && !Drained(process.kafka); ++turn) {
    process.Turn();
    if (::testing::Test::HasFatalFailure()) return;
  }
  for (int turn = 0; turn < 3; ++turn) process.Turn();
  ASSERT_TRUE(Drained(process.kafka));
  ASSERT_TRUE(process.worker->WriteAll().has_value());
}

struct Ended {
  std::vector<std::string> decisions{}, caps{}, letters{};
  std::array<std::string, kPartitions> customers{};
  bool operator==(const Ended&) const = default;
};

Ended EndOf(MemoryKafka& kafka, const std::array<Process*, kPartitions>& owners) {
  Ended end{kafka.Lines("decisions"), kafka.Lines("caps"), kafka.Lines("events.dlq"), {}};
  for (std::int32_t p = 0; p < kPartitions; ++p) end.customers[static_cast<std::size_t>(p)] = owners[static_cast<std::size_t>(p)]->Dump(p);
  return end;
}

/// A run without any fault, once.
const Ended& Plain() {
  static const Ended plain = [] {
    MemoryKafka kafka;
    Feed(kafka, 2000, 60);
    Process process(kafka);
    process.shard->Assign({0, 1});
    RunToEnd(process);
    EXPECT_EQ(process.shard->recycles, 0u);
    return EndOf(kafka, {&process, &process});
  }();
  return plain;
}

class Shard : public ::testing::Test {
 protected:
  void TearDown() override { SetFailpoints(""); }
  static void ExpectPlain(const Ended& end) {
    EXPECT_EQ(end.decisions.size(), Plain().decisions.size());
    EXPECT_TRUE(end.decisions == Plain().decisions) << "decisions differ";
    EXPECT_TRUE(end.caps == Plain().caps) << "caps differ";
    EXPECT_TRUE(end.letters == Plain().letters) << "dead letters differ";
    EXPECT_TRUE(end.customers == Plain().customers) << "stored customers differ";
  }
};

TEST_F(Shard, ThePlainRunDecides) {
  EXPECT_GT(Plain().decisions.size(), 300u);
  EXPECT_GT(Plain().caps.size(), 100u);
  EXPECT_GT(Plain().letters.size(), 10u);
}

TEST_F(Shard, AnUnknownOutcomeThatIsDoneGoesOnAndOneThatIsLostIsFoldedAgain) {
  for (const CommitFault fault : {CommitFault::kUnknownDone, CommitFault::kUnknownLost, CommitFault::kAborted}) {
    MemoryKafka kafka;
    Feed(kafka, 2000, 60);
    Process process(kafka);
    process.shard->Assign({0, 1});
    int n = 0;
    process.shard->commit_fault = [&] { return ++n % 7 == 3 ? fault : CommitFault::kNone; };
    RunToEnd(process);
    const ShardView view = process.worker->View();
    EXPECT_GT(process.shard->recycles, 2u);
    EXPECT_EQ(view.unknown > 0, fault != CommitFault::kAborted);
    EXPECT_EQ(view.aborted > 0, fault != CommitFault::kUnknownDone) << "done is not given up";
    process.shard->commit_fault = nullptr;
    ExpectPlain(EndOf(kafka, {&process, &process}));
  }
}

TEST_F(Shard, AnErrorAtAnyStepLosesTheTransactionAndNothingElse) {
  for (const char* step : {"poll", "begin", "fold", "produce", "share", "offsets", "commit", "commit.request", "commit.answer",
                           "begin:4:err,load", "begin:4:err,refold"}) {
    SetFailpoints(std::string(step) + (std::string_view(step).ends_with("load") || std::string_view(step).ends_with("refold") ? ":1:err" : ":5:err"));
    MemoryKafka kafka;
    Feed(kafka, 2000, 60);
    Process process(kafka);
    process.shard->Assign({0, 1});
    RunToEnd(process);
    SCOPED_TRACE(step);
    const ShardView view = process.worker->View();
    EXPECT_GT(view.aborted + view.unknown, 0u);
    ExpectPlain(EndOf(kafka, {&process, &process}));
  }
}

TEST_F(Shard, ARepeatedRequestMakesTheProducerAnewBeforeTheNextTransaction) {
  MemoryKafka kafka;
  Feed(kafka, 200, 10);
  Process process(kafka);
  process.shard->Assign({0, 1});
  process.Turn();
  EXPECT_EQ(process.shard->recycles, 0u);
  process.shard->unclean = true;
  process.Turn();
  EXPECT_EQ(process.shard->recycles, 1u);
  process.Turn();
  EXPECT_EQ(process.shard->recycles, 1u);
  EXPECT_EQ(process.worker->View().aborted, 0u);
  EXPECT_EQ(process.worker->View().recycles.count("unclean"), 1u);
}

TEST_F(Shard, AWallClockThatIsSetMovesNoSilentPartition) {
  constexpr std::int64_t kDayMs = 86'400'000;
  MemoryKafka kafka;
  Feed(kafka, 500, 60);
  Process process(kafka);
  process.shard->Assign({0, 1});
  RunToEnd(process);
  const auto newest = [&] { return process.worker->partitions().at(0)->fold().account().max_event_time; };
  const EventTime before = newest();
  process.clock.set = 400 * kDayMs;
  process.clock.now += kDayMs + 5000;   // silent for longer than idle_after
  for (int turn = 0; turn < 3; ++turn) process.Turn();
  EXPECT_GE(newest(), before + kDayMs) << "what is silent takes its time from a clock";
  EXPECT_LE(newest(), before + kDayMs + 10'000) << "from one that counts, not from one that is set";
}

TEST_F(Shard, IsReadyOnceItKnowsItsShareEvenWhenThatIsNothing) {
  MemoryKafka kafka;
  Feed(kafka, 20, 5);
  Process process(kafka);
  process.Turn();
  EXPECT_FALSE(process.worker->ready()) << "the group has not answered yet";
  process.shard->Assign({});
  process.Turn();
  EXPECT_TRUE(process.worker->ready()) << "more shards than partitions: nothing to recover";
  process.shard->Assign({0});
  process.Turn();
  EXPECT_TRUE(process.worker->ready());
  process.shard->Assign({}, true);
  process.Turn();
  EXPECT_FALSE(process.worker->ready()) << "what was lost is not known to be another's yet";
}

// Two processes; the group gives and takes, also behind the owner's back; processes die, with and without their disk.
TEST_F(Shard, AnyRebalancesCrashesAndFaultsEndWhereARunWithoutThemDoes) {
  std::uint64_t moves = 0, crashes = 0, zombies = 0, aborted = 0, unknown = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Draws draws(seed, 3, 4, Purpose::kSimulation);
    MemoryKafka kafka;
    Feed(kafka, 2000, 60);
    Process a(kafka), b(kafka);
    std::array<Process*, 2> both = {&a, &b};
    std::array<Process*, kPartitions> owner = {&a, &a};
    const auto told = [&](Process& process, bool lost) {
      std::set<std::int32_t> owned;
      for (std::int32_t p = 0; p < kPartitions; ++p) {
        if (owner[static_cast<std::size_t>(p)] == &process) owned.insert(p);
      }
      process.shard->Assign(owned, lost);
      process.shard->commit_fault = [&draws] {
        const std::uint64_t n = draws.Below(60);
        return n < 4 ? static_cast<CommitFault>(n) : CommitFault::kNone;
      };
    };
    told(a, false);
    for (int turn = 0; turn < 5000 && !Drained(kafka); ++turn) {
      const std::uint64_t what = draws.Below(40);
      if (what == 0) {   // the group moves partitions; sometimes one is told only after its next attempt
        ++moves;
        for (Process*& one : owner) one = both[draws.Below(2)];
        const std::uint64_t late = draws.Below(4);
        for (std::size_t i = 0; i < 2; ++i) {
          if (i == late) continue;
          told(*both[i], draws.Below(3) == 0);
        }
        if (late < 2) {
          ++zombies;
          both[late]->Turn();
          told(*both[late], true);
        }
      } else if (what == 1) {
        ++crashes;
        Process& dead = *both[draws.Below(2)];
        aborted += dead.worker->View().aborted;
        unknown += dead.worker->View().unknown;
        dead.Start(draws.Below(4) == 0);
        told(dead, false);
      } else {
        both[draws.Below(2)]->Turn();
      }
      if (HasFatalFailure()) return;
    }
    for (Process* one : both) {
      aborted += one->worker->View().aborted;
      unknown += one->worker->View().unknown;
      one->shard->commit_fault = nullptr;
      for (int turn = 0; turn < 3; ++turn) one->Turn();
      ASSERT_TRUE(one->worker->WriteAll().has_value());
    }
    ExpectPlain(EndOf(kafka, owner));
    if (HasFailure()) {
      ADD_FAILURE() << "seed " << seed;
      return;
    }
  }
  std::printf("%llu rebalances, %llu zombies, %llu crashes, %llu transactions given up, %llu unknown outcomes\n",
              static_cast<unsigned long long>(moves), static_cast<unsigned long long>(zombies), static_cast<unsigned long long>(crashes),
              static_cast<unsigned long long>(aborted), static_cast<unsigned long long>(unknown));
  EXPECT_GT(moves, 100u);   // the faults happen
  EXPECT_GT(zombies, 30u);
  EXPECT_GT(crashes, 100u);
  EXPECT_GT(aborted, 100u);
  EXPECT_GT(unknown, 50u);
}

TEST_F(Shard, RefoldingALongTailKeepsMemoryWithinItsBound) {
  MemoryKafka kafka;
  Feed(kafka, 6000, 3000);
  Process process(kafka);
  process.shard->Assign({0, 1});
  for (int turn = 0; turn < 5; ++turn) process.Turn();
  const Result<PartitionMeta> early = process.store->LoadMeta(0);
  ASSERT_TRUE(early.has_value());
  RunToEnd(process);
  // The checkpoint says a tail of nearly all; its rows include it: every customer is met, none has to stay.
  PartitionMeta meta = process.store->LoadMeta(0).value();
  const std::uint64_t whole = process.worker->partitions().at(0)->state().sizes().resident_bytes;
  meta.floor = early->floor;
  ASSERT_TRUE(process.store->Write(0, {}, meta).has_value());
  const std::uint64_t bound = whole / 8;
  std::atomic<std::uint64_t> remaining{0};
  const auto committed = process.shard->Committed(0);
  auto recovered = RecoverPartition(process.environment, 0, *committed, bound, remaining);
  ASSERT_TRUE(recovered.has_value()) << recovered.error().detail;
  EXPECT_GT(recovered->refolded_events, 2500u);
  const PartitionState::Sizes sizes = recovered->state->sizes();
  EXPECT_EQ(sizes.dirty, 0u);
  EXPECT_GT(sizes.misses, 1000u);
  EXPECT_LE(sizes.resident_bytes, bound + bound / 4) << "of " << whole;
}

TEST_F(Shard, WhenRetentionComesNearTheTailEverythingIsWritten) {
  MemoryKafka kafka;
  Feed(kafka, 2000, 60);
  Process process(kafka);
  process.shard->Assign({0, 1});
  for (int turn = 0; turn < 20; ++turn) process.Turn();
  PartitionState& state = process.worker->partitions().at(0)->state();
  const std::int64_t tail = process.worker->partitions().at(0)->position().offsets[0] - state.floor().offsets[0];
  ASSERT_GT(tail, 100);
  process.clock.now += 11'000;
  process.Turn();
  EXPECT_GT(state.sizes().dirty, 0u) << "nothing is deleted yet";
  kafka.begins[{"events", 0}] = std::max<std::int64_t>(1, state.floor().offsets[0] - tail / 4);
  process.clock.now += 11'000;
  const TxnSeq before = process.worker->partitions().at(0)->position().seq;
  process.Turn();
  EXPECT_EQ(process.worker->View().retention_alarms, 1u);
  EXPECT_GE(state.floor().seq, before + 1) << "written before more was folded";
  kafka.begins.clear();
  RunToEnd(process);
  ExpectPlain(EndOf(kafka, {&process, &process}));
}

TEST_F(Shard, ALogThatWasCutOrMadeAnewIsNoticedWithoutATail) {
  // What a restart of partition 0 says after the change: its error, "anchor", or nothing.
  const auto restart = [](auto change) -> std::string {
    MemoryKafka kafka;
    Feed(kafka, 2000, 60);
    Process process(kafka);
    process.shard->Assign({0, 1});
    RunToEnd(process);
    change(kafka);
    std::atomic<std::uint64_t> remaining{0};
    const auto committed = process.shard->Committed(0);
    const auto recovered = RecoverPartition(process.environment, 0, *committed, kMemory, remaining);
    if (!recovered) return std::string(ReasonText(recovered.error().code)) + ": " + recovered.error().detail;
    return recovered->anchor_differs ? "anchor" : "";
  };
  EXPECT_EQ(restart([](MemoryKafka&) {}), "");
  EXPECT_EQ(restart([](MemoryKafka& kafka) {
    for (MemoryKafka::Entry& e : kafka.Log("events", 0)) {
      if (const std::size_t at = e.value.find("\"m"); at != std::string::npos) e.value[at + 1] = 'n';
    }
  }), "anchor");
  const std::string cut = restart([](MemoryKafka& kafka) { kafka.Log("events", 0).resize(100); });
  EXPECT_NE(cut.find("log_and_state_disagree: partition 0: events ends at offset 100"), std::string::npos) << cut;
  const std::string journal = restart([](MemoryKafka& kafka) { kafka.Log("sim-journal", 0).resize(3); });
  EXPECT_NE(journal.find("sim-journal ends at offset 3"), std::string::npos) << journal;
  const std::string passed = restart([](MemoryKafka& kafka) {
    kafka.Log("events", 0).resize(5000);
    kafka.begins[{"events", 0}] = 4000;
  });
  EXPECT_NE(passed.find("retention has passed"), std::string::npos) << passed;
  EXPECT_EQ(restart([](MemoryKafka& kafka) { kafka.begins[{"sim-journal", 0}] = static_cast<std::int64_t>(kafka.Log("sim-journal", 0).size()); }), "")
      << "what is gone cannot be compared";
}

}  // namespace
}  // namespace offerstream
