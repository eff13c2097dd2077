// The customers of a partition in memory: profiles at stable addresses in large chunks, and an index by id beside them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/domain/customer_profile.h"
#include "models/domain/ids.h"

namespace offerstream {

/// No slot, no sleeper.
inline constexpr std::uint32_t kNoRef = UINT32_MAX;

/// A profile in memory and what the partition knows of it. Its address is stable until Free.
struct CustomerSlot : CustomerProfile {
  using CustomerProfile::CustomerProfile;

  bool live : 1 = false;                                ///< in use
  bool gone : 1 = false;                                ///< erased: an empty profile that only keeps as_of
  bool erasure_listed : 1 = false;                      ///< waits in the dirty tail's list of erased ones
  bool touched : 1 = false;                             ///< used since the eviction hand last came by
  bool shared : 1 = false;                              ///< taken by the dirty tail's last share that wanted it
  bool timed : 1 = false;                               ///< counted as one that has a timer, near or far
  std::uint32_t number = 0;                             ///< position in the slab
  std::uint32_t dirty_previous = kNoRef, dirty_next = kNoRef;  ///< the list of dirty ones, by first_dirty
  std::uint32_t changed_after = 0;                      ///< transactions from that share to its first change since; 0 = none
  EventTime queued_due = INT64_MAX;                     ///< the due time its live timer entry carries; none while it is far
};

/// A customer that is only in the store but has a timer.
struct Sleeper {
  std::string id{};
  IdHash hash = 0;
  EventTime due = INT64_MAX;
};

/// Where a customer is: in a slot, asleep, or neither.
struct CustomerRef {
  std::uint32_t slot = kNoRef, sleeper = kNoRef;
};

/// Slots in chunks of 2 MiB (huge pages from the second on) with a free list; arrays of all profiles draw from the given
/// pool. The index holds four bytes a customer. Find costs a cache miss or two. One thread.
class CustomerSlab {
 public:
  explicit CustomerSlab(std::pmr::memory_resource& pool);
  ~CustomerSlab();

  /// Where the customer is.
  CustomerRef Find(std::string_view id, IdHash hash) const;
  /// Touches the memory of a customer's slot and says its number; kNoRef when it is in none.
  std::uint32_t Prefetch(std::string_view id, IdHash hash) const;
  /// Touches a slot's memory without looking at it.
  void PrefetchSlot(std::uint32_t slot) const;
  /// Touches what the slot's arrays hold, where an event will look. Call some time after Prefetch.
  void PrefetchArrays(std::uint32_t slot) const;
  /// … where a timer will look.
  void PrefetchTimed(std::uint32_t slot) const;
  /// Touches labels and features of the latest few exposures due at or before `due`. Call some time after one of these.
  void PrefetchExposures(std::uint32_t slot, EventTime due) const;

  /// A new empty profile with id and hash. REQUIRES: Find says neither.
  CustomerSlot& New(std::string_view id, IdHash hash);
  /// Destroys the profile; the slot is reused. REQUIRES: not in the dirty list.
  void Free(CustomerSlot& slot);
  CustomerSlot& At(std::uint32_t slot);
  const CustomerSlot& At(std::uint32_t slot) const;

  /// Remembers a stored customer's timer; returns the sleeper's number. REQUIRES: Find says neither.
  std::uint32_t Sleep(std::string_view id, IdHash hash, EventTime due);
  /// Forgets a sleeper.
  void Wake(std::uint32_t sleeper);
  const Sleeper& SleeperAt(std::uint32_t sleeper) const;

  /// Slots ever used: numbers 0 .. capacity() - 1 are valid for At, live or not.
  std::uint32_t capacity() const;
  std::uint64_t live() const;
  /// Sleepers ever used: numbers below are valid for SleeperAt; a free one is due INT64_MAX.
  std::uint32_t sleeper_capacity() const;
  std::uint64_t sleepers() const;
  /// Slots in use and the index, without what the pool holds.
  std::uint64_t used_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace offerstream
