// The topics of a configuration: what they must be, what they are, and how to make them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/kafka/kafka_client.h"
#include "models/domain/status.h"

namespace offerstream {

/// Every topic the configuration needs, inputs and their dead letters included. Partition counts of inputs, decisions,
/// profiles and journal are equal by necessity; here all are.
std::vector<NewTopic> WantedTopics(const Config& config, std::int32_t partitions, int replication);

/// Partition counts as the service needs them.
struct TopicLayout {
  std::int32_t partitions = 0;                 ///< of inputs, decisions, profiles, journal
  std::int32_t observation_partitions = 0;     ///< of observations and models
  std::int32_t caps_partitions = 0;
  std::map<std::string, std::int32_t> all{};
};
/// Asks the cluster. kKafkaUnreachable names the address; kTopicMissing names the topics and the command that creates
/// them; unequal counts are kConfiguration with instructions.
Result<TopicLayout> CheckTopics(const Config& config, KafkaAdmin& admin, int timeout_ms);

/// "<input>.dlq".
std::string DeadLetterTopic(const std::string& input);

}  // namespace offerstream
