#include "consumers/config/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "consumers/config/embedded_files.h"
#include "consumers/config/plan_builder.h"
#include "consumers/config/settings.h"
#include "consumers/config/settings_diff.h"

extern char** environ;

namespace offerstream {

namespace {

using Kind = YamlNode::Kind;
namespace fs = std::filesystem;

constexpr std::string_view kEnvironmentPrefix = "OFFERSTREAM__";

// librdkafka properties whose values the commit protocol depends on.
constexpr std::pair<std::string_view, std::string_view> kReserved[] = {
    {"isolation.level", "inputs are always read committed"},
    {"enable.auto.commit", "offsets are committed in the transaction that holds their decisions"},
    {"enable.auto.offset.store", "offsets are committed in the transaction that holds their decisions"},
    {"auto.offset.reset", "a lost position must stop, not be guessed; the first start is the command line's choice"},
    {"transactional.id", "it is made of app.id, app.instance and the shard"},
    {"enable.idempotence", "the producer is always transactional"},
    {"acks", "the producer is always transactional"},
    {"partition.assignment.strategy", "inputs are co-partitioned by the range strategy"},
    {"group.id", "it is app.id"},
    {"group.instance.id", "it is made of app.id, app.instance and the shard"},
};

Result<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::error_code error;
  if (!in || fs::is_directory(path, error)) return Fail(Code::kIo, "cannot be read");
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad()) return Fail(Code::kIo, "cannot be read");
  return std::move(text).str();
}

std::vector<std::string> Split(std::string_view text, std::string_view by) {
  std::vector<std::string> parts;
  for (std::size_t at = 0;;) {
    const auto end = text.find(by, at);
    parts.emplace_back(text.substr(at, end == std::string_view::npos ? end : end - at));
    if (end == std::string_view::npos) return parts;
    at = end + by.size();
  }
}

// kafka.common.security.protocol is one key of a pass-through map, dots and all.
std::vector<std::string> JoinPassedKey(std::vector<std::string> keys, bool environment) {
  if (keys.size() < 3 || keys[0] != "kafka" || (keys[1] != "common" && keys[1] != "consumer" && keys[1] != "producer"))
    return keys;
  std::string name = keys[2];
  for (std::size_t i = 3; i < keys.size(); ++i) name += "." + keys[i];
  if (environment) std::replace(name.begin(), name.end(), '_', '.');
  return {keys[0], keys[1], name};
}

// Sets root.a.b = value, making maps on the way; a number steps into a list.
void SetAt(YamlNode& root, const std::vector<std::string>& keys, YamlNode value, const Place& place,
           Mistakes& mistakes) {
  YamlNode* node = &root;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string& key = keys[i];
    if (node->Is(Kind::kNull)) {
      node->kind = Kind::kMap;
      node->place = place;
    }
    if (node->Is(Kind::kList) && !key.empty() && key.find_first_not_of("0123456789") == std::string::npos &&
        key.size() < 6 && std::stoul(key) < node->children.size()) {
      node = &node->children[std::stoul(key)];
      continue;
    }
    if (!node->Is(Kind::kMap)) {
      mistakes.Add(place, fmt::format("there is no '{}' to set", key));
      return;
    }
    if (YamlNode* child = node->Find(key)) {
      node = child;
    } else {
      node->keys.push_back({key, place});
      node = &node->children.emplace_back();
    }
  }
  *node = std::move(value);
}

void Override(YamlNode& root, const std::string& source, std::vector<std::string> keys, const std::string& text,
              Mistakes& mistakes, bool environment) {
  const Place place{std::make_shared<const std::string>(source), 0, 0};
  // A plain value (an address, a path) is a text even where YAML would see a map or a comment.
  std::optional<YamlNode> value;
  if (!text.empty() && (text[0] == '[' || text[0] == '{')) value = ParseYamlValue(text, place, mistakes);
  if (!value) {
    value.emplace();
    value->kind = Kind::kScalar;
    value->text = text;
    value->place = place;
  }
  SetAt(root, JoinPassedKey(std::move(keys), environment), std::move(*value), place, mistakes);
}

void OverrideFromEnvironment(YamlNode& root, Mistakes& mistakes) {
  std::vector<std::string> lines;
  for (char** line = environ; *line != nullptr; ++line) {
    if (std::string_view(*line).starts_with(kEnvironmentPrefix)) lines.emplace_back(*line);
  }
  std::sort(lines.begin(), lines.end());
  for (const std::string& line : lines) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    std::string path = line.substr(kEnvironmentPrefix.size(), equals - kEnvironmentPrefix.size());
    std::transform(path.begin(), path.end(), path.begin(), [](unsigned char c) { return std::tolower(c); });
    Override(root, line.substr(0, equals), Split(path, "__"), line.substr(equals + 1), mistakes, true);
  }
}

