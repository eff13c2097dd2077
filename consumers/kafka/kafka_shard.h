// A shard's connection to Kafka: one consumer in the group, one transactional producer, and what follows from each
// error (README, "Error policy").
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/kafka/kafka_client.h"
#include "consumers/kafka/kafka_producer.h"
#include "consumers/seams/event_source.h"
#include "consumers/seams/outbox.h"

namespace offerstream {

/// EventSource and Outbox over Kafka. One thread. Start: InitTransactions first (settles what a predecessor left), then
/// joins the group, so that committed positions are final when they are read.
class KafkaShard final : public EventSource, public Outbox {
 public:
  /// What the shard is and reads.
  struct Settings {
    KafkaConfig kafka{};
    std::string app_id{}, instance{};
    std::uint32_t shard = 0;
    std::vector<std::string> inputs{};
    std::vector<std::string> outputs{};   ///< names by OutTopic
    std::uint32_t queue_kbytes = 65536;   ///< fetched ahead per partition
    std::function<void()> still_waiting{};   ///< called between attempts while Kafka cannot be reached; may be empty
  };
  explicit KafkaShard(Settings settings);
  ~KafkaShard() override;

  /// Opens both handles; waits up to `deadline_ms` for the producer (kKafkaUnreachable, kKafkaUnauthorized, …).
  Status Start(int deadline_ms);

  Result<OwnershipChange> Attend() override;
  Status Poll(std::size_t records_max, std::size_t bytes_max, int wait_ms, RecordBatch& batch) override;
  Result<std::vector<CommittedOffset>> Committed(std::int32_t partition) override;
  Status Seek(std::int32_t partition, const std::vector<std::int64_t>& offsets) override;
  std::int64_t Lag(std::int32_t partition) override;

  Status Begin() override;
  Status Append(const OutRecord& record) override;
  Status SendPositions(std::span<const InputPosition> positions) override;
  Outcome Commit(Error& why) override;
  Status Recycle() override;
  bool Clean() const override { return producer_->Clean(); }
  std::span<const Delivery> Delivered() const override;

 private:
  Status OpenProducer();
  Status OpenConsumer();
  Status InitProducer(std::int64_t deadline_ms);
  Status ResolveStart(std::vector<TopicPosition>& positions);
  Status OnChange(KafkaConsumer::Change change, std::vector<TopicPosition>& positions);
  std::string Identity() const;

  Settings settings_;
  std::unique_ptr<KafkaConsumer> consumer_;
  std::unique_ptr<KafkaProducer> producer_;
  OwnershipChange change_;
  std::map<std::int32_t, std::vector<std::int64_t>> next_;   // owned partition -> next offset by input
  std::int64_t fenced_at_ms_ = INT64_MIN / 2;   // when another took our name in the group; long ago: never
  int fenced_ = 0;                              // how often lately
  bool open_ = false, sound_ = false;   // a transaction; and nothing of it has failed
};

}  // namespace offerstream
