#include "consumers/kafka/kafka_client.h"
#include "consumers/kafka/kafka_handle.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>

namespace offerstream {
namespace {

constexpr int kBoundsTimeoutMs = 10'000, kAskAgainMs = 100;
constexpr std::size_t kBatchBytes = 32u << 20;

class KafkaLogStream final : public LogStream {
 public:
  KafkaLogStream(std::unique_ptr<KafkaConsumer> consumer, std::string topic) : consumer_(std::move(consumer)), topic_(std::move(topic)) {}
  Status Read(std::size_t records_max, int wait_ms, RecordBatch& batch) override {
    if (Status served = consumer_->Attend(); !served) return served;
    return consumer_->Poll(records_max, kBatchBytes, wait_ms, batch);
  }
  std::int64_t KnownEnd(std::int32_t partition) const override { return consumer_->KnownEnd(topic_, partition); }

 private:
  std::unique_ptr<KafkaConsumer> consumer_;
  std::string topic_;
};

class KafkaLogReader final : public LogReader {
 public:
  KafkaLogReader(const KafkaConfig& kafka, const std::string& client_id) : kafka_(kafka), client_id_(client_id) {}

  Result<LogBounds> Bounds(const std::string& topic, std::int32_t partition) override {
    const std::lock_guard lock(mutex_);
    if (watermarks_ == nullptr) {
      // Sees the true end; a read_committed handle would stop before an open transaction.
      auto opened = KafkaConsumer::Open({kafka_, client_id_, {}, {}, false, false, 1024});
      if (!opened) return tl::unexpected(opened.error());
      watermarks_ = std::move(*opened);
    }
    // Right after a topic was made, its leader has moved or a broker has started, the broker asked may be the wrong one or not know
    // the topic: it says so, and the right one is known a moment later.
    const std::int64_t deadline = KafkaNowMs() + kBoundsTimeoutMs;
    for (;;) {
      auto bounds = watermarks_->Bounds(topic, partition, kBoundsTimeoutMs);
      const bool passes = !bounds && (bounds.error().code == Code::kKafkaRetriable || bounds.error().code == Code::kTopicMissing);
      if (!passes || KafkaNowMs() >= deadline) return bounds;
      std::this_thread::sleep_for(std::chrono::milliseconds(kAskAgainMs));
    }
  }

  Result<std::unique_ptr<LogStream>> Open(const std::string& topic, std::int32_t partition, std::int64_t from,
                                          std::uint16_t input) override {
    return OpenAt(topic, {{topic, partition, from, {}}}, input);
  }

  Result<std::unique_ptr<LogStream>> OpenAll(const std::string& topic, const std::vector<std::int64_t>& from) override {
    std::vector<TopicPosition> positions;
    for (std::size_t p = 0; p < from.size(); ++p) positions.push_back({topic, static_cast<std::int32_t>(p), from[p], {}});
    return OpenAt(topic, std::move(positions), 0);
  }

 private:
  Result<std::unique_ptr<LogStream>> OpenAt(const std::string& topic, std::vector<TopicPosition> positions, std::uint16_t input) {
    for (TopicPosition& position : positions) {
      auto bounds = Bounds(topic, position.partition);
      if (!bounds) return tl::unexpected(bounds.error());
      position.offset = std::max(position.offset, bounds->low);
    }
    auto opened = KafkaConsumer::Open({kafka_, client_id_, {}, {}, true, true, 32768});
    if (!opened) return tl::unexpected(opened.error());
    // The topic must stand at position `input` of the names for records to carry that number.
    std::vector<std::string> names(std::size_t{input} + 1);
    names.back() = topic;
    if (Status s = (*opened)->Assign(positions, names); !s) return tl::unexpected(s.error());
    return std::make_unique<KafkaLogStream>(std::move(*opened), topic);
  }

  KafkaConfig kafka_;
  std::string client_id_;
  std::mutex mutex_;
  std::unique_ptr<KafkaConsumer> watermarks_;   // guarded by mutex_
};

}  // namespace

std::unique_ptr<LogReader> OpenKafkaLogReader(const KafkaConfig& kafka, const std::string& client_id) {
  return std::make_unique<KafkaLogReader>(kafka, client_id);
}

}  // namespace offerstream
