#include "consumers/commands/bench.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

#include "consumers/commands/bench_kafka.h"
#include "consumers/commands/bench_latency.h"
#include "consumers/commands/explain.h"
#include "consumers/offline/bench_engine.h"
#include "consumers/offline/bench_memory.h"
#include "models/learning_fold.h"
#include "state/formats/codecs.h"

namespace offerstream {
namespace {

// The limits of the product's promise; the design's performance page says where they come from.
constexpr double kEngineOverDecode = 12, kLearnOverDecode = 8, kBytesPerCustomer = 900, kOverFloor = 0.35,
                 kLatencyP99Ms = 80;
constexpr std::size_t kLearnRowsOfARound = 40'000;
// Events a customer before the first round: everybody has a history, open exposures and timers.
constexpr std::uint64_t kWarmEvents = 4;

struct Median {
  double median = 0, min = 0, max = 0;
};
Median Of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values.front(), values.back()};
}

/// One figure over its rounds: CPU and wall nanoseconds an item.
struct Figure {
  std::vector<double> cpu{}, wall{};
  void Add(const BenchTime& time, std::uint64_t items) {
    cpu.push_back(static_cast<double>(time.cpu_ns) / static_cast<double>(items));
    wall.push_back(static_cast<double>(time.wall_ns) / static_cast<double>(items));
  }
};
std::vector<double> Ratios(const Figure& a, const Figure& b) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < a.cpu.size(); ++i) ratios.push_back(a.cpu[i] / b.cpu[i]);
  return ratios;
}

/// Everything one run finds.
struct Findings {
  Figure decode{}, again{}, engine{}, learn{};
  BenchAnswer answer{};
  BenchMemory memory{};
  BenchStreamFindings stream{};
  std::vector<LatencyFinding> latency{};
  double record_bytes = 0;
};

class BenchRun {
 public:
  BenchRun(const BenchOptions& options, std::shared_ptr<const CampaignPlan> plan,
           std::shared_ptr<const EventMapping> mapping)
      : options_(options), plan_(std::move(plan)), mapping_(std::move(mapping)) {
    models_ = BenchModels(plan_, options.workload.seed);
  }

  /// False when an answer was wrong; told on stderr.
  bool Engine(Findings& found) {
    Prepare();
    found.record_bytes = static_cast<double>(records_.bytes()) / static_cast<double>(records_.size());
    BenchEngine engine(plan_, mapping_, models_, options_.workload.topic);
    LearningFold learner(plan_);
    std::uint64_t offset = 0;
    std::size_t learned = 0;
    Learn(learner, offset, learned);  // warm-up
    bool right = Same("introduction and warm-up", engine.Fold(records_, 0, ends_[0]), answers_[0]);
    for (std::size_t r = 1; r < ends_.size() && right; ++r) {
      const std::size_t from = ends_[r - 1], to = ends_[r];
      Tell(fmt::format("round {} of {}", r, ends_.size() - 1));
      BenchAnswer decoded, answer, again;
      found.decode.Add(Timed([&] { decoded = engine.Decode(records_, from, to); }), to - from);
      found.engine.Add(Timed([&] { answer = engine.Fold(records_, from, to); }), to - from);
      found.again.Add(Timed([&] { again = engine.Decode(records_, from, to); }), to - from);
      std::uint64_t rows = 0;
      const BenchTime learn = Timed([&] { rows = Learn(learner, offset, learned); });
      if (rows > 0) found.learn.Add(learn, rows);
      right = Same("fold", answer, answers_[r]) && Same("decode", decoded, again) && answer.bad == 0 &&
              decoded.events == answer.events;
      Sum(answer, found.answer);
    }
    return right && LearnedAll(learner, offset);
  }

  /// The same records through Kafka.
  BenchStream Stream() const {
    BenchStream stream;
    stream.brokers = options_.brokers;
    stream.workload = options_.workload;
    stream.records = &records_;
    stream.begin = options_.workload.customers;
    stream.end = StreamEnd();
    stream.decisions = stream_decisions_;
    stream.models = std::make_shared<const AdoptedModels>(models_);
    return stream;
  }

  /// The same records at fixed rates through a whole service.
  BenchLatency Latency() const {
    BenchLatency latency;
    latency.brokers = options_.brokers;
    latency.workload = options_.workload;
    latency.records = &records_;
    latency.decided = &decided_;
    latency.begin = options_.workload.customers;
    latency.rates = options_.latency;
    return latency;
  }
  std::size_t records() const { return records_.size(); }

  /// Shows what is going on, when somebody looks.
  static void Tell(std::string_view what) {
    if (isatty(STDERR_FILENO) == 1) fmt::print(stderr, "\r\033[K{}", what);
  }

