#include "models/evaluating/agreement.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

namespace offerstream {
namespace {

std::vector<std::size_t> Falling(std::span<const double> v) {
  std::vector<std::size_t> order(v.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return v[i] > v[j]; });
  return order;
}

std::vector<double> Ranks(std::span<const double> v) {
  const std::vector<std::size_t> order = Falling(v);
  std::vector<double> rank(v.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t j = i;
    while (j < order.size() && v[order[j]] == v[order[i]]) ++j;
    for (std::size_t k = i; k < j; ++k) rank[order[k]] = 0.5 * static_cast<double>(i + j - 1);
    i = j;
  }
  return rank;
}

}  // namespace

double RankCorrelation(std::span<const double> a, std::span<const double> b) {
  assert(a.size() == b.size());
  if (a.size() < 2) return 0;
  const std::vector<double> ra = Ranks(a), rb = Ranks(b);
  const double middle = 0.5 * static_cast<double>(a.size() - 1);
  double cross = 0, square_a = 0, square_b = 0;
  for (std::size_t i = 0; i < ra.size(); ++i) {
    cross += (ra[i] - middle) * (rb[i] - middle);
    square_a += (ra[i] - middle) * (ra[i] - middle);
    square_b += (rb[i] - middle) * (rb[i] - middle);
  }
  return square_a > 0 && square_b > 0 ? cross / std::sqrt(square_a * square_b) : 0;
}

std::size_t SharedTop(std::span<const double> a, std::span<const double> b, std::size_t top) {
  assert(a.size() == b.size());
  const std::vector<std::size_t> first = Falling(a), second = Falling(b);
  const std::size_t n = std::min(top, a.size());
  std::size_t shared = 0;
  for (std::size_t i = 0; i < n; ++i) {
    shared += std::find(second.begin(), second.begin() + static_cast<std::ptrdiff_t>(n), first[i]) !=
              second.begin() + static_cast<std::ptrdiff_t>(n);
  }
  return shared;
}

}  // namespace offerstream
