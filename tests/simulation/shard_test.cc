// The loop of a shard and the learner's over Kafka in memory: any fault of commits, steps, groups and processes, in any
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
#include "consumers/learning_worker.h"
#include "consumers/partition_recovery.h"
#include "consumers/wire/event_mapping.h"
#include "models/domain/random.h"
#include "state/formats/codecs.h"
#include "tests/support/memory_kafka.h"

namespace offerstream {
namespace {

using testing::CommitFault;
using testing::MemoryKafka;
using testing::MemoryLogReader;
using testing::MemoryPublisher;
using testing::MemoryShard;

constexpr std::int32_t kPartitions = 2;
constexpr std::uint64_t kMemory = 64u << 20;

constexpr const char* kConfig = R"(
version: 1
app: { id: sim, instance: i0 }
kafka: { brokers: "nowhere:1" }
events: [ { topic: events, mapping: segment } ]
state: { dir: /nonexistent/offerstream, memory: 256MiB, shards: 1 }
http: { listen: "" }
commit: { events_max: 40, pause: 0ms }
time: { idle_after: 1d }
channels:
  push: { cost: 0.0005, cap: { window: 2d, start: 3, max: 6, learn: true }, cooldown: 5m, unsubscribe_value: 12 }
  email: { cost: 0.002, cap: { window: 1d, start: 2, max: 6, learn: true }, cooldown: 1h, unsubscribe_value: 20 }
offers:
  - { id: savings-plus, channels: [push, email], value: 40 }
  - { id: gold-card, channels: [push, email], value: 90 }
decide: { on: [request, click, conversion], min_interval: 10m, placements: [home] }
learning: { adopt: never }
churn: { horizon: 7d }
items: {}
)";

/// Moves only when told.
class ManualClock final : public Clock {
 public:
  std::int64_t SteadyMs() const override { return now; }
  std::int64_t WallMs() const override { return 1'780'000'000'000 + now + set; }
  std::int64_t now = 1'000'000;
  std::int64_t set = 0;   // by how much somebody has set the wall clock
};

const Config& TheConfig() {
  static const LoadedConfig loaded = ParseConfig(kConfig, "sim.yaml");
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
  return *loaded.config;
}

const std::vector<std::string>& Outputs() {
  static const std::vector<std::string> names = {"decisions", "caps", "sim-profiles", "sim-journal", "sim-observations", "sim-models", "events.dlq"};
  return names;
}

/// Customers' events on two partitions; a few of them repeated, some garbage.
void Feed(MemoryKafka& kafka, int events, int customers) {
  Draws draws(7, 8, 9, Purpose::kSimulation);
  std::int64_t second = 0;
  std::string last;
  for (int i = 0; i < events; ++i) {
    second += static_cast<std::int64_t>(draws.Below(60));
    const auto number = draws.Below(static_cast<std::uint64_t>(customers));
    const std::string customer = "c" + std::to_string(number);
    char time[64];
    std::snprintf(time, sizeof time, "2026-03-%02dT%02d:%02d:%02dZ", static_cast<int>(1 + second / 86400), static_cast<int>(second / 3600 % 24),
                  static_cast<int>(second / 60 % 60), static_cast<int>(second % 60));
    static constexpr std::array<const char*, 6> kKinds = {
        R"("type":"page"})", R"("type":"track","event":"Promotion Viewed","properties":{"offer_id":"gold-card","channel":"push"}})",
        R"("type":"track","event":"Promotion Viewed","properties":{"offer_id":"savings-plus","channel":"email"}})",
        R"("type":"track","event":"Promotion Clicked","properties":{"offer_id":"gold-card","channel":"push"}})",
        R"("type":"track","event":"Order Completed","properties":{"revenue":12.5}})", R"("type":"identify","traits":{}})"};
    std::string event = R"({"messageId":"m)" + std::to_string(i) + R"(","userId":")" + customer + R"(","timestamp":")" + time + "\"," +
                        kKinds[draws.Below(kKinds.size())];
    if (const std::size_t at = event.find("12.5"); at != std::string::npos) {
      event.insert(at + 4, ",\"product_id\":\"item-" + std::to_string(i % 23) + "\"");
    }
    auto& log = kafka.Log("events", static_cast<std::int32_t>(number % kPartitions));
    log.push_back({customer, event, false, false, {}});
    if (i % 37 == 0) log.push_back({customer, event, false, false, {}});
    if (i % 101 == 0) log.push_back({customer, "garbage", false, false, {}});
  }
}

