// Published decisions, read back and found by the event that caused them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/domain/decision.h"
#include "models/domain/ids.h"
#include "models/domain/status.h"

namespace offerstream {

/// One decision as it was published; ids as hashes, because every plan has its own indices.
struct LoggedDecision {
  DecisionId id = 0;
  IdHash customer = 0, event = 0;                     ///< H64 of the customer and of the event that caused it
  IdHash offer = 0, channel = 0, placement = 0;       ///< offer 0: none was made
  double propensity = 0;                              ///< as written, valid or not
  Arm arm = Arm::kPolicy;
};

/// Decisions of files, each once. Memory: 64 bytes a decision. One thread.
class DecisionLog {
 public:
  /// Adds one published record (one line of JSON). False: it is none, and counted as unreadable.
  bool Add(std::string_view json);
  /// Adds every line of a file (.gz and .zst by name; a key and a tab before the JSON is passed over). kIo.
  Status Read(const std::string& path);
  /// Sorts; repeats of a decision id go. Call once, before Find.
  void Seal();

  /// The decisions an event caused, by placement in the order they were published. O(log n).
  std::span<const LoggedDecision> Find(IdHash event, IdHash customer) const;
  std::size_t size() const { return all_.size(); }
  std::uint64_t unreadable() const { return unreadable_; }
  std::uint64_t repeated() const { return repeated_; }

 private:
  std::vector<LoggedDecision> all_{};
  std::uint64_t unreadable_ = 0, repeated_ = 0;
};

}  // namespace offerstream
