// Recovery of one partition: the checkpoint (local, or from the changelog) plus the log's tail re-folded with the
// recorded decisions (README, "Start"). Nothing is decided or produced here.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "consumers/seams/event_source.h"
#include "consumers/shard_environment.h"
#include "models/decision_fold.h"
#include "models/domain/digest.h"
#include "models/domain/random.h"
#include "state/marks.h"
#include "state/partition_state.h"

namespace offerstream {

/// A partition as of its committed position.
struct RecoveredPartition {
  std::shared_ptr<const CampaignPlan> plan{};     ///< the epoch the partition was in: may be older than the one in force
  std::unique_ptr<PartitionState> state{};
  std::unique_ptr<DecisionFold> fold{};           ///< points into state
  PartitionMeta meta{};                           ///< as in the store
  FoldPosition position{};
  std::uint64_t refolded_events = 0;
  double refold_seconds = 0;
  bool anchor_differs = false;                    ///< the last records contained no longer read as the journal says
};

/// Recovers partition `partition` whose committed positions are `committed` (one an input). `remaining`: counts rows and
/// events still to do, for the metrics. kLogAndStateDisagree with both numbers where they do not fit: never a guess.
Result<RecoveredPartition> RecoverPartition(const ShardEnvironment& environment, std::int32_t partition,
                                            const std::vector<CommittedOffset>& committed, std::uint64_t memory_bytes,
                                            std::atomic<std::uint64_t>& remaining);

/// State, fold and account for a partition whose rows are all in the store.
RecoveredPartition OpenPartition(const ShardEnvironment& environment, std::int32_t partition,
                                 std::shared_ptr<const CampaignPlan> plan, const PartitionMeta& meta,
                                 std::uint64_t memory_bytes, Status& status);

/// Digest and count over decoded records, equal live and re-folded.
struct RecordDigest {
  Digest digest{};
  std::uint64_t records = 0, bad = 0;

  /// What an event was, as decoded.
  void Add(const Event& event) { digest.Add(H64({event.event_hash, event.customer_hash, static_cast<std::uint64_t>(event.time)})); }
};

}  // namespace offerstream
