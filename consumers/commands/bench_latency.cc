#include "consumers/commands/bench_latency.h"

#include <fmt/format.h>
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <memory>
#include <thread>
#include <unordered_map>

#include "consumers/commands/embedded_service.h"
#include "consumers/commands/scratch.h"
#include "consumers/kafka/kafka_producer.h"
#include "consumers/log.h"
#include "consumers/offline/market_link.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr std::int32_t kPartitions = 2;
constexpr std::uint32_t kWarmSeconds = 15;   // the broker compiles what it runs often
constexpr std::int64_t kPatienceNs = 10'000'000'000;

std::int64_t NowNs() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

// The bench's message ids are 16 hex digits; 0 for another.
std::uint64_t EventNumber(std::string_view id) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number, 16);
  return error == std::errc() && end == id.data() + id.size() ? number : 0;
}

std::uint64_t EventNumberOf(std::string_view record) {
  constexpr std::string_view kKey = R"("messageId":")";
  const std::size_t at = record.find(kKey);
  return at == std::string_view::npos ? 0 : EventNumber(record.substr(at + kKey.size(), 16));
}

// When each record's decision was read; a thread of its own reads.
class Arrivals {
 public:
  Arrivals(const BenchRecords& records, std::size_t end, DecisionReader& reader) : at_(end), reader_(reader) {
    for (std::size_t i = 0; i < end; ++i) index_.emplace(EventNumberOf(records.Value(i)), i);
    thread_ = std::thread([this] { Run(); });
  }
  ~Arrivals() { Stop(); }
  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  /// Steady nanoseconds; 0: not yet.
  std::int64_t At(std::size_t record) const { return at_[record]; }
  const Status& status() const { return status_; }   ///< after Stop

 private:
  void Run() {
    while (!stop_ && status_) {
      status_ = reader_.Read(5, [this](const DecisionText& decision) {
        const auto found = index_.find(EventNumber(decision.cause_event_id));
        if (found != index_.end()) at_[found->second] = NowNs();
      });
    }
  }

  std::unordered_map<std::uint64_t, std::size_t> index_{};
  std::vector<std::atomic<std::int64_t>> at_;
  DecisionReader& reader_;
  Status status_{};
  std::atomic<bool> stop_{false};
  std::thread thread_{};
};

class LatencyRun {
 public:
  explicit LatencyRun(const BenchLatency& latency) : latency_(latency), scratch_("offerstream-latency") {}

  Result<std::vector<LatencyFinding>> Measure() {
    if (Status opened = Open(); !opened) return tl::unexpected(opened.error());
    const std::size_t end = latency_.begin + LatencyRecords(latency_);
    Arrivals arrivals(*latency_.records, end, *reader_);
    if (Status sent = Feed(arrivals, latency_.begin, 0); !sent) return tl::unexpected(sent.error());
    if (Status sent = Feed(arrivals, kWarmSeconds * latency_.rates.front(), latency_.rates.front()); !sent) return tl::unexpected(sent.error());
    std::vector<LatencyFinding> found;
    for (const std::uint32_t rate : latency_.rates) {
      const std::size_t from = next_;
      if (Status sent = Feed(arrivals, std::size_t{latency_.seconds} * rate, rate); !sent) return tl::unexpected(sent.error());
      found.push_back(Find(arrivals, rate, from));
    }
    arrivals.Stop();
    if (!arrivals.status()) return tl::unexpected(arrivals.status().error());
    service_->Stop();
    if (!service_->ended()) return tl::unexpected(service_->ended().error());
    return found;
  }