// ${NAME} in any value is the environment's; HOSTNAME falls back on the machine's name.
void Substitute(YamlNode& node, Mistakes& mistakes) {
  for (YamlNode& child : node.children) Substitute(child, mistakes);
  for (std::size_t at = 0; node.Is(Kind::kScalar) && (at = node.text.find("${", at)) != std::string::npos;) {
    const auto end = node.text.find('}', at);
    if (end == std::string::npos) return;
    const std::string name = node.text.substr(at + 2, end - at - 2);
    std::string value;
    if (const char* set = std::getenv(name.c_str())) {
      value = set;
    } else if (char host[256]; name == "HOSTNAME" && gethostname(host, sizeof(host)) == 0) {
      host[sizeof(host) - 1] = '\0';
      value = host;
    } else {
      mistakes.Add(node.place, fmt::format("${{{}}}: no such environment variable", name));
    }
    node.text.replace(at, end - at + 1, value);
    at += value.size();
  }
}

std::string InstanceDefault() {
  YamlNode node;
  node.kind = Kind::kScalar;
  node.text = "${HOSTNAME}";
  Mistakes none;
  Substitute(node, none);
  return node.text.empty() ? "offerstream-0" : node.text;
}

std::map<std::string, std::string> ReadPassed(const YamlNode* kafka, std::string_view section, Mistakes& mistakes) {
  std::map<std::string, std::string> passed;
  const YamlNode* node = kafka != nullptr ? kafka->Find(section) : nullptr;
  if (node == nullptr || !node->Is(Kind::kMap)) return passed;
  for (std::size_t i = 0; i < node->keys.size(); ++i) {
    std::string name = node->keys[i].text, value = node->children[i].text;
    if (name.size() > 5 && name.ends_with("_file")) {
      name.resize(name.size() - 5);
      auto secret = ReadFile(value);
      if (!secret)
        mistakes.Add(node->children[i].place,
                     fmt::format("kafka.{}.{}_file: '{}' cannot be read", section, name, value));
      else
        value = secret->substr(0, secret->find_last_not_of("\r\n") + 1);
    }
    for (const auto& [reserved, reason] : kReserved) {
      if (name == reserved)
        mistakes.Add(node->keys[i].place, fmt::format("kafka.{}.{}: is not yours to set: {}", section, name, reason));
    }
    passed[name] = value;
  }
  return passed;
}

// A preset's name stays; a path is resolved against the configuration's folder and must be there.
std::string ResolveMapping(const std::string& mapping, const std::string& config_path, const Place& place,
                           Mistakes& mistakes) {
  if (!EmbeddedFile(fmt::format("deploy/mappings/{}.yaml", mapping)).empty()) return mapping;
  if (mapping.find('/') == std::string::npos && !mapping.ends_with(".yaml") && !mapping.ends_with(".yml")) {
    mistakes.AddUnknown(place, fmt::format("no mapping preset '{}'", mapping), mapping,
                        {"segment", "cloudevents", "snowplow"});
    return mapping;
  }
  const fs::path path =
      fs::path(mapping).is_absolute() ? fs::path(mapping) : fs::path(config_path).parent_path() / mapping;
  std::error_code error;
  if (!fs::is_regular_file(path, error))
    mistakes.Add(place, fmt::format("mapping file '{}' is not there", path.string()));
  return path.string();
}

void ReadEvents(const YamlNode& root, Config& config, Mistakes& mistakes) {
  const YamlNode* events = root.Find("events");
  if (events == nullptr || !events->Is(Kind::kList)) {
    config.events.emplace_back();
    return;
  }
  for (const YamlNode& node : events->children) {
    InputConfig input;
    input.topic = ReadText(&node, "events[].topic");
    const YamlNode* mapping = node.Find("mapping");
    input.mapping = ResolveMapping(ReadText(&node, "events[].mapping"), config.path,
                                   mapping != nullptr ? mapping->place : node.place, mistakes);
    const std::string bad = ReadText(&node, "events[].on_bad_record");
    input.on_bad_record = bad == "skip"   ? OnBadRecord::kSkip
                          : bad == "fail" ? OnBadRecord::kFail
                                          : OnBadRecord::kDeadLetter;
    input.reject_key_mismatch = ReadText(&node, "events[].on_key_mismatch") == "reject";
    input.format = ReadText(&node, "events[].format");
    if (input.format == "auto")
      input.format.clear();
    else if (const YamlNode* format = node.Find("format")) {
      mistakes.Add(format->place,
                   "events.format: only auto is supported yet; JSON, CloudEvents and Confluent frames are recognised");
    }
    for (const InputConfig& other : config.events) {
      if (other.topic == input.topic)
        mistakes.Add(node.place, fmt::format("events: topic '{}' is given twice", input.topic));
    }
    config.events.push_back(std::move(input));
  }
}

