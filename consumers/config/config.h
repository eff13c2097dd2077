// The configuration, typed and whole: made from one strict YAML file, or refused with every error at its place.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/domain/campaign_plan.h"
#include "models/domain/status.h"

namespace offerstream {

/// What becomes of a record that is no event: to the dead-letter topic, counted and passed over, or a stop (exit 1).
enum class OnBadRecord : std::uint8_t { kDeadLetter, kSkip, kFail };

/// One input topic (or, offline, the mapping of the files).
struct InputConfig {
  std::string topic = "events";
  std::string mapping = "segment";  ///< a preset's name or a path, resolved against the configuration's folder
  OnBadRecord on_bad_record = OnBadRecord::kDeadLetter;
  bool reject_key_mismatch = true;
  std::string format{};  ///< "" = recognise; json, cloudevents, confluent
};

/// How the brokers are reached; names librdkafka knows, the few this program owns are refused with the reason.
struct KafkaConfig {
  std::string brokers = "localhost:9092";
  std::map<std::string, std::string> common{}, consumer{}, producer{};  ///< librdkafka's names, passed through
};

/// Everything `offerstream` is told. Keys, defaults, ranges and effects stand once, in the settings table (config.cc),
/// from which the reference page and the JSON Schema are made.
struct Config {
  std::string path{};  ///< of the file, for messages
  std::string app_id = "offerstream", instance = "offerstream-0";
  KafkaConfig kafka{};
  std::vector<InputConfig> events{};
  std::string decisions_topic = "decisions", caps_topic = "caps";
  std::string state_dir = "/var/lib/offerstream";
  std::uint64_t state_memory = 2ull << 30;
  std::uint32_t state_shards = 0;  ///< 0: auto
  Duration recovery_target = 10'000;
  Duration state_purge = 86'400'000;
  std::string privacy_key{};  ///< of the hashes that stand for customers' ids; "" = the public one
  Duration commit_interval = 100, commit_pause = 10;
  std::uint32_t commit_events_max = 20'000;
  std::uint64_t commit_bytes_max = 64ull << 20;
  Duration idle_after = 30'000;
  std::string http_listen = "127.0.0.1:8080";  ///< "" = off
  std::string log_level = "info", log_format = "text";
  std::uint32_t metrics_max_offers = 200;
  bool dev = false;  ///< silences replication warnings
  std::shared_ptr<const CampaignPlan> plan{};
  /// Every key that was given, as "offers[gold-card].value" -> text; secrets as a hash. For ChangesOf.
  std::map<std::string, std::string> settings{};

  // Internal topics.
  std::string ProfilesTopic() const { return app_id + "-profiles"; }
  std::string JournalTopic() const { return app_id + "-journal"; }
  std::string ObservationsTopic() const { return app_id + "-observations"; }
  std::string ModelsTopic() const { return app_id + "-models"; }
  std::string ErasuresTopic() const { return app_id + "-erasures"; }   // receipts, for people and auditors
};

/// One mistake, ready to print: "offerstream.yaml:12:7: commit.interval: …; did you mean …?"
struct ConfigError {
  std::string file{};
  int line = 0, column = 0;
  std::string message{};
  std::string Text() const;
};

/// Reads and checks everything; all errors at once. Precedence: default < file < environment OFFERSTREAM__A__B < flag
/// (`overrides`: dotted key -> YAML text). Never throws.
struct LoadedConfig {
  std::unique_ptr<Config> config{};  ///< null when there are errors
  std::vector<ConfigError> errors{}, warnings{};
};
LoadedConfig LoadConfig(const std::string& path, const std::map<std::string, std::string>& overrides = {});
/// The same from text (plan texts in the log, tests); `path` is only for messages and relative mapping files.
LoadedConfig ParseConfig(const std::string& text, const std::string& path,
                         const std::map<std::string, std::string>& overrides = {});
/// A plan from its own text (CampaignPlan.text).
Result<std::shared_ptr<const CampaignPlan>> ParsePlan(const std::string& plan_text, std::uint32_t epoch);
/// JSON Schema of the configuration; Markdown reference page; the commented default file (compiled in).
std::string ConfigJsonSchema();
std::string ConfigReference();
std::string DefaultConfigText();

}  // namespace offerstream
