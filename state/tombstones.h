// Rows of erased customers as the stores keep them: until no re-folding can reach back before the erasure.
#pragma once

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

}  // namespace offerstream
