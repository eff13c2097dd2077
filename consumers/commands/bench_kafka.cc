#include "consumers/commands/bench_kafka.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "consumers/commands/scratch.h"
#include "consumers/config/config.h"
#include "consumers/decision_worker.h"
#include "consumers/kafka/kafka_client.h"
#include "consumers/kafka/kafka_producer.h"
#include "consumers/kafka/kafka_shard.h"
#include "consumers/kafka/kafka_topics.h"
#include "consumers/wire/event_mapping.h"

namespace offerstream {
namespace {

constexpr int kTimeoutMs = 30'000;
constexpr std::int64_t kRunMs = 600'000;  // a round that takes longer has failed
constexpr std::uint64_t kMemory = 4ull << 30;
constexpr std::size_t kSampleBytes = 1u << 20;  // of our own output, for the floor to write
constexpr std::size_t kFloorChunk = 1000, kFloorBytes = 4u << 20;

/// Wall and CPU time of the whole process.
struct Stamp {
  double wall = 0, cpu = 0;
  static Stamp Now() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return {std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(),
            seconds(used.ru_utime) + seconds(used.ru_stime)};
  }
};

struct Lap {
  double seconds = 0, cpu_seconds = 0;
  std::size_t events = 0;
};

/// Counts what passes; keeps some of it.
class CountingOutbox final : public Outbox {
 public:
  explicit CountingOutbox(Outbox& to) : to_(to) {}
  Status Begin() override { return to_.Begin(); }
  Status Append(const OutRecord& record) override {
    bytes += record.key.size() + record.value.size();
    if (record.topic == OutTopic::kDecisions) ++decisions;
    if (sample.size() < kSampleBytes) sample.append(record.value);
    return to_.Append(record);
  }
  Status SendPositions(std::span<const InputPosition> positions) override { return to_.SendPositions(positions); }
  Outcome Commit(Error& why) override { return to_.Commit(why); }
  Status Recycle() override { return to_.Recycle(); }
  std::span<const Delivery> Delivered() const override { return to_.Delivered(); }

  std::uint64_t bytes = 0, decisions = 0;
  std::string sample{};

 private:
  Outbox& to_;
};

class StreamRun {
 public:
  explicit StreamRun(const BenchStream& stream) : stream_(stream), scratch_("offerstream-bench") {}

  Status Fill() {
    auto config = ConfigFor("fill");
    if (!config) return tl::unexpected(config.error());
    auto producer = KafkaProducer::Open({.kafka = (*config)->kafka, .client_id = "bench-fill", .transactional_id = {}});
    if (!producer) return tl::unexpected(producer.error());
    for (std::size_t i = 0; i < stream_.end; ++i) {
      const OutRecord record{.partition = 0,
                             .key = stream_.records->Key(i),
                             .value = stream_.records->Value(i),
                             .timestamp_ms = stream_.records->Time(i)};
      if (Status sent = (*producer)->Send(stream_.workload.topic, record); !sent) return sent;
    }
    return (*producer)->Flush(kTimeoutMs);
  }

