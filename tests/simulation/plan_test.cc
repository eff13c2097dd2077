// A plan that changes while a shard runs: it ends where a restart with the new plan at the same event would, whatever befalls the
// change; and how plan epochs get their numbers.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "consumers/failpoint.h"
#include "consumers/plan_book.h"
#include "consumers/position_text.h"
#include "tests/simulation/shard_stage.h"

namespace offerstream::testing {
namespace {

using Plan = std::shared_ptr<const CampaignPlan>;

/// The stage's plan with another text in it.
Plan Changed(const std::string& old, const std::string& now, std::uint32_t epoch) {
  std::string text = kConfig;
  for (std::size_t at = text.find(old); at != std::string::npos; at = text.find(old, at + now.size())) text.replace(at, old.size(), now);
  const LoadedConfig loaded = ParseConfig(text, "sim.yaml");
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
  auto plan = std::make_shared<CampaignPlan>(*loaded.config->plan);
  plan->epoch = epoch;
  return plan;
}

/// Smaller caps, another price, one offer more, in another order.
Plan Second() {
  static const Plan plan = [] {
    std::string offers = "offers:\n  - { id: home-loan, channels: [email, push], value: 60 }\n";
    return Changed("offers:\n", offers, 2);
  }();
  return plan;
}

/// A process that knows both plans and starts with this one.
struct PlannedProcess : Process {
  explicit PlannedProcess(MemoryKafka& k) : Process(k) { Restart(First(), true); }
  static Plan First() {
    auto plan = std::make_shared<CampaignPlan>(*TheConfig().plan);
    plan->epoch = 1;
    return plan;
  }
  void Restart(const Plan& plan, bool disk_lost) {
    Start(disk_lost);
    environment.plan = plan;
    environment.plan_of = [](std::uint32_t epoch) -> Result<Plan> { return epoch == 1 ? First() : Second(); };
    worker = std::make_unique<DecisionWorker>(environment, 0, *shard, *shard, memory);
    shard->Assign({0, 1});
  }
  void TurnUntil(std::size_t consumed) {
    const auto at = [&] { return static_cast<std::size_t>(kafka.positions[{"events", 0}].first + kafka.positions[{"events", 1}].first); };
    for (int turn = 0; turn < 2000 && at() < consumed; ++turn) Turn();
  }
  /// Decisions, caps and every stored customer.
  std::string End() {
    TurnUntil(kafka.Log("events", 0).size() + kafka.Log("events", 1).size());
    for (int turn = 0; turn < 3; ++turn) Turn();
    EXPECT_TRUE(worker->WriteAll().has_value());
    std::string end;
    for (const char* topic : {"decisions", "caps"}) {
      for (const std::string& line : kafka.Lines(topic)) end += line + "\n";
    }
    return end + Dump(0) + Dump(1);
  }
};

constexpr std::size_t kBefore = 900;   // events before the change

std::string AfterARestart() {
  MemoryKafka kafka;
  Feed(kafka, 2000, 60);
  PlannedProcess process(kafka);
  process.TurnUntil(kBefore);
  process.Restart(Second(), false);
  return process.End();
}

TEST(PlanChange, EndsWhereARestartWithTheNewPlanAtTheSameEventDoes) {
  MemoryKafka kafka;
  Feed(kafka, 2000, 60);
  PlannedProcess process(kafka);
  process.TurnUntil(kBefore);
  EXPECT_EQ(process.worker->plan_epoch(), 1u);
  process.worker->Activate(Second());
  process.Turn();
  EXPECT_EQ(process.worker->plan_epoch(), 2u);
  const std::string end = process.End();
  EXPECT_TRUE(end == AfterARestart());
  EXPECT_NE(end.find("\"offer_id\":\"home-loan\""), std::string::npos);
  EXPECT_NE(end.find("\"config_epoch\":1"), std::string::npos);
  const FoldCounters sums = process.worker->View().partitions.front().counters;
  std::uint64_t selected = 0;
  for (const std::uint64_t n : sums.selections) selected += n;
  EXPECT_EQ(selected, sums.decisions[0][0] + sums.decisions[1][0] + sums.decisions[2][0]) << "counts are carried over by name";
}

TEST(PlanChange, AnyFaultOnTheWayEndsThereToo) {
  const std::string expected = AfterARestart();
  for (const char* step : {"begin", "share", "produce", "offsets", "commit", "commit.request", "commit.answer"}) {
    for (const int n : {1, 2}) {   // the write of what is old, the transaction that tells of the new
      MemoryKafka kafka;
      Feed(kafka, 2000, 60);
      PlannedProcess process(kafka);
      process.TurnUntil(kBefore);
      process.worker->Activate(Second());
      SetFailpoints(std::string(step) + ":" + std::to_string(n) + ":err");
      process.Turn();
      SetFailpoints("");
      SCOPED_TRACE(std::string(step) + " " + std::to_string(n));
      EXPECT_TRUE(process.End() == expected);
    }
  }
}

TEST(PlanChange, IsToldOnceByEveryPartitionBeforeAnyObservationOfIt) {
  MemoryKafka kafka;
  Feed(kafka, 2000, 60);
  PlannedProcess process(kafka);
  process.TurnUntil(kBefore);
  process.worker->Activate(Second());
  process.worker->Activate(PlannedProcess::First());   // older: passed over
  (void)process.End();
  std::vector<std::uint32_t> told;
  for (const MemoryKafka::Entry& entry : kafka.Log("sim-observations", 0)) {
    if (const std::uint32_t epoch = EpochOfKey(entry.key); epoch > 0) told.push_back(epoch);
  }
  EXPECT_EQ(told, (std::vector<std::uint32_t>{1, 2, 2})) << "one of the two had no input before";
}

TEST(PlanChange, APartitionTakenOverFromAnInstanceThatIsAheadBringsItsPlan) {
  MemoryKafka kafka;
  Feed(kafka, 2000, 60);
  PlannedProcess ahead(kafka), behind(kafka);
  ahead.Restart(PlannedProcess::First(), false);
  ahead.TurnUntil(kBefore);
  ahead.worker->Activate(Second());
  ahead.Turn();
  Plan met;
  behind.environment.plan_met = [&](const Plan& plan) { met = plan; };
  behind.worker = std::make_unique<DecisionWorker>(behind.environment, 0, *behind.shard, *behind.shard, behind.memory);
  behind.shard->Assign({0, 1});
  (void)behind.End();
  ASSERT_NE(met, nullptr);
  EXPECT_EQ(met->epoch, 2u);
  EXPECT_EQ(behind.worker->plan_epoch(), 2u);
}

/// An instance's book over shared logs.
struct Instance {
  explicit Instance(MemoryKafka& k) : logs(k), publisher(k, Outputs()), store(OpenMemoryStore()) {
    environment.config = &TheConfig();
    environment.store = store.get();
    environment.logs = &logs;
    environment.partitions = kPartitions;
    book = std::make_unique<PlanBook>(environment, publisher);
  }
  MemoryLogReader logs;
  MemoryPublisher publisher;
  std::unique_ptr<StateStore> store;
  ShardEnvironment environment{};
  std::unique_ptr<PlanBook> book;
};

Plan Valued(int value) { return Changed("value: 90", "value: " + std::to_string(value), 0); }

TEST(PlanBook, DifferentPlansGetDifferentNumbersAndOnePlanOneNumber) {
  MemoryKafka kafka;
  Instance a(kafka), b(kafka);
  EXPECT_EQ((*a.book->Begin(*Valued(90)))->epoch, 1u);
  EXPECT_EQ((*b.book->Begin(*Valued(90)))->epoch, 1u);
  EXPECT_EQ((*a.book->Number(*Valued(45)))->epoch, 2u);
  EXPECT_EQ((*b.book->Number(*Valued(60)))->epoch, 3u);
  EXPECT_EQ((*b.book->Number(*Valued(60)))->epoch, 3u);
  EXPECT_EQ((*a.book->Number(*Valued(90)))->epoch, 4u) << "going back is a change, too";
  const auto second = b.book->PlanOf(2);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ((*second)->text, Valued(45)->text);
}

/// Another instance's claim comes in before ours.
class OvertakenPublisher final : public Publisher {
 public:
  OvertakenPublisher(MemoryKafka& kafka, std::string text) : kafka_(kafka), text_(std::move(text)) {}
  Status Append(const OutRecord& record) override {
    auto& log = kafka_.Log("sim-profiles", 0);
    if (!text_.empty()) log.push_back({ClaimKey(EpochOfClaim(record.key), 7), std::exchange(text_, {}), false, false, {}});
    log.push_back({std::string(record.key), std::string(record.value), false, false, {}});
    return {};
  }
  Status Flush() override { return {}; }

