// Where a shard's records come from: Kafka in production, a log in memory in tests. A shard owns some partitions; a
// partition p owns partition p of every input.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "consumers/seams/record.h"
#include "models/domain/status.h"

namespace offerstream {

/// End of a partition's log as seen by a reader: nothing readable at `offset` yet.
struct LogEnd {
  std::uint16_t input = 0;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
};

/// Records read together. `records` holds `count` live entries; the rest are kept for their capacity. Views point into
/// what `owners` hold and die with Clear. One thread. REQUIRES: cleared before the source that filled it goes.
struct RecordBatch {
  std::vector<Record> records{};
  std::size_t count = 0, bytes = 0;
  std::vector<LogEnd> ends{};
  std::vector<std::pair<void*, void (*)(void*)>> owners{};

  RecordBatch() = default;
  RecordBatch(const RecordBatch&) = delete;
  RecordBatch& operator=(const RecordBatch&) = delete;
  ~RecordBatch() { Clear(); }
  /// The next entry, reset.
  Record& Add() {
    if (count == records.size()) records.emplace_back();
    Record& record = records[count++];
    record.headers.clear();
    record.key = record.value = {};
    record.null_key = true;
    record.null_value = false;
    record.timestamp_ms = 0;
    record.cause = {};
    return record;
  }
  void Clear() {
    for (const auto& [owner, release] : owners) release(owner);
    owners.clear();
    ends.clear();
    count = 0;
    bytes = 0;
  }
};

/// A committed position of one input of a partition: the next offset and the text stored beside it.
struct CommittedOffset {
  bool found = false;
  std::int64_t offset = 0;
  std::string metadata{};
};

/// Readable ends of a log: first retained offset and the true end (open transactions included).
struct LogBounds {
  std::int64_t low = 0, high = 0;
};

/// What changed in the shard's ownership since the last call, in the order it happened.
struct OwnershipChange {
  std::vector<std::int32_t> assigned{}, revoked{};
  bool lost = false;   ///< taken without asking: what is in memory is void
  bool answered = false;   ///< the group gave its share, which is empty when there are more shards than partitions
  bool empty() const { return assigned.empty() && revoked.empty() && !lost && !answered; }
};

/// One thread.
class EventSource {
 public:
  virtual ~EventSource() = default;

  /// Serves group membership and errors; returns at once. REQUIRES: no transaction open.
  virtual Result<OwnershipChange> Attend() = 0;
  /// Appends at most `records_max` records (about `bytes_max` bytes) to `batch`; waits up to `wait_ms` for the first,
  /// not for more. Offsets of a partition only grow; lower ones than seen are dropped.
  virtual Status Poll(std::size_t records_max, std::size_t bytes_max, int wait_ms, RecordBatch& batch) = 0;
  /// Stable committed positions of a partition, one an input in configuration order.
  virtual Result<std::vector<CommittedOffset>> Committed(std::int32_t partition) = 0;
  /// The next records of the partition come from these offsets, one an input.
  virtual Status Seek(std::int32_t partition, const std::vector<std::int64_t>& offsets) = 0;
  /// Number of records between the next offset and the end, as known without asking; -1 unknown.
  virtual std::int64_t Lag(std::int32_t partition) = 0;
};

/// Reads one partition's log once, committed records only. For recovery and offline reading. One thread.
class LogStream {
 public:
  virtual ~LogStream() = default;
  /// Appends what is there now; waits up to `wait_ms`. Ends reached are in `batch.ends`.
  virtual Status Read(std::size_t records_max, int wait_ms, RecordBatch& batch) = 0;
  /// The partition's end as of the last read, without asking; -1 unknown.
  virtual std::int64_t KnownEnd(std::int32_t partition) const = 0;
};

/// Opens logs by topic name. Calls are safe from several threads.
class LogReader {
 public:
  virtual ~LogReader() = default;
  /// First retained offset and true end.
  virtual Result<LogBounds> Bounds(const std::string& topic, std::int32_t partition) = 0;
  /// `from` below the first retained offset reads from there. `input` is the number records carry in their cause.
  virtual Result<std::unique_ptr<LogStream>> Open(const std::string& topic, std::int32_t partition, std::int64_t from,
                                                  std::uint16_t input) = 0;
  /// Several partitions in one stream: partition i from offset `from[i]`. Records carry input 0.
  virtual Result<std::unique_ptr<LogStream>> OpenAll(const std::string& topic, const std::vector<std::int64_t>& from) = 0;
};

/// Walks one log in offset order with one open stream. Waits for the stable end to reach what is asked for, at most
/// `patience_ms` without progress: then kLogAndStateDisagree. Records may be missing (compaction, transaction markers).
/// One thread.
class LogCursor {
 public:
  LogCursor(LogReader& reader, std::string topic, std::int32_t partition, std::int64_t from, std::uint16_t input,
            int patience_ms);
  /// Hands every record below `to` that was not handed out yet to `each`; false from it stops before the next one.
  Status AdvanceTo(std::int64_t to, const std::function<bool(const Record&)>& each);

 private:
  Status Fill();

  LogReader& reader_;
  std::string topic_;
  std::int32_t partition_;
  std::int64_t next_;                       // offsets below are done
  std::int64_t end_ = 0;                    // where the stream said the log ends
  std::uint16_t input_;
  int patience_ms_, quiet_ms_ = 0;
  std::unique_ptr<LogStream> stream_;
  RecordBatch batch_;                       // cleared before stream_ goes: declared after it
  std::size_t at_ = 0;
};

/// Reads committed records of [from, to) in order and hands each to `each` (false stops early). As LogCursor.
Status ReadLogRange(LogReader& reader, const std::string& topic, std::int32_t partition, std::int64_t from,
                    std::int64_t to, std::uint16_t input, int patience_ms,
                    const std::function<bool(const Record&)>& each);

}  // namespace offerstream