  /// One shard as the service runs it, from an empty state.
  Result<Lap> Ours(int round) {
    auto made = ConfigFor(fmt::format("ours{}", round));
    if (!made) return tl::unexpected(made.error());
    const Config& config = **made;
    auto opened = OpenRocksDbStore(config.state_dir, kMemory / 8);
    if (!opened) return tl::unexpected(opened.error());
    const auto logs = OpenKafkaLogReader(config.kafka, config.app_id + "-recovery");
    const SystemClock clock;
    ShardEnvironment environment;
    environment.config = &config;
    environment.plan = config.plan;
    environment.mappings = {LoadMapping("segment").mapping};
    environment.store = opened->store.get();
    environment.logs = logs.get();
    environment.clock = &clock;
    environment.dead_letter_partitions = {1};
    environment.plan_of = [&](std::uint32_t) -> Result<std::shared_ptr<const CampaignPlan>> { return config.plan; };
    environment.newest_models = [this](std::uint32_t) { return stream_.models; };
    KafkaShard kafka(ShardOf(config));
    CountingOutbox outbox(kafka);
    DecisionWorker worker(environment, 0, kafka, outbox, kMemory);
    if (Status started = kafka.Start(kTimeoutMs); !started) return tl::unexpected(started.error());
    Stamp begun;
    std::size_t at = 0, from = 0;
    const std::int64_t deadline = clock.SteadyMs() + kRunMs;
    while (at < stream_.end) {
      if (Status turned = worker.Turn(20); !turned) return tl::unexpected(turned.error());
      const auto owned = worker.partitions().find(0);
      if (owned != worker.partitions().end()) at = static_cast<std::size_t>(owned->second->position().offsets.front());
      if (from == 0 && at >= stream_.begin) {
        begun = Stamp::Now();
        from = at;
        bytes_before_ = outbox.bytes;
      }
      if (clock.SteadyMs() > deadline) return Fail(Code::kGateFailed, "the shard did not get to the end of its input");
    }
    const Stamp ended = Stamp::Now();
    if (outbox.decisions != stream_.decisions) {
      return Fail(Code::kGateFailed,
                  fmt::format("{} decisions over Kafka, the reference made {}", outbox.decisions, stream_.decisions));
    }
    output_per_event_ = static_cast<double>(outbox.bytes - bytes_before_) / static_cast<double>(at - from);
    sample_ = std::move(outbox.sample);
    return Lap{ended.wall - begun.wall, ended.cpu - begun.cpu, at - from};
  }

