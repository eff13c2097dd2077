#include "consumers/commands/simulate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "consumers/commands/check.h"
#include "consumers/commands/explain.h"
#include "consumers/offline/closed_loop.h"
#include "consumers/offline/market_link.h"
#include "consumers/offline/text_output.h"
#include "models/domain/numeric_path.h"
#include "models/domain/status.h"

namespace offerstream {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdout) std::fclose(file);
  }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

int Broken(std::string_view what, const std::string& path) {
  fmt::print(stderr, "offerstream: {} {}: {}\n", what, path, std::strerror(errno));
  return ExitCode(Code::kIo);
}

int WriteTruth(const BankMarket& market, const std::string& path) {
  const File file(std::fopen(path.c_str(), "wb"));
  if (!file) return Broken("cannot create", path);
  const std::string truth = market.TruthJson();
  if (std::fwrite(truth.data(), 1, truth.size(), file.get()) != truth.size() || std::fflush(file.get()) != 0) {
    return Broken("cannot write", path);
  }
  return 0;
}

class Progress {
 public:
  explicit Progress(const MarketOptions& options) : options_(options), shown_(isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (shown_ && last_ > 0) fmt::print(stderr, "\r\033[K");
  }
  void At(std::uint64_t sent, EventTime time) {
    if (!shown_ || sent < last_ + 50'000) return;
    last_ = sent;
    fmt::print(stderr, "\r{} events, day {:.1f}", sent, static_cast<double>(time - options_.start) / 86'400'000.0);
  }

 private:
  const MarketOptions& options_;
  const bool shown_;
  std::uint64_t last_ = 0;
};

int WriteFile(SimulatedMarket& market, const SimulateOptions& options) {
  const bool to_stdout = options.out.empty() || options.out == "-";
  const std::string name = to_stdout ? "stdout" : options.out;
  const File file(to_stdout ? stdout : std::fopen(options.out.c_str(), "wb"));
  if (!file) return Broken("cannot create", name);
  Progress progress(options.market);
  std::string buffer;
  MarketRecord record;
  bool more = true;
  while (more) {
    more = market.Next(record);
    if (more) {
      if (options.keyed) buffer.append(record.customer_id).push_back('\t');
      buffer.append(record.value).push_back('\n');
      progress.At(market.sent(), record.time);
    }
    if (buffer.size() > (1u << 18) || !more) {
      if (std::fwrite(buffer.data(), 1, buffer.size(), file.get()) != buffer.size()) {
        // A reader that has seen enough (head) is not an error of ours.
        return errno == EPIPE ? 0 : Broken("cannot write", name);
      }
      buffer.clear();
    }
  }
  return std::fflush(file.get()) == 0 ? 0 : Broken("cannot write", name);
}

/// The closed loop: a configuration decides, customers answer what they are shown. Events and decisions into files.
int WriteDecided(const SimulateOptions& options) {
  const std::unique_ptr<Config> config = LoadOrExplain(options.decide, {});
  if (config == nullptr) return ExitCode(Code::kConfiguration);
  TextOutput events, decisions;
  Status status = events.Open(options.out.empty() ? "-" : options.out);
  if (status && !options.decisions.empty()) status = decisions.Open(options.decisions);
  if (!status) return Explain(status.error());
  LoopLog log;
  std::string line;
  log.event = [&](const MarketRecord& record) {
    line.clear();
    if (options.keyed) line.append(record.customer_id).push_back('\t');
    events.Line(line.append(record.value));
  };
  log.decision = [&decisions](std::string_view json) { decisions.Line(json); };
  auto loop = ClosedLoop::Make(*config, options.market, std::move(log));
  if (!loop) return Explain(loop.error());
  if (!options.truth.empty()) {
    if (const int code = WriteTruth((*loop)->market().market(), options.truth); code != 0) return code;
  }
  Progress progress(options.market);
  while ((*loop)->Step()) progress.At((*loop)->market().sent(), (*loop)->now());
  for (TextOutput* output : {&events, &decisions}) {
    if (status = output->Flush(); !status) return Explain(status.error());
  }
  fmt::print(stderr, "{} events, {} decisions\n", (*loop)->market().sent(), (*loop)->tally().decisions());
  return 0;
}

int WriteTopic(SimulatedMarket& market, const SimulateOptions& options, const KafkaConfig& kafka,
               const std::string& topic) {
  auto admin = KafkaAdmin::Open(kafka, "offerstream-simulate");
  if (!admin) return Explain(admin.error());
  const auto found = (*admin)->Partitions({topic}, 15'000);
  if (!found) return Explain(found.error());
  const auto there = found->find(topic);
  if (there == found->end()) {
    return Explain(
        {Code::kTopicMissing, 0, topic + "; 'offerstream topics apply -c FILE' creates the topics of a configuration"});
  }
  auto producer = MarketProducer::Open(kafka, topic, there->second);
  if (!producer) return Explain(producer.error());
  Progress progress(options.market);
  MarketRecord record;
  while (market.Next(record)) {
    if (const Status sent = (*producer)->Send(record); !sent) return Explain(sent.error());
    progress.At(market.sent(), record.time);
  }
  if (const Status flushed = (*producer)->Flush(); !flushed) return Explain(flushed.error());
  fmt::print(stderr, "{} events in {}\n", market.sent(), topic);
  return 0;
}

}  // namespace

int RunSimulate(const SimulateOptions& options) {
  FixNumericPath();
  if (!options.decide.empty()) return WriteDecided(options);
  std::unique_ptr<Config> config;
  if (!options.config.empty()) {
    config = LoadOrExplain(options.config, {});
    if (config == nullptr) return ExitCode(Code::kConfiguration);
  }
  SimulatedMarket market(options.market);
  if (!options.truth.empty()) {
    if (const int code = WriteTruth(market.market(), options.truth); code != 0) return code;
  }
  if (options.brokers.empty() && (config == nullptr || !options.out.empty())) return WriteFile(market, options);
  KafkaConfig kafka = config == nullptr ? KafkaConfig{} : config->kafka;
  if (!options.brokers.empty()) kafka.brokers = options.brokers;
  const std::string topic = !options.topic.empty() ? options.topic
                            : config == nullptr    ? "events"
                                                   : config->events[0].topic;
  return WriteTopic(market, options, kafka, topic);
}

}  // namespace offerstream
