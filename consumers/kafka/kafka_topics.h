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
/// them; unequal counts and settings that would lose data are kConfiguration with instructions.
Result<TopicLayout> CheckTopics(const Config& config, KafkaAdmin& admin, int timeout_ms);

/// What is wrong with settings by topic (KafkaAdmin::Settings): a sentence each, with the command that mends it. Errors
/// would lose data or make a restart impossible; warnings only make losing a broker worse.
struct PolicyFindings {
  std::vector<std::string> errors{}, warnings{};
};
PolicyFindings CheckPolicies(const Config& config, const std::map<std::string, std::map<std::string, std::string>>& settings);

/// "<input>.dlq".
std::string DeadLetterTopic(const std::string& input);

}  // namespace offerstream