 private:
  std::size_t StreamEnd() const {
    return options_.workload.customers + static_cast<std::size_t>(options_.workload.events);
  }

  template <typename Work>
  static BenchTime Timed(Work&& work) {
    const BenchTime before = BenchTime::Now();
    work();
    return BenchTime::Now() - before;
  }

  static bool Same(std::string_view what, const BenchAnswer& a, const BenchAnswer& b) {
    if (a == b) return true;
    fmt::print(stderr, "offerstream bench: {}: {} events, {} decisions, digest {:016x}; expected {}, {}, {:016x}\n",
               what, a.events, a.decisions, a.digest, b.events, b.decisions, b.digest);
    return false;
  }

  static void Sum(const BenchAnswer& a, BenchAnswer& sum) {
    sum.events += a.events;
    sum.decisions += a.decisions;
    sum.offers += a.offers;
    sum.observations += a.observations;
    sum.blocks += a.blocks;
    sum.timers += a.timers;
    sum.caps += a.caps;
    sum.decision_bytes += a.decision_bytes;
    sum.observation_bytes += a.observation_bytes;
    sum.digest = sum.digest * 31 + a.digest;
  }

  /// The events and the right answers: one engine decides event by event, and the customers answer it.
  void Prepare() {
    const BenchWorkload& load = options_.workload;
    records_.Reserve((1 + kWarmEvents) * load.customers + load.events);
    BenchEvents events(plan_, load);
    BenchEngine engine(plan_, mapping_, models_, options_.workload.topic);
    std::vector<std::string> blocks;
    engine.KeepBlocks(&blocks);
    BenchAnswer answer;
    for (std::size_t i = 0; i < load.customers; ++i) {
      events.Introduce(i, records_);
      decided_.push_back(engine.FoldOne(records_, i, answer) != nullptr);
    }
    const auto rounds = static_cast<std::uint64_t>(options_.rounds);
    const std::uint64_t warm = kWarmEvents * load.customers, each = std::max<std::uint64_t>(1, load.events / rounds);
    for (std::uint64_t r = 0; r <= rounds; ++r) {
      Tell(fmt::format("preparing {} of {}", r + 1, rounds + 1));
      for (std::uint64_t i = 0; i < (r == 0 ? warm : each); ++i) {
        events.Next(records_);
        const Decision* decision = engine.FoldOne(records_, records_.size() - 1, answer);
        decided_.push_back(decision != nullptr);
        if (decision != nullptr) events.Decided(*decision);
        if (records_.size() == StreamEnd()) stream_decisions_ = answer.decisions;  // all still of the warm-up
      }
      engine.Finish(answer);
      ends_.push_back(records_.size());
      answers_.push_back(std::exchange(answer, BenchAnswer{}));
      if (r > 0) KeepRows(blocks);
      blocks.clear();
    }
    Tell("");
  }

  /// Interval and mature rows as a learner reads them, up to what the rounds will use.
  void KeepRows(const std::vector<std::string>& blocks) {
    ObservationBatch all;
    for (const std::string& block : blocks) {
      if (rows_.rows.size() >= kLearnRowsOfARound * static_cast<std::size_t>(options_.rounds + 1)) return;
      all.Clear();
      if (!DecodeObservations(*plan_, block, all)) continue;
      for (const Observation& row : all.rows) {
        if (row.kind != ObservationKind::kInterval && row.kind != ObservationKind::kMature) continue;
        const auto x = all.Features(row);
        Observation& kept = rows_.rows.emplace_back(row);
        kept.x_begin = static_cast<std::uint32_t>(rows_.arena.size());
        rows_.arena.insert(rows_.arena.end(), x.begin(), x.end());
      }
    }
  }

  std::uint64_t Learn(LearningFold& learner, std::uint64_t& offset, std::size_t& at) const {
    const std::size_t share = rows_.rows.size() / static_cast<std::size_t>(options_.rounds + 1);
    const std::size_t to = std::min(rows_.rows.size(), at + share);
    const std::size_t from = at;
    for (; at < to; ++at) learner.Apply(rows_.rows[at], rows_.Features(rows_.rows[at]), ++offset);
    return to - from;
  }

  static bool LearnedAll(const LearningFold& learner, std::uint64_t offset) {
    std::int64_t seen = 0, refused = 0;
    for (const ModelReport& report : learner.Reports()) {
      seen += report.observations;
      refused += report.rejected;
    }
    if (refused == 0 && seen == static_cast<std::int64_t>(offset)) return true;
    fmt::print(stderr, "offerstream bench: learn: {} of {} observations learned, {} refused\n", seen, offset, refused);
    return false;
  }