 private:
  MemoryKafka& kafka_;
  std::string text_;
};

TEST(PlanBook, WhoIsOvertakenTakesTheNextNumber) {
  MemoryKafka kafka;
  Instance one(kafka);
  OvertakenPublisher slow(kafka, Valued(45)->text);
  PlanBook book(one.environment, slow);
  const auto mine = book.Begin(*Valued(60));
  ASSERT_TRUE(mine.has_value());
  EXPECT_EQ((*mine)->epoch, 2u);
  EXPECT_EQ((*book.PlanOf(1))->text, Valued(45)->text);
}

TEST(PlanBook, AFileThatWasNotChangedBringsNoSupersededPlanBackAndAChangedOneDoes) {
  MemoryKafka kafka;
  Instance one(kafka);
  ASSERT_TRUE(one.book->Begin(*Valued(90)).has_value());
  ASSERT_TRUE(one.book->KeepOwn(*Valued(90)).has_value());
  auto others = std::make_shared<CampaignPlan>(*Valued(45));
  others->epoch = 2;
  ASSERT_TRUE(one.book->Keep(*others).has_value());
  const auto same = PlanBook(one.environment, one.publisher).Begin(*Valued(90));
  ASSERT_TRUE(same.has_value());
  EXPECT_EQ((*same)->epoch, 2u);
  EXPECT_EQ((*same)->text, others->text);
  const auto changed = PlanBook(one.environment, one.publisher).Begin(*Valued(91));
  ASSERT_TRUE(changed.has_value());
  EXPECT_EQ((*changed)->epoch, 3u);
}

}  // namespace
}  // namespace offerstream::testing
