// Account: the partition's own small state, moved by every event and by nothing a profile says.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "models/deciding/budget_book.h"
#include "models/domain/bytes.h"
#include "models/domain/ids.h"

namespace offerstream {

/// Everything of a partition that belongs to no customer; whole in each meta record, exact at the committed position.
struct PartitionAccount {
  EventTime max_event_time = kNever;
  EventTime watermark = kNever;     ///< max_event_time - lateness, or a clock advance; never falls
  EventTime frontier = kNever;      ///< timers due up to here have fired
  std::map<IdHash, std::uint64_t> adopted{};  ///< model -> version
  std::vector<IdHash> births{};       ///< models whose birth this partition has told, ordered
  std::uint32_t plan_epoch = 1;
  BudgetLeases leases{};            ///< what may still be spent, by the budget's hash

  /// Event time is at least `time`: moves max_event_time and the watermark (the largest event time less `lateness`).
  void Advance(EventTime time, Duration lateness);
  /// Timers due up to `time` have fired. Never falls.
  void Swept(EventTime time);
  /// True the first time a model's birth is told.
  bool TellBirth(IdHash model);

  /// Byte form for the meta record; round-trips.
  void Save(ByteWriter& out) const;
  /// False on damage; then the account is unspecified.
  bool Load(ByteReader& in);
};

}  // namespace offerstream
