#include "consumers/commands/replay.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <span>
#include <unordered_map>

#include "consumers/config/config.h"
#include "consumers/offline/lockstep.h"
#include "consumers/offline/report/report.h"
#include "consumers/offline/report/report_page.h"
#include "consumers/offline/study.h"
#include "consumers/offline/text_output.h"
#include "consumers/wire/csv_reader.h"
#include "consumers/wire/decision_encoder.h"
#include "consumers/wire/event_decoder.h"
#include "consumers/wire/event_mapping.h"
#include "metrics/health.h"
#include "models/domain/event_time.h"
#include "models/domain/numeric_path.h"
#include "models/domain/random.h"
#include "state/formats/codecs.h"

namespace offerstream {
namespace {

int Complain(const Error& error) {
  fmt::print(stderr, "offerstream: {} {}\n", error.detail, error.detail.empty() ? Sentence(error.code) : "");
  return ExitCode(error.code);
}

int Complain(const std::vector<ConfigError>& errors) {
  for (const ConfigError& error : errors) fmt::print(stderr, "{}\n", error.Text());
  return ExitCode(Code::kConfiguration);
}

/// One line of --predictions.
std::string PredictionLine(const std::map<IdHash, std::string>& model_ids, const Observation& row, const std::string& event_id) {
  const auto id = model_ids.find(row.model);
  const std::string exposure = row.exposure == 0 ? "null" : fmt::format("\"{:016x}\"", row.exposure);
  return fmt::format("{{\"event_id\":{},\"exposure_id\":{},\"model\":{},\"time\":\"{}\",\"p\":{:.9f},\"y\":{:.0f},\"weight\":1}}", event_id,
                     exposure, JsonText(id == model_ids.end() ? "" : id->second), FormatTime(row.time), row.probability, row.y);
}

/// A replay in progress: outputs, decoder, engine.
class Replay {
 public:
  Replay(const ReplayOptions& options, const Config& config, std::shared_ptr<const EventMapping> mapping)
      : options_(options), plan_(config.plan), mapping_(std::move(mapping)),
        topic_(config.events.empty() ? "events" : config.events.front().topic), encoder_(plan_, {topic_}),
        decoder_(plan_, mapping_, !config.events.empty() && config.events.front().reject_key_mismatch) {
    for (std::size_t m = 0; m < plan_->models(); ++m) model_ids_[plan_->ModelHash(ModelIndex(m))] = plan_->ModelId(ModelIndex(m));
  }

  Status OpenOutputs() {
    const std::pair<const std::string*, TextOutput*> outputs[] = {
        {&options_.decisions, &decisions_}, {&options_.caps, &caps_}, {&options_.predictions, &predictions_}, {&options_.dead_letters, &dead_}};
    for (const auto& [path, output] : outputs) {
      if (path->empty()) continue;
      if (Status status = output->Open(*path); !status) return status;
    }
    if (!options_.state.empty()) {
      auto opened = OpenRocksDbStore(options_.state, 256u << 20);
      if (!opened) return tl::unexpected(opened.error());
      store_ = std::move(opened->store);
    }
    if (!options_.report.empty() || !options_.html.empty()) {
      study_ = std::make_unique<Study>(plan_, StudyWith(options_.challengers, options_.challenger_every, plan_->explore.seed));
      batch_.product_names = &study_->preferences().names();
    }
    LockstepOptions lockstep;
    lockstep.shards = options_.shards;
    lockstep.observation_partitions = options_.observation_partitions;
    lockstep.store = store_.get();
    lockstep.topics = {topic_};
    engine_ = std::make_unique<Lockstep>(plan_, lockstep, Sink());
    return {};
  }

