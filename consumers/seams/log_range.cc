#include <algorithm>
#include <string>

#include "consumers/seams/event_source.h"

namespace offerstream {
namespace {

constexpr int kWaitMs = 100;
constexpr std::size_t kRecordsMax = 2000;
constexpr int kAskEveryMs = 5000;   // of silence: whether Kafka answers at all

}  // namespace

LogCursor::LogCursor(LogReader& reader, std::string topic, std::int32_t partition, std::int64_t from, std::uint16_t input,
                     int patience_ms)
    : reader_(reader), topic_(std::move(topic)), partition_(partition), next_(from), input_(input), patience_ms_(patience_ms) {}

Status LogCursor::Fill() {
  if (stream_ == nullptr) {
    auto opened = reader_.Open(topic_, partition_, next_, input_);
    if (!opened) return tl::unexpected(opened.error());
    stream_ = std::move(*opened);
  }
  batch_.Clear();
  at_ = 0;
  if (Status read = stream_->Read(kRecordsMax, kWaitMs, batch_); !read) return read;
  // An end is told once, perhaps with the last records: it counts when those are handed out.
  for (const LogEnd& end : batch_.ends) end_ = std::max(end_, end.offset);
  quiet_ms_ = batch_.count > 0 ? 0 : quiet_ms_ + kWaitMs;
  if (quiet_ms_ > 0 && (quiet_ms_ % kAskEveryMs == 0 || quiet_ms_ >= patience_ms_)) {
    // Silence of a broker that is away says nothing about the log.
    if (auto bounds = reader_.Bounds(topic_, partition_); !bounds) return tl::unexpected(bounds.error());
  }
  if (quiet_ms_ < patience_ms_) return {};
  return Fail(Code::kLogAndStateDisagree,
              topic_ + "[" + std::to_string(partition_) + "]: nothing readable beyond offset " + std::to_string(next_) +
                  " for " + std::to_string(patience_ms_ / 1000) +
                  " s; a transaction of a dead writer may hang there (kafka-transactions.sh find-hanging)");
}

Status LogCursor::AdvanceTo(std::int64_t to, const std::function<bool(const Record&)>& each) {
  while (next_ < to) {
    if (at_ == batch_.count) {
      if (end_ > next_) {
        next_ = end_;
        continue;
      }
      if (Status filled = Fill(); !filled) return filled;
      continue;
    }
    const Record& record = batch_.records[at_];
    if (record.cause.offset >= to) {
      next_ = to;
      break;
    }
    next_ = record.cause.offset + 1;
    ++at_;
    if (!each(record)) break;
  }
  quiet_ms_ = 0;
  return {};
}

Status ReadLogRange(LogReader& reader, const std::string& topic, std::int32_t partition, std::int64_t from,
                    std::int64_t to, std::uint16_t input, int patience_ms,
                    const std::function<bool(const Record&)>& each) {
  LogCursor cursor(reader, topic, partition, from, input, patience_ms);
  bool stopped = false;
  return cursor.AdvanceTo(to, [&](const Record& record) { return !stopped && !(stopped = !each(record)); });
}

}  // namespace offerstream
