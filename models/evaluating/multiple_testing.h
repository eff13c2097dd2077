// Many questions asked of one table: which answers stand when chance is given its due.
#pragma once

#include <span>
#include <vector>

namespace offerstream {

/// Share of false discoveries at which reports call something found.
inline constexpr double kFalseDiscoveryRate = 0.05;

/// For each p the smallest rate of false discoveries at which it would be found among all of them (Benjamini & Hochberg
/// 1995): q_(i) = min over k >= i of p_(k) m / k, at most 1. One that is no number (NaN) is found at 1. O(m log m).
std::vector<double> FalseDiscoveryRates(std::span<const double> p);

}  // namespace offerstream
