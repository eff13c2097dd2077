// A partition in memory: the truth while running. Implements the fold's memory over a slab of profiles in use, with
// the store behind it, and knows what is dirty since when.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "models/domain/campaign_plan.h"
#include "models/fold_memory.h"
#include "state/marks.h"
#include "state/state_batch.h"
#include "state/state_store.h"

namespace offerstream {

/// How much to write with this commit.
struct ShareRequest {
  bool all = false;                       ///< clean stop, target 0
  std::uint64_t tail_events_max = 0;      ///< N: events of re-folding a restart may cost; 0 = as `all`
  std::uint64_t txn_events = 0;           ///< events of this transaction
  std::size_t rows_max = 20'000;
  std::size_t bytes_max = 16u << 20;
};

/// One thread. The store may be shared; this partition has one writer. Total memory of profiles is bounded by
/// `memory_bytes` as far as clean profiles can leave; EndTransaction evicts the longest unused.
class PartitionState final : public FoldMemory {
 public:
  PartitionState(std::shared_ptr<const CampaignPlan> plan, StateStore& store, std::int32_t partition,
                 std::uint64_t memory_bytes);
  ~PartitionState() override;

  CustomerProfile& Open(std::string_view id, IdHash hash, TxnSeq seq) override;
  const CustomerProfile* Find(std::string_view id, IdHash hash) override;
  void Erase(CustomerProfile& profile, TxnSeq seq) override;
  void Reschedule(CustomerProfile& profile) override;
  CustomerProfile* NextDue(EventTime limit, TxnSeq seq) override;

  /// Hints the customers of the next events: their memory is touched early; missing ones are read together.
  void Prefetch(std::span<const std::string_view> ids, std::span<const IdHash> hashes);

  /// Reads every stored row once: timers of customers with open exposures enter the queue, and profiles enter memory
  /// until the bound. Called once before folding or re-folding.
  Status LoadAll();

  /// Puts the share due with transaction `position` into `batch` (rows sorted by id, as_of = position.seq), computes the
  /// floor that holds once it is written and fills `meta` (committed, floor; account and the rest are the caller's).
  /// Nothing is marked yet.
  void TakeShare(const ShareRequest& request, const FoldPosition& position, StateBatch& batch, PartitionMeta& meta);
  /// The transaction committed and the batch is in the store: its rows are clean unless changed since.
  void ShareWritten(const StateBatch& batch, const PartitionMeta& meta);
  /// Between transactions: evicts clean profiles beyond the memory bound.
  void EndTransaction();
  /// Takes a stored floor (start and recovery).
  void SetFloor(const FoldPosition& floor);
  const FoldPosition& floor() const;

  /// Recovery: transaction `position.seq` of the tail has been re-folded; `events` of it count into the tail. Live
  /// transactions are told by TakeShare.
  void Refolded(const FoldPosition& position, std::uint64_t events);

  /// Every customer in ascending order of id: encoded rows without as_of; the independent dump of tests and `state export`.
  Status Dump(const std::function<void(std::string_view id, std::string_view row)>& row);

  /// What the metrics show of this partition; counts since the start, or now.
  struct Sizes {
    std::uint64_t cached = 0, dirty = 0, timers = 0, resident_bytes = 0, tail_events = 0, misses = 0, hits = 0;
  };
  /// The sizes now. O(1).
  Sizes sizes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace offerstream
