// The way of an event through one shard, without a broker: decode, fold and decide, write the decision. 2,000 customers, 20 offers,
// 64 features; every event is a request and decides.
#include <cassert>
#include <deque>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "consumers/config/config.h"
#include "consumers/wire/decision_encoder.h"
#include "consumers/wire/event_decoder.h"
#include "consumers/wire/event_mapping.h"
#include "models/decision_fold.h"
#include "models/domain/digest.h"
#include "models/domain/random.h"
#include "state/partition_state.h"
#include "tests/bench/stages.h"

namespace offerstream::bench {
namespace {

constexpr std::size_t kCustomers = 2000, kOffers = 20;
constexpr EventTime kStart = 1'772'359'200'000;  // 2026-03-01T10:00:00Z

std::shared_ptr<const CampaignPlan> Plan() {
  std::string text = "version: 1\nchannels:\n";
  for (int c = 0; c < 4; ++c) text += fmt::format("  c{}: {{ cost: 0.001, cap: {{ window: 7d, start: 8, max: 20 }} }}\n", c);
  text += "offers:\n";
  for (std::size_t o = 0; o < kOffers; ++o) text += fmt::format("  - {{ id: offer-{}, channels: [c{}], value: {} }}\n", o, o % 4, 20 + o);
  text += "decide: { on: [request], min_interval: 1ms, placements: [home] }\n";
  text += "features: { attributes: [ { name: age, type: number, center: 40, scale: 12 }, { name: income, type: number, center: 3, scale: 1 } ] }\n";
  const LoadedConfig loaded = ParseConfig(text, "bench.yaml");
  for (const ConfigError& error : loaded.errors) fmt::print(stderr, "{}\n", error.Text());
  assert(loaded.config != nullptr);
  return loaded.config->plan;
}

/// About 318 bytes each; one second apart; customers drawn uniformly.
std::vector<std::string> Events(std::uint64_t count) {
  Draws draws(1, 2, 3, Purpose::kSimulation);
  std::vector<std::string> lines;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto minute = i / 60 % 60, hour = 10 + i / 3600 % 12;
    lines.push_back(fmt::format(
        R"({{"messageId":"m-{:016x}","type":"page","userId":"customer-{:06}","timestamp":"2026-03-01T{:02}:{:02}:{:02}.000Z",)"
        R"("name":"home","properties":{{"url":"https://bank.example/accounts/overview","title":"Overview","referrer":"mail",)"
        R"("placement":"home","age":{},"income":{}.5}},"context":{{"library":{{"name":"web","version":"1.2.3"}}}}}})",
        i, draws.Below(kCustomers), hour, minute, i % 60, 20 + draws.Below(50), draws.Below(9)));
  }
  return lines;
}

/// Everything a shard holds, without its loop.
class Engine {
 public:
  Engine() : decoder_(plan_, LoadMapping("segment").mapping, false), encoder_(plan_, {"events"}) {
    fold_.Begin(1, 1000);
    record_.timestamp_ms = kStart + 86'400'000;
  }
  void Decode(const std::string& line) {
    batch_.Clear();
    record_.value = line;
    ++record_.cause.offset;
    decoder_.Decode(record_, batch_);
    digest.Add(std::uint64_t{batch_.records[0].bad ? 0 : batch_.events[0].event_hash});
  }
  void Fold() {
    out_.Clear();
    for (const Event& event : batch_.events) fold_.Apply(event, out_);
    for (std::size_t i = 0; i < out_.decision_count; ++i) digest.Add(std::uint64_t{out_.decisions[i].id});
  }
  void Encode() {
    text_.clear();
    for (std::size_t i = 0; i < out_.decision_count; ++i) encoder_.EncodeDecision(out_.decisions[i], text_);
    digest.Add(std::uint64_t{text_.size()});
  }
  Digest digest{};

 private:
  std::shared_ptr<const CampaignPlan> plan_ = Plan();
  std::unique_ptr<StateStore> store_ = OpenMemoryStore();
  PartitionState memory_{plan_, *store_, 0, 256u << 20};
  DecisionFold fold_{plan_, memory_};
  EventDecoder decoder_;
  DecisionEncoder encoder_;
  DecodedBatch batch_{};
  FoldOutput out_{};
  Record record_{};
  std::string text_{};
};

enum class Until { kDecode, kFold, kEncode };

/// All stages up to `until`; the first 4,000 events make every customer known and warm the buffers.
template <Until until>
std::uint64_t Run(std::uint64_t count, const Meter& meter) {
  constexpr std::uint64_t kWarm = 4000;
  const auto lines = Events(kWarm + count);
  Engine engine;
  for (std::uint64_t i = 0; i < lines.size(); ++i) {
    if (i == kWarm) meter.begin();
    engine.Decode(lines[i]);
    if (until != Until::kDecode) engine.Fold();
    if (until == Until::kEncode) engine.Encode();
  }
  meter.end();
  return engine.digest.value();
}

const Registered decode("decode", &Run<Until::kDecode>);
const Registered fold("decode_fold", &Run<Until::kFold>);
const Registered encode("decode_fold_encode", &Run<Until::kEncode>);

}  // namespace
}  // namespace offerstream::bench
