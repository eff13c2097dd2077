// The decisions of a log while their outcomes are awaited: what was chosen, what came of it, what each evaluated policy
// would have done.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "models/domain/ids.h"

namespace offerstream {

/// What an evaluated policy would have done at a logged decision.
struct Judged {
  bool seen = false;       ///< the policy was asked
  bool declines = false;   ///< it would have made no offer
  bool accepted = false;   ///< rejection replay: it learns from the choice
  double weight = 0, predicted = 0, expected = 0;   ///< as OffPolicyRow
};

/// A logged decision and what it earned.
struct LoggedRow {
  std::uint64_t id = 0;
  IdHash customer = 0;
  EventTime ripe_at = 0;       ///< from this watermark on nothing can change any more
  double propensity = 0;       ///< pi_b; 1 where the log made no offer
  bool has_offer = false, foreign = false;
  bool labelled = false;       ///< its goal's label is known (own decisions: it was shown)
  double reward = 0;           ///< major units
  std::vector<Judged> judged{};  ///< by policy
};

/// Rows in the order they were logged. One thread.
class LoggedRows {
 public:
  /// The row to fill, at the end; null when the id is already waiting.
  LoggedRow* Add(std::uint64_t id) {
    if (!place_.try_emplace(id, first_ + rows_.size()).second) return nullptr;
    LoggedRow& row = rows_.emplace_back();
    row.id = id;
    return &row;
  }
  /// The waiting row of an id, or null.
  LoggedRow* Find(std::uint64_t id) {
    const auto at = place_.find(id);
    return at == place_.end() ? nullptr : &rows_[at->second - first_];
  }
  bool empty() const { return rows_.empty(); }
  std::size_t size() const { return rows_.size(); }
  /// The oldest. REQUIRES: not empty.
  const LoggedRow& front() const { return rows_.front(); }
  /// Drops the oldest. REQUIRES: not empty.
  void Pop() {
    place_.erase(rows_.front().id);
    rows_.pop_front();
    ++first_;
  }

 private:
  std::deque<LoggedRow> rows_{};
  std::unordered_map<std::uint64_t, std::uint64_t> place_{};   // only looked up, never walked
  std::uint64_t first_ = 0;
};

}  // namespace offerstream