  const BenchOptions& options_;
  std::shared_ptr<const CampaignPlan> plan_;
  std::shared_ptr<const EventMapping> mapping_;
  AdoptedModels models_{};
  BenchRecords records_{};
  std::vector<std::size_t> ends_{};  // warm-up, then one for each round
  std::vector<BenchAnswer> answers_{};
  std::vector<bool> decided_{};  // by record
  ObservationBatch rows_{};
  std::uint64_t stream_decisions_ = 0;
};

// ---- Telling
// -----------------------------------------------------------------------------------------------------------

/// One line of the result: a figure with its limit (0: none).
struct Line {
  std::string name;
  std::string_view unit;
  Median value{};
  double limit = 0;
  bool at_least = false;  ///< the limit is a least, not a most
  bool Holds() const { return limit == 0 || (at_least ? value.median >= limit : value.median <= limit); }
};

std::vector<Line> LinesOf(const BenchOptions& options, const Findings& found) {
  std::vector<Line> lines = {
      {"decode_ns_per_event", "ns", Of(found.decode.cpu)},
      {"decode_again_over_decode", "", Of(Ratios(found.again, found.decode))},
      {"engine_ns_per_event", "ns", Of(found.engine.cpu)},
      {"engine_wall_ns_per_event", "ns", Of(found.engine.wall)},
      {"engine_over_decode", "", Of(Ratios(found.engine, found.decode)), kEngineOverDecode},
      {"learn_ns_per_observation", "ns", Of(found.learn.cpu)},
      {"learn_over_decode", "", Of(Ratios(found.learn, found.decode)), kLearnOverDecode},
  };
  const auto single = [](double v) { return Median{v, v, v}; };
  if (options.memory) {
    lines.push_back({"resident_bytes_per_customer", "B", single(found.memory.resident_bytes), kBytesPerCustomer});
    lines.push_back({"accounted_bytes_per_customer", "B", single(found.memory.accounted_bytes)});
    lines.push_back({"stored_row_bytes", "B", single(found.memory.row_bytes)});
  }
  if (!found.stream.ratio.empty()) {
    const BenchStreamFindings& stream = found.stream;
    lines.push_back({"kafka_events_per_second", "", Of(stream.events_per_second)});
    lines.push_back({"kafka_floor_events_per_second", "", Of(stream.floor_events_per_second)});
    lines.push_back({"kafka_ratio", "", Of(stream.ratio), kOverFloor, true});
    lines.push_back({"kafka_cpu_us_per_event", "us", Of(stream.cpu_us_per_event)});
    lines.push_back({"kafka_floor_cpu_us_per_event", "us", Of(stream.floor_cpu_us_per_event)});
    lines.push_back({"kafka_output_bytes_per_event", "B", single(stream.output_bytes_per_event)});
  }
  for (const LatencyFinding& l : found.latency) {
    lines.push_back({fmt::format("latency_{}_p50_ms", l.rate), "ms", single(l.p50_ms)});
    lines.push_back({fmt::format("latency_{}_p99_ms", l.rate), "ms", single(l.p99_ms), kLatencyP99Ms});
    lines.push_back({fmt::format("latency_{}_max_ms", l.rate), "ms", single(l.max_ms)});
  }
  const double events = static_cast<double>(std::max<std::uint64_t>(1, found.answer.events));
  lines.push_back({"event_bytes", "B", single(found.record_bytes)});
  lines.push_back({"decisions_per_event", "", single(static_cast<double>(found.answer.decisions) / events)});
  lines.push_back({"observations_per_event", "", single(static_cast<double>(found.answer.observations) / events)});
  lines.push_back({"timers_per_event", "", single(static_cast<double>(found.answer.timers) / events)});
  lines.push_back({"decision_bytes", "B",
                   single(static_cast<double>(found.answer.decision_bytes) /
                          static_cast<double>(std::max<std::uint64_t>(1, found.answer.decisions)))});
  return lines;
}

std::string Build() {
  std::string build = "g++ " __VERSION__;
#ifdef __OPTIMIZE__
  build += " optimised";
#endif
#ifdef __AVX512F__
  build += " avx512";
#elif defined(__AVX2__)
  build += " x86-64-v3";
#endif
  return build;
}

