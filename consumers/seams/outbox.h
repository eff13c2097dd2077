// Where a shard's output goes: records appended inside a transaction that also moves the input positions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/domain/status.h"

namespace offerstream {

/// Logs a shard writes to. Dead letters of input i go to kDeadLetters + i.
enum class OutTopic : std::uint16_t { kDecisions, kCaps, kProfiles, kJournal, kObservations, kModels, kErasures, kDeadLetters };
inline OutTopic DeadLettersOf(std::uint16_t input) {
  return static_cast<OutTopic>(static_cast<std::uint16_t>(OutTopic::kDeadLetters) + input);
}

/// One record to write; views are copied by Append.
struct OutRecord {
  OutTopic topic = OutTopic::kDecisions;
  std::int32_t partition = 0;
  bool null_key = false, null_value = false;
  std::string_view key{}, value{};
  std::span<const std::pair<std::string_view, std::string_view>> headers{};
  std::int64_t timestamp_ms = 0;   ///< 0: the writer's clock
  std::uint32_t tag = 0;           ///< not 0: its offset is told by Delivered after the commit
};

/// Position of one input partition to commit; moved or not.
struct InputPosition {
  std::uint16_t input = 0;
  std::int32_t partition = 0;
  std::int64_t next = 0;
  std::string metadata{};
};

/// A record that was written, by its tag.
struct Delivery {
  std::uint32_t tag = 0;
  std::int64_t offset = 0;
};

/// One thread.
class Outbox {
 public:
  enum class [[nodiscard]] Outcome { kCommitted, kAborted, kUnknown };  ///< kUnknown: Recycle, then read what was committed
  virtual ~Outbox() = default;

  /// REQUIRES: nothing open. An error: nothing is open; recycle.
  virtual Status Begin() = 0;
  /// Copies. An error: the transaction is lost; recycle.
  virtual Status Append(const OutRecord& record) = 0;
  /// Joins the positions to the transaction. An error: the transaction is lost; recycle.
  /// REQUIRES: one position per owned partition and input, moved or not.
  virtual Status SendPositions(std::span<const InputPosition> positions) = 0;
  /// Blocks at most the commit timeout (30 s). The reason of anything but kCommitted is in `why`.
  virtual Outcome Commit(Error& why) = 0;
  /// Ends an open transaction and makes the writer sound again; returns when no transaction of this writer is open any
  /// more. Blocks while Kafka cannot be reached. kKafkaFenced: another owner is alive.
  virtual Status Recycle() = 0;
  /// False when a request of the last transaction was repeated or left unanswered, although it committed: Recycle before
  /// the next Begin.
  virtual bool Clean() const { return true; }
  /// Offsets of the tagged records of the last committed transaction.
  virtual std::span<const Delivery> Delivered() const = 0;
};

}  // namespace offerstream
