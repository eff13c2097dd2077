// What the running service lets others see: counters copied at each commit, readiness, recent decisions, and reads of a
// customer on the shard that owns it. Metrics and the HTTP API are made from this and nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/decision_fold.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/customer_profile.h"
#include "models/domain/status.h"
#include "models/learning_fold.h"
#include "models/model_view.h"

namespace offerstream {

/// One owned partition as of its last commit.
struct PartitionView {
  std::int32_t partition = 0;
  bool ready = false;
  TxnSeq seq = 0;
  std::vector<std::int64_t> offsets{};    ///< next offset by input
  std::vector<std::string> topics{};      ///< by input
  std::int64_t lag = -1;                  ///< records behind the end over all inputs; -1 unknown
  std::uint64_t tail_events = 0, profiles_cached = 0, profiles_dirty = 0, timers = 0, resident_bytes = 0;
  std::uint64_t restore_remaining = 0;
  EventTime watermark = kNever, max_event_time = kNever;
  FoldCounters counters{};
};

/// One shard: its thread's numbers since it started, copied at each commit. All monotonic but the last ones.
struct ShardView {
  std::uint32_t shard = 0;
  std::vector<PartitionView> partitions{};
  std::uint64_t committed = 0, aborted = 0, unknown = 0;      ///< transactions by outcome
  std::map<std::string, std::uint64_t> recycles{};            ///< producer recycles by cause (Code's reason text)
  std::uint64_t retention_alarms = 0;                         ///< log starts that came near the tail
  std::uint64_t rebalances = 0, records = 0, record_bytes = 0, key_mismatches = 0, timestamps_from_record = 0;
  std::map<std::string, std::uint64_t> rejected{};            ///< bad records by reason
  std::uint64_t dead_letters = 0, decisions = 0, caps = 0, observations = 0, profile_rows = 0;
  double busy_seconds = 0;                                    ///< folding and encoding
  double commit_seconds = 0;                                  ///< waiting for Kafka
  double store_seconds = 0;
  std::vector<std::uint64_t> event_to_decision_ms{};          ///< histogram counts by kLatencyBoundsMs, then +Inf
  double event_to_decision_sum_ms = 0;
  std::int64_t last_commit_wall_ms = 0;
  std::uint32_t last_commit_events = 0;
};

/// Upper bounds of ShardView.event_to_decision_ms.
inline constexpr double kLatencyBoundsMs[] = {5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000};

/// The learning worker.
struct LearnerView {
  bool ready = false;
  std::uint64_t observations = 0, rounds = 0, snapshots = 0;
  std::int64_t lag = -1;
  std::int64_t last_round_wall_ms = 0;
  std::map<std::string, std::int64_t> snapshot_wall_ms{};     ///< when a model was last published
  std::vector<ModelReport> models{};                          ///< as of the last round
};

/// A customer as of the last commit of its partition.
struct CustomerView {
  std::shared_ptr<const CampaignPlan> plan{};   ///< what the profile's indices mean
  std::int32_t partition = 0;
  TxnSeq seq = 0;
  std::int64_t offset = 0;                ///< next offset of the first input
  EventTime watermark = kNever;
  CustomerProfile profile{};
  std::vector<CapState> caps{};
};

/// An erasure that was asked for: it lies in the input and is done when its receipt is published.
struct ErasureRequest {
  std::string id{};                          ///< again in the receipt
  std::string customer{};                    ///< hash of the customer's id, the receipts' key
  std::string receipts{};                    ///< topic
  std::vector<std::int32_t> partitions{};    ///< of the input it was appended to; each gives a receipt
};

/// Answer of /readyz.
struct Readiness {
  bool ready = false;
  std::vector<std::string> reasons{};     ///< why not, one sentence each
};

/// The last attempt to read the configuration again, the start included.
struct ReloadView {
  bool successful = true;
  std::int64_t success_wall_ms = 0;       ///< when one last succeeded
};

/// All calls are safe from any thread and do not block a worker for longer than a copy.
class ServiceView {
 public:
  virtual ~ServiceView() = default;
  /// The plan in force.
  virtual std::shared_ptr<const CampaignPlan> plan() const = 0;
  virtual ReloadView reload() const { return {}; }
  /// As of now.
  virtual Readiness readiness() const = 0;
  /// False when a worker made no progress for too long (/livez).
  virtual bool alive() const = 0;
  virtual std::vector<ShardView> shards() const = 0;
  virtual LearnerView learner() const = 0;
  /// What the decision folds may adopt now; null before the first.
  virtual std::shared_ptr<const AdoptedModels> models() const = 0;
  /// The newest decisions as JSON lines, newest first, at most 1000 kept.
  virtual std::vector<std::string> RecentDecisions(std::size_t limit) const = 0;
  /// Reads a customer on its shard's thread between transactions; waits at most 2 s. kNotFound: no such customer here.
  virtual Result<CustomerView> Customer(std::string_view id) = 0;
  /// Appends the customer's deletion to the input, where it is folded like any event; returns when Kafka has it, at most 7 s.
  virtual Result<ErasureRequest> EraseCustomer(std::string_view id) = 0;
  /// One line in the log: what was done to a customer (by hash), by whom, and the answer.
  virtual void Audit(std::string_view deed, std::string_view id, std::string_view peer, unsigned status) const = 0;
  /// Bytes and estimated keys by family name.
  virtual std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> StateSizes() const = 0;
  /// Free bytes on the state directory's disk; 0 unknown.
  virtual std::uint64_t DiskFree() const = 0;
};

}  // namespace offerstream
