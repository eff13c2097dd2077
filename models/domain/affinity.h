// What a customer turns to: decayed weights of product categories.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "models/domain/customer_profile.h"
#include "models/domain/decay.h"

namespace offerstream {

/// What an action says about liking.
enum class AffinityAction : std::uint8_t { kView, kClick, kCart, kPurchase };

/// Weight of an action: view 1, click 2, cart 3, purchase 6.
inline double AffinityWeight(AffinityAction action) {
  constexpr double kWeights[] = {1, 2, 3, 6};
  return kWeights[static_cast<std::size_t>(action)];
}

/// A weight halves in this time.
inline constexpr Duration kAffinityHalfLife = 30 * kDay;
/// Weight of what is expected before anything is known.
inline constexpr double kAffinityPrior = 5;

/// Adds an action to the weight of its category. An action older than the last one counts as decayed by then.
inline void TakeAffinity(PooledArray<CategoryWeight>& weights, CategoryIndex category, AffinityAction action, EventTime time) {
  auto at = std::lower_bound(weights.begin(), weights.end(), category,
                             [](const CategoryWeight& w, CategoryIndex c) { return w.category < c; });
  if (at == weights.end() || at->category != category) at = weights.insert(at, {time, 0, category});
  const EventTime newest = std::max(at->touched, time);
  at->amount = static_cast<float>(DecayedTo(static_cast<double>(at->amount), at->touched, newest, kAffinityHalfLife) +
                                  AffinityWeight(action) * DecayFactor(newest - time, kAffinityHalfLife));
  at->touched = newest;
}

/// Shares of the plan's categories at `at`, which add up to 1: (a_c + 5 / C) / (sum a + 5), C = shares.size(). Shrunk towards
/// equal shares and not towards everybody's, so that a profile alone says what its features are.
inline void AffinityShares(std::span<const CategoryWeight> weights, EventTime at, std::span<double> shares) {
  const double expected = kAffinityPrior / static_cast<double>(shares.size());
  std::fill(shares.begin(), shares.end(), expected);
  double sum = kAffinityPrior;
  for (const CategoryWeight& w : weights) {
    const double amount = DecayedTo(static_cast<double>(w.amount), w.touched, at, kAffinityHalfLife);
    if (w.category.value < shares.size()) shares[w.category.value] += amount;
    sum += amount;
  }
  for (double& share : shares) share /= sum;
}

}  // namespace offerstream
