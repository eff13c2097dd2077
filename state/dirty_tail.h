// What a partition has changed and not yet written: which customers since when, and which positions that keeps alive.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "models/domain/ids.h"
#include "state/customer_slab.h"
#include "state/marks.h"
#include "state/partition_state.h"

namespace offerstream {

/// Dirty customers in a list by first unwritten transaction, threaded through their slots, and the fold positions since
/// the floor with the number of events in each. Owns no customer. One thread. REQUIRES: the slab outlives it.
class DirtyTail {
 public:
  explicit DirtyTail(CustomerSlab& slab) : slab_(slab) {}

  /// Transaction `seq` changes the customer. O(1).
  void Mark(CustomerSlot& slot, TxnSeq seq);
  /// An erased customer: goes with the next share whatever else does.
  void MarkErased(CustomerSlot& slot) {
    if (!slot.erasure_listed) erased_.push_back(slot.number);
    slot.erasure_listed = true;
  }

  /// A transaction ended at `position` after `events`. The last position given again replaces it.
  void Note(const FoldPosition& position, std::uint64_t events);
  /// Starts at a stored floor; forgets the positions.
  void SetFloor(const FoldPosition& floor);
  const FoldPosition& floor() const { return floor_; }

  /// Slots to write with transaction `seq`, in no order that matters: all erased ones, then the longest dirty as far as
  /// the request asks and at most rows_max. `all`: as if the request said so (memory is short).
  const std::vector<std::uint32_t>& Choose(const ShareRequest& request, TxnSeq seq, bool all);
  /// The floor when the first `taken` of the chosen slots are written with `position`: the last known position before
  /// the first change that stays unwritten.
  FoldPosition FloorAfter(const FoldPosition& position, std::size_t taken) const;

  /// The slot's row of transaction `as_of` is stored: clean, or dirty since what changed after it.
  void Written(CustomerSlot& slot, TxnSeq as_of);
  /// The floor has been stored: positions below it are forgotten, and erased customers written are no longer asked for.
  void Advance(const FoldPosition& floor);

  std::uint64_t dirty() const { return dirty_; }
  std::uint64_t tail_events() const { return events_ - floor_events_; }

 private:
  struct Transaction {
    FoldPosition position{};
    std::uint64_t events_until = 0;  // since the start of this object
  };

  void Unlink(CustomerSlot& slot);
  // Keeps the order by first_dirty; from the end, where almost every insertion belongs.
  void Link(CustomerSlot& slot);
  std::uint64_t EventsBefore(TxnSeq seq) const;

  CustomerSlab& slab_;
  std::uint32_t head_ = kNoRef, last_ = kNoRef;
  std::uint64_t dirty_ = 0;
  TxnSeq share_seq_ = 0;   // of the last share: the only one that can still be written
  std::vector<std::uint32_t> erased_{}, chosen_{};
  std::deque<Transaction> transactions_{};
  FoldPosition floor_{};
  std::uint64_t floor_events_ = 0, events_ = 0;
};

}  // namespace offerstream
