#include "consumers/commands/config_change.h"

#include <algorithm>
#include <functional>
#include <memory>

#include <fmt/format.h>

#include "consumers/commands/check.h"
#include "consumers/commands/explain.h"
#include "consumers/config/settings_diff.h"
#include "consumers/kafka/kafka_topics.h"
#include "consumers/offline/config_preview.h"
#include "consumers/offline/lockstep.h"
#include "consumers/seams/event_source.h"
#include "consumers/wire/csv_reader.h"
#include "consumers/wire/decision_encoder.h"
#include "consumers/wire/event_mapping.h"
#include "metrics/health.h"
#include "models/domain/numeric_path.h"

namespace offerstream {
namespace {

constexpr int kPatienceMs = 15'000;

using Each = std::function<void(const Record&)>;

/// Two sound configurations; null: their mistakes are told.
struct Two {
  std::unique_ptr<Config> before{}, after{};
};

Two Load(const ConfigChangeOptions& options) {
  Two two;
  for (const auto& [path, config] : {std::pair(&options.config, &two.before), std::pair(&options.changed, &two.after)}) {
    LoadedConfig loaded = LoadConfig(*path, options.set);
    TellMappings(loaded);
    for (const ConfigError& error : loaded.errors) fmt::print(stderr, "{}\n", error.Text());
    *config = std::move(loaded.config);
  }
  return two;
}

/// Files in their order; a record's offset is its number.
Status ReadFiles(const ConfigChangeOptions& options, const EventMapping& mapping, const Each& each) {
  std::int64_t offset = 0;
  for (const std::string& path : options.inputs) {
    Status read = ReadRecords(path, mapping, [&](Record& record) {
      record.cause.offset = offset++;
      each(record);
    });
    if (!read) return read;
  }
  return {};
}

/// One partition on its way, one record ahead.
struct Head {
  std::unique_ptr<LogCursor> cursor{};
  std::int64_t end = 0;
  std::string key{}, value{};
  Record record{};
  bool there = false;

