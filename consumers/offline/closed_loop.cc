#include "consumers/offline/closed_loop.h"

#include "consumers/wire/decision_encoder.h"
#include "consumers/wire/event_decoder.h"
#include "consumers/wire/event_mapping.h"

namespace offerstream {
namespace {

constexpr std::uint64_t kSampleEvery = 1'000;  // decisions with an offer between two samples

}  // namespace

MarketOptions DemoMarket(std::uint64_t seed, std::size_t customers, double days) {
  MarketOptions market;
  market.seed = seed;
  market.customers = customers;
  market.days = days;
  market.quiet_days = 4;
  market.campaign_days = 8;
  market.campaigns_per_week = 6;
  market.visits_from_day = 11;
  market.visits_per_day = 5;
  return market;
}

struct ClosedLoop::Impl {
  Impl(const Config& config, const MarketOptions& options, std::shared_ptr<const EventMapping> mapping, LoopLog l)
      : log(std::move(l)),
        market(options),
        tally(*config.plan, market),
        decoder(config.plan, std::move(mapping), true),
        encoder(config.plan, {config.events[0].topic}),
        engine(config.plan, Options(config), Sink()) {}

  static LockstepOptions Options(const Config& config) {
    LockstepOptions options;
    options.topics = {config.events[0].topic};
    return options;
  }

  LockstepSink Sink() {
    LockstepSink sink;
    sink.decision = [this](const Decision& decision) { Decided(decision); };
    return sink;
  }

  void Decided(const Decision& decision) {
    if (log.decision) {
      text.clear();
      encoder.EncodeDecision(decision, text);
      log.decision(text);
    }
    tally.Decided(record.customer, decision.segment, decision.has_offer);
    if (!decision.has_offer) return;
    const Candidate& chosen = decision.candidates[decision.chosen];
    const int offer = tally.offer(chosen.offer.value), channel = tally.channel(chosen.channel.value);
    if (offer < 0 || channel < 0) return;
    market.Show(decision.customer_id, decision.id, static_cast<std::size_t>(offer), static_cast<std::size_t>(channel),
                decision.event_time, decision.valid_until);
    if (tally.offers_made() % kSampleEvery == 1) {
      sample.clear();
      encoder.EncodeDecision(decision, sample);
    }
  }

  bool Step() {
    if (!market.Next(record)) return false;
    Record wire;
    wire.key = record.customer_id;
    wire.null_key = false;
    wire.value = record.value;
    wire.timestamp_ms = record.time;
    wire.cause.offset = offset++;
    if (log.event) log.event(record);
    batch.Clear();
    decoder.Decode(wire, batch);
    rejected += batch.records[0].bad ? 1 : 0;
    for (const Event& event : batch.events) engine.Apply(event);
    return true;
  }

  LoopLog log;
  SimulatedMarket market;
  DemoTally tally;
  EventDecoder decoder;
  DecisionEncoder encoder;
  DecodedBatch batch{};
  MarketRecord record{};
  std::string sample{}, text{};
  std::int64_t offset = 0;
  std::uint64_t rejected = 0;
  Lockstep engine;
};

ClosedLoop::ClosedLoop() = default;
ClosedLoop::~ClosedLoop() = default;

Result<std::unique_ptr<ClosedLoop>> ClosedLoop::Make(const Config& config, const MarketOptions& market, LoopLog log) {
  const LoadedMapping mapping = LoadMapping(config.events[0].mapping);
  if (mapping.mapping == nullptr) {
    return Fail(Code::kConfiguration, mapping.errors.empty() ? "" : mapping.errors[0].Text());
  }
  auto loop = std::unique_ptr<ClosedLoop>(new ClosedLoop());
  loop->impl_ = std::make_unique<Impl>(config, market, mapping.mapping, std::move(log));
  return loop;
}

bool ClosedLoop::Step() { return impl_->Step(); }
void ClosedLoop::Freeze() { impl_->engine.Freeze(); }
const SimulatedMarket& ClosedLoop::market() const { return impl_->market; }
const Lockstep& ClosedLoop::engine() const { return impl_->engine; }
const DemoTally& ClosedLoop::tally() const { return impl_->tally; }
const std::string& ClosedLoop::sample() const { return impl_->sample; }
EventTime ClosedLoop::now() const { return impl_->record.time; }
std::uint64_t ClosedLoop::rejected() const { return impl_->rejected; }

}  // namespace offerstream
