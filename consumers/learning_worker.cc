#include "consumers/learning_worker.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "consumers/failpoint.h"
#include "consumers/log.h"
#include "models/domain/random.h"
#include "state/formats/codecs.h"

namespace offerstream {
namespace {

constexpr std::size_t kReadRecords = 500;
constexpr int kNice = 5;                      // decisions do not wait for learning
constexpr Duration kRoundsPerInterval = 4;    // at most, however many observations come
constexpr std::int64_t kReportMs = 1000;      // reports (with drivers) are made at most so often
constexpr int kIdleWaitMs = 50;
constexpr int kRestartPauseMs = 500;

}  // namespace

LearningWorker::LearningWorker(const ShardEnvironment& environment, Publisher& publisher)
    : environment_(environment), publisher_(publisher), owned_(static_cast<std::size_t>(environment.observation_partitions)) {}

LearningWorker::~LearningWorker() { batch_.Clear(); }

Status LearningWorker::Configure(Owned& owned, std::string_view control) {
  const auto read = DecodeControl(control);
  if (!read) return tl::unexpected(read.error());
  // Every decision partition tells of an epoch; the first to do so counts.
  if (owned.plan != nullptr && read->epoch <= owned.plan->epoch) return {};
  auto plan = ParsePlan(std::string(read->text), read->epoch);
  if (!plan) return tl::unexpected(plan.error());
  owned.plan = *plan;
  if (plan_ == nullptr || plan_->epoch < owned.plan->epoch) plan_ = owned.plan;
  if (environment_.plan_met) environment_.plan_met(owned.plan);
  if (owned.fold == nullptr) owned.fold = std::make_unique<LearningFold>(*plan);
  else owned.fold->Configure(*plan);
  owned.encoder = std::make_unique<DecisionEncoder>(*plan, environment_.InputTopics());
  owned.control = control;
  owned.control_moved = true;
  return {};
}

/// Without a local copy: the newest snapshots of the partition, as published.
Status LearningWorker::LoadPublished(std::int32_t partition, StateStore::StoredModels& models) {
  const std::string& topic = environment_.config->ModelsTopic();
  auto bounds = environment_.logs->Bounds(topic, partition);
  if (!bounds) return tl::unexpected(bounds.error());
  return ReadLogRange(*environment_.logs, topic, partition, bounds->low, bounds->high, 0, kLogPatienceMs, [&](const Record& record) {
    if (record.key.starts_with(kFloorModelPrefix)) {
      if (const auto floor = DecodeModel(record.value)) models.floor = std::max(models.floor, floor->version);
    } else {
      models.models[std::string(record.key)] = record.value;
    }
    models.found = true;
    return true;
  });
}

Status LearningWorker::Load(std::int32_t partition) {
  Owned& owned = owned_[static_cast<std::size_t>(partition)];
  auto models = environment_.store->LoadModels(partition);
  if (!models) return tl::unexpected(models.error());
  if (!models->found) {
    if (Status loaded = LoadPublished(partition, *models); !loaded) return loaded;
    if (models->found) {
      // Whole, at once: a round stores only what has changed since, and what is stored must stand alone.
      const std::vector<std::pair<std::string, std::string>> rows(models->models.begin(), models->models.end());
      if (Status kept = environment_.store->WriteModels(partition, rows, models->floor); !kept) return kept;
    }
  }
  auto bounds = environment_.logs->Bounds(environment_.config->ObservationsTopic(), partition);
  if (!bounds) return tl::unexpected(bounds.error());
  owned.next = static_cast<std::int64_t>(models->floor);
  if (models->floor > 0 && bounds->low > owned.next) {
    return Fail(Code::kLogAndStateDisagree,
                fmt::format("{}[{}] begins at offset {} but the models contain only what lies below {}: retention has passed them",
                            environment_.config->ObservationsTopic(), partition, bounds->low, owned.next));
  }
  if (owned.next > bounds->high) {
    return Fail(Code::kLogAndStateDisagree, fmt::format("{}[{}] ends at offset {} but the models contain {}",
                                                        environment_.config->ObservationsTopic(), partition, bounds->high, owned.next));
  }
  owned.next = std::max(owned.next, bounds->low);
  for (const auto& [id, framed] : models->models) {
    if (!id.starts_with(kPlanModelPrefix)) continue;
    const auto control = DecodeModel(framed);
    if (!control) return tl::unexpected(control.error());
    if (Status configured = Configure(owned, control->body); !configured) return configured;
    owned.control_moved = false;
  }
  for (const auto& [id, framed] : models->models) {
    if (id.starts_with(kPlanModelPrefix)) continue;
    const auto model = DecodeModel(framed);
    if (!model) return tl::unexpected(model.error());
    if (owned.fold == nullptr) return Fail(Code::kCorrupt, fmt::format("models of partition {} without their plan", partition));
    Status restored = owned.fold->Restore(model->id, model->version, model->body);
    // kNotFound: the plan has no place for it any more.
    if (!restored && restored.error().code != Code::kNotFound) return restored;
  }
  return {};
}

Status LearningWorker::Start() {
  std::vector<std::int64_t> from;
  for (std::int32_t p = 0; p < environment_.observation_partitions; ++p) {
    if (Status loaded = Load(p); !loaded) return loaded;
    from.push_back(owned_[static_cast<std::size_t>(p)].next);
  }
  auto opened = environment_.logs->OpenAll(environment_.config->ObservationsTopic(), from);
  if (!opened) return tl::unexpected(opened.error());
  stream_ = std::move(*opened);
  round_began_ms_ = environment_.clock->SteadyMs();
  totals_.ready = true;
  Publish();
  return {};
}

Status LearningWorker::FoldRecord(const Record& record) {
  Owned& owned = owned_[static_cast<std::size_t>(record.cause.partition)];
  if (record.cause.offset < owned.next) return {};
  switch (PeekObservationRecord(record.value)) {
    case ObservationRecordType::kControl:
      if (Status configured = Configure(owned, record.value); !configured) return configured;
      break;
    case ObservationRecordType::kObservations: {
      if (owned.fold == nullptr) return Fail(Code::kLogAndStateDisagree, "observations before any plan");
      rows_.Clear();
      if (Status decoded = DecodeObservations(*owned.plan, record.value, rows_); !decoded) return decoded;
      for (const Observation& row : rows_.rows) {
        owned.fold->Apply(row, rows_.Features(row), static_cast<std::uint64_t>(record.cause.offset));
      }
      totals_.observations += rows_.rows.size();
      round_observations_ += rows_.rows.size();
      break;
    }
    case ObservationRecordType::kDamaged:
      return Fail(Code::kCorrupt, fmt::format("{}[{}] offset {} is not an observation record",
                                              environment_.config->ObservationsTopic(), record.cause.partition, record.cause.offset));
  }
  owned.next = record.cause.offset + 1;
  owned.moved = true;
  return {};
}

Status LearningWorker::Turn(int wait_ms) {
  progress_.fetch_add(1, std::memory_order_relaxed);
  batch_.Clear();
  if (Status read = stream_->Read(kReadRecords, wait_ms, batch_); !read) return read;
  for (std::size_t i = 0; i < batch_.count; ++i) {
    if (Status folded = FoldRecord(batch_.records[i]); !folded) return folded;
  }
  for (const LogEnd& end : batch_.ends) owned_[static_cast<std::size_t>(end.partition)].read_to = end.offset;
  const bool newer = plan_ != nullptr && plan_->epoch > environment_.plan->epoch;
  const LearningSpec& learning = (newer ? plan_ : environment_.plan)->learning;
  const std::int64_t now = environment_.clock->SteadyMs();
  const std::int64_t round_ms = now - round_began_ms_;
  // A quarter of the time at least: every round publishes whole models and every shard adopts them.
  const bool many = round_observations_ >= learning.snapshot_observations && round_ms >= learning.snapshot_every / kRoundsPerInterval;
  const bool due = many || round_ms >= learning.snapshot_every;
  return due ? EndRound() : Status{};
}

Status LearningWorker::PublishCaps(const CapView& caps, Owned& owned) {
  std::string key, value;
  for (const CapCell& cell : caps.cells) {
    if (cell.limit == 0) continue;
    key.clear();
    value.clear();
    owned.encoder->EncodeCapCell(cell, caps.version, key, value);
    // Told when the cap or its interval has changed, not with every observation.
    const std::string gist = fmt::format("{} {} {}", cell.limit, cell.low, cell.high);
    if (std::exchange(owned.caps_told[key], gist) == gist) continue;
    const auto partition = static_cast<std::int32_t>(H64(key) % static_cast<std::uint64_t>(environment_.caps_partitions));
    if (Status sent = publisher_.Append({.topic = OutTopic::kCaps, .partition = partition, .key = key, .value = value}); !sent) return sent;
  }
  return {};
}

/// What a restart reads again: everything not learned, and what is learned by models that were held back.
std::uint64_t LearningWorker::FloorOf(const Owned& owned) {
  return std::min(static_cast<std::uint64_t>(owned.next), owned.fold->HeldFrom());
}

Status LearningWorker::PublishModels(std::int32_t partition, Owned& owned, bool all, std::vector<std::pair<std::string, std::string>>& rows) {
  const auto version = static_cast<std::uint64_t>(owned.next);
  const auto send = [&](const std::string& key, std::string_view value) {
    return publisher_.Append({.topic = OutTopic::kModels, .partition = partition, .key = key, .value = value});
  };
  if (owned.control_moved) {
    const std::string id = fmt::format("{}{}", kPlanModelPrefix, partition);
    std::string framed;
    EncodeModel(id, version, owned.control, framed);
    if (Status sent = send(id, framed); !sent) return sent;
    rows.emplace_back(id, std::move(framed));
  }
  for (const PublishedModel& model : owned.fold->Publish(version, all)) {
    std::string body, framed;
    owned.fold->Save(model.model, body);
    EncodeModel(model.id, model.version, body, framed);
    if (Status sent = send(model.id, framed); !sent) return sent;
    rows.emplace_back(model.id, std::move(framed));
    ++totals_.snapshots;
    totals_.snapshot_wall_ms[model.id] = environment_.clock->WallMs();
    if (model.caps != nullptr) {
      if (Status told = PublishCaps(*model.caps, owned); !told) return told;
    }
  }
  const std::string key = fmt::format("{}{}", kFloorModelPrefix, partition);
  text_.clear();
  EncodeModel(key, FloorOf(owned), {}, text_);
  return send(key, text_);
}

Status LearningWorker::EndRound(bool all) {
  round_began_ms_ = environment_.clock->SteadyMs();
  round_observations_ = 0;
  std::vector<std::vector<std::pair<std::string, std::string>>> rows(owned_.size());
  bool any = false;
  for (std::size_t p = 0; p < owned_.size(); ++p) {
    if (owned_[p].fold == nullptr || (!owned_[p].moved && !(all && owned_[p].fold->HeldFrom() != UINT64_MAX))) continue;
    owned_[p].moved = true;
    any = true;
    if (Status sent = PublishModels(static_cast<std::int32_t>(p), owned_[p], all, rows[p]); !sent) return sent;
  }
  if (!any) {
    Publish();
    return {};
  }
  if (PassFailpoint(Step::kLearnPublish)) return Fail(Code::kKafkaRetriable, "failpoint learn.publish");
  if (Status flushed = publisher_.Flush(); !flushed) return flushed;
  bool failed = PassFailpoint(Step::kLearnStore);
  for (std::size_t p = 0; p < owned_.size(); ++p) {
    Owned& owned = owned_[p];
    if (!owned.moved || owned.fold == nullptr || failed) continue;
    failed = !environment_.store->WriteModels(static_cast<std::int32_t>(p), rows[p], FloorOf(owned));
    owned.moved = owned.control_moved = false;
  }
  if (failed) {
    Log(LogLevel::kError, "cause=store_failed models cannot be stored; stopping, a restart is safe");
    FlushLog();
    _exit(ExitCode(Code::kStoreFailed));
  }
  ++totals_.rounds;
  totals_.last_round_wall_ms = environment_.clock->WallMs();
  Publish();
  return {};
}

Status LearningWorker::Run(const std::atomic<bool>& stop) {
  (void)setpriority(PRIO_PROCESS, 0, kNice);   // of this thread alone
  for (bool started = false; !stop;) {
    Status turned = started ? Turn(kIdleWaitMs) : Start();
    if (turned) {
      started = true;
      continue;
    }
    const Code code = turned.error().code;
    if (code != Code::kKafkaRetriable && code != Code::kKafkaAborted && code != Code::kKafkaUnreachable) return turned;
    // What was appended may be lost: everything since the last stored round is folded again, to the same bytes.
    Log(LogLevel::kWarn, fmt::format("learner: {}; starting again from the stored models", turned.error().detail));
    progress_.fetch_add(1, std::memory_order_relaxed);
    batch_.Clear();
    stream_.reset();
    const std::size_t partitions = owned_.size();
    owned_.clear();
    owned_.resize(partitions);
    started = false;
    std::this_thread::sleep_for(std::chrono::milliseconds(kRestartPauseMs));
  }
  return stream_ == nullptr ? Status{} : EndRound(true);
}

/// Records between what is learned and the end, over all partitions; -1 while one is unknown.
std::int64_t LearningWorker::Lag() const {
  if (stream_ == nullptr) return -1;
  std::int64_t lag = 0;
  for (std::size_t p = 0; p < owned_.size(); ++p) {
    const std::int64_t end = stream_->KnownEnd(static_cast<std::int32_t>(p));
    if (end < 0) return -1;
    lag += std::max<std::int64_t>(0, end - std::max(owned_[p].next, owned_[p].read_to));
  }
  return lag;
}

void LearningWorker::Publish() {
  totals_.lag = Lag();
  const std::int64_t now = environment_.clock->SteadyMs();
  if (now - reported_ms_ >= kReportMs) {
    reported_ms_ = now;
    totals_.models.clear();
    for (const Owned& owned : owned_) {
      if (owned.fold == nullptr) continue;
      for (ModelReport& report : owned.fold->Reports()) totals_.models.push_back(std::move(report));
    }
  }
  const std::lock_guard lock(mutex_);
  view_ = totals_;
}

LearnerView LearningWorker::View() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

}  // namespace offerstream
