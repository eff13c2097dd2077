// Kafka's writer: transactions and delivery reports as Status. No policy.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/kafka/kafka_client.h"
#include "consumers/seams/outbox.h"
#include "models/domain/status.h"

namespace offerstream {

/// A producer: transactional when it has an id, else idempotent. One thread.
class KafkaProducer {
 public:
  /// Empty transactional_id: idempotent only.
  struct Settings {
    KafkaConfig kafka{};
    std::string client_id{}, transactional_id{};
  };
  /// kConfiguration when librdkafka refuses a setting; connects in the background.
  static Result<std::unique_ptr<KafkaProducer>> Open(Settings settings);
  /// Hands the handle to the reaper: returns at once even if librdkafka hangs.
  ~KafkaProducer();

  /// Ends a dead predecessor's transaction. kKafkaRetriable: again; kKafkaUnreachable, kKafkaFenced, kConfiguration.
  Status InitTransactions(int timeout_ms);
  Status Begin();
  /// Copies. Waits while the queue is full. An error is final for the transaction.
  Status Send(const std::string& topic, const OutRecord& record);
  /// Repeats retriable errors itself until `timeout_ms`.
  Status SendOffsets(const std::vector<TopicPosition>& positions, KafkaConsumer& consumer, int timeout_ms);
  /// Repeats retriable errors itself until `timeout_ms`; then and on any other error kKafkaUnknownOutcome.
  Status Commit(int timeout_ms);
  Status Abort(int timeout_ms);
  /// Waits for all reports; an error when one failed.
  Status Flush(int timeout_ms);
  /// Offsets of tagged records reported since ClearDeliveries.
  const std::vector<Delivery>& deliveries() const;
  void ClearDeliveries();
  /// True when every request of transactions so far was sent once and answered. librdkafka repeats EndTxn silently; a
  /// straggler could end the next transaction (KAFKA-17754).
  bool Clean() const;

 private:
  KafkaProducer();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace offerstream
