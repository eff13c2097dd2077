#include "models/evaluating/poisson_bootstrap.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "models/domain/fixed_math.h"
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

constexpr double kNormal95 = 1.959963984540054;

// By bisection: exact to the last digits NormalCdf has, and needed a few times a report.
double NormalQuantile(double p) {
  double low = -9, high = 9;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (fixed::NormalCdf(middle) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

double Acceleration(double squares, double cubes) {
  return squares > 0 ? cubes / (6 * squares * std::sqrt(squares)) : 0;
}

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

Interval PoissonBootstrap::Middle(std::vector<double>& values, double estimate, double acceleration) {
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  // Bias: where the estimate lies among its replicates, ties by halves; never at an end.
  const auto below = std::lower_bound(values.begin(), values.end(), estimate) - values.begin();
  const auto upto = std::upper_bound(values.begin(), values.end(), estimate) - values.begin();
  const double z0 = NormalQuantile(std::clamp(static_cast<double>(below + upto) / 2 / n, 1 / (n + 1), n / (n + 1)));
  const auto level = [&](double z) {
    const double stretch = 1 - acceleration * (z0 + z);
    return stretch > 0 ? fixed::NormalCdf(z0 + (z0 + z) / stretch) : (z > 0 ? 1.0 : 0.0);
  };
  const auto at = [&values, n](double share) {   // linear between order statistics
    const double place = share * (n - 1);
    const auto lower = static_cast<std::size_t>(place);
    const std::size_t upper = std::min(lower + 1, values.size() - 1);
    return values[lower] + (place - static_cast<double>(lower)) * (values[upper] - values[lower]);
  };
  return {at(level(-kNormal95)), at(level(kNormal95))};
}

}  // namespace offerstream
