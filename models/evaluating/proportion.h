// A share that was counted, with what can be said about the true one.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace offerstream {

/// A counted share and its 95 % interval.
struct Proportion {
  double rate = 0, low = 0, high = 1;
};

/// k of n with Wilson's score interval (Wilson 1927), which stays inside [0, 1] and is honest for small n and rare k. Counts
/// may be decayed. Without any n: rate 0 in [0, 1]. O(1).
inline Proportion CountedShare(double k, double n) {
  constexpr double kNormal95 = 1.959963984540054;
  if (!(n > 0)) return {};
  const double p = k / n, z2 = kNormal95 * kNormal95;
  const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = kNormal95 / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return {p, k > 0 ? std::max(0.0, middle - half) : 0.0, k < n ? std::min(1.0, middle + half) : 1.0};
}

}  // namespace offerstream
