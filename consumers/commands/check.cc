#include "consumers/commands/check.h"

#include <fmt/format.h>

#include <cstdio>

#include "consumers/kafka/kafka_topics.h"
#include "consumers/wire/event_mapping.h"

namespace offerstream {

std::unique_ptr<Config> LoadOrExplain(const std::string& path, const std::map<std::string, std::string>& set) {
  LoadedConfig loaded = LoadConfig(path, set);
  for (const ConfigError& warning : loaded.warnings) fmt::print(stderr, "warning: {}\n", warning.Text());
  for (const ConfigError& error : loaded.errors) fmt::print(stderr, "{}\n", error.Text());
  return std::move(loaded.config);
}

void TellMappings(LoadedConfig& loaded) {
  for (std::size_t i = 0; loaded.config != nullptr && i < loaded.config->events.size(); ++i) {
    const LoadedMapping mapping = LoadMapping(loaded.config->events[i].mapping);
    loaded.errors.insert(loaded.errors.end(), mapping.errors.begin(), mapping.errors.end());
  }
  if (!loaded.errors.empty()) loaded.config.reset();
}

namespace {

/// Brokers, topics and partition counts, as `run` will ask for them.
int CheckOnline(const Config& config) {
  constexpr int kTimeoutMs = 15'000;
  auto admin = KafkaAdmin::Open(config.kafka, config.app_id + "-check");
  auto layout = admin ? CheckTopics(config, **admin, kTimeoutMs) : Result<TopicLayout>(tl::unexpected(admin.error()));
  if (!layout) {
    fmt::print("{}: {} {}\n", config.path, Sentence(layout.error().code), layout.error().detail);
    return ExitCode(layout.error().code);
  }
  for (const auto& [topic, partitions] : layout->all) fmt::print("{}: {} partitions\n", topic, partitions);
  return 0;
}

}  // namespace

int RunCheck(const CheckOptions& options) {
  LoadedConfig loaded = LoadConfig(options.config, options.set);
  // The mappings' mistakes are told in the same breath.
  TellMappings(loaded);
  for (const ConfigError& error : loaded.errors) fmt::print("{}\n", error.Text());
  if (!loaded.errors.empty()) {
    fmt::print(stderr, "{}: {} mistakes\n", options.config, loaded.errors.size());
    return ExitCode(Code::kConfiguration);
  }
  const CampaignPlan& plan = *loaded.config->plan;
  fmt::print("{}: sound; {} offers, {} channels, {} features, plan {:016x}\n", options.config, plan.offers.size(),
             plan.channels.size(), plan.features.size(), plan.digest);
  return options.online ? CheckOnline(*loaded.config) : 0;
}

}  // namespace offerstream
