#include "consumers/commands/demo.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "consumers/commands/embedded_service.h"
#include "consumers/commands/explain.h"
#include "consumers/config/config.h"
#include "consumers/config/embedded_files.h"
#include "consumers/config/quantity_text.h"
#include "consumers/log.h"
#include "consumers/offline/closed_loop.h"
#include "consumers/offline/market_link.h"
#include "models/domain/numeric_path.h"

namespace offerstream {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr double kDaysAtMost = 3'650;  // of event time; the wall clock ends a demo long before
constexpr double kDrainSeconds = 8;    // for what is still on its way when the time is over
constexpr std::uint64_t kInFlight =
    2'000;  // requests without an answer: a market that runs ahead would see old answers
constexpr double kAnswerSeconds = 3;
constexpr std::int32_t kPartitions = 2;

std::atomic<int> interrupted{0};

double Since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

// One line a second.
class LiveFigures {
 public:
  explicit LiveFigures(EventTime start) : start_(start) {}
  void Show(std::uint64_t events, std::uint64_t decisions, std::uint64_t lag, EventTime now,
            const std::vector<CapComparison>& cells) {
    const double seconds = Since(last_);
    if (seconds < 1) return;
    const auto [counting, within] = DemoTally::Score(cells);
    fmt::print(
        "{:5.0f} s  day {:6.1f}  {:>7.0f} events/s  {:>7.0f} decisions/s  lag {:>6}  caps learned {:>2}, within one of "
        "the planted {:>2}\n",
        Since(begin_), static_cast<double>(now - start_) / 86'400'000.0,
        static_cast<double>(events - events_) / seconds, static_cast<double>(decisions - decisions_) / seconds, lag,
        counting, within);
    std::fflush(stdout);
    last_ = SteadyClock::now();
    events_ = events;
    decisions_ = decisions;
  }
  double seconds() const { return Since(begin_); }

 private:
  const EventTime start_;
  const SteadyClock::time_point begin_ = SteadyClock::now();
  SteadyClock::time_point last_ = begin_;
  std::uint64_t events_ = 0, decisions_ = 0;
};

void ShowResult(const DemoTally& tally, const AdoptedModels& models, const std::string& sample, std::uint64_t events,
                double seconds) {
  fmt::print("\n{}", tally.Table(models));
  fmt::print("events {} ({:.0f}/s), decisions {} ({:.0f}/s), of them {} with an offer\n", events,
             static_cast<double>(events) / seconds, tally.decisions(), static_cast<double>(tally.decisions()) / seconds,
             tally.offers_made());
  fmt::print("one decision:\n{}\n", sample);
}

LoadedConfig LoadDemo(const std::map<std::string, std::string>& set) {
  return ParseConfig(std::string(EmbeddedFile("deploy/demo/offerstream.yaml")), "deploy/demo/offerstream.yaml", set);
}

int Complain(const LoadedConfig& loaded) {
  for (const ConfigError& error : loaded.errors) fmt::print(stderr, "{}\n", error.Text());
  return ExitCode(Code::kConfiguration);
}

int WithoutBroker(const DemoOptions& options, double seconds) {
  const LoadedConfig loaded = LoadDemo({});
  if (loaded.config == nullptr) return Complain(loaded);
  const MarketOptions market = DemoMarket(options.seed, options.customers, kDaysAtMost);
  auto loop = ClosedLoop::Make(*loaded.config, market);
  if (!loop) return Explain(loop.error());
  fmt::print("no broker given: simulator and both folds in one thread (./run demo runs the service over a real one)\n");
  LiveFigures live(market.start);
  const DemoTally& tally = (*loop)->tally();
  std::uint64_t events = 0;
  while (interrupted == 0 && live.seconds() < seconds && (*loop)->Step()) {
    if (++events % 512 == 0)
      live.Show(events, tally.decisions(), 0, (*loop)->now(), tally.Compare((*loop)->engine().models()));
  }
  ShowResult(tally, (*loop)->engine().models(), (*loop)->sample(), events, live.seconds());
  return 0;
}

// The service with its own topics and state; gone when this object goes.
class DemoService {
 public:
  explicit DemoService(const DemoOptions& options) : options_(options) {}
  ~DemoService() {
    service_.reset();
    if (options_.state.empty() && !state_.empty()) std::filesystem::remove_all(state_, ignored_);
  }

  Status Start() {
    state_ = options_.state;
    if (state_.empty()) {
      std::string pattern = std::filesystem::temp_directory_path() / "offerstream-demo.XXXXXX";
      if (mkdtemp(pattern.data()) == nullptr) return Status(Fail(Code::kIo, pattern));
      state_ = pattern;
    }
    // Names of its own: a demo on a cluster with older demos' topics begins from nothing.
    const std::string id =
        fmt::format("offerstream-demo-{}", std::chrono::system_clock::now().time_since_epoch().count() / 1'000'000'000);
    LoadedConfig loaded = LoadDemo({{"kafka.brokers", options_.brokers},
                                    {"app.id", id},
                                    {"state.dir", state_},
                                    {"events", fmt::format("[{{topic: {}-events, mapping: segment}}]", id)},
                                    {"topics.decisions", id + "-decisions"},
                                    {"topics.caps", id + "-caps"},
                                    {"state.shards", fmt::format("{}", kPartitions)},
                                    {"learning.snapshot.every", "1s"},
                                    {"learning.snapshot.observations", "50000"},
                                    {"log.level", "warn"}});
    if (loaded.config == nullptr)
      return Status(Fail(Code::kConfiguration, loaded.errors.empty() ? "" : loaded.errors[0].Text()));
    service_ = std::make_unique<EmbeddedService>(std::move(*loaded.config), kPartitions);
    return service_->Start();
  }
  EmbeddedService& service() { return *service_; }

 private:
  const DemoOptions& options_;
  std::string state_{};
  std::unique_ptr<EmbeddedService> service_{};
  std::error_code ignored_{};
};

// The market at one end of Kafka: sends events, reads committed decisions, shows what they say.
class Feeder {
 public:
  Feeder(const DemoOptions& options, const CampaignPlan& plan, MarketProducer& events, DecisionReader& decisions)
      : market_(DemoMarket(options.seed, options.customers, kDaysAtMost)),
        tally_(plan, market_),
        events_(events),
        decisions_(decisions) {}

