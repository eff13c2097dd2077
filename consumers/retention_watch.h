// Retention must not pass what recovery would read: the inputs and the journal from the checkpoint's floor on.
#pragma once

#include <cstdint>
#include <string>

#include "consumers/shard_environment.h"
#include "models/domain/status.h"
#include "state/marks.h"

namespace offerstream {

/// True when deletion has begun and the log's start is nearer to the floor than the floor is to the committed position:
/// the next segments to go may be those of the tail. Offsets of one log.
bool RetentionNears(const LogBounds& log, std::int64_t floor, std::int64_t committed);

/// Which log of a partition retention is about to pass, with the numbers; empty: none. Asks the cluster, some
/// milliseconds a log.
Result<std::string> FindRetentionNear(const ShardEnvironment& environment, std::int32_t partition, const FoldPosition& floor,
                                      const FoldPosition& committed);

}  // namespace offerstream
