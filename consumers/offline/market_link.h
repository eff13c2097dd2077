// The simulated market's two ends of Kafka: events out, committed decisions in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/kafka/kafka_client.h"
#include "consumers/kafka/kafka_producer.h"
#include "consumers/offline/simulated_market.h"
#include "consumers/wire/decision_reader.h"
#include "models/domain/status.h"

namespace offerstream {

/// Writes records of a market into a topic, by customer hash over its partitions. One thread.
class MarketProducer {
 public:
  /// Connects in the background. kConfiguration when librdkafka refuses a setting.
  static Result<std::unique_ptr<MarketProducer>> Open(const KafkaConfig& kafka, std::string topic,
                                                      std::int32_t partitions);
  /// Copies; waits while the queue is full.
  Status Send(const MarketRecord& record);
  /// Waits until all is written.
  Status Flush();

 private:
  MarketProducer(std::unique_ptr<KafkaProducer> producer, std::string topic, std::int32_t partitions)
      : producer_(std::move(producer)), topic_(std::move(topic)), partitions_(partitions) {}
  std::unique_ptr<KafkaProducer> producer_;
  std::string topic_;
  std::int32_t partitions_;
};

/// A plain reader of committed decisions, from the beginning. One thread.
class DecisionReader {
 public:
  /// Connects in the background. kConfiguration when librdkafka refuses a setting.
  static Result<std::unique_ptr<DecisionReader>> Open(const KafkaConfig& kafka, const std::string& topic,
                                                      std::int32_t partitions);
  /// Hands over what is there; waits at most `wait_ms` for the first.
  Status Read(int wait_ms, const std::function<void(const DecisionText&)>& each);

 private:
  explicit DecisionReader(std::unique_ptr<KafkaConsumer> consumer) : consumer_(std::move(consumer)) {}
  std::unique_ptr<KafkaConsumer> consumer_;
  RecordBatch batch_{};  // after the consumer: cleared before it goes
};

}  // namespace offerstream