void PrintJson(const BenchOptions& options, const Findings& found, const std::vector<Line>& lines) {
  fmt::print("{{");
  for (const Line& line : lines) {
    fmt::print("\"{}\":{{\"median\":{:.4g},\"min\":{:.4g},\"max\":{:.4g}", line.name, line.value.median, line.value.min,
               line.value.max);
    if (line.limit > 0) fmt::print(",\"limit\":{},\"pass\":{}", line.limit, line.Holds());
    fmt::print("}},");
  }
  fmt::print(
      "\"digest\":\"{:016x}\",\"customers\":{},\"events\":{},\"seed\":{},\"zipf\":{},\"every_event\":{},\"rounds\":{},"
      "\"cores\":{},\"version\":\"{}\",\"build\":\"{}\"}}\n",
      found.answer.digest, options.workload.customers, options.workload.events, options.workload.seed,
      options.workload.zipf, options.workload.every_event, options.rounds, std::thread::hardware_concurrency(),
      OFFERSTREAM_VERSION, Build());
}

void PrintTable(const BenchOptions& options, const Findings& found, const std::vector<Line>& lines) {
  fmt::print("offerstream {} bench: {} customers ({}), {} events, {}, {} cores, {}\n", OFFERSTREAM_VERSION,
             options.workload.customers, options.workload.zipf ? "Zipf 1.1" : "uniform", options.workload.events,
             options.workload.every_event ? "a decision on every event" : "decisions on requests and answers",
             std::thread::hardware_concurrency(), Build());
  fmt::print("decisions' digest {:016x}, equal to the event-by-event reference; CPU time; median of {} rounds\n\n",
             found.answer.digest, options.rounds);
  fmt::print("{:30} {:>10} {:>10} {:>10}\n", "", "median", "min", "max");
  for (const Line& line : lines) {
    fmt::print("{:30} {:10.2f} {:10.2f} {:10.2f} {:2}", line.name, line.value.median, line.value.min, line.value.max,
               line.unit);
    if (line.limit > 0) fmt::print("   {} (limit {})", line.Holds() ? "PASS" : "FAIL", line.limit);
    fmt::print("\n");
  }
}

}  // namespace

int RunBench(const BenchOptions& given) {
  BenchOptions options = given;
  if (!options.latency.empty() && options.brokers.empty()) return Explain(Error{Code::kUsage, 0, "--latency needs --kafka"});
  if (!options.brokers.empty()) {
    // A topic of its own each time: its name is in every decision's id, and its offsets begin at 0.
    options.workload.topic = fmt::format("offerstream-bench-{}-{}", getpid(), BenchTime::Now().wall_ns % 1'000'000'000);
    options.workload.events =
        std::min<std::uint64_t>(options.workload.events, kWarmEvents * options.workload.customers);
  }
  const auto plan = BenchPlan(options.workload);
  if (!plan) return Explain(plan.error());
  const LoadedMapping mapping = LoadMapping("segment");
  if (!mapping.mapping) return Explain(Error{Code::kConfiguration, 0, mapping.errors.front().Text()});
  Findings found;
  // What the reference engine gives back stays with the process for the measured one: a service that has run for a
  // while does not ask the system for pages either. Memory is measured later, by what is resident.
  (void)mallopt(M_TRIM_THRESHOLD, -1);
  (void)mallopt(M_MMAP_MAX, 0);
  {
    BenchRun run(options, *plan, mapping.mapping);
    if (!run.Engine(found)) return ExitCode(Code::kGateFailed);
    if (!options.brokers.empty() && options.stream) {
      BenchRun::Tell("kafka");
      auto stream = MeasureBenchStream(run.Stream());
      if (!stream) return Explain(stream.error());
      found.stream = std::move(*stream);
    }
    if (!options.latency.empty()) {
      const BenchLatency latency = run.Latency();
      if (latency.begin + LatencyRecords(latency) > run.records())
        return Explain(Error{Code::kUsage, 0, fmt::format("--latency needs {} events after the introductions; raise --customers or --events", LatencyRecords(latency))});
      BenchRun::Tell("latency");
      auto measured = MeasureBenchLatency(latency);
      if (!measured) return Explain(measured.error());
      found.latency = std::move(*measured);
    }
  }
  if (options.memory) {
    BenchRun::Tell("memory");
    const auto memory = MeasureBenchMemory(*plan, options.workload.customers);
    if (!memory) return Explain(memory.error());
    found.memory = *memory;
  }
  BenchRun::Tell("");
  const std::vector<Line> lines = LinesOf(options, found);
  if (options.json)
    PrintJson(options, found, lines);
  else
    PrintTable(options, found, lines);
  const bool holds = std::all_of(lines.begin(), lines.end(), [](const Line& line) { return line.Holds(); });
  return options.gate && !holds ? ExitCode(Code::kGateFailed) : 0;
}

}  // namespace offerstream
