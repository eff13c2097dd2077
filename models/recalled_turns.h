// The turns a transaction's journal holds, found again by customer while it is re-folded.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "models/fold_output.h"

namespace offerstream {

/// Finds facts by (turn, customer): customers whose rows are ahead are passed over, so they do not come in order. Reused.
class RecalledTurns {
 public:
  /// From now on these; they outlive their use.
  void Set(std::span<const TurnFact> facts) {
    missing_ = 0;
    turns_.clear();
    for (const TurnFact& fact : facts) turns_.push_back({fact.move.time, fact.customer, &fact});
    std::stable_sort(turns_.begin(), turns_.end(), Before);
  }
  /// What was said of the customer at the turn; null, and counted, when the journal knows of none. Each is given once, so that a
  /// customer erased and known again in one transaction gets both of its own.
  const TurnFact* Take(EventTime turn, IdHash customer) {
    const Turn wanted{turn, customer, nullptr};
    for (auto at = std::lower_bound(turns_.begin(), turns_.end(), wanted, Before); at != turns_.end() && !Before(wanted, *at); ++at) {
      if (at->fact != nullptr) return std::exchange(at->fact, nullptr);
    }
    ++missing_;
    return nullptr;
  }
  /// Asked for and not there since Set: log and state disagree.
  std::size_t missing() const { return missing_; }

 private:
  struct Turn {
    EventTime time = kNever;
    IdHash customer = 0;
    const TurnFact* fact = nullptr;   ///< null: taken
  };
  static bool Before(const Turn& a, const Turn& b) { return std::tie(a.time, a.customer) < std::tie(b.time, b.customer); }

  std::vector<Turn> turns_{};
  std::size_t missing_ = 0;
};

}  // namespace offerstream
