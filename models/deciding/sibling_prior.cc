#include "models/deciding/sibling_prior.h"

#include <algorithm>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr double kLevelVariance = 1, kSlopeVariance = .1, kFirstRate = .05, kMergeBelow = .05;

}  // namespace

std::array<double, kLabelCutsMax> DefaultDelayShare(Duration window) {
  std::array<double, kLabelCutsMax> share{};
  const std::size_t cuts = CutsBelow(window);
  const double whole = 1 - fixed::Exp(-7.0);
  for (std::size_t i = 0; i < cuts; ++i) {
    share[i] = (1 - fixed::Exp(-7.0 * static_cast<double>(kLabelCuts[i]) / static_cast<double>(window))) / whole;
  }
  share[cuts] = 1;
  return share;
}

std::uint8_t MergeMask(const std::array<double, kLabelCutsMax>& delay_share, Duration window) {
  std::uint8_t mask = 0xff;
  double from = 0;
  for (std::size_t i = 0; i < CutsBelow(window); ++i) {
    if (delay_share[i] - from < kMergeBelow) {
      mask = static_cast<std::uint8_t>(mask & ~(1u << i));
    } else {
      from = delay_share[i];
    }
  }
  return mask;
}

SiblingPrior PoolSiblings(std::span<const ResponseView* const> siblings, std::size_t dimension, Duration window) {
  SiblingPrior prior;
  prior.mean.assign(dimension, 0.0);
  prior.variance.assign(dimension, kSlopeVariance);
  if (dimension > 0) {
    prior.mean[0] = fixed::Logit(kFirstRate);
    prior.variance[0] = kLevelVariance;
  }
  prior.delay_share = DefaultDelayShare(window);
  if (siblings.empty()) return prior;
  prior.from_siblings = true;
  // A sibling that is served without a feature (its variance there is 0) knows nothing of it.
  const auto knows = [dimension](const ResponseView& s, std::size_t j) { return s.covariance[j * dimension + j] > 0; };
  for (std::size_t j = 0; j < dimension; ++j) {
    double n = 0, sum = 0, squares = 0, within = 0;
    for (const ResponseView* s : siblings) {
      if (!knows(*s, j)) continue;
      n += 1;
      sum += s->mean[j];
      within += s->covariance[j * dimension + j];
    }
    if (n == 0) continue;
    within /= n;
    for (const ResponseView* s : siblings) {
      if (knows(*s, j)) squares += (s->mean[j] - sum / n) * (s->mean[j] - sum / n);
    }
    const double between = n < 2 ? prior.variance[j] : std::max(0.0, squares / (n - 1) - within);
    double weights = 0, weighted = 0;
    for (const ResponseView* s : siblings) {
      if (!knows(*s, j)) continue;
      const double w = 1 / std::max(1e-12, double{s->covariance[j * dimension + j]} + between);
      weights += w;
      weighted += w * s->mean[j];
    }
    prior.mean[j] = weighted / weights;
    prior.variance[j] = between + within;
  }
  const std::size_t used = CutsBelow(window) + 1;
  std::array<double, kLabelCutsMax> pooled{};
  double pools = 0;
  for (const ResponseView* s : siblings) {
    if (s->cuts != used) continue;
    ++pools;
    for (std::size_t i = 0; i < used; ++i) pooled[i] += s->delay_share[i];
  }
  for (std::size_t i = 0; pools > 0 && i < used; ++i) prior.delay_share[i] = pooled[i] / pools;
  return prior;
}

}  // namespace offerstream
