// A model owner's loop: read observations, fold, publish changed snapshots and learned caps, keep them in the store.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "consumers/seams/event_source.h"
#include "consumers/seams/publisher.h"
#include "consumers/service_view.h"
#include "consumers/shard_environment.h"
#include "consumers/wire/decision_encoder.h"
#include "models/learning_fold.h"

namespace offerstream {

/// Needs no transactions: a snapshot is a function of a prefix of its partition, so publishing it twice is harmless.
/// Publish first, store second. One thread runs Run (or Start and Turn, in tests); View may be called from any.
class LearningWorker {
 public:
  /// Both outlive the worker.
  LearningWorker(const ShardEnvironment& environment, Publisher& publisher);
  ~LearningWorker();

  /// Loads the models from the store, or from the models topic, and opens the observations at the floor.
  Status Start();
  /// Reads what is there (waits up to `wait_ms`), folds it, and ends the round when it is due.
  Status Turn(int wait_ms);
  /// Turns until `stop`, then ends the round.
  Status Run(const std::atomic<bool>& stop);
  /// Publishes and stores what changed; `all`: what is held back as well.
  Status EndRound(bool all = false);

  /// Numbers as of the last round. Any thread.
  LearnerView View() const;
  /// For the watchdog. Any thread.
  std::uint64_t progress() const { return progress_.load(std::memory_order_relaxed); }

 private:
  struct Owned {
    std::unique_ptr<LearningFold> fold{};
    std::shared_ptr<const CampaignPlan> plan{};
    std::unique_ptr<DecisionEncoder> encoder{};
    std::string control{};            // the control record in force; empty: none met yet
    std::int64_t next = 0;            // offsets below are in the models
    std::int64_t read_to = 0;         // as next, or beyond where the log has no more records (transaction markers)
    bool moved = false, control_moved = false;
    std::map<std::string, std::string> caps_told{};
  };
  Status Load(std::int32_t partition);
  Status LoadPublished(std::int32_t partition, StateStore::StoredModels& models);
  Status Configure(Owned& owned, std::string_view control);
  Status FoldRecord(const Record& record);
  Status PublishModels(std::int32_t partition, Owned& owned, bool all, std::vector<std::pair<std::string, std::string>>& rows);
  Status PublishCaps(const CapView& caps, Owned& owned);
  static std::uint64_t FloorOf(const Owned& owned);
  std::int64_t Lag() const;
  void Publish();

  const ShardEnvironment& environment_;
  Publisher& publisher_;
  std::vector<Owned> owned_;
  std::shared_ptr<const CampaignPlan> plan_{};   // the newest control record's; null: none met yet
  std::unique_ptr<LogStream> stream_;
  RecordBatch batch_;
  ObservationBatch rows_;
  std::int64_t round_began_ms_ = 0, reported_ms_ = 0;
  std::uint64_t round_observations_ = 0;
  LearnerView totals_;
  std::string text_;
  std::atomic<std::uint64_t> progress_{0};
  mutable std::mutex mutex_;
  LearnerView view_;                  // guarded by mutex_
};

/// Keys of the models topic that are no models: the plan in force, and the floor of a partition.
inline constexpr std::string_view kPlanModelPrefix = "plan|", kFloorModelPrefix = "floor|";

}  // namespace offerstream
