// Factor analysis: which few unseen quantities a table's numbers have in common. Principal axes, count by parallel
// analysis, varimax. Offline: for reports, never on the path of a decision.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <Eigen/Core>

namespace offerstream {

/// Means and co-moments of p numbers, row by row (Welford's update, so a large mean costs no digits). One owner. O(p^2).
class CoMoments {
 public:
  explicit CoMoments(std::size_t variables);
  /// REQUIRES: row.size() == variables(), all finite.
  void Add(std::span<const double> row);
  std::size_t variables() const { return static_cast<std::size_t>(mean_.size()); }
  std::int64_t rows() const { return rows_; }
  double mean(std::size_t j) const { return mean_[static_cast<Eigen::Index>(j)]; }
  /// Standard deviation (n - 1); 0 below two rows.
  double deviation(std::size_t j) const;
  /// Correlation; 0 where one of the two is constant.
  double correlation(std::size_t i, std::size_t j) const;

 private:
  std::int64_t rows_ = 0;
  Eigen::VectorXd mean_, away_;
  Eigen::MatrixXd moment_;  // lower triangle: sum of products of deviations
};

/// What was found. Rows of `loadings` and `weights` belong to `kept`, columns are factors by falling share of variance.
struct Factors {
  std::vector<std::size_t> kept{};      ///< variables analysed: not constant, and one of each pair above .98
  std::vector<std::size_t> left_out{};  ///< the others
  std::vector<double> eigenvalues{};    ///< of the correlations, falling
  std::vector<double> chance{};         ///< 95 % of what unrelated variables would give, by rank
  Eigen::MatrixXd loadings{};           ///< rotated: correlations of variables with factors
  Eigen::MatrixXd weights{};            ///< R^-1 loadings: scores = standardised row x weights (Thurstone 1935)
  std::vector<double> communality{};    ///< share of a variable's variance the factors explain, at most .995
  std::vector<double> explained{};      ///< by factor: share of all variance
  std::vector<double> mean{}, deviation{};  ///< of the kept variables
  std::int64_t rows = 0;

  std::size_t count() const { return explained.size(); }
  /// Of the k-th kept variable and factor f.
  double loading(std::size_t k, std::size_t f) const { return loadings(static_cast<Eigen::Index>(k), static_cast<Eigen::Index>(f)); }
  double weight(std::size_t k, std::size_t f) const { return weights(static_cast<Eigen::Index>(k), static_cast<Eigen::Index>(f)); }
  /// Scores of one row of all variables (as it was added); `scores` has count() places. O(kept x count).
  void Score(std::span<const double> row, std::span<double> scores) const;
};

/// Count by parallel analysis (Horn 1965: eigenvalues above the 95 % quantile of 100 tables of unrelated normals of the
/// same size), principal axes (communalities from squared multiple correlations until they move less than 1e-6), varimax
/// with Kaiser's normalisation (Kaiser 1958); each factor's largest loading is positive. Null below 3 usable variables or
/// 3 rows a variable. The same seed gives the same bits. O(100 p^3).
std::optional<Factors> FindFactors(const CoMoments& moments, std::uint64_t seed);

}  // namespace offerstream
