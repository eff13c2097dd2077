#include "consumers/kafka/kafka_topics.h"

#include <fmt/format.h>

namespace offerstream {

std::string DeadLetterTopic(const std::string& input) { return input + ".dlq"; }

std::vector<NewTopic> WantedTopics(const Config& config, std::int32_t partitions, int replication) {
  std::map<std::string, std::string> log = {{"cleanup.policy", "delete"}};
  std::map<std::string, std::string> compacted = {{"cleanup.policy", "compact"}, {"delete.retention.ms", "604800000"},
                                                  {"max.compaction.lag.ms", "86400000"}};
  if (replication >= 3) {
    log["min.insync.replicas"] = compacted["min.insync.replicas"] = "2";
    log["unclean.leader.election.enable"] = compacted["unclean.leader.election.enable"] = "false";
  }
  std::vector<NewTopic> topics;
  for (const InputConfig& input : config.events) {
    topics.push_back({input.topic, partitions, replication, log});
    topics.push_back({DeadLetterTopic(input.topic), partitions, replication, log});
  }
  topics.push_back({config.decisions_topic, partitions, replication, log});
  topics.push_back({config.caps_topic, partitions, replication, compacted});
  topics.push_back({config.ProfilesTopic(), partitions, replication, compacted});
  topics.push_back({config.JournalTopic(), partitions, replication, log});
  topics.push_back({config.ObservationsTopic(), partitions, replication, log});
  topics.push_back({config.ModelsTopic(), partitions, replication, compacted});
  return topics;
}

Result<TopicLayout> CheckTopics(const Config& config, KafkaAdmin& admin, int timeout_ms) {
  std::vector<std::string> names;
  for (const NewTopic& topic : WantedTopics(config, 1, 1)) names.push_back(topic.name);
  auto found = admin.Partitions(names, timeout_ms);
  if (!found) return tl::unexpected(found.error());
  std::string missing;
  for (const std::string& name : names) {
    if (!found->contains(name)) missing += (missing.empty() ? "" : ", ") + name;
  }
  if (!missing.empty()) {
    return Fail(Code::kTopicMissing, fmt::format("Kafka at {} has no topic {}; create with: offerstream topics apply -c {}",
                                                 config.kafka.brokers, missing, config.path));
  }
  TopicLayout layout;
  layout.all = *found;
  const std::string& first = config.events.front().topic;
  layout.partitions = layout.all[first];
  layout.observation_partitions = layout.all[config.ObservationsTopic()];
  layout.caps_partitions = layout.all[config.caps_topic];
  std::vector<std::string> equal = {config.decisions_topic, config.ProfilesTopic(), config.JournalTopic()};
  for (const InputConfig& input : config.events) equal.push_back(input.topic);
  std::string differ;
  for (const std::string& name : equal) {
    if (layout.all[name] != layout.partitions) differ += fmt::format(", {} has {}", name, layout.all[name]);
  }
  if (layout.all[config.ModelsTopic()] != layout.observation_partitions) {
    differ += fmt::format(", {} has {} and {} has {}", config.ModelsTopic(), layout.all[config.ModelsTopic()],
                          config.ObservationsTopic(), layout.observation_partitions);
  }
  if (!differ.empty()) {
    return Fail(Code::kConfiguration,
                fmt::format("partition counts must be equal: {} has {}{}; partitions cannot be added to a running "
                            "application: use another app.id and topics, and replay", first, layout.partitions, differ));
  }
  return layout;
}

}  // namespace offerstream