 private:
  Status Open() {
    const std::string id = latency_.workload.topic + "-latency";
    const std::string text = BenchConfigText(latency_.workload) +
                             fmt::format("kafka: {{ brokers: \"{}\" }}\nevents: [ {{ topic: {}, mapping: segment }} ]\n"
                                         "topics: {{ decisions: {}-decisions, caps: {}-caps }}\nstate: {{ dir: {} }}\nhttp: "
                                         "{{ listen: \"\" }}\ndev: true\nlog: {{ level: warn }}\n",
                                         latency_.brokers, id, id, id, scratch_.path.string());
    LoadedConfig loaded = ParseConfig(text, "bench.yaml", {{"app.id", id}});
    if (!loaded.config) return Fail(Code::kConfiguration, loaded.errors.front().Text());
    SetUpLog("warn", "text");
    service_ = std::make_unique<EmbeddedService>(std::move(*loaded.config), kPartitions);
    if (Status started = service_->Start(); !started) return started;
    KafkaConfig kafka = service_->config().kafka;
    kafka.producer["linger.ms"] = "1";
    // With idempotence librdkafka 2.0.2 polls without pause while five messages of a partition are under way and another is due:
    // the feeder would take a processor from the broker it waits for.
    kafka.producer["enable.idempotence"] = "false";
    auto producer = KafkaProducer::Open({.kafka = kafka, .client_id = id + "-feeder", .transactional_id = {}});
    if (!producer) return tl::unexpected(producer.error());
    producer_ = std::move(*producer);
    auto reader = DecisionReader::Open(kafka, service_->config().decisions_topic, kPartitions);
    if (!reader) return tl::unexpected(reader.error());
    reader_ = std::move(*reader);
    return {};
  }

  // The next `count` records, at `rate` a second (0: as they go), until their decisions have come.
  Status Feed(const Arrivals& arrivals, std::size_t count, std::uint32_t rate) {
    const std::int64_t begin = NowNs();
    for (std::size_t i = 0; i < count; ++i, ++next_) {
      const std::int64_t due = rate == 0 ? NowNs() : begin + static_cast<std::int64_t>(1e9 * static_cast<double>(i) / rate);
      while (NowNs() < due) std::this_thread::sleep_for(std::chrono::microseconds(200));
      due_.push_back(due);
      const std::string_view key = latency_.records->Key(next_);
      const OutRecord record{.partition = static_cast<std::int32_t>(H64(key) % kPartitions), .key = key, .value = latency_.records->Value(next_)};
      if (Status sent = producer_->Send(service_->config().events.front().topic, record); !sent) return sent;
    }
    for (const std::int64_t until = NowNs() + kPatienceNs; !All(arrivals, next_ - count);) {
      if (service_->over()) return Fail(Code::kGateFailed, "the service ended");
      if (NowNs() > until) return Fail(Code::kGateFailed, fmt::format("a decision did not come within ten seconds at {} events/s", rate));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return {};
  }

  bool All(const Arrivals& arrivals, std::size_t from) const {
    for (std::size_t i = from; i < next_; ++i) {
      if ((*latency_.decided)[i] && arrivals.At(i) == 0) return false;
    }
    return true;
  }

  LatencyFinding Find(const Arrivals& arrivals, std::uint32_t rate, std::size_t from) const {
    std::vector<double> ms;
    for (std::size_t i = from; i < next_; ++i) {
      if ((*latency_.decided)[i]) ms.push_back(static_cast<double>(arrivals.At(i) - due_[i]) / 1e6);
    }
    if (ms.empty()) return {.rate = rate};
    std::sort(ms.begin(), ms.end());
    return {rate, ms.size(), ms[ms.size() / 2], ms[ms.size() * 99 / 100], ms.back()};
  }

  const BenchLatency& latency_;
  Scratch scratch_;   // before the service, which uses it to its end
  std::unique_ptr<EmbeddedService> service_{};
  std::unique_ptr<KafkaProducer> producer_{};
  std::unique_ptr<DecisionReader> reader_{};
  std::vector<std::int64_t> due_{};   // by record, steady nanoseconds
  std::size_t next_ = 0;
};

}  // namespace

std::size_t LatencyRecords(const BenchLatency& latency) {
  std::size_t records = std::size_t{kWarmSeconds} * latency.rates.front();
  for (const std::uint32_t rate : latency.rates) records += std::size_t{latency.seconds} * rate;
  return records;
}

Result<std::vector<LatencyFinding>> MeasureBenchLatency(const BenchLatency& latency) { return LatencyRun(latency).Measure(); }

}  // namespace offerstream
