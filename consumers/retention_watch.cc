#include "consumers/retention_watch.h"

#include <fmt/format.h>

namespace offerstream {

bool RetentionNears(const LogBounds& log, std::int64_t floor, std::int64_t committed) {
  return log.low > 0 && floor < committed && floor - log.low < committed - floor;
}

Result<std::string> FindRetentionNear(const ShardEnvironment& environment, std::int32_t partition, const FoldPosition& floor,
                                      const FoldPosition& committed) {
  const Config& config = *environment.config;
  for (std::size_t i = 0; i <= config.events.size(); ++i) {
    const bool input = i < config.events.size();
    const std::string topic = input ? config.events[i].topic : config.JournalTopic();
    const std::int64_t from = input ? floor.offsets[i] : floor.journal_offset;
    const std::int64_t to = input ? committed.offsets[i] : committed.journal_offset;
    if (from >= to) continue;
    auto bounds = environment.logs->Bounds(topic, partition);
    if (!bounds) return tl::unexpected(bounds.error());
    if (RetentionNears(*bounds, from, to)) {
      return fmt::format("{}[{}] begins at offset {}, recovery would read it from {} to {}", topic, partition, bounds->low, from, to);
    }
  }
  return std::string();
}

}  // namespace offerstream
