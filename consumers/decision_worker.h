// THE loop of a shard: attend the group, recover what was assigned, poll, fold, append, commit, store, adopt.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "consumers/owned_partition.h"
#include "consumers/seams/event_source.h"
#include "consumers/seams/outbox.h"
#include "consumers/service_view.h"
#include "consumers/shard_environment.h"

namespace offerstream {

/// One thread runs Run (or Turn, in tests); View, Ask and progress may be called from any other.
class DecisionWorker {
 public:
  /// `environment`, `source` and `outbox` outlive the worker. `memory_bytes`: for the profiles of all its partitions.
  DecisionWorker(const ShardEnvironment& environment, std::uint32_t shard, EventSource& source, Outbox& outbox,
                 std::uint64_t memory_bytes);
  ~DecisionWorker();

  /// Turns until `stop`, then writes all that is dirty (5 s at most) and returns. An error means the process must end
  /// with its exit code.
  Status Run(const std::atomic<bool>& stop);
  /// One pass: attend, recover, and one transaction or one wait of at most `wait_ms`.
  Status Turn(int wait_ms);
  /// A transaction that writes every dirty row; leaves no tail.
  Status WriteAll();

  /// Numbers as of the last commit. Any thread.
  ShardView View() const;
  /// The newest decisions of this shard, oldest first. Any thread.
  std::vector<std::string> RecentDecisions() const;
  /// Grows whenever the loop gets on; for the watchdog. Any thread.
  std::uint64_t progress() const { return progress_.load(std::memory_order_relaxed) + remaining_.load(std::memory_order_relaxed); }
  /// Waiting for Kafka is progress, too. Any thread.
  void StillWaiting() { progress_.fetch_add(1, std::memory_order_relaxed); }
  /// True when the group has given this shard its share, an empty one too, and all of it is recovered. Any thread.
  bool ready() const { return ready_.load(); }
  /// Takes over a plan of a higher epoch before its next transaction; others are passed over. Any thread.
  void Activate(std::shared_ptr<const CampaignPlan> plan);
  /// The epoch every partition of this shard is in, as of the last turn. Any thread.
  std::uint32_t plan_epoch() const { return plan_epoch_.load(); }
  /// Runs on the worker's thread between transactions, soon; for reads of a customer. Any thread.
  using Question = std::function<void(DecisionWorker&)>;
  void Ask(Question question);
  /// For questions: the partitions owned and recovered. The worker's thread only.
  const std::map<std::int32_t, std::unique_ptr<OwnedPartition>>& partitions() const { return partitions_; }

 private:
  Status AttendOwnership();
  Status RecoverMissing();
  Status RecoverOne(std::int32_t partition);
  Status RaisePlans();
  Status Write(const std::vector<OwnedPartition*>& members);
  Status Transact(RecordBatch& batch);
  Status TransactIdle();
  Status FoldBatch(const RecordBatch& batch, bool& folded);
  void Open(OwnedPartition& partition);
  bool AwaitModels();
  Status CommitAll(bool write_all, std::vector<OwnedPartition*> members);
  Status GiveUp(const Error& why);
  bool StoreAll();
  ShareRequest Share(bool write_all) const;
  std::uint64_t MemoryEach() const;
  void Publish();
  void KeepCounters();
  void KeepCountersOf(const OwnedPartition& partition);
  void SetPlan(std::shared_ptr<const CampaignPlan> plan);
  void CountLatency(std::int64_t now_ms);
  void Answer();
  bool DiskLow();
  Status WatchRetention();
  void Count(std::string_view recycle_cause);

  ShardEnvironment environment_;   // the plan in it is this shard's own
  const Config& config_;
  const std::uint32_t shard_;
  EventSource& source_;
  Outbox& outbox_;
  const std::uint64_t memory_bytes_;

  std::map<std::int32_t, std::unique_ptr<OwnedPartition>> partitions_;
  std::vector<std::int32_t> missing_;          // assigned, not yet recovered
  bool share_known_ = false;                   // the group has said which partitions are this shard's
  RecordBatch batch_;
  bool open_ = false;                          // a transaction in the outbox
  std::int64_t opened_ms_ = 0, last_commit_ms_ = 0, last_input_ms_ = 0, last_clock_ms_ = 0, last_publish_ms_ = 0;
  std::int64_t last_retention_check_ms_ = 0, last_disk_check_ms_ = 0, adopt_waiting_since_ms_ = 0, clock_from_ms_ = 0;
  bool disk_low_ = false;
  double events_per_second_ = 20'000;          // smoothed folding speed
  double refold_per_second_ = 0;               // measured at the last recovery; 0: not yet
  double fold_seconds_ = 0;                    // of the open transaction
  ShardCounts counts_, committed_counts_;      // with and without the open transaction
  std::map<std::int32_t, FoldCounters> before_;   // of folds that are gone, by partition
  ShardView totals_;
  std::vector<const Record*> slice_;

  std::atomic<std::uint64_t> progress_{0}, remaining_{0};
  std::atomic<bool> ready_{false};
  std::atomic<std::uint32_t> plan_epoch_{0};
  mutable std::mutex mutex_;
  ShardView view_;                             // guarded by mutex_
  std::vector<std::string> recent_;            // guarded by mutex_
  std::size_t recent_next_ = 0;                // guarded by mutex_
  std::vector<Question> questions_;            // guarded by mutex_
  std::shared_ptr<const CampaignPlan> next_plan_;   // guarded by mutex_; to be taken over
};

}  // namespace offerstream
