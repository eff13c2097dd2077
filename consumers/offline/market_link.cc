#include "consumers/offline/market_link.h"

#include <charconv>

#include "models/domain/event_time.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr std::size_t kReadMax = 4'096;
constexpr std::size_t kReadBytesMax = 8u << 20;

// The text after `key` (which ends with its opening quote) up to the next quote, searched from `from` on.
std::string_view TextAfter(std::string_view json, std::string_view key, std::size_t from = 0) {
  const std::size_t at = json.find(key, from);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + key.size(), end = json.find('"', begin);
  return end == std::string_view::npos ? std::string_view{} : json.substr(begin, end - begin);
}

}  // namespace

bool ReadDecision(std::string_view json, DecisionText& out) {
  out = {};
  out.json = json;
  const std::string_view id = TextAfter(json, "\"decision_id\":\"");
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), out.decision_id, 16);
  if (error != std::errc() || id.empty() || end != id.data() + id.size()) return false;
  out.customer_id = TextAfter(json, "\"customer_id\":\"");
  if (!ParseRfc3339(TextAfter(json, "\"event_time\":\""), out.event_time)) return false;
  if (!ParseRfc3339(TextAfter(json, "\"valid_until\":\""), out.valid_until)) return false;
  const std::size_t offer = json.find("\"offer\":{");
  if (offer != std::string_view::npos) {
    out.offer_id = TextAfter(json, "\"offer_id\":\"", offer);
    out.channel = TextAfter(json, "\"channel\":\"", offer);
  }
  constexpr std::string_view kSegment = "\"segment\":{\"id\":";
  if (const std::size_t segment = json.find(kSegment); segment != std::string_view::npos) {
    std::from_chars(json.data() + segment + kSegment.size(), json.data() + json.size(), out.segment);
  }
  return !out.customer_id.empty();
}

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
