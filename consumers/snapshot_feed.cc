#include "consumers/snapshot_feed.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "consumers/learning_worker.h"
#include "consumers/log.h"
#include "models/deciding/label_resolver.h"
#include "state/formats/codecs.h"

namespace offerstream {
namespace {

constexpr std::size_t kReadRecords = 500;
constexpr int kIdleWaitMs = 20;
constexpr int kRestartPauseMs = 500;

/// Replaces a view by a newer one; a zombie's older one is ignored.
template <typename View>
bool Replace(const std::shared_ptr<const View>& from, std::shared_ptr<const View>& to) {
  if (from == nullptr || (to != nullptr && from->version <= to->version)) return false;
  to = from;
  return true;
}

}  // namespace

std::map<IdHash, std::size_t> IndexModels(const CampaignPlan& plan) {
  std::map<IdHash, std::size_t> index;
  for (std::size_t i = 0; i < plan.models(); ++i) index[plan.ModelHash(ModelIndex(i))] = i;
  return index;
}

bool PlaceModel(const PublishedModel& model, const std::map<IdHash, std::size_t>& index, AdoptedModels& models) {
  if (Replace(model.caps, models.caps) || Replace(model.segments, models.segments)) return true;
  if (Replace(model.preferences, models.preferences) || Replace(model.churn, models.churn)) return true;
  if (Replace(model.items, models.items)) return true;
  if (model.budget != nullptr) return Replace(model.budget, models.budgets[model.model]);
  if (model.lift != nullptr) {
    if (model.model == LiftModel()) return Replace(model.lift, models.lift);
    return Replace(model.lift, models.campaign_lifts[model.model]);
  }
  if (model.response == nullptr) return false;
  const auto place = index.find(model.model);
  if (place == index.end()) return false;
  if (models.responses.size() < index.size()) models.responses.resize(index.size());
  return Replace(model.response, models.responses[place->second]);
}

SnapshotFeed::SnapshotFeed(const ShardEnvironment& environment) : SnapshotFeed(environment, environment.plan) {}

SnapshotFeed::SnapshotFeed(const ShardEnvironment& environment, std::shared_ptr<const CampaignPlan> plan)
    : environment_(environment), plan_(std::move(plan)), index_(IndexModels(*plan_)) {
  models_.responses.resize(index_.size());
}

SnapshotFeed::~SnapshotFeed() { batch_.Clear(); }

Status SnapshotFeed::Start() {
  const std::string topic = environment_.config->ModelsTopic();
  std::vector<std::int64_t> from;
  wanted_.clear();
  for (std::int32_t p = 0; p < environment_.observation_partitions; ++p) {
    auto bounds = environment_.logs->Bounds(topic, p);
    if (!bounds) return tl::unexpected(bounds.error());
    from.push_back(bounds->low);
    wanted_.push_back(bounds->high);
  }
  next_ = from;
  auto opened = environment_.logs->OpenAll(topic, from);
  if (!opened) return tl::unexpected(opened.error());
  stream_ = std::move(*opened);
  return {};
}

bool SnapshotFeed::Take(const Record& record) {
  auto& next = next_[static_cast<std::size_t>(record.cause.partition)];
  next = std::max(next, record.cause.offset + 1);
  if (record.null_value || record.key.starts_with(kPlanModelPrefix) || record.key.starts_with(kFloorModelPrefix)) return false;
  const auto stored = DecodeModel(record.value);
  if (!stored) {
    Log(LogLevel::kError, fmt::format("model {}: {}", record.key, stored.error().detail));
    return false;
  }
  auto model = LearningFold::Read(*plan_, stored->id, stored->version, stored->body);
  if (!model) {
    Log(LogLevel::kWarn, fmt::format("model {} cannot be adopted: {}", record.key, model.error().detail));
    return false;
  }
  return PlaceModel(*model, index_, models_);
}

Status SnapshotFeed::Turn(int wait_ms) {
  batch_.Clear();
  if (Status read = stream_->Read(kReadRecords, wait_ms, batch_); !read) return read;
  bool changed = false;
  for (std::size_t i = 0; i < batch_.count; ++i) changed = Take(batch_.records[i]) || changed;
  for (const LogEnd& end : batch_.ends) {
    auto& next = next_[static_cast<std::size_t>(end.partition)];
    next = std::max(next, end.offset);
  }
  if (!caught_up_) {
    caught_up_ = true;
    for (std::size_t p = 0; p < next_.size(); ++p) caught_up_ = caught_up_ && next_[p] >= wanted_[p];
    changed = caught_up_;
  }
  if (changed && caught_up_) {
    auto copy = std::make_shared<const AdoptedModels>(models_);
    const std::lock_guard lock(mutex_);
    newest_ = std::move(copy);
  }
  return {};
}

Status SnapshotFeed::Run(const std::atomic<bool>& stop) {
  for (bool started = false; !stop;) {
    Status turned = started ? Turn(kIdleWaitMs) : Start();
    started = turned.has_value();
    if (started) continue;
    const Code code = turned.error().code;
    if (code != Code::kKafkaRetriable && code != Code::kKafkaUnreachable) return turned;
    Log(LogLevel::kWarn, fmt::format("models: {}; reading them again", turned.error().detail));
    batch_.Clear();
    stream_.reset();
    std::this_thread::sleep_for(std::chrono::milliseconds(kRestartPauseMs));
  }
  return {};
}

std::shared_ptr<const AdoptedModels> SnapshotFeed::Newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

}  // namespace offerstream