  Status Next() {
    there = false;
    return cursor->AdvanceTo(end, [&](const Record& from) {
      key = from.key;
      value = from.value;
      record = Record{};
      record.cause = from.cause;
      record.timestamp_ms = from.timestamp_ms;
      record.null_key = from.null_key;
      record.null_value = from.null_value;
      record.key = key;
      record.value = value;
      there = true;
      return false;
    });
  }
};

/// Everything a topic retains, all partitions in the order of their records' timestamps.
Status ReadTopic(LogReader& logs, const std::string& topic, std::int32_t partitions, const Each& each) {
  std::vector<Head> heads(static_cast<std::size_t>(partitions));
  for (std::int32_t p = 0; p < partitions; ++p) {
    auto bounds = logs.Bounds(topic, p);
    if (!bounds) return tl::unexpected<Error>(bounds.error());
    Head& head = heads[static_cast<std::size_t>(p)];
    head.end = bounds->high;
    head.cursor = std::make_unique<LogCursor>(logs, topic, p, bounds->low, 0, kPatienceMs);
    if (Status next = head.Next(); !next) return next;
  }
  for (;;) {
    const auto first = std::min_element(heads.begin(), heads.end(), [](const Head& a, const Head& b) {
      return std::pair(!a.there, a.record.timestamp_ms) < std::pair(!b.there, b.record.timestamp_ms);
    });
    if (first == heads.end() || !first->there) return {};
    each(first->record);
    if (Status next = first->Next(); !next) return next;
  }
}

/// Events from files or the topic, as often as asked for.
using Events = std::function<Status(const Each&)>;

/// The decisions the configuration as it is makes of the events: where no published ones are given.
Status Decide(const Config& config, std::shared_ptr<const EventMapping> mapping, const Events& events, DecisionLog& log) {
  const InputConfig& input = config.events.front();
  DecisionEncoder encoder(config.plan, {input.topic});
  EventDecoder decoder(config.plan, std::move(mapping), input.reject_key_mismatch);
  LockstepOptions how;
  how.topics = {input.topic};
  LockstepSink sink;
  std::string json;
  sink.decision = [&](const Decision& decision) {
    json.clear();
    encoder.EncodeDecision(decision, json);
    (void)log.Add(json);
  };
  Lockstep engine(config.plan, how, std::move(sink));
  DecodedBatch batch;
  return events([&](const Record& record) {
    batch.Clear();
    decoder.Decode(record, batch);
    const Decoded& decoded = batch.records.front();
    for (std::uint32_t e = decoded.begin; !decoded.bad && e < decoded.begin + decoded.size; ++e) {
      if (batch.events[e].kind != EventKind::kIgnore) engine.Apply(batch.events[e]);
    }
  });
}

Result<PreviewReport> Preview(const ConfigChangeOptions& options, const Two& two) {
  const InputConfig& input = two.before->events.front();
  const auto mapping = LoadMapping(input.mapping).mapping;
  DecisionLog log;
  Events events = [&](const Each& each) { return ReadFiles(options, *mapping, each); };
  std::unique_ptr<LogReader> logs;
  for (const std::string& path : options.decisions) {
    if (Status read = log.Read(path); !read) return tl::unexpected<Error>(read.error());
  }
  if (options.inputs.empty()) {
    auto admin = KafkaAdmin::Open(two.before->kafka, two.before->app_id + "-preview");
    auto layout = admin ? CheckTopics(*two.before, **admin, kPatienceMs) : Result<TopicLayout>(tl::unexpected(admin.error()));
    if (!layout) return tl::unexpected<Error>(layout.error());
    logs = OpenKafkaLogReader(two.before->kafka, two.before->app_id + "-preview");
    events = [&, partitions = layout->partitions](const Each& each) { return ReadTopic(*logs, input.topic, partitions, each); };
    const auto add = [&](const Record& decision) { (void)log.Add(decision.value); };
    if (Status read = ReadTopic(*logs, two.before->decisions_topic, layout->partitions, add); !read) return tl::unexpected<Error>(read.error());
  } else if (options.decisions.empty()) {
    if (Status made = Decide(*two.before, mapping, events, log); !made) return tl::unexpected<Error>(made.error());
  }
  log.Seal();
  ConfigPreview preview(two.before->plan, two.after->plan, mapping, input.topic, input.reject_key_mismatch, log, options.last);
  if (Status followed = events([&](const Record& record) { preview.Apply(record); }); !followed) return tl::unexpected<Error>(followed.error());
  return preview.Finish();
}

void PrintChanges(const std::vector<SettingChange>& changes) {
  const auto held = std::count_if(changes.begin(), changes.end(), [](const SettingChange& change) { return change.needs_restart; });
  fmt::print("{} settings change{}\n", changes.size(), held > 0 ? fmt::format(", {} of them at a start only: a reload would be refused", held) : "");
  for (const SettingChange& change : changes) fmt::print("  {}{}\n", change.Text(), change.needs_restart ? "  (needs a restart)" : "");
}

void PrintReport(const PreviewReport& report) {
  const double n = static_cast<double>(report.decisions);
  fmt::print("\nOf the last {} decisions, {:.1f} % would be others.\n", report.decisions, 100 * report.changed);
  fmt::print("Of their {} customers, {} get an offer now and {} would; {} would be left without one.\n\n", report.customers, report.served_before,
             report.served_after, report.left_without);
  fmt::print("{:<24} {:<10} {:>8} {:>8} {:>8}\n", "offer", "channel", "now", "then", "change");
  for (const auto& [what, sums] : report.offers) {
    fmt::print("{:<24} {:<10} {:>6.1f} % {:>6.1f} % {:>+6.1f} %\n", what.first, what.second, 100 * sums.first / n, 100 * sums.second / n,
               100 * (sums.second - sums.first) / n);
  }
}

std::string ReportJson(const std::vector<SettingChange>& changes, const PreviewReport* report) {
  std::string json = "{\"changes\":[";
  for (const SettingChange& change : changes) {
    json += fmt::format("{}{{\"setting\":{},\"before\":{},\"after\":{},\"needs_restart\":{}}}", json.back() == '[' ? "" : ",", JsonText(change.path),
                        JsonText(change.before), JsonText(change.after), change.needs_restart);
  }
  json += "]";
  if (report != nullptr) {
    json += fmt::format(",\"decisions\":{},\"changed\":{:.6f},\"customers\":{},\"served_before\":{},\"served_after\":{},\"left_without\":{},\"offers\":[",
                        report->decisions, report->changed, report->customers, report->served_before, report->served_after, report->left_without);
    for (const auto& [what, sums] : report->offers) {
      json += fmt::format("{}{{\"offer\":{},\"channel\":{},\"before\":{:.3f},\"after\":{:.3f}}}", json.back() == '[' ? "" : ",", JsonText(what.first),
                          JsonText(what.second), sums.first, sums.second);
    }
    json += "]";
  }
  return json + "}";
}

}  // namespace

int RunConfigChange(const ConfigChangeOptions& options) {
  FixNumericPath();
  const Two two = Load(options);
  if (two.before == nullptr || two.after == nullptr) return ExitCode(Code::kConfiguration);
  const std::vector<SettingChange> changes = ChangesOf(two.before->settings, two.after->settings);
  if (options.what == "diff") {
    if (options.json) fmt::print("{}\n", ReportJson(changes, nullptr));
    else PrintChanges(changes);
    return 0;
  }
  if (!options.json) PrintChanges(changes);
  const auto report = Preview(options, two);
  if (!report) return Explain(report.error());
  if (options.json) fmt::print("{}\n", ReportJson(changes, &*report));
  if (report->decisions == 0) return Explain({Code::kGateFailed, 0, "no logged decision met its event: nothing could be compared"});
  if (!options.json) PrintReport(*report);
  return 0;
}

}  // namespace offerstream
