// The seams over real Kafka: what is committed is seen once, what is not is never seen.
#include "consumers/kafka/kafka_shard.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "consumers/kafka/kafka_producer.h"
#include "consumers/kafka/kafka_topics.h"
#include "tests/robustness/support/broker.h"

namespace offerstream {
namespace {

using testing::Broker;

class KafkaShardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (Broker::Get().address().empty()) GTEST_SKIP() << "no java: a real broker cannot be started";
    static int number = 0;
    config_.kafka.brokers = Broker::Get().address();
    config_.app_id = "app" + std::to_string(++number);
    config_.events = {{.topic = config_.app_id + "-events"}};
    config_.decisions_topic = config_.app_id + "-decisions";
    config_.caps_topic = config_.app_id + "-caps";
    auto admin = KafkaAdmin::Open(config_.kafka, "test");
    ASSERT_TRUE(admin.has_value());
    Status made = (*admin)->Create(WantedTopics(config_, 2, 1), 15'000);
    ASSERT_TRUE(made.has_value()) << made.error().detail;
  }
  KafkaShard::Settings Settings() {
    return {config_.kafka, config_.app_id, "i0", 0, {config_.events[0].topic},
            {config_.decisions_topic, config_.caps_topic, config_.ProfilesTopic(), config_.JournalTopic(),
             config_.ObservationsTopic(), config_.ModelsTopic(), DeadLetterTopic(config_.events[0].topic)}, 16384};
  }
  void Feed(int begin, int end) {
    auto producer = KafkaProducer::Open({config_.kafka, "feed", ""});
    ASSERT_TRUE(producer.has_value());
    for (int i = begin; i < end; ++i) {
      const std::string key = "k" + std::to_string(i);
      OutRecord record{.partition = i % 2, .key = key, .value = key};
      ASSERT_TRUE((*producer)->Send(config_.events[0].topic, record).has_value());
    }
    ASSERT_TRUE((*producer)->Flush(15'000).has_value());
  }
  std::vector<std::string> Committed(const std::string& topic) {
    auto reader = OpenKafkaLogReader(config_.kafka, "check");
    std::vector<std::string> values;
    for (std::int32_t p = 0; p < 2; ++p) {
      auto bounds = reader->Bounds(topic, p);
      EXPECT_TRUE(bounds.has_value());
      Status read = ReadLogRange(*reader, topic, p, 0, bounds->high, 0, 20'000, [&](const Record& record) {
        values.emplace_back(record.value);
        return true;
      });
      EXPECT_TRUE(read.has_value()) << read.error().detail;
    }
    return values;
  }
  /// Passes records through in transactions of at most `batch_max` until `total` are committed; `spoil` says which
  /// transactions are given up and made again.
  void PassThrough(KafkaShard& shard, std::size_t total, std::size_t batch_max, int spoil) {
    std::map<std::int32_t, std::int64_t> next;
    std::size_t done = 0;
    int txn = 0;
    RecordBatch batch;
    while (done < total) {
      auto change = shard.Attend();
      ASSERT_TRUE(change.has_value()) << change.error().detail;
      for (const std::int32_t p : change->assigned) {
        auto committed = shard.Committed(p);
        ASSERT_TRUE(committed.has_value());
        next[p] = (*committed)[0].found ? (*committed)[0].offset : 0;
        const std::string text = (*committed)[0].found ? "position " + std::to_string(next[p]) : "";
        EXPECT_EQ((*committed)[0].metadata, text);
      }
      batch.Clear();
      ASSERT_TRUE(shard.Poll(batch_max, 1 << 20, 100, batch).has_value());
      if (batch.count == 0) continue;
      const auto before = next;
      ASSERT_TRUE(shard.Begin().has_value());
      for (std::size_t i = 0; i < batch.count; ++i) {
        const Record& record = batch.records[i];
        EXPECT_EQ(record.cause.offset, next[record.cause.partition]);
        next[record.cause.partition] = record.cause.offset + 1;
        ASSERT_TRUE(shard.Append({.partition = record.cause.partition, .key = record.key, .value = record.value, .tag = 7}).has_value());
      }
      if (spoil > 0 && ++txn % spoil == 0) {
        ASSERT_TRUE(shard.Recycle().has_value());
        next = before;
        for (const auto& [p, offset] : before) ASSERT_TRUE(shard.Seek(p, {offset}).has_value());
        continue;
      }
      std::vector<InputPosition> positions;
      for (const auto& [p, offset] : next) positions.push_back({0, p, offset, "position " + std::to_string(offset)});
      Status sent = shard.SendPositions(positions);
      ASSERT_TRUE(sent.has_value()) << sent.error().detail;
      Error why;
      ASSERT_EQ(shard.Commit(why), Outbox::Outcome::kCommitted) << why.detail;
      EXPECT_EQ(shard.Delivered().size(), batch.count);
      done += batch.count;
    }
  }
  Config config_;
};

TEST_F(KafkaShardTest, EveryRecordPassesOnceThoughTransactionsAreGivenUp) {
  Feed(0, 5000);
  KafkaShard shard(Settings());
  Status started = shard.Start(20'000);
  ASSERT_TRUE(started.has_value()) << started.error().detail;
  PassThrough(shard, 5000, 300, 4);
  const std::vector<std::string> values = Committed(config_.decisions_topic);
  EXPECT_EQ(values.size(), 5000u);
  EXPECT_EQ(std::set<std::string>(values.begin(), values.end()).size(), 5000u);
}

TEST_F(KafkaShardTest, ASuccessorContinuesAtTheCommittedPosition) {
  Feed(0, 1000);
  {
    KafkaShard shard(Settings());
    ASSERT_TRUE(shard.Start(20'000).has_value());
    PassThrough(shard, 1000, 300, 0);
    Feed(1000, 1010);
    RecordBatch batch;
    while (batch.count == 0) ASSERT_TRUE(shard.Poll(10, 1 << 20, 100, batch).has_value());
    ASSERT_TRUE(shard.Begin().has_value());
    ASSERT_TRUE(shard.Append({.partition = 0, .key = "x", .value = "abandoned"}).has_value());
  }   // gone with a transaction open
  Feed(1010, 2000);
  KafkaShard shard(Settings());
  ASSERT_TRUE(shard.Start(20'000).has_value());
  PassThrough(shard, 1000, 300, 0);
  const std::vector<std::string> values = Committed(config_.decisions_topic);
  EXPECT_EQ(values.size(), 2000u);
  EXPECT_EQ(std::set<std::string>(values.begin(), values.end()).size(), 2000u);
}

TEST_F(KafkaShardTest, MissingTopicsAreNamedWithTheCommandThatCreatesThem) {
  config_.caps_topic = "not-there";
  config_.path = "my.yaml";
  auto admin = KafkaAdmin::Open(config_.kafka, "test");
  ASSERT_TRUE(admin.has_value());
  const auto layout = CheckTopics(config_, **admin, 10'000);
  ASSERT_FALSE(layout.has_value());
  EXPECT_EQ(ExitCode(layout.error().code), 5);
  EXPECT_NE(layout.error().detail.find("not-there"), std::string::npos);
  EXPECT_NE(layout.error().detail.find("offerstream topics apply -c my.yaml"), std::string::npos);
}

TEST(KafkaClient, AnUnreachableBrokerIsNamed) {
  KafkaConfig kafka;
  kafka.brokers = "127.0.0.1:1";
  auto admin = KafkaAdmin::Open(kafka, "test");
  ASSERT_TRUE(admin.has_value());
  const auto found = (*admin)->Partitions({"events"}, 1500);
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(ExitCode(found.error().code), 5);
  EXPECT_NE(found.error().detail.find("127.0.0.1:1"), std::string::npos);
}

}  // namespace
}  // namespace offerstream
