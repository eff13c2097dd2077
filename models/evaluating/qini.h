// How well a score finds those who respond because of being reached.
#pragma once

#include <cstdint>
#include <span>

namespace offerstream {

/// One customer of an experiment with a score.
struct ScoredUnit {
  double score = 0, y = 0;
  bool treated = false;
};

/// Area between the Qini curve and the straight line to its end, per treated customer (Radcliffe 2007): the curve after the
/// best k customers is (sum of y of their treated) - (sum of y of their untreated) x their treated / their untreated.
/// 0 for a score that knows nothing. Reorders `units`; equal scores share one step of the curve. O(n log n).
double QiniArea(std::span<ScoredUnit> units);

}  // namespace offerstream
