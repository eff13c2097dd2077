// Publisher over an idempotent producer; made anew after an error.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/kafka/kafka_producer.h"
#include "consumers/seams/publisher.h"

namespace offerstream {

/// One thread.
class KafkaPublisher final : public Publisher {
 public:
  /// `outputs`: topic names by OutTopic.
  KafkaPublisher(KafkaConfig kafka, std::string client_id, std::vector<std::string> outputs)
      : kafka_(std::move(kafka)), client_id_(std::move(client_id)), outputs_(std::move(outputs)) {}
  Status Append(const OutRecord& record) override;
  Status Flush() override;

 private:
  KafkaConfig kafka_;
  std::string client_id_;
  std::vector<std::string> outputs_;
  std::unique_ptr<KafkaProducer> producer_;
};

}  // namespace offerstream
