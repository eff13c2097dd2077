// The learner's loop over Kafka in memory: what it starts from after a crash, and how often it publishes.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "consumers/learning_worker.h"
#include "tests/simulation/shard_stage.h"

namespace offerstream {
namespace {

using testing::Feed;
using testing::MemoryKafka;
using testing::MemoryPublisher;
using testing::Outputs;
using testing::Process;

// Killed after publishing and before storing: the next start takes what was published, and what it stores stands alone.
TEST(Learner, ThatStartedFromTheTopicStartsAgainFromItsStore) {
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
TEST(Learner, EndsARoundAtMostFourTimesInItsInterval) {
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
