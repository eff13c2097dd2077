// One logistic observation under a Gaussian prior, solved exactly along x: the step that every learner here shares.
#pragma once

#include <array>
#include <cstddef>

#include "models/domain/bytes.h"
#include "models/domain/fixed_math.h"

namespace offerstream {

/// Solves z = z0 + gain (y - s(z)) for the logit z after the observation; s = logistic, gain = variance of the logit
/// times weight (README, "Response model"). The left side minus the right is increasing with slope >= 1, so the root is
/// unique and lies between z0 and z0 + gain (y - s(z0)). Newton inside that bracket, which shrinks with every step;
/// bisection when Newton leaves it or a step is not half the one before. 2 to 4 steps for usual gains (40 ns), at most
/// 60 for any. Domain: gain >= 0, y in [0, 1].
inline double SolveLogit(double z0, double gain, double y) {
  double p = fixed::Logistic(z0);
  const double far = z0 + gain * (y - p);
  double low = far < z0 ? far : z0, high = far < z0 ? z0 : far;
  double z = z0, last = high - low;
  for (int step = 0; step < 60; ++step) {
    const double excess = z - z0 - gain * (y - p);
    if (excess > 0) {
      high = z;
    } else {
      low = z;
    }
    double next = z - excess / (1.0 + gain * p * (1.0 - p));
    double moved = next > z ? next - z : z - next;
    if (!(next >= low && next <= high) || (step > 0 && moved > 0.5 * last)) {
      next = 0.5 * (low + high);
      moved = next > z ? next - z : z - next;
    }
    last = moved;
    z = next;
    p = fixed::Logistic(z);
    if (moved < 1e-12) break;
  }
  return z;
}

/// sqrt(1 + pi v / 8): what a logit is divided by so that its logistic is the mean over N(logit, v) (MacKay 1992).
inline double Moderation(double variance) { return std::sqrt(1.0 + fixed::kPi * variance / 8.0); }

/// The same Bayesian logistic regression for a fixed small number of coefficients: calibrator, impression curves.
/// Plain values; one owner. O(D^2).
template <std::size_t D>
struct SmallLogistic {
  using Vector = std::array<double, D>;
  Vector mean{};
  std::array<double, D * D> covariance{};  ///< row-major, symmetric

  /// A fresh model: independent coefficients of these means and variances.
  /// Independent coefficients with these means and variances.
  static SmallLogistic Prior(const Vector& mean, const Vector& variance) {
    SmallLogistic node;
    node.mean = mean;
    for (std::size_t j = 0; j < D; ++j) node.covariance[j * D + j] = variance[j];
    return node;
  }
  /// m.x
  /// mean . x, without an offset.
  double Logit(const Vector& x) const {
    double z = 0;
    for (std::size_t j = 0; j < D; ++j) z += mean[j] * x[j];
    return z;
  }
  /// Variance of Logit(x).
  double Variance(const Vector& x) const {
    double v = 0;
    for (std::size_t i = 0; i < D; ++i) {
      for (std::size_t j = 0; j < D; ++j) v += x[i] * covariance[i * D + j] * x[j];
    }
    return v;
  }
  /// One observation y in [0, 1] with an offset in logits; weight >= 0.
  void Learn(const Vector& x, double y, double offset, double weight = 1.0) {
    Vector u{};
    for (std::size_t i = 0; i < D; ++i) {
      for (std::size_t j = 0; j < D; ++j) u[i] += covariance[i * D + j] * x[j];
    }
    double v = 0;
    for (std::size_t j = 0; j < D; ++j) v += x[j] * u[j];
    const double p = fixed::Logistic(SolveLogit(Logit(x) + offset, v * weight, y));
    const double h = weight * p * (1.0 - p);
    for (std::size_t j = 0; j < D; ++j) mean[j] += u[j] * (weight * (y - p));
    if (h * v < 1e-15) return;  // a saturated label tells nothing about the covariance
    const double root = std::sqrt(h / (1.0 + h * v));
    for (double& value : u) value *= root;
    for (std::size_t i = 0; i < D; ++i) {
      for (std::size_t j = 0; j < D; ++j) covariance[i * D + j] -= u[i] * u[j];
    }
  }
  void Save(ByteWriter& out) const {
    for (double value : mean) out.F64(value);
    for (double value : covariance) out.F64(value);
  }
  /// Fails the reader on a value that is not finite or a variance that is negative.
  void Restore(ByteReader& in) {
    for (double& value : mean) value = in.F64();
    for (double& value : covariance) value = in.F64();
    for (double value : mean) {
      if (!std::isfinite(value)) in.Fail();
    }
    for (std::size_t i = 0; i < D * D; ++i) {
      if (!std::isfinite(covariance[i]) || (i % (D + 1) == 0 && covariance[i] < 0)) in.Fail();
    }
  }
};

}  // namespace offerstream
