#include "consumers/offline/market_link.h"

#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr std::size_t kReadMax = 4'096;
constexpr std::size_t kReadBytesMax = 8u << 20;

}  // namespace

Result<std::unique_ptr<MarketProducer>> MarketProducer::Open(const KafkaConfig& kafka, std::string topic,
                                                             std::int32_t partitions) {
  auto producer = KafkaProducer::Open({kafka, "offerstream-market", ""});
  if (!producer) return tl::unexpected<Error>(producer.error());
  return std::unique_ptr<MarketProducer>(new MarketProducer(std::move(*producer), std::move(topic), partitions));
}

Status MarketProducer::Send(const MarketRecord& record) {
  OutRecord out;
  out.partition = static_cast<std::int32_t>(H64(record.customer_id) % static_cast<std::uint64_t>(partitions_));
  out.key = record.customer_id;
  out.value = record.value;
  out.timestamp_ms = record.time;
  return producer_->Send(topic_, out);
}

Status MarketProducer::Flush() { return producer_->Flush(60'000); }

Result<std::unique_ptr<DecisionReader>> DecisionReader::Open(const KafkaConfig& kafka, const std::string& topic,
                                                             std::int32_t partitions) {
  KafkaConsumer::Settings settings;
  settings.kafka = kafka;
  settings.client_id = "offerstream-market";
  auto consumer = KafkaConsumer::Open(settings);
  if (!consumer) return tl::unexpected<Error>(consumer.error());
  std::vector<TopicPosition> positions;
  for (std::int32_t p = 0; p < partitions; ++p) positions.push_back({topic, p, 0, {}});
  if (Status status = (*consumer)->Assign(positions, {topic}); !status) return tl::unexpected<Error>(status.error());
  return std::unique_ptr<DecisionReader>(new DecisionReader(std::move(*consumer)));
}

Status DecisionReader::Read(int wait_ms, const std::function<void(const DecisionText&)>& each) {
  batch_.Clear();
  if (Status status = consumer_->Poll(kReadMax, kReadBytesMax, wait_ms, batch_); !status) return status;
  DecisionText decision;
  for (std::size_t i = 0; i < batch_.count; ++i) {
    if (ReadDecision(batch_.records[i].value, decision)) each(decision);
  }
  return {};
}

}  // namespace offerstream
