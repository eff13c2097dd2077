// The shape of a decayed sum; decay.h has its arithmetic.
#pragma once

#include "models/domain/ids.h"

namespace offerstream {

/// Several half-lives of one decayed sum share the time of the last touch: S <- S 2^(-dt/H) + amount.
struct DecayedSums {
  double d7 = 0, d30 = 0, d90 = 0;   ///< half-lives 7, 30, 90 days
  EventTime touched = kNever;
};

}  // namespace offerstream
