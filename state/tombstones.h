// Rows of erased customers as the stores keep them: until no re-folding can reach back before the erasure.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/domain/ids.h"

namespace offerstream {

/// The tombstones a store holds for one partition, by the transaction that erased the customer. Not thread-safe.
class Tombstones {
 public:
  /// A tombstone row was found or written.
  void Add(TxnSeq as_of, std::string_view id) { by_seq_.emplace(as_of, id); }
  /// Takes out those erased at or before `floor`: a restart re-folds only later transactions, so nothing can bring the
  /// customer back and the row may go (if it is still that tombstone).
  std::vector<std::pair<TxnSeq, std::string>> TakeUpTo(TxnSeq floor) {
    std::vector<std::pair<TxnSeq, std::string>> due;
    while (!by_seq_.empty() && by_seq_.begin()->first <= floor) {
      due.push_back(std::move(by_seq_.extract(by_seq_.begin()).value()));
    }
    return due;
  }

 private:
  std::set<std::pair<TxnSeq, std::string>> by_seq_{};
};

/// What went from the store's rows but lingers in its files. Not thread-safe.
struct ErasedRows {
  std::set<std::string> keys{};    ///< of profiles
  bool others = false;             ///< some that are not in there: of before the start, or of a dropped partition
  std::int64_t since_ms = 0;       ///< wall clock when the oldest went; 0: there are none

  bool empty() const { return keys.empty() && !others; }
  /// A row went at this time; 1 when it is not known. True: there was none before.
  bool Note(std::int64_t at_ms) {
    const bool first = since_ms == 0;
    if (first) since_ms = at_ms > 0 ? at_ms : 1;
    return first;
  }
};

}  // namespace offerstream
