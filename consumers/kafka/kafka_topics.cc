#include "consumers/kafka/kafka_topics.h"

#include <chrono>
#include <cstdlib>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "consumers/log.h"

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
  // A receipt names nobody, and is asked for years later.
  std::map<std::string, std::string> receipts = log;
  receipts["retention.ms"] = "-1";
  topics.push_back({config.ErasuresTopic(), partitions, replication, receipts});
  return topics;
}

namespace {

constexpr std::int64_t kLogKeptMinMs = 3'600'000;         // the tail, and what learners have not read yet, is seconds old
constexpr std::int64_t kTombstonesKeptMinMs = 604'800'000;
constexpr int kAskAgain = 10, kAskAgainMs = 200;          // for topics that seem to be missing

/// A number among settings; `absent` when it is not told.
std::int64_t Number(const std::map<std::string, std::string>& settings, const std::string& name, std::int64_t absent) {
  const auto at = settings.find(name);
  return at == settings.end() ? absent : std::strtoll(at->second.c_str(), nullptr, 10);
}

/// Reads the settings; without the right to see them only says so (DescribeConfigs is optional).
Status CheckSettings(const Config& config, KafkaAdmin& admin, const std::vector<std::string>& names, int timeout_ms) {
  auto settings = admin.Settings(names, timeout_ms);
  if (!settings) {
    Log(LogLevel::kWarn, "the topics' settings cannot be checked: " + settings.error().detail);
    return {};
  }
  const PolicyFindings found = CheckPolicies(config, *settings);
  if (!config.dev && !found.warnings.empty()) Log(LogLevel::kWarn, fmt::format("{} (dev: true silences this)", fmt::join(found.warnings, "; ")));
  if (found.errors.empty()) return {};
  return Fail(Code::kConfiguration, fmt::format("{}", fmt::join(found.errors, "\n")));
}

}  // namespace

PolicyFindings CheckPolicies(const Config& config, const std::map<std::string, std::map<std::string, std::string>>& settings) {
  PolicyFindings found;
  const auto mend = [&](const std::string& topic, const std::string& what, const std::string& setting) {
    found.errors.push_back(fmt::format("topic {} {}; mend with: kafka-configs.sh --bootstrap-server {} --alter --entity-type topics "
                                       "--entity-name {} --add-config {}", topic, what, config.kafka.brokers, topic, setting));
  };
  std::vector<std::string> logs = {config.JournalTopic(), config.ObservationsTopic()};
  for (const InputConfig& input : config.events) logs.push_back(input.topic);
  for (const std::string& topic : logs) {
    const auto at = settings.find(topic);
    if (at == settings.end()) continue;
    const auto policy = at->second.find("cleanup.policy");
    if (policy != at->second.end() && policy->second.find("compact") != std::string::npos) {
      mend(topic, "is compacted, but recovery reads every record again", "cleanup.policy=delete");
    }
    const std::int64_t kept = Number(at->second, "retention.ms", -1);
    if (config.recovery_target > 0 && kept >= 0 && kept < kLogKeptMinMs) {
      mend(topic, fmt::format("keeps records for {} ms, but recovery reads those of the last hour", kept), "retention.ms=604800000");
    }
  }
  for (const std::string& topic : {config.ProfilesTopic(), config.ModelsTopic()}) {
    const auto at = settings.find(topic);
    if (at == settings.end()) continue;
    const auto policy = at->second.find("cleanup.policy");
    if (policy != at->second.end() && policy->second != "compact") {
      mend(topic, "has cleanup.policy " + policy->second + ": what it holds would be deleted", "cleanup.policy=compact");
    }
    if (topic == config.ProfilesTopic() && Number(at->second, "delete.retention.ms", kTombstonesKeptMinMs) < kTombstonesKeptMinMs) {
      mend(topic, "forgets tombstones within a week: an older local copy would bring erased customers back", "delete.retention.ms=604800000");
    }
  }
  for (const auto& [topic, of_topic] : settings) {
    const auto unclean = of_topic.find("unclean.leader.election.enable");
    if (unclean != of_topic.end() && unclean->second == "true") found.warnings.push_back(topic + " allows unclean leader elections");
    if (Number(of_topic, "min.insync.replicas", 2) < 2) found.warnings.push_back(topic + " has min.insync.replicas 1");
  }
  if (found.warnings.size() > 1) {
    found.warnings = {fmt::format("{} and {} more: losing one broker may lose acknowledged records", found.warnings.front(), found.warnings.size() - 1)};
  }
  return found;
}

Result<TopicLayout> CheckTopics(const Config& config, KafkaAdmin& admin, int timeout_ms) {
  std::vector<std::string> names;
  for (const NewTopic& topic : WantedTopics(config, 1, 1)) names.push_back(topic.name);
  auto found = admin.Partitions(names, timeout_ms);
  // A topic made a moment ago may not be known to the broker that answers.
  for (int again = 0; found && found->size() < std::set(names.begin(), names.end()).size() && again < kAskAgain; ++again) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kAskAgainMs));
    found = admin.Partitions(names, timeout_ms);
  }
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
  if (Status sound = CheckSettings(config, admin, names, timeout_ms); !sound) return tl::unexpected(sound.error());
  return layout;
}

}  // namespace offerstream
