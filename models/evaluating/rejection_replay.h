// Evaluating a policy that learns while it decides: it is shown only those logged decisions it might itself have made.
#pragma once

#include <cstdint>

#include "models/domain/ids.h"
#include "models/evaluating/poisson_bootstrap.h"

namespace offerstream {

/// Replay by rejection (Li, Chu, Langford & Wang 2011, thinned for logs that were not drawn uniformly): a logged choice
/// is kept with probability w / M, w = pi_e / pi_b, M >= every w. What is kept is distributed as if the policy had
/// decided itself, also when it learns from what is kept, and only from that. One owner. O(1).
class RejectionReplay {
 public:
  /// `bound`: M. Choices with a larger weight are kept for certain and counted: with many of them the value leans towards
  /// the log's. REQUIRES: bound > 0.
  RejectionReplay(std::uint64_t seed, double bound);

  /// Whether the policy may learn from this choice; keyed by what is decided, not by what came before.
  bool Accept(double weight, IdHash customer, std::uint64_t decision);
  /// The reward of an accepted choice, once known.
  void Add(double reward);

  double bound() const { return bound_; }
  std::int64_t offered() const { return offered_; }
  std::int64_t accepted() const { return n_; }
  std::int64_t clipped() const { return clipped_; }
  /// Mean reward of what was accepted, with its normal 95 % interval; 0 without rows.
  double Value() const;
  Interval Normal() const;

 private:
  std::uint64_t seed_;
  double bound_;
  std::int64_t offered_ = 0, clipped_ = 0, n_ = 0;
  double sum_ = 0, squares_ = 0;
};

}  // namespace offerstream
