#include "consumers/commands/verify.h"

#include <memory>
#include <optional>

#include <fmt/format.h>

#include "consumers/admin_json.h"
#include "consumers/commands/check.h"
#include "consumers/commands/explain.h"
#include "consumers/journal_check.h"
#include "consumers/kafka/kafka_topics.h"
#include "consumers/position_text.h"
#include "consumers/wire/event_mapping.h"
#include "models/domain/random.h"
#include "state/formats/codecs.h"

namespace offerstream {
namespace {

constexpr int kTimeoutMs = 15'000;

/// Configuration and logs of an application, without its state.
struct Logs {
  std::unique_ptr<Config> config{};
  std::unique_ptr<LogReader> reader{};
  SystemClock clock{};
  ShardEnvironment environment{};
};

Result<std::unique_ptr<Logs>> OpenLogs(const VerifyOptions& options) {
  auto logs = std::make_unique<Logs>();
  logs->config = LoadOrExplain(options.config, options.set);
  if (logs->config == nullptr) return Fail(Code::kConfiguration, options.config);
  auto admin = KafkaAdmin::Open(logs->config->kafka, logs->config->app_id + "-verify");
  if (!admin) return tl::unexpected(admin.error());
  auto layout = CheckTopics(*logs->config, **admin, kTimeoutMs);
  if (!layout) return tl::unexpected(layout.error());
  logs->reader = OpenKafkaLogReader(logs->config->kafka, logs->config->app_id + "-verify");
  ShardEnvironment& environment = logs->environment;
  environment.config = logs->config.get();
  environment.plan = logs->config->plan;
  environment.logs = logs->reader.get();
  environment.clock = &logs->clock;
  environment.partitions = layout->partitions;
  environment.observation_partitions = layout->observation_partitions;
  environment.caps_partitions = layout->caps_partitions;
  environment.erasure_partitions = layout->all[logs->config->ErasuresTopic()];
  for (const InputConfig& input : logs->config->events) {
    environment.mappings.push_back(LoadMapping(input.mapping).mapping);
    environment.dead_letter_partitions.push_back(layout->all[DeadLetterTopic(input.topic)]);
    if (environment.mappings.back() == nullptr) return Fail(Code::kConfiguration, input.mapping);
  }
  return logs;
}

int InspectCustomer(const Logs& logs, const std::string& id) {
  const std::string topic = logs.config->ProfilesTopic(), key = ProfileKey(id);
  for (std::int32_t p = 0; p < logs.environment.partitions; ++p) {
    auto bounds = logs.reader->Bounds(topic, p);
    if (!bounds) return Explain(bounds.error());
    std::optional<std::string> row;
    Status read = ReadLogRange(*logs.reader, topic, p, bounds->low, bounds->high, 0, kLogPatienceMs, [&](const Record& record) {
      if (record.key == key) row = record.null_value ? std::string() : std::string(record.value);
      return true;
    });
    if (!read) return Explain(read.error());
    if (!row) continue;
    if (row->empty()) {
      fmt::print(stderr, "offerstream: customer erased (partition {})\n", p);
      return 1;
    }
    CustomerView view;
    view.partition = p;
    view.profile.id = id;
    view.profile.hash = H64(id);
    if (Status decoded = DecodeProfile(*logs.config->plan, *row, view.profile); !decoded) return Explain(decoded.error());
    view.seq = view.profile.as_of;
    fmt::print("{}\n", CustomerJson(*logs.config->plan, view));
    return 0;
  }
  return Explain({Code::kNotFound, 0, "no customer " + id + " in " + topic});
}

int InspectDecision(const Logs& logs, const std::string& id) {
  const std::string topic = logs.config->decisions_topic, wanted = "\"decision_id\":\"" + id + "\"";
  for (std::int32_t p = 0; p < logs.environment.partitions; ++p) {
    auto bounds = logs.reader->Bounds(topic, p);
    if (!bounds) return Explain(bounds.error());
    bool found = false;
    Status read = ReadLogRange(*logs.reader, topic, p, bounds->low, bounds->high, 0, kLogPatienceMs, [&](const Record& record) {
      if (record.value.find(wanted) == std::string_view::npos) return true;
      fmt::print("{}\n", record.value);
      found = true;
      return false;
    });
    if (!read) return Explain(read.error());
    if (!found) continue;
    JournalCheck check(logs.environment);
    if (Status prepared = check.Prepare(); !prepared) return Explain(prepared.error());
    Status told = check.Decisions(p, [&](std::string_view json) {
      if (json.find(wanted) == std::string_view::npos) return true;
      fmt::print("{}\n", json);
      return false;
    });
    return told ? 0 : Explain(told.error());
  }
  return Explain({Code::kNotFound, 0, "no decision " + id + " in " + topic});
}

}  // namespace

int RunVerify(const VerifyOptions& options) {
  auto logs = OpenLogs(options);
  if (!logs) return Explain(logs.error());
  JournalCheck check((*logs)->environment);
  Status prepared = check.Prepare();
  if (!prepared) return Explain(prepared.error());
  const auto verdict = check.Run();
  if (!verdict) return Explain(verdict.error());
  if (!verdict->difference.empty()) {
    fmt::print("differs: {}\n", verdict->difference);
    return ExitCode(Code::kGateFailed);
  }
  fmt::print("verified: {} transactions, {} records, {} decisions, {} adopted snapshots re-derived byte for byte\n",
             verdict->transactions, verdict->records, verdict->decisions, verdict->snapshots);
  return 0;
}

int RunInspect(const VerifyOptions& options) {
  auto logs = OpenLogs(options);
  if (!logs) return Explain(logs.error());
  if (options.what == "customer") return InspectCustomer(**logs, options.id);
  if (options.what == "decision") return InspectDecision(**logs, options.id);
  return Explain({Code::kUsage, 0, "inspect takes customer or decision, not " + options.what});
}

}  // namespace offerstream
