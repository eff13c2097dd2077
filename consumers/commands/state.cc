#include "consumers/commands/state.h"

#include <cstdio>
#include <fstream>
#include <memory>

#include <fmt/format.h>

#include "consumers/admin_json.h"
#include "consumers/commands/check.h"
#include "consumers/commands/explain.h"
#include "consumers/failpoint.h"
#include "consumers/id_hashing.h"
#include "consumers/kafka/kafka_client.h"
#include "consumers/position_text.h"
#include "consumers/seams/clock.h"
#include "models/domain/event_time.h"
#include "models/domain/random.h"
#include "state/formats/codecs.h"
#include "state/state_summary.h"

namespace offerstream {
namespace {

constexpr int kTimeoutMs = 15'000;

std::string TimeText(EventTime time) { return time == kNever || time == 0 ? "never" : FormatTime(time); }

/// The store as it lies there, and what is needed to read it.
struct Opened {
  std::unique_ptr<Config> config{};
  std::unique_ptr<StateStore> store{};
};

Result<Opened> OpenState(const StateOptions& options) {
  Opened opened;
  opened.config = LoadOrExplain(options.config, options.set);
  if (opened.config == nullptr) return Fail(Code::kConfiguration, options.config);
  auto store = OpenRocksDbReadOnly(opened.config->state_dir);
  if (!store && store.error().code == Code::kLocked) {
    return Fail(Code::kLocked, store.error().detail + ": a service runs on it; ask it over HTTP, or stop it");
  }
  if (!store) return tl::unexpected(store.error());
  opened.store = std::move(*store);
  return opened;
}

/// A stored customer as JSON; nothing for a tombstone.
Result<std::string> RowJson(const Opened& opened, const PartitionMeta& meta, std::int32_t partition, std::string_view id, std::string_view row,
                            const IdHashing* hashing) {
  const auto peek = PeekProfile(row);
  if (!peek) return tl::unexpected(peek.error());
  if (peek->gone) return std::string();
  CustomerView view;
  view.partition = partition;
  view.profile.id = id;
  view.profile.hash = H64(id);
  if (Status decoded = DecodeProfile(*opened.config->plan, row, view.profile); !decoded) return tl::unexpected(decoded.error());
  view.seq = view.profile.as_of;
  view.offset = meta.committed.offsets.empty() ? 0 : meta.committed.offsets.front();
  view.watermark = meta.account.watermark;
  const std::string hash = hashing == nullptr ? std::string() : hashing->Of(id);
  if (hashing != nullptr) view.profile.id = hash;
  std::string json = CustomerJson(*opened.config->plan, view);
  while (json.ends_with('\n')) json.pop_back();
  return json;
}

int InspectCustomer(Opened& opened, const std::string& id) {
  const auto held = opened.store->Held();
  if (!held) return Explain(held.error());
  for (const std::int32_t partition : held->decided) {
    std::string row;
    if (Status loaded = opened.store->Load(partition, id, row); !loaded) return Explain(loaded.error());
    if (row.empty()) continue;
    const auto meta = opened.store->LoadMeta(partition);
    if (!meta) return Explain(meta.error());
    const auto json = RowJson(opened, *meta, partition, id, row, nullptr);
    if (!json) return Explain(json.error());
    if (json->empty()) return Explain({Code::kNotFound, 0, fmt::format("the customer was erased (partition {})", partition)});
    fmt::print("{}\n", *json);
    return 0;
  }
  return Explain({Code::kNotFound, 0, "no such customer in " + opened.config->state_dir});
}

/// Committed positions of every partition and input, by asking Kafka; the position's text is in the first input's metadata.
Result<std::vector<TopicPosition>> AskCommitted(const Config& config, const StateSummary& summary) {
  std::vector<TopicPosition> positions;
  for (const PartitionSummary& p : summary.partitions) {
    for (const InputConfig& input : config.events) positions.push_back({input.topic, p.partition, kOffsetNone, {}});
  }
  auto consumer = KafkaConsumer::Open({config.kafka, config.app_id + "-inspect", config.app_id, {}});
  if (!consumer) return tl::unexpected(consumer.error());
  if (Status asked = (*consumer)->Committed(positions, kTimeoutMs); !asked) return tl::unexpected(asked.error());
  return positions;
}

int Inspect(Opened& opened, const StateOptions& options) {
  if (!options.customer.empty()) return InspectCustomer(opened, options.customer);
  const auto summary = Summarise(*opened.store);
  if (!summary) return Explain(summary.error());
  std::vector<TopicPosition> committed;
  if (options.online) {
    auto asked = AskCommitted(*opened.config, *summary);
    if (!asked) return Explain(asked.error());
    committed = std::move(*asked);
  }
  if (options.json) {
    std::string online;
    for (const TopicPosition& c : committed) {
      const auto text = ReadPositionText(c.metadata);
      online += fmt::format("{}{{\"topic\":\"{}\",\"partition\":{},\"offset\":{},\"transaction\":{}}}", online.empty() ? "" : ",", c.topic, c.partition,
                            c.offset, text ? fmt::format("{}", text->seq) : "null");
    }
    fmt::print("{{\"dir\":\"{}\",\"state\":{}{}}}\n", opened.config->state_dir, SummaryJson(*summary),
               options.online ? ",\"committed_in_kafka\":[" + online + "]" : "");
    return 0;
  }
  for (const PartitionSummary& p : summary->partitions) {
    fmt::print("partition {}: transaction {}, floor {}, plan {}, {} customers, {} tombstones, {} bytes{}\n", p.partition, p.meta.committed.seq,
               p.meta.floor.seq, p.meta.committed.plan_epoch, p.customers, p.erased, p.bytes, p.meta.restoring ? ", restoring" : "");
    for (std::size_t i = 0; i < p.meta.committed.offsets.size() && i < opened.config->events.size(); ++i) {
      fmt::print("  {} at {}, floor {}\n", opened.config->events[i].topic, p.meta.committed.offsets[i],
                 i < p.meta.floor.offsets.size() ? p.meta.floor.offsets[i] : 0);
    }
    fmt::print("  changelog {}, journal {}, watermark {}, written {}, log {:016x}{:016x}\n", p.meta.changelog_offset, p.meta.committed.journal_offset,
               TimeText(p.meta.account.watermark), TimeText(p.meta.applied_at_ms), p.meta.log_id.high, p.meta.log_id.low);
  }
  for (const LearnerSummary& l : summary->learners) {
    fmt::print("learner {}: floor {}, {} models, {} bytes\n", l.partition, l.floor, l.models, l.bytes);
  }
  for (const TopicPosition& c : committed) {
    const auto text = ReadPositionText(c.metadata);
    fmt::print("committed {}[{}]: {}{}\n", c.topic, c.partition, c.offset, text ? fmt::format(", transaction {}", text->seq) : "");
  }
  if (summary->erased_since_ms > 0) fmt::print("files still hold what was erased since {}\n", TimeText(summary->erased_since_ms));
  return 0;
}

int Checkpoint(const StateOptions& options) {
  if (options.target.empty()) return Explain({Code::kUsage, 0, "state checkpoint takes the directory to make"});
  const std::unique_ptr<Config> config = LoadOrExplain(options.config, options.set);
  if (config == nullptr) return ExitCode(Code::kConfiguration);
  {
    // What is not there, or in use, is told before anything is made.
    StateOptions there = options;
    if (auto opened = OpenState(there); !opened) return Explain(opened.error());
  }
  auto store = OpenRocksDbStore(config->state_dir, config->state_memory / 5);
  if (!store) return Explain(store.error());
  if (store->quarantined) return Explain({Code::kCorrupt, 0, config->state_dir + " could not be opened and was set aside"});
  const SystemClock clock;
  const auto summary = WriteCheckpoint(*store->store, options.target, clock.WallMs(), [] { (void)PassFailpoint(Step::kCheckpoint); });
  if (!summary) return Explain(summary.error());
  std::uint64_t customers = 0;
  for (const PartitionSummary& p : summary->partitions) customers += p.customers;
  fmt::print("{}: {} partitions, {} customers, {} learners; read back and whole\n", options.target, summary->partitions.size(), customers,
             summary->learners.size());
  return 0;
}

int Export(Opened& opened, const StateOptions& options) {
  std::FILE* out = options.out.empty() ? stdout : std::fopen(options.out.c_str(), "w");
  if (out == nullptr) return Explain({Code::kIo, 0, options.out + " cannot be written"});
  const IdHashing hashing(opened.config->privacy_key);
  const auto held = opened.store->Held();
  if (!held) return Explain(held.error());
  std::uint64_t customers = 0;
  Status failed{};
  for (const std::int32_t partition : held->decided) {
    if (options.partition >= 0 && partition != options.partition) continue;
    const auto meta = opened.store->LoadMeta(partition);
    if (!meta) return Explain(meta.error());
    if (meta->floor.seq < meta->committed.seq) {
      fmt::print(stderr, "partition {}: some rows are as of transaction {} of {}; what came since lies in the logs until the service starts\n", partition,
                 meta->floor.seq, meta->committed.seq);
    }
    Status scanned = opened.store->Scan(partition, [&](std::string_view id, std::string_view row) {
      const auto json = RowJson(opened, *meta, partition, id, row, options.hash_ids ? &hashing : nullptr);
      if (!json) failed = tl::unexpected(json.error());
      if (!json || json->empty()) return failed.has_value();
      ++customers;
      fmt::print(out, "{}\n", *json);
      return true;
    });
    if (!scanned) return Explain(scanned.error());
    if (!failed) return Explain(failed.error());
  }
  const bool written = std::fflush(out) == 0 && std::ferror(out) == 0;
  if (out != stdout) (void)std::fclose(out);
  if (!written) return Explain({Code::kIo, 0, (options.out.empty() ? std::string("stdout") : options.out) + " could not be written to the end"});
  fmt::print(stderr, "{} customers\n", customers);
  return 0;
}

}  // namespace

int RunState(const StateOptions& options) {
  if (options.what != "inspect" && options.what != "checkpoint" && options.what != "export") {
    return Explain({Code::kUsage, 0, "state takes inspect, checkpoint or export, not " + options.what});
  }
  if (options.what == "checkpoint") return Checkpoint(options);
  auto opened = OpenState(options);
  if (!opened) return Explain(opened.error());
  return options.what == "inspect" ? Inspect(*opened, options) : Export(*opened, options);
}

}  // namespace offerstream
