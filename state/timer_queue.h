// When which customer is due next: a heap whose entries are checked when they surface, never searched.
#pragma once

#include <cstddef>
#include <cstdint>
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

/// Ordered by (due, hash). Changing a customer's timer pushes a new entry and leaves the old one; the caller recognises a
/// stale entry because the customer's own next_due differs. Can be made anew from the customers at any time. One thread.
class TimerQueue {
 public:
  /// O(log entries).
  void Push(const TimerEntry& entry);
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  const TimerEntry& top() const { return heap_.front(); }
  /// REQUIRES: not empty. O(log entries).
  TimerEntry Pop();
  /// Starts anew with these entries, in any order. O(entries).
  void Assign(std::vector<TimerEntry> entries);
  /// True when another entry has the top's due time and hash. REQUIRES: not empty. O(1).
  bool TopIsTied() const;

 private:
  std::vector<TimerEntry> heap_{};
};

}  // namespace offerstream