  /// The same topic, transactions and bytes, and nothing between input and output.
  Result<Lap> Floor(int round) {
    auto made = ConfigFor(fmt::format("floor{}", round));
    if (!made) return tl::unexpected(made.error());
    const Config& config = **made;
    KafkaShard kafka(ShardOf(config));
    if (Status started = kafka.Start(kTimeoutMs); !started) return tl::unexpected(started.error());
    const SystemClock clock;
    const std::int64_t deadline = clock.SteadyMs() + kRunMs;
    for (bool assigned = false; !assigned;) {
      auto change = kafka.Attend();
      if (!change) return tl::unexpected(change.error());
      assigned = !change->assigned.empty();
      if (!assigned) usleep(5'000);
      if (clock.SteadyMs() > deadline) return Fail(Code::kGateFailed, "the floor was assigned no partition");
    }
    if (Status sought = kafka.Seek(0, {0}); !sought) return tl::unexpected(sought.error());
    RecordBatch batch;
    Stamp begun;
    std::size_t at = 0, from = 0;
    while (at < stream_.end) {
      if (Status passed = PassThrough(kafka, batch, clock, config, at); !passed) return tl::unexpected(passed.error());
      if (from == 0 && at >= stream_.begin) {
        begun = Stamp::Now();
        from = at;
      }
      if (clock.SteadyMs() > deadline) return Fail(Code::kGateFailed, "the floor did not get to the end of its input");
    }
    const Stamp ended = Stamp::Now();
    batch.Clear();
    return Lap{ended.wall - begun.wall, ended.cpu - begun.cpu, at - from};
  }

  double output_per_event() const { return output_per_event_; }

 private:
  /// One transaction.
  Status PassThrough(KafkaShard& kafka, RecordBatch& batch, const Clock& clock, const Config& config, std::size_t& at) {
    if (auto change = kafka.Attend(); !change) return tl::unexpected(change.error());
    batch.Clear();
    if (Status polled = kafka.Poll(kFloorChunk, kFloorBytes, 20, batch); !polled) return polled;
    if (batch.count == 0) return {};
    if (Status begun = kafka.Begin(); !begun) return begun;
    const std::int64_t opened = clock.SteadyMs();
    std::size_t records = 0;
    const auto size = static_cast<std::size_t>(output_per_event_);
    while (batch.count > 0) {
      for (std::size_t i = 0; i < batch.count; ++i) {
        sample_at_ = sample_at_ + 2 * size < sample_.size() ? sample_at_ + size : 0;
        const OutRecord out{.topic = OutTopic::kDecisions,
                            .partition = 0,
                            .key = batch.records[i].key,
                            .value = std::string_view(sample_).substr(sample_at_, size)};
        if (Status sent = kafka.Append(out); !sent) return sent;
        at = static_cast<std::size_t>(batch.records[i].cause.offset) + 1;
      }
      records += batch.count;
      batch.Clear();
      if (records >= config.commit_events_max || clock.SteadyMs() - opened >= config.commit_interval) break;
      if (Status polled = kafka.Poll(kFloorChunk, kFloorBytes, 0, batch); !polled) return polled;
    }
    const InputPosition position{.input = 0, .partition = 0, .next = static_cast<std::int64_t>(at), .metadata = {}};
    if (Status sent = kafka.SendPositions({&position, 1}); !sent) return sent;
    Error why;
    if (kafka.Commit(why) != Outbox::Outcome::kCommitted) return Fail(why.code, why.detail);
    return {};
  }

  static std::vector<std::string> Outputs(const Config& config) {
    return {config.decisions_topic,
            config.caps_topic,
            config.ProfilesTopic(),
            config.JournalTopic(),
            config.ObservationsTopic(),
            config.ModelsTopic(),
            DeadLetterTopic(config.events.front().topic)};
  }
  static KafkaShard::Settings ShardOf(const Config& config) {
    KafkaShard::Settings settings;
    settings.kafka = config.kafka;
    settings.app_id = config.app_id;
    settings.instance = config.instance;
    settings.inputs = {config.events.front().topic};
    settings.outputs = Outputs(config);
    return settings;
  }

  /// A configuration with names of its own, its topics made.
  Result<std::unique_ptr<Config>> ConfigFor(std::string_view part) {
    const std::string id = fmt::format("{}-{}", stream_.workload.topic, part);
    const std::string text = BenchConfigText(stream_.workload) +
                             fmt::format(
                                 "kafka: {{ brokers: \"{}\" }}\nevents: [ {{ topic: {}, mapping: segment }} ]\n"
                                 "topics: {{ decisions: {}-decisions, caps: {}-caps }}\nstate: {{ dir: {}/{} }}\nhttp: "
                                 "{{ listen: \"\" }}\ndev: true\n",
                                 stream_.brokers, stream_.workload.topic, id, id, scratch_.path.string(), part);
    LoadedConfig loaded = ParseConfig(text, "bench.yaml", {{"app.id", id}});
    if (!loaded.config) return Fail(Code::kConfiguration, loaded.errors.front().Text());
    auto admin = KafkaAdmin::Open(loaded.config->kafka, "bench-topics");
    if (!admin) return tl::unexpected(admin.error());
    std::vector<std::string> names;
    const std::vector<NewTopic> wanted = WantedTopics(*loaded.config, 1, 1);
    for (const NewTopic& topic : wanted) names.push_back(topic.name);
    auto found = (*admin)->Partitions(names, kTimeoutMs);
    if (!found) return tl::unexpected(found.error());
    std::vector<NewTopic> missing;
    for (const NewTopic& topic : wanted) {
      if (!found->contains(topic.name)) missing.push_back(topic);
    }
    if (Status created = (*admin)->Create(missing, kTimeoutMs); !created) return tl::unexpected(created.error());
    return std::move(loaded.config);
  }

  const BenchStream& stream_;
  Scratch scratch_;
  double output_per_event_ = 0;
  std::uint64_t bytes_before_ = 0;
  std::string sample_{};
  std::size_t sample_at_ = 0;
};

}  // namespace

Result<BenchStreamFindings> MeasureBenchStream(const BenchStream& stream) {
  StreamRun run(stream);
  if (Status filled = run.Fill(); !filled) return tl::unexpected(filled.error());
  BenchStreamFindings found;
  for (int round = 0; round < stream.rounds; ++round) {
    const auto ours = run.Ours(round);
    if (!ours) return tl::unexpected(ours.error());
    const auto floor = run.Floor(round);
    if (!floor) return tl::unexpected(floor.error());
    const auto rate = [](const Lap& lap) { return static_cast<double>(lap.events) / lap.seconds; };
    const auto cpu = [](const Lap& lap) { return lap.cpu_seconds * 1e6 / static_cast<double>(lap.events); };
    found.events_per_second.push_back(rate(*ours));
    found.floor_events_per_second.push_back(rate(*floor));
    found.ratio.push_back(rate(*ours) / rate(*floor));
    found.cpu_us_per_event.push_back(cpu(*ours));
    found.floor_cpu_us_per_event.push_back(cpu(*floor));
  }
  found.output_bytes_per_event = run.output_per_event();
  AwaitReaper(3'000);
  return found;
}

}  // namespace offerstream
