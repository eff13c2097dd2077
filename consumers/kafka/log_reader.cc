#include "consumers/kafka/kafka_client.h"

#include <mutex>

namespace offerstream {
namespace {

constexpr int kBoundsTimeoutMs = 10'000;
constexpr std::size_t kBatchBytes = 32u << 20;

class KafkaLogStream final : public LogStream {
 public:
  explicit KafkaLogStream(std::unique_ptr<KafkaConsumer> consumer) : consumer_(std::move(consumer)) {}
  Status Read(std::size_t records_max, int wait_ms, RecordBatch& batch) override {
    if (Status served = consumer_->Attend(); !served) return served;
    return consumer_->Poll(records_max, kBatchBytes, wait_ms, batch);
  }

 private:
  std::unique_ptr<KafkaConsumer> consumer_;
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
    return watermarks_->Bounds(topic, partition, kBoundsTimeoutMs);
  }

  Result<std::unique_ptr<LogStream>> Open(const std::string& topic, std::int32_t partition, std::int64_t from,
                                          std::uint16_t input) override {
    auto bounds = Bounds(topic, partition);
    if (!bounds) return tl::unexpected(bounds.error());
    auto opened = KafkaConsumer::Open({kafka_, client_id_, {}, {}, true, true, 32768});
    if (!opened) return tl::unexpected(opened.error());
    // The topic must stand at position `input` of the names for records to carry that number.
    std::vector<std::string> names(std::size_t{input} + 1);
    names.back() = topic;
    if (Status s = (*opened)->Assign({{topic, partition, std::max(from, bounds->low), {}}}, names); !s) {
      return tl::unexpected(s.error());
    }
    return std::make_unique<KafkaLogStream>(std::move(*opened));
  }

 private:
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