  // A few hundred records, then whatever decisions have come.
  Status Step(bool send) {
    MarketRecord record;
    int sent = 0;
    while (send && sent < 256 && lag() < kInFlight && market_.Next(record)) {
      if (Status status = events_.Send(record); !status) return status;
      now_ = record.time;
      asked_ += record.request ? 1 : 0;
      ++sent;
    }
    if (sent > 0 || lag() == 0) answered_ = SteadyClock::now();
    // A request may get no decision (it came late, or too soon after another): such ones must not fill the window for
    // ever.
    if (Since(answered_) > kAnswerSeconds) {
      asked_ = tally_.decisions();
      answered_ = SteadyClock::now();
    }
    return decisions_.Read(sent > 0 ? 0 : 5, [this](const DecisionText& decision) { Decided(decision); });
  }
  std::uint64_t lag() const { return asked_ - std::min(asked_, tally_.decisions()); }
  const SimulatedMarket& market() const { return market_; }
  const DemoTally& tally() const { return tally_; }
  const std::string& sample() const { return sample_; }
  EventTime now() const { return now_; }

 private:
  void Decided(const DecisionText& decision) {
    const std::int64_t customer = market_.CustomerOf(decision.customer_id);
    if (customer < 0) return;
    tally_.Decided(static_cast<std::uint32_t>(customer), decision.segment, !decision.offer_id.empty());
    if (decision.offer_id.empty()) return;
    const int offer = BankOfferOf(decision.offer_id), channel = BankChannelOf(decision.channel);
    if (offer < 0 || channel < 0) return;
    market_.Show(decision.customer_id, decision.decision_id, static_cast<std::size_t>(offer),
                 static_cast<std::size_t>(channel), decision.event_time, decision.valid_until);
    if (tally_.offers_made() % 1'000 == 1) sample_ = decision.json;
  }

  SimulatedMarket market_;
  DemoTally tally_;
  MarketProducer& events_;
  DecisionReader& decisions_;
  std::uint64_t asked_ = 0;
  SteadyClock::time_point answered_ = SteadyClock::now();  // when the window was last open
  EventTime now_ = 0;
  std::string sample_{};
};

int OverKafka(const DemoOptions& options, double seconds) {
  SetUpLog("warn", "text");
  DemoService owner(options);
  fmt::print("starting the service over {}\n", options.brokers);
  if (const Status started = owner.Start(); !started) return Explain(started.error());
  EmbeddedService& demo = owner.service();
  auto events = MarketProducer::Open(demo.config().kafka, demo.config().events[0].topic, kPartitions);
  if (!events) return Explain(events.error());
  auto decisions = DecisionReader::Open(demo.config().kafka, demo.config().decisions_topic, kPartitions);
  if (!decisions) return Explain(decisions.error());
  Feeder feeder(options, *demo.config().plan, **events, **decisions);
  LiveFigures live(MarketOptions{}.start);
  const auto show = [&] {
    const std::shared_ptr<const AdoptedModels> models = demo.service().models();
    live.Show(feeder.market().sent(), feeder.tally().decisions(), feeder.lag(), feeder.now(),
              models == nullptr ? std::vector<CapComparison>{} : feeder.tally().Compare(*models));
  };
  while (interrupted == 0 && !demo.over() && live.seconds() < seconds) {
    if (const Status status = feeder.Step(true); !status) return Explain(status.error());
    show();
  }
  const double sending = live.seconds();
  while (interrupted == 0 && !demo.over() && feeder.lag() > 0 && live.seconds() < sending + kDrainSeconds) {
    if (const Status status = feeder.Step(false); !status) return Explain(status.error());
  }
  const std::shared_ptr<const AdoptedModels> models = demo.service().models();
  ShowResult(feeder.tally(), models == nullptr ? AdoptedModels{} : *models, feeder.sample(), feeder.market().sent(),
             live.seconds());
  demo.Stop();
  return demo.ended() ? 0 : Explain(demo.ended().error());
}

}  // namespace

int RunDemo(const DemoOptions& options) {
  FixNumericPath();
  double seconds = 1e18;
  if (!options.seconds.empty()) {
    Duration duration = 0;
    if (!ParseDuration(options.seconds, duration) || duration <= 0) {
      fmt::print(stderr, "offerstream: --for wants a duration such as 60s or 5m, not {}\n", options.seconds);
      return ExitCode(Code::kUsage);
    }
    seconds = static_cast<double>(duration) / 1000;
  }
  (void)std::signal(SIGINT, [](int) { ++interrupted; });
  (void)std::signal(SIGTERM, [](int) { ++interrupted; });
  (void)std::signal(SIGPIPE, SIG_IGN);
  return options.brokers.empty() ? WithoutBroker(options, seconds) : OverKafka(options, seconds);
}

}  // namespace offerstream
