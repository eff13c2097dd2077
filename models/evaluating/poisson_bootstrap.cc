#include "models/evaluating/poisson_bootstrap.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "models/domain/random.h"

namespace offerstream {
namespace {

// P(count <= k) of Poisson(1) as 32-bit thresholds; P(count > 9) is below one in nine million.
constexpr std::array<std::uint32_t, 10> kThresholds = [] {
  std::array<std::uint32_t, 10> thresholds{};
  double term = 0.36787944117144232160, sum = 0;
  for (std::size_t k = 0; k < thresholds.size(); ++k) {
    sum += term;
    thresholds[k] = static_cast<std::uint32_t>(sum * 4294967296.0);
    term /= static_cast<double>(k + 1);
  }
  return thresholds;
}();

double CountOf(std::uint32_t word) {
  int count = 0;
  for (const std::uint32_t threshold : kThresholds) count += word >= threshold;
  return count;
}

}  // namespace

PoissonBootstrap::PoissonBootstrap(std::uint64_t seed, std::size_t sums, std::size_t replicates)
    : seed_(seed), terms_(sums), stride_(replicates), replicates_(replicates), sums_(sums * replicates), counts_(replicates) {}

void PoissonBootstrap::Add(std::uint64_t unit, std::span<const double> terms) {
  assert(terms.size() == terms_);
  if (replicates_ == 0) return;
  if (++rows_ > kManyRows) replicates_ = std::min(replicates_, kFewReplicates);
  Draws draws(seed_, unit, 0, Purpose::kBootstrap);
  for (std::size_t b = 0; b < replicates_; b += 2) {
    const std::uint64_t bits = draws.Bits();
    counts_[b] = CountOf(static_cast<std::uint32_t>(bits));
    if (b + 1 < replicates_) counts_[b + 1] = CountOf(static_cast<std::uint32_t>(bits >> 32));
  }
  for (std::size_t k = 0; k < terms_; ++k) {
    const double term = terms[k];
    if (term == 0) continue;   // most rows earned nothing
    double* sum = sums_.data() + k * stride_;
    for (std::size_t b = 0; b < replicates_; ++b) sum[b] += counts_[b] * term;
  }
}

Interval PoissonBootstrap::Middle(std::vector<double>& values) {
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&values](double share) {   // linear between order statistics
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
  };
  return {at(0.025), at(0.975)};
}

}  // namespace offerstream
