#include "models/evaluating/multiple_testing.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace offerstream {

std::vector<double> FalseDiscoveryRates(std::span<const double> p) {
  const auto sound = [&](std::size_t i) { return std::isfinite(p[i]) ? p[i] : 1.0; };
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return sound(a) < sound(b); });
  std::vector<double> q(p.size(), 1.0);
  double least = 1;
  for (std::size_t k = order.size(); k-- > 0;) {
    least = std::min(least, sound(order[k]) * static_cast<double>(p.size()) / static_cast<double>(k + 1));
    q[order[k]] = least;
  }
  return q;
}

}  // namespace offerstream
