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

/// Ordered by (due, hash). What is due soon lies sorted, so that the next ones are known and their memory can be fetched
/// ahead; what comes late to it waits in a small heap beside; the rest lies unordered in buckets of some minutes, because
/// most entries are stale long before their time and are never worth a place in an order. Changing a customer's timer
/// pushes a new entry and leaves the old one; the caller recognises a stale entry because the customer's own next_due
/// differs. Can be made anew from the customers at any time. One thread.
class TimerQueue {
 public:
  /// O(log entries that came late to what is due soon).
  void Push(const TimerEntry& entry);
  bool empty() const { return next_ == run_.size() && late_.empty(); }
  std::size_t size() const { return run_.size() - next_ + late_.size() + waiting_; }
  const TimerEntry& top() const { return TopIsLate() ? late_.front() : run_[next_]; }
  /// The n-th of the sorted entries from the next one on: what is due soon, nearly always. Null when there are fewer.
  const TimerEntry* Ahead(std::size_t n) const { return n < run_.size() - next_ ? &run_[next_ + n] : nullptr; }
  /// REQUIRES: not empty.
  TimerEntry Pop();
  /// Starts anew with these entries, in any order. O(entries).
  void Assign(std::vector<TimerEntry> entries);
  /// True when another entry has the top's due time and hash. REQUIRES: not empty. O(1).
  bool TopIsTied() const;

 private:
  bool TopIsLate() const;
  void PutAside(const TimerEntry& entry);
  void Settle();
  void SortRun();

  std::vector<TimerEntry> run_{};       ///< sorted; all that is due before end_ is here from next_ on or in late_
  std::size_t next_ = 0;
  std::vector<TimerEntry> late_{};      ///< heap, the earliest in front; both are empty only when nothing waits either
  EventTime end_ = INT64_MIN;
  std::map<std::int64_t, std::vector<TimerEntry>> buckets_{};  ///< by due >> kBucketBits, all from end_ on
  std::size_t waiting_ = 0;             ///< entries in the buckets
  std::vector<TimerEntry> scratch_{};
};

}  // namespace offerstream
