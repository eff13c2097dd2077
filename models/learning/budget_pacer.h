// The price of a budget: what a unit of its money must earn, so that it lasts as long as planned.
#pragma once

#include <span>

#include "models/domain/bytes.h"

namespace offerstream {

/// Dual price mu: an impression of cost c is worth its score - mu c. Multiplicative feedback on planned - spent (Balseiro &
/// Gur 2019's adaptive pacing, in the exponentiated form); the step falls with the square root of what can be bought.
/// One owner. O(1) an update.
class BudgetPacer {
 public:
  /// The quantile of score per cost above which `share` of the decisions lies: what a perfectly known market would ask if
  /// the budget pays for that share. `ratios` is sorted; not empty. Share >= 1: a price that excludes next to nothing.
  void Start(std::span<double> ratios, double share);
  bool started() const { return start_ > 0; }
  /// `planned` and `spent` in the same time; `mean_cost` an impression, `budget` of the period: major units, > 0.
  void Update(double planned, double spent, double mean_cost, double budget);
  /// 0 until started.
  double price() const { return price_; }

  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  void Restore(ByteReader& in);

 private:
  double start_ = 0, price_ = 0;
};

}  // namespace offerstream
