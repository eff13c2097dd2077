// How far two rankings of the same things agree: drivers by regression beside importances of trees.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace offerstream {

/// Spearman's rank correlation (ties share their mean rank); 0 when one side is constant or there are fewer than 2.
/// REQUIRES: equal sizes.
double RankCorrelation(std::span<const double> a, std::span<const double> b);

/// How many of the `top` largest of one are among the `top` largest of the other (ties to the lower index).
std::size_t SharedTop(std::span<const double> a, std::span<const double> b, std::size_t top);

}  // namespace offerstream
