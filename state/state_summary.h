// What a state directory holds, for people: positions, counts and sizes by partition, and copies that can be checked.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "models/domain/status.h"
#include "state/marks.h"
#include "state/state_store.h"

namespace offerstream {

/// One partition of the decision fold.
struct PartitionSummary {
  std::int32_t partition = 0;
  PartitionMeta meta{};
  std::uint64_t customers = 0, erased = 0;   ///< rows, and tombstones the floor has not reached
  std::uint64_t bytes = 0;                   ///< of rows and ids, before compression
};
/// One partition of the learning fold.
struct LearnerSummary {
  std::int32_t partition = 0;
  std::uint64_t floor = 0, models = 0, bytes = 0;
};
/// Everything in a store.
struct StateSummary {
  std::vector<PartitionSummary> partitions{};
  std::vector<LearnerSummary> learners{};
  std::uint64_t plans = 0;
  std::int64_t erased_since_ms = 0;          ///< files still hold what was erased then or later; 0: they do not
};

/// Reads every row once. kCorrupt names the partition of a row that cannot be read.
Result<StateSummary> Summarise(StateStore& store);
/// One JSON object. No ids of customers are in it.
std::string SummaryJson(const StateSummary& summary);

/// Copies the store into the new directory `dir`: `db`, `manifest.json` (positions, counts), `SHA256SUMS` of all files. It is
/// verified by reading all of it and appears under its name only when it is whole and on the disk; what an interrupted attempt
/// left (`dir`.half) is removed by the next. `half` runs before it gets its name. `now_ms`: told in the manifest. kIo when `dir` exists.
Result<StateSummary> WriteCheckpoint(StateStore& store, const std::string& dir, std::int64_t now_ms, const std::function<void()>& half);

}  // namespace offerstream
