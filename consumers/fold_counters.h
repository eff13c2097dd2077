// Sums of the folds' plain counters.
#pragma once

#include "models/decision_fold.h"

namespace offerstream {

/// Adds each of `from`'s counters to `to`'s.
void AddCounters(const FoldCounters& from, FoldCounters& to);

}  // namespace offerstream