/// One process: its own store, a shard, its worker.
struct Process {
  explicit Process(MemoryKafka& k, std::uint64_t memory_bytes = kMemory) : kafka(k), logs(k), memory(memory_bytes) { Start(true); }
  void Start(bool disk_lost) {
    worker.reset();
    if (disk_lost) store = OpenMemoryStore();
    environment.config = &TheConfig();
    auto plan = std::make_shared<CampaignPlan>(*TheConfig().plan);
    plan->epoch = 1;
    environment.plan = plan;
    environment.mappings = {LoadMapping("segment").mapping};
    environment.store = store.get();
    environment.logs = &logs;
    environment.clock = &clock;
    environment.partitions = environment.caps_partitions = kPartitions;
    environment.dead_letter_partitions = {kPartitions};
    environment.plan_of = [plan](std::uint32_t) -> Result<std::shared_ptr<const CampaignPlan>> { return plan; };
    environment.adopt = false;
    shard = std::make_unique<MemoryShard>(kafka, std::vector<std::string>{"events"}, Outputs());
    worker = std::make_unique<DecisionWorker>(environment, 0, *shard, *shard, memory);
  }
  void Turn() {
    clock.now += 5;
    const Status turned = worker->Turn(0);
    ASSERT_TRUE(turned.has_value()) << ReasonText(turned.error().code) << " " << turned.error().detail;
  }
  /// Every stored customer and the partition's time.
  std::string Dump(std::int32_t partition) {
    const auto meta = store->LoadMeta(partition);
    if (!meta) return "none";
    EXPECT_EQ(meta->floor.seq, meta->committed.seq) << "everything was written";
    std::string text = std::to_string(meta->account.watermark) + " " + std::to_string(meta->account.frontier) + "\n";
    EXPECT_TRUE(store->Scan(partition, [&](std::string_view id, std::string_view row) {
      text.append(id).append(" ").append(ProfileBody(row)).append("\n");
      return true;
    }).has_value());
    return text;
  }

  MemoryKafka& kafka;
  ManualClock clock;
  MemoryLogReader logs;
  std::uint64_t memory;
  std::unique_ptr<StateStore> store;
  ShardEnvironment environment;
  std::unique_ptr<MemoryShard> shard;
  std::unique_ptr<DecisionWorker> worker;
};

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

// Killed after publishing and before storing: the next start takes what was published, and what it stores stands alone.
TEST_F(Shard, ALearnerThatStartedFromTheTopicStartsAgainFromItsStore) {
  MemoryKafka kafka;
  Feed(kafka, 2000, 60);
  Process process(kafka);
  process.shard->Assign({0, 1});
  for (int turn = 0; turn < 20; ++turn) process.Turn();
  const auto learn = [&](StateStore& store, bool all) {
    ShardEnvironment environment = process.environment;
    environment.store = &store;
    MemoryPublisher publisher(kafka, Outputs());
    LearningWorker learner(environment, publisher);
    const Status started = learner.Start();
    EXPECT_TRUE(started.has_value()) << started.error().detail;
    const std::int64_t before = learner.View().lag;
    for (int turn = 0; all && started && turn < 50; ++turn) EXPECT_TRUE(learner.Turn(0).has_value());
    if (all && started) {
      EXPECT_TRUE(learner.EndRound().has_value());
    }
    process.clock.now += 5000;
    EXPECT_EQ(learner.View().lag, all ? 0 : before);
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> models;
    for (const ModelReport& m : learner.View().models) models[m.id] = {static_cast<std::uint64_t>(m.observations), m.version};
    return std::pair(models, before);
  };
  const auto killed = OpenMemoryStore();
  EXPECT_GT(learn(*killed, true).second, 0);   // its store is lost
  const auto second = OpenMemoryStore();
  (void)learn(*second, true);                  // from the topic
  for (int turn = 0; turn < 20; ++turn) process.Turn();
  (void)learn(*second, true);
  const auto third = OpenMemoryStore();
  const auto from_topic = learn(*third, false), from_store = learn(*second, false);
  EXPECT_GT(from_store.first.size(), 4u);
  EXPECT_EQ(from_store.first.count("items"), 1u);   // held back now and then
  EXPECT_EQ(from_store.first, from_topic.first);
  EXPECT_EQ(from_store.second, from_topic.second);
}

// A round publishes whole models: many observations a second must not make many rounds a second.
TEST_F(Shard, ALearnerEndsARoundAtMostFourTimesInItsInterval) {
  MemoryKafka kafka;
  Feed(kafka, 2000, 60);
  Process process(kafka);
  process.shard->Assign({0, 1});
  for (int turn = 0; turn < 20; ++turn) process.Turn();
  const auto plan = std::make_shared<CampaignPlan>(*process.environment.plan);
  plan->learning.snapshot_observations = 10;
  ShardEnvironment environment = process.environment;
  environment.plan = plan;
  const auto store = OpenMemoryStore();
  environment.store = store.get();
  MemoryPublisher publisher(kafka, Outputs());
  LearningWorker learner(environment, publisher);
  ASSERT_TRUE(learner.Start().has_value());
  const auto rounds_after = [&](std::int64_t ms) {
    process.clock.now += ms;
    EXPECT_TRUE(learner.Turn(0).has_value());
    return learner.View().rounds;
  };
  const std::uint64_t first = rounds_after(0);
  EXPECT_EQ(rounds_after(plan->learning.snapshot_every / 4 - 1), first);
  EXPECT_EQ(rounds_after(1), first + 1);
  EXPECT_EQ(rounds_after(0), first + 1);
}

}  // namespace
}  // namespace offerstream
