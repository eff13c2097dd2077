// How far a partition is: positions of the fold in the logs, and what the store says of itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/decision_fold.h"
#include "models/domain/ids.h"

namespace offerstream {

/// 128 random bits chosen when a partition's changelog is first written; tells a recreated log from the old one.
struct LogId {
  std::uint64_t high = 0, low = 0;
  friend auto operator<=>(const LogId&, const LogId&) = default;
  bool known() const { return high != 0 || low != 0; }
};

/// Where the fold stands after transaction `seq` (0: before the first).
struct FoldPosition {
  TxnSeq seq = 0;
  std::vector<std::int64_t> offsets{};   ///< next offset by input, in configuration order
  EventTime max_event_time = kNever, watermark = kNever, frontier = kNever;
  std::int64_t journal_offset = 0;       ///< a lower bound of where the journal's record of seq + 1 lies
  std::uint32_t plan_epoch = 1;
};

/// A partition's meta record: last record of its share in the changelog, and a row in the store.
struct PartitionMeta {
  std::uint32_t format = 1;
  FoldPosition committed{};              ///< C
  FoldPosition floor{};                  ///< up to here every customer's stored row is complete
  LogId log_id{};
  std::string writer{};                  ///< app-instance-shard, for people
  PartitionAccount account{};            ///< exact at C
  // Only in the store's copy:
  std::int64_t changelog_offset = 0;     ///< rows of the changelog below it are contained
  std::int64_t applied_at_ms = 0;        ///< wall clock of the last write (age of a local copy against tombstones)
  bool restoring = false;                ///< recovery has not finished: floor and committed do not count yet
};

}  // namespace offerstream
