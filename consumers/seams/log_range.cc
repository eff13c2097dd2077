#include <string>

#include "consumers/seams/event_source.h"

namespace offerstream {

Status ReadLogRange(LogReader& reader, const std::string& topic, std::int32_t partition, std::int64_t from,
                    std::int64_t to, std::uint16_t input, int patience_ms,
                    const std::function<bool(const Record&)>& each) {
  constexpr int kWaitMs = 100;
  constexpr std::size_t kRecordsMax = 5000;
  if (from >= to) return {};
  auto stream = reader.Open(topic, partition, from, input);
  if (!stream) return tl::unexpected(stream.error());
  RecordBatch batch;
  int quiet_ms = 0;
  for (;;) {
    batch.Clear();
    if (Status read = (*stream)->Read(kRecordsMax, kWaitMs, batch); !read) return read;
    for (std::size_t i = 0; i < batch.count; ++i) {
      const Record& record = batch.records[i];
      if (record.cause.offset >= to) return {};
      if (!each(record) || record.cause.offset + 1 >= to) return {};
    }
    for (const LogEnd& end : batch.ends) {
      if (end.offset >= to) return {};
    }
    quiet_ms = batch.count > 0 ? 0 : quiet_ms + kWaitMs;
    if (quiet_ms >= patience_ms) {
      return Fail(Code::kLogAndStateDisagree,
                  topic + "[" + std::to_string(partition) + "]: nothing readable up to offset " + std::to_string(to) +
                      " for " + std::to_string(patience_ms / 1000) +
                      " s; a transaction of a dead writer may hang there (kafka-transactions.sh --find-hanging)");
    }
  }
}

}  // namespace offerstream
