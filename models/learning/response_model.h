// Who will respond: Bayesian logistic regression with a full covariance, learned one observation at a time, drifting
// back to its prior as event time passes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/domain/bytes.h"
#include "models/domain/status.h"
#include "models/learning/covariance.h"

namespace offerstream {

/// How fast what was learned is forgotten, in hours of event time.
struct HalfLives {
  double level_hours = 7 * 24;   ///< the intercept
  double slope_hours = 28 * 24;  ///< everything else
};

/// How coefficients of an older feature schema become those of a newer one: x' = (x - shift) / stretch gives
/// m'_j = stretch m_j and m'_0 = m_0 + sum shift_j m_j; a dropped feature leaves m_j times its mean in the level.
struct SchemaChange {
  static constexpr std::size_t kNew = static_cast<std::size_t>(-1);
  struct Kept {
    std::size_t old_index = kNew;  ///< kNew: no such feature before; it starts from its prior
    double shift = 0, stretch = 1;
  };
  std::vector<Kept> features{};                                 ///< by new index; features[0] is the bias
  std::vector<std::pair<std::size_t, double>> dropped_means{};  ///< old index and mean of x

  /// The same for a model that saw only the features at `before` and is to see those at `after` (both ascending).
  SchemaChange Among(std::span<const std::uint16_t> before, std::span<const std::uint16_t> after) const;
};

/// One head: posterior mean and covariance of d coefficients, the prior they drift to. x[0] is always 1.
/// Formulas: README.md, "Response model". One owner, not thread-safe (predictions use scratch space).
class ResponseModel {
 public:
  /// What a head says of x, offset included: mean and variance of the logit.
  /// The logit m.x and its variance x.Px.
  struct Prediction {
    double logit = 0, variance = 0;
    /// The logit whose logistic is the mean probability over the uncertainty of the coefficients.
    double Moderated() const;
  };

  /// Default prior: level logit(.05), variance 1 at birth; slopes 0, variance .1. Drift leads to variances (4, .1).
  explicit ResponseModel(std::size_t dimension);

  std::size_t dimension() const { return dimension_; }
  std::uint64_t updates() const { return updates_; }
  double mean(std::size_t j) const { return mean_[j]; }
  double covariance(std::size_t i, std::size_t j) const { return covariance_.at(i, j); }
  const Covariance& covariance() const { return covariance_; }
  double prior_mean(std::size_t j) const { return prior_mean_[j]; }
  double prior_variance(std::size_t j) const { return prior_variance_[j]; }

  /// Replaces the prior: means and variances of siblings. What was learned before is lost.
  /// REQUIRES: both of the model's dimension, finite, variances > 0.
  void Birth(std::span<const float> mean, std::span<const float> variance);
  /// Replaces the variances of a fresh model, both at birth and where drift leads (studies and tests).
  void SetPrior(double level_mean, double level_variance, double slope_variance);
  /// Moves where the level drifts to.
  void SetPriorLevel(double logit) { prior_mean_[0] = logit; }

  /// Multiplies the prior variance of every slope, as if it had been so from the start: the posterior exchanges the old
  /// prior's precision for the new one's. Does nothing to the posterior where that would leave no covariance. O(d^3).
  void ScaleSlopePrior(double factor);

  /// Logit and its variance at x. O(d^2).
  Prediction Predict(std::span<const float> x) const;
  /// One exact step along x; returns what was predicted before it (without the offset). y in [0, 1]; weight >= 0;
  /// offset in logits. Finite for any weight. O(d^2), about .6 us at d = 64. REQUIRES: x.size() == dimension(), all
  /// inputs finite.
  Prediction Learn(std::span<const float> x, double y, double weight, double offset);
  /// The second half of Learn, for an offset that depends on what was predicted. REQUIRES: `before` is what the last
  /// call on this model, Predict(x), said.
  void LearnPredicted(const Prediction& before, double y, double weight, double offset);
  /// Ornstein-Uhlenbeck: `hours` of event time pass. O(d^2).
  void Drift(double hours, const HalfLives& half_lives);
  /// Multiplies variances (level, slopes) after an alarm, never past the prior's.
  void Widen(double level, double slopes);
  /// Checks that the covariance is one, and mends it when it is not: false then. O(d^3); due every 10^4 updates.
  bool Sound();
  /// Carries what was learned over to another feature schema.
  void Reshape(const SchemaChange& change);

  /// 8 d + 16 d + 4 d (d + 1) bytes and a few: mean, prior, lower triangle.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage; the model is then the default one.
  static ResponseModel Restore(std::size_t dimension, ByteReader& in);

 private:
  void Load(std::span<const float> x) const;

  std::size_t dimension_;
  std::uint64_t updates_ = 0;
  std::vector<double> prior_mean_, prior_variance_;
  Covariance::Doubles mean_;  // padded like the covariance
  Covariance covariance_;
  mutable Covariance::Doubles x_, gain_;  // scratch: x as doubles, u = P x
  std::vector<double> factor_, add_;      // scratch of Drift
};

}  // namespace offerstream
