#include "consumers/kafka/kafka_publisher.h"

namespace offerstream {
namespace {

constexpr int kFlushTimeoutMs = 30'000;

}  // namespace

Status KafkaPublisher::Append(const OutRecord& record) {
  if (producer_ == nullptr) {
    auto opened = KafkaProducer::Open({kafka_, client_id_, ""});
    if (!opened) return tl::unexpected(opened.error());
    producer_ = std::move(*opened);
  }
  Status sent = producer_->Send(outputs_[static_cast<std::size_t>(record.topic)], record);
  if (!sent) producer_.reset();
  return sent;
}

Status KafkaPublisher::Flush() {
  if (producer_ == nullptr) return {};
  Status flushed = producer_->Flush(kFlushTimeoutMs);
  producer_->ClearDeliveries();
  if (!flushed) producer_.reset();
  return flushed;
}

}  // namespace offerstream