  Status ReadFile(const std::string& path) {
    input_.files.push_back(path);
    auto file = InputFile::Open(path, *mapping_);
    if (!file) return tl::unexpected(file.error());
    std::string key, value;
    const bool progress = isatty(STDERR_FILENO) == 1;
    std::vector<Row> dealt;   // rows without an order
    while (!decisions_.closed()) {
      if (!(*file)->Ready()) {
        if (Status status = decisions_.Flush(); !status) return status;
      }
      const auto more = (*file)->Next(key, value);
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      if (mapping_->shuffle) {
        dealt.push_back({key, value, (*file)->line()});
        continue;
      }
      Take(path, (*file)->line(), key, value);
      if (progress && input_.records % 20'000 == 0) fmt::print(stderr, "\r{} records", input_.records);
    }
    if (!dealt.empty()) Shuffle(dealt, *mapping_->shuffle);
    for (const Row& row : dealt) Take(path, row.line, row.key, row.value);
    if (progress && input_.records >= 20'000) fmt::print(stderr, "\r\033[K");
    return {};
  }

  Status Finish() {
    if (Status status = engine_->Finish(); !status) return status;
    for (TextOutput* output : {&decisions_, &caps_, &predictions_, &dead_}) {
      if (Status status = output->Flush(); !status) return status;
    }
    if (!options_.models.empty()) {
      if (Status status = WriteModels(); !status) return status;
    }
    return options_.report.empty() && options_.html.empty() ? Status{} : WriteReport();
  }

  void Summarise() const {
    std::uint64_t decided = 0, bad = 0;
    const FoldCounters counters = engine_->counters();
    for (const auto& arm : counters.decisions) for (const std::uint64_t n : arm) decided += n;
    for (const auto& [reason, n] : input_.rejected) bad += n;
    fmt::print(stderr, "{} records: {} events, {} ignored, {} rejected; {} repeats, {} late; {} decisions, {} observations\n",
               input_.records, input_.events, input_.ignored, bad, counters.duplicates, counters.late, decided,
               engine_->observations());
    for (const auto& [reason, n] : input_.rejected) fmt::print(stderr, "  rejected {}: {}\n", reason, n);
    if (bad > 0 && options_.dead_letters.empty()) fmt::print(stderr, "  --dead-letters FILE names each with its file, line and reason\n");
  }

 private:
  struct Row {
    std::string key{}, value{};
    std::uint64_t line = 0;
  };
  // Fisher and Yates.
  static void Shuffle(std::vector<Row>& rows, std::uint64_t seed) {
    Draws draws(seed, rows.size(), 0, Purpose::kSimulation);
    for (std::size_t i = rows.size(); i > 1; --i) {
      std::swap(rows[i - 1], rows[std::min(i - 1, static_cast<std::size_t>(draws.Uniform() * static_cast<double>(i)))]);
    }
  }

  LockstepSink Sink() {
    LockstepSink sink;
    if (decisions_.on()) {
      sink.decision = [this](const Decision& decision) {
        text_.clear();
        encoder_.EncodeDecision(decision, text_);
        decisions_.Line(text_);
      };
    }
    if (caps_.on()) {
      sink.cap = [this](const CapChange& change) {
        std::string key;
        text_.clear();
        encoder_.EncodeCap(change, key, text_);
        caps_.Line(fmt::format("{{\"key\":{},\"value\":{}}}", JsonText(key), text_.empty() ? "null" : text_));
      };
    }
    if (predictions_.on() || study_) {
      sink.label = [this](const Observation& row, std::span<const float> x, const Event& event) {
        if (study_ && study_status_) study_status_ = study_->Label(row, x);
        if (choices_) choices_->Label(row);
        if (!predictions_.on()) return;
        predictions_.Line(PredictionLine(model_ids_, row, row.instant ? JsonText(event.event_id) : EventOf(row.exposure)));
      };
    }
    if (study_) {
      tally_ = std::make_unique<ReplayTally>(*plan_);
      choices_ = std::make_unique<ChoiceRecord>(plan_, *tally_);
      sink.event = [this](const Event& event) {
        study_->See(event);
        tally_->Saw(event);
      };
      sink.observation = [this](const Observation& row) { tally_->Learned(row, engine_->models().segments.get()); };
    }
    return sink;
  }

  void Take(const std::string& path, std::uint64_t line, const std::string& key, const std::string& value) {
    Record record;
    record.value = value;
    record.null_key = key.empty();
    record.key = key;
    record.cause.offset = static_cast<std::int64_t>(input_.records++);
    batch_.Clear();
    decoder_.Decode(record, batch_);
    const Decoded& decoded = batch_.records.front();
    if (decoded.bad) {
      ++input_.rejected[std::string(ReasonText(decoded.reason))];
      dead_.Line(fmt::format("{{\"file\":{},\"line\":{},\"reason\":\"{}\",\"detail\":{},\"value\":{}}}", JsonText(path), line,
                             ReasonText(decoded.reason), JsonText(decoded.detail), JsonText(value)));
      return;
    }
    if (decoded.size == 0) ++input_.ignored;
    for (std::uint32_t e = decoded.begin; e < decoded.begin + decoded.size; ++e) {
      if (batch_.events[e].kind == EventKind::kIgnore) {
        ++input_.ignored;
        continue;
      }
      ++input_.events;
      const Event& event = batch_.events[e];
      if (predictions_.on()) Remember(event);
      if (choices_) choices_->Before(event, engine_->Find(event.customer_id, event.customer_hash), engine_->models());
      engine_->Apply(batch_.events[e]);
    }
  }

  // The impression behind an exposure, until its labels are final (one an answerable outcome).
  void Remember(const Event& event) {
    if (event.kind != EventKind::kImpression || event.outcomes_known != 0) return;
    const std::uint64_t exposure = event.decision_id != 0 ? event.decision_id : event.event_hash;
    shown_.try_emplace(exposure, Shown{JsonText(event.event_id), 2});
  }
  // Its event id as JSON; null when the impression was joined to a decision it does not name.
  std::string EventOf(std::uint64_t exposure) {
    const auto shown = shown_.find(exposure);
    if (shown == shown_.end()) return "null";
    if (--shown->second.labels_left > 0) return shown->second.event_id;
    std::string last = std::move(shown->second.event_id);
    shown_.erase(shown);
    return last;
  }

  Status WriteReport() {
    const auto models = engine_->Reports();
    if (!study_status_) return study_status_;
    if (Status status = study_->Finish(); !status) return status;
    const EventTime end = tally_->to() == kNever ? 0 : tally_->to();
    CustomerSurvey survey(plan_, engine_->models(), *tally_, choices_.get(), end);
    if (Status status = engine_->EachCustomer([&](const CustomerProfile& profile) { survey.Visit(profile); }); !status) return status;
    const FoldCounters counters = engine_->counters();
    const std::string json = ReportJson(
        {*plan_, input_, counters, models, engine_->models(), study_.get(), tally_.get(), &survey, engine_->Segments()});
    if (!options_.report.empty()) {
      TextOutput report;
      if (Status status = report.Open(options_.report); !status) return status;
      report.Line(json);
      if (Status status = report.Flush(); !status) return status;
    }
    if (options_.html.empty()) return {};
    TextOutput page;
    if (Status status = page.Open(options_.html); !status) return status;
    page.Line(ReportPage(json));
    return page.Flush();
  }

  Status WriteModels() {
    TextOutput out;
    if (Status status = out.Open(options_.models); !status) return status;
    for (const auto& [id, body] : engine_->Snapshots()) {
      std::string hex;
      for (const char c : body) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
      out.Line(fmt::format("{{\"id\":{},\"snapshot\":\"{}\"}}", JsonText(id), hex));
    }
    return out.Flush();
  }

  struct Shown {
    std::string event_id{};
    int labels_left = 0;
  };

  const ReplayOptions& options_;
  std::shared_ptr<const CampaignPlan> plan_;
  std::shared_ptr<const EventMapping> mapping_;
  std::string topic_;
  DecisionEncoder encoder_;
  EventDecoder decoder_;
  DecodedBatch batch_{};
  TextOutput decisions_{}, caps_{}, predictions_{}, dead_{};
  std::unique_ptr<StateStore> store_{};
  std::unique_ptr<Lockstep> engine_{};
  std::unique_ptr<Study> study_{};   // null: no report is wanted
  Status study_status_{};
  InputReport input_{};
  std::unique_ptr<ReplayTally> tally_{};   // only for a report
  std::unique_ptr<ChoiceRecord> choices_{};
  std::map<IdHash, std::string> model_ids_{};
  std::unordered_map<std::uint64_t, Shown> shown_{};   // only looked up, never walked
  std::string text_{};
};

}  // namespace

int RunReplay(const ReplayOptions& options) {
  FixNumericPath();
  const LoadedConfig loaded = LoadConfig(options.config, options.set);
  if (!loaded.config) return Complain(loaded.errors);
  const std::string name = !options.mapping.empty() ? options.mapping : loaded.config->events.front().mapping;
  const LoadedMapping mapping = LoadMapping(name);
  if (!mapping.mapping) return Complain(mapping.errors);
  Replay replay(options, *loaded.config, mapping.mapping);
  if (const Status status = replay.OpenOutputs(); !status) return Complain(status.error());
  for (const std::string& path : options.inputs) {
    if (const Status status = replay.ReadFile(path); !status) return Complain(status.error());
  }
  if (const Status status = replay.Finish(); !status) return Complain(status.error());
  replay.Summarise();
  return 0;
}

}  // namespace offerstream