void ReadProcess(const YamlNode& root, Config& config, Mistakes& mistakes) {
  const YamlNode* app = root.Find("app");
  config.app_id = ReadText(app, "app.id");
  config.instance = ReadNode(app, "app.instance") != nullptr ? ReadText(app, "app.instance") : InstanceDefault();
  const YamlNode* kafka = root.Find("kafka");
  config.kafka.brokers = ReadText(kafka, "kafka.brokers");
  config.kafka.common = ReadPassed(kafka, "common", mistakes);
  config.kafka.consumer = ReadPassed(kafka, "consumer", mistakes);
  config.kafka.producer = ReadPassed(kafka, "producer", mistakes);
  const YamlNode* topics = root.Find("topics");
  config.decisions_topic = ReadText(topics, "topics.decisions");
  config.caps_topic = ReadText(topics, "topics.caps");
  const YamlNode* state = root.Find("state");
  config.state_dir = ReadText(state, "state.dir");
  config.state_memory = ReadSize(state, "state.memory");
  config.state_shards = static_cast<std::uint32_t>(ReadInteger(state, "state.shards"));
  config.recovery_target = ReadDuration(state, "state.recovery_target");
  config.state_purge = ReadDuration(state, "state.purge");
  const YamlNode* commit = root.Find("commit");
  config.commit_interval = ReadDuration(commit, "commit.interval");
  config.commit_pause = ReadDuration(commit, "commit.pause");
  config.commit_events_max = static_cast<std::uint32_t>(ReadInteger(commit, "commit.events_max"));
  config.commit_bytes_max = ReadSize(commit, "commit.bytes_max");
  config.idle_after = ReadDuration(root.Find("time"), "time.idle_after");
  const YamlNode* http = root.Find("http");
  config.http_listen = ReadText(http, "http.listen");
  if (const YamlNode* token = ReadNode(http, "http.admin_token_file"); token != nullptr && !token->text.empty()) {
    mistakes.Add(token->place, "http.admin_token_file: tokens are not supported yet; HTTP stays on loopback");
  }
  const YamlNode* privacy = root.Find("privacy");
  if (const YamlNode* file = ReadNode(privacy, "privacy.key_file"); file != nullptr && !file->text.empty()) {
    auto secret = ReadFile(file->text);
    if (secret) config.privacy_key = secret->substr(0, secret->find_last_not_of("\r\n") + 1);
    if (!secret || config.privacy_key.size() < 16) {
      mistakes.Add(file->place, fmt::format("privacy.key_file: '{}' {}", file->text, secret ? "holds less than 16 bytes" : "cannot be read"));
    }
  }
  const YamlNode* log = root.Find("log");
  config.log_level = ReadText(log, "log.level");
  config.log_format = ReadText(log, "log.format");
  config.metrics_max_offers = static_cast<std::uint32_t>(ReadInteger(root.Find("metrics"), "metrics.max_offers"));
  config.dev = ReadBool(&root, "dev");
}

LoadedConfig Build(const std::string& text, const std::string& path,
                   const std::map<std::string, std::string>& overrides, bool environment) {
  LoadedConfig loaded;
  Mistakes mistakes;
  auto root = ParseYaml(text, path, mistakes);
  if (root) {
    if (environment) OverrideFromEnvironment(*root, mistakes);
    for (const auto& [key, value] : overrides) Override(*root, "--set " + key, Split(key, "."), value, mistakes, false);
    Substitute(*root, mistakes);
    CheckSettings(*root, mistakes);
  }
  if (root && root->Is(Kind::kMap)) {
    auto config = std::make_unique<Config>();
    config->path = path;
    ReadProcess(*root, *config, mistakes);
    ReadEvents(*root, *config, mistakes);
    config->plan = BuildPlan(*root, 1, mistakes);
    config->settings = FlatSettings(*root);
    loaded.config = std::move(config);
  }
  loaded.errors = mistakes.Take();
  if (!loaded.errors.empty()) loaded.config.reset();
  return loaded;
}

}  // namespace

LoadedConfig LoadConfig(const std::string& path, const std::map<std::string, std::string>& overrides) {
  auto text = ReadFile(path);
  if (text) return Build(*text, path, overrides, true);
  LoadedConfig loaded;
  loaded.errors.push_back({path, 0, 0, "cannot be read"});
  return loaded;
}

LoadedConfig ParseConfig(const std::string& text, const std::string& path,
                         const std::map<std::string, std::string>& overrides) {
  return Build(text, path, overrides, false);
}

Result<std::shared_ptr<const CampaignPlan>> ParsePlan(const std::string& plan_text, std::uint32_t epoch) {
  Mistakes mistakes;
  const auto root = ParseYaml(plan_text, "plan", mistakes);
  std::shared_ptr<const CampaignPlan> plan;
  if (root) {
    CheckSettings(*root, mistakes);
    if (mistakes.empty()) plan = BuildPlan(*root, epoch, mistakes);
  }
  if (!mistakes.empty() || plan == nullptr) {
    const auto errors = mistakes.Take();
    return Fail(Code::kConfiguration, errors.empty() ? "no plan" : errors[0].Text());
  }
  return plan;
}

std::string DefaultConfigText() { return std::string(EmbeddedFile("deploy/offerstream.yaml")); }

}  // namespace offerstream
