// A curve for one number: linear interpolation between knots, its smoothness told by the prior.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace offerstream {

/// Up to 12 knots at quantiles. A curve's heights at the knots have prior precision .6 K D^t D + I (D: first differences),
/// i.e. neighbours move together; the features are turned by a square root of that prior's covariance, so that each has
/// prior variance 1 on its own and a model with a diagonal prior (and drift towards it) needs nothing special.
class HatBasis {
 public:
  static constexpr std::size_t kKnots = 12;

  /// Knots at kKnots evenly spaced quantiles of the values, equal ones taken once; below 3 of them there is no curve.
  /// Non-finite values are passed over. O(n log n).
  static HatBasis Of(std::span<const double> values);
  /// Knots as given. REQUIRES: at least 3, ascending, finite.
  static HatBasis At(std::vector<double> knots);
  /// How many features a value makes; 0 or 3..kKnots.
  std::size_t size() const { return knots_.size(); }
  const std::vector<double>& knots() const { return knots_; }
  /// The features of x, which is clamped to the outer knots. REQUIRES: out.size() == size().
  void Expand(double x, std::span<float> out) const;
  /// The curve at x, given the coefficients of its features.
  double Curve(double x, std::span<const double> coefficients) const;

 private:
  std::vector<double> knots_{};
  std::vector<double> root_{};  // size x size, row-major: features = root^t heights
};

}  // namespace offerstream
