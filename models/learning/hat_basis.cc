#include "models/learning/hat_basis.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include <Eigen/Dense>

namespace offerstream {
namespace {

constexpr double kSmoothness = 0.6;

}  // namespace

HatBasis HatBasis::Of(std::span<const double> values) {
  std::vector<double> sorted;
  for (const double v : values) {
    if (std::isfinite(v)) sorted.push_back(v);
  }
  std::sort(sorted.begin(), sorted.end());
  HatBasis basis;
  for (std::size_t k = 0; k < kKnots && !sorted.empty(); ++k) {
    const double knot = sorted[k * (sorted.size() - 1) / (kKnots - 1)];
    if (basis.knots_.empty() || knot > basis.knots_.back()) basis.knots_.push_back(knot);
  }
  if (basis.knots_.size() < 3) return {};
  return At(std::move(basis.knots_));
}

HatBasis HatBasis::At(std::vector<double> knots) {
  assert(knots.size() >= 3);
  HatBasis basis;
  basis.knots_ = std::move(knots);
  const auto size = static_cast<Eigen::Index>(basis.knots_.size());
  Eigen::MatrixXd precision = Eigen::MatrixXd::Identity(size, size);
  for (Eigen::Index k = 0; k + 1 < size; ++k) {
    const double stiff = kSmoothness * static_cast<double>(size);
    precision(k, k) += stiff;
    precision(k + 1, k + 1) += stiff;
    precision(k, k + 1) -= stiff;
    precision(k + 1, k) -= stiff;
  }
  // precision = L L^t, covariance = L^-t L^-1: heights = L^-t coefficients, coefficients of variance 1.
  const Eigen::MatrixXd root =
      precision.llt().matrixU().solve(Eigen::MatrixXd::Identity(size, size));
  basis.root_.resize(basis.knots_.size() * basis.knots_.size());
  for (Eigen::Index i = 0; i < size; ++i) {
    for (Eigen::Index j = 0; j < size; ++j) basis.root_[static_cast<std::size_t>(i * size + j)] = root(i, j);
  }
  return basis;
}

void HatBasis::Expand(double x, std::span<float> out) const {
  assert(out.size() == size());
  if (knots_.empty()) return;
  const double at = std::clamp(x, knots_.front(), knots_.back());
  std::size_t k = 0;
  while (k + 2 < knots_.size() && at > knots_[k + 1]) ++k;
  const double share = (at - knots_[k]) / (knots_[k + 1] - knots_[k]);
  const std::size_t n = knots_.size();
  for (std::size_t j = 0; j < n; ++j) out[j] = static_cast<float>((1 - share) * root_[k * n + j] + share * root_[(k + 1) * n + j]);
}

double HatBasis::Curve(double x, std::span<const double> coefficients) const {
  std::vector<float> features(size());
  Expand(x, features);
  double sum = 0;
  for (std::size_t j = 0; j < features.size(); ++j) sum += static_cast<double>(features[j]) * coefficients[j];
  return sum;
}

}  // namespace offerstream
