// The newest snapshot of every model, read from the models topic and offered to the decision folds of this process.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "consumers/seams/event_source.h"
#include "consumers/shard_environment.h"
#include "models/learning_fold.h"
#include "models/model_view.h"

namespace offerstream {

/// One thread runs Run (or Start and Turn); Newest may be called from any. Offers nothing before it has read the topic
/// to the end it had at the start: after a restart no older models than before are adopted.
class SnapshotFeed {
 public:
  /// For partitions of the plan that is the environment's now; `environment` outlives the feed.
  explicit SnapshotFeed(const ShardEnvironment& environment);
  /// For partitions of this plan.
  SnapshotFeed(const ShardEnvironment& environment, std::shared_ptr<const CampaignPlan> plan);
  ~SnapshotFeed();

  /// Opens the models topic at its beginning.
  Status Start();
  /// Reads what is there; waits up to `wait_ms`.
  Status Turn(int wait_ms);
  /// Turns until `stop`.
  Status Run(const std::atomic<bool>& stop);
  /// The newest views; null before the first reading is done.
  std::shared_ptr<const AdoptedModels> Newest() const;
  const CampaignPlan& plan() const { return *plan_; }

 private:
  bool Take(const Record& record);

  const ShardEnvironment& environment_;
  const std::shared_ptr<const CampaignPlan> plan_;
  std::map<IdHash, std::size_t> index_;               // response model -> its place in the plan
  std::unique_ptr<LogStream> stream_;
  std::vector<std::int64_t> next_, wanted_;
  RecordBatch batch_;
  AdoptedModels models_;
  bool caught_up_ = false;
  mutable std::mutex mutex_;
  std::shared_ptr<const AdoptedModels> newest_;       // guarded by mutex_
};

/// Puts a published model's view where decision folds look for it. False: the plan does not know the model.
bool PlaceModel(const PublishedModel& model, const std::map<IdHash, std::size_t>& index, AdoptedModels& models);
/// Response models' places by hash.
std::map<IdHash, std::size_t> IndexModels(const CampaignPlan& plan);

}  // namespace offerstream
