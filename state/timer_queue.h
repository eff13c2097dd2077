// When which customer is due next: entries are checked when they surface, never searched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "models/domain/ids.h"

namespace offerstream {

/// A customer's earliest timer: due time, its hash for the order among equals, and where it is (slot or sleeper).
struct TimerEntry {
  EventTime due = INT64_MAX;
  IdHash hash = 0;
  std::uint32_t ref = 0;
  bool asleep = false;
};

/// Ordered by (due, hash). What is due soon lies in a heap that fits into the cache; the rest waits unordered in buckets
/// of some minutes, because most entries are stale long before their time and are never worth a place in an order.
/// Changing a customer's timer pushes a new entry and leaves the old one; the caller recognises a stale entry because the
/// customer's own next_due differs. Can be made anew from the customers at any time. One thread.
class TimerQueue {
 public:
  /// O(log entries due soon).
  void Push(const TimerEntry& entry);
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size() + waiting_; }
  const TimerEntry& top() const { return heap_.front(); }
  /// One of the two entries of which the earlier comes after the top: child 1 or 2; null when there is none.
  const TimerEntry* Below(std::size_t child) const { return child < heap_.size() ? &heap_[child] : nullptr; }
  /// REQUIRES: not empty. O(log entries due soon).
  TimerEntry Pop();
  /// Starts anew with these entries, in any order. O(entries).
  void Assign(std::vector<TimerEntry> entries);
  /// True when another entry has the top's due time and hash. REQUIRES: not empty. O(1).
  bool TopIsTied() const;

 private:
  void PutAside(const TimerEntry& entry);
  void Settle();

  std::vector<TimerEntry> heap_{};      ///< all that is due before end_; empty only when nothing waits either
  EventTime end_ = INT64_MIN;
  std::map<std::int64_t, std::vector<TimerEntry>> buckets_{};  ///< by due >> kBucketBits, all from end_ on
  std::size_t waiting_ = 0;             ///< entries in the buckets
};

}  // namespace offerstream
