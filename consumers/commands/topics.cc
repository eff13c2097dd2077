#include "consumers/commands/topics.h"

#include <fmt/format.h>

#include "consumers/commands/check.h"
#include "consumers/commands/explain.h"
#include "consumers/kafka/kafka_topics.h"

namespace offerstream {
namespace {

constexpr int kTimeoutMs = 15'000;

}  // namespace

int RunTopics(const TopicsOptions& options) {
  if (options.what != "plan" && options.what != "apply") {
    return Explain({Code::kUsage, 0, "topics takes plan or apply, not " + options.what});
  }
  const std::unique_ptr<Config> config = LoadOrExplain(options.config, options.set);
  if (config == nullptr) return ExitCode(Code::kConfiguration);
  const int replication = options.replication > 0 ? options.replication : options.dev || config->dev ? 1 : 3;
  auto admin = KafkaAdmin::Open(config->kafka, config->app_id + "-topics");
  if (!admin) return Explain(admin.error());
  const std::vector<NewTopic> wanted = WantedTopics(*config, options.partitions, replication);
  std::vector<std::string> names;
  for (const NewTopic& topic : wanted) names.push_back(topic.name);
  auto found = (*admin)->Partitions(names, kTimeoutMs);
  if (!found) return Explain(found.error());
  std::vector<NewTopic> missing;
  for (const NewTopic& topic : wanted) {
    const auto there = found->find(topic.name);
    const std::string& policy = topic.settings.at("cleanup.policy");
    if (there == found->end()) {
      missing.push_back(topic);
      fmt::print("{} {} partitions={} replication={} cleanup.policy={}\n", options.what == "apply" ? "create" : "missing", topic.name,
                 topic.partitions, topic.replication, policy);
    } else {
      fmt::print("exists {} partitions={}\n", topic.name, there->second);
    }
  }
  if (options.what == "plan" || missing.empty()) return 0;
  if (Status made = (*admin)->Create(missing, kTimeoutMs); !made) return Explain(made.error());
  return 0;
}

}  // namespace offerstream
