#include "models/learning/response_model.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include "models/learning/logistic_step.h"

namespace offerstream {
namespace {

constexpr double kLevelPriorVariance = 4.0, kLevelBirthVariance = 1.0, kSlopeVariance = 0.1;
constexpr double kFirstBaseRate = 0.05;

// Four running sums, then one total: the order is in the source, not in the compiler.
double Dot(const Covariance::Doubles& a, const Covariance::Doubles& b) {
  double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (std::size_t i = 0; i < a.size(); i += 4) {
    s0 += a[i] * b[i];
    s1 += a[i + 1] * b[i + 1];
    s2 += a[i + 2] * b[i + 2];
    s3 += a[i + 3] * b[i + 3];
  }
  return (s0 + s1) + (s2 + s3);
}

}  // namespace

SchemaChange SchemaChange::Among(std::span<const std::uint16_t> before, std::span<const std::uint16_t> after) const {
  const auto place = [before](std::size_t old) {
    const auto at = std::lower_bound(before.begin(), before.end(), old);
    return at != before.end() && *at == old ? static_cast<std::size_t>(at - before.begin()) : kNew;
  };
  SchemaChange own;
  for (const std::uint16_t j : after) {
    own.features.push_back(features[j]);
    own.features.back().old_index = place(features[j].old_index);
  }
  for (const auto& [old, mean] : dropped_means) {
    if (place(old) != kNew) own.dropped_means.emplace_back(place(old), mean);
  }
  return own;
}

double ResponseModel::Prediction::Moderated() const { return logit / Moderation(variance); }

ResponseModel::ResponseModel(std::size_t dimension)
    : dimension_(dimension),
      prior_mean_(dimension, 0.0),
      prior_variance_(dimension, kSlopeVariance),
      covariance_(dimension),
      factor_(dimension),
      add_(dimension) {
  mean_.assign(covariance_.padded(), 0.0);
  x_.assign(covariance_.padded(), 0.0);
  gain_.assign(covariance_.padded(), 0.0);
  for (std::size_t j = 0; j < dimension_; ++j) covariance_.Set(j, j, kSlopeVariance);
  if (dimension_ == 0) return;
  prior_mean_[0] = mean_[0] = fixed::Logit(kFirstBaseRate);
  prior_variance_[0] = kLevelPriorVariance;
  covariance_.Set(0, 0, kLevelBirthVariance);
}

void ResponseModel::Birth(std::span<const float> mean, std::span<const float> variance) {
  assert(mean.size() == dimension_ && variance.size() == dimension_);
  const std::vector<double> bound = prior_variance_;
  *this = ResponseModel(dimension_);
  for (std::size_t j = 0; j < dimension_; ++j) {
    prior_mean_[j] = mean_[j] = static_cast<double>(mean[j]);
    const double width = static_cast<double>(variance[j]);
    covariance_.Set(j, j, width);
    prior_variance_[j] = std::max(bound[j], width);  // drift must never narrow what siblings leave open
  }
}

void ResponseModel::SetPrior(double level_mean, double level_variance, double slope_variance) {
  *this = ResponseModel(dimension_);
  prior_mean_[0] = mean_[0] = level_mean;
  for (std::size_t j = 0; j < dimension_; ++j) {
    prior_variance_[j] = j == 0 ? level_variance : slope_variance;
    covariance_.Set(j, j, prior_variance_[j]);
  }
}

void ResponseModel::Load(std::span<const float> x) const {
  assert(x.size() == dimension_);
  for (std::size_t j = 0; j < dimension_; ++j) x_[j] = static_cast<double>(x[j]);
}

void ResponseModel::ScaleSlopePrior(double factor) {
  assert(factor > 0);
  const auto n = static_cast<Eigen::Index>(dimension_);
  Eigen::MatrixXd p(n, n);
  Eigen::VectorXd m(n), change(n), prior(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const auto row = static_cast<std::size_t>(i);
    m[i] = mean_[row];
    prior[i] = prior_mean_[row];
    change[i] = row == 0 ? 0.0 : (1 / factor - 1) / prior_variance_[row];
    if (row > 0) prior_variance_[row] *= factor;
    for (Eigen::Index j = 0; j < n; ++j) p(i, j) = covariance_.at(row, static_cast<std::size_t>(j));
  }
  const Eigen::LLT<Eigen::MatrixXd> before(p);
  if (before.info() != Eigen::Success) return;
  Eigen::MatrixXd precision = before.solve(Eigen::MatrixXd::Identity(n, n));
  Eigen::VectorXd pull = precision * m;
  precision.diagonal() += change;
  pull += change.cwiseProduct(prior);
  const Eigen::LLT<Eigen::MatrixXd> after(precision);
  if (after.info() != Eigen::Success) return;
  const Eigen::MatrixXd wider = after.solve(Eigen::MatrixXd::Identity(n, n));
  const Eigen::VectorXd mean = wider * pull;
  for (Eigen::Index i = 0; i < n; ++i) {
    if (!(wider(i, i) > 0) || !std::isfinite(wider(i, i)) || !std::isfinite(mean[i])) return;
  }
  for (Eigen::Index i = 0; i < n; ++i) {
    mean_[static_cast<std::size_t>(i)] = mean[i];
    for (Eigen::Index j = 0; j <= i; ++j) {
      covariance_.Set(static_cast<std::size_t>(i), static_cast<std::size_t>(j), .5 * (wider(i, j) + wider(j, i)));
    }
  }
}

ResponseModel::Prediction ResponseModel::Predict(std::span<const float> x) const {
  Load(x);
  covariance_.Times(x_, gain_);
  return {Dot(mean_, x_), Dot(x_, gain_)};
}

ResponseModel::Prediction ResponseModel::Learn(std::span<const float> x, double y, double weight, double offset) {
  const Prediction before = Predict(x);
  LearnPredicted(before, y, weight, offset);
  return before;
}

void ResponseModel::LearnPredicted(const Prediction& before, double y, double weight, double offset) {
  assert(weight >= 0 && y >= 0 && y <= 1);
  ++updates_;
  const double p = fixed::Logistic(SolveLogit(before.logit + offset, before.variance * weight, y));
  const double h = weight * p * (1.0 - p), step = weight * (y - p);
  for (std::size_t j = 0; j < mean_.size(); ++j) mean_[j] += gain_[j] * step;
  if (h * before.variance >= 1e-15) {  // saturated: the label tells nothing about the covariance
    const double root = std::sqrt(h / (1.0 + h * before.variance));
    for (double& value : gain_) value *= root;
    covariance_.SubtractOuter(gain_);
  }
}

void ResponseModel::Drift(double hours, const HalfLives& half_lives) {
  const double level = fixed::Exp2(-hours / half_lives.level_hours);
  const double slope = fixed::Exp2(-hours / half_lives.slope_hours);
  for (std::size_t j = 0; j < dimension_; ++j) {
    const double f = j == 0 ? level : slope;
    mean_[j] = prior_mean_[j] + f * (mean_[j] - prior_mean_[j]);
    factor_[j] = f;
    add_[j] = (1.0 - f * f) * prior_variance_[j];
  }
  covariance_.ScaleAndAdd(factor_, add_);
}

void ResponseModel::Widen(double level, double slopes) {
  for (std::size_t j = 0; j < dimension_; ++j) {
    const double room = prior_variance_[j] / covariance_.at(j, j);
    factor_[j] = std::sqrt(std::max(1.0, std::min(j == 0 ? level : slopes, room)));
    add_[j] = 0;
  }
  covariance_.ScaleAndAdd(factor_, add_);
}

bool ResponseModel::Sound() {
  bool sound = covariance_.PositiveDefinite();
  if (!sound) covariance_.Mend(prior_variance_);
  for (std::size_t j = 0; j < dimension_; ++j) {
    if (std::isfinite(mean_[j])) continue;
    mean_[j] = prior_mean_[j];
    sound = false;
  }
  return sound;
}

void ResponseModel::Reshape(const SchemaChange& change) {
  const auto old_size = static_cast<Eigen::Index>(dimension_);
  const auto new_size = static_cast<Eigen::Index>(change.features.size());
  Eigen::MatrixXd t = Eigen::MatrixXd::Zero(new_size, old_size), p(old_size, old_size);
  Eigen::VectorXd m(old_size), m0(old_size);
  for (std::size_t i = 0; i < dimension_; ++i) {
    const auto row = static_cast<Eigen::Index>(i);
    m[row] = mean_[i];
    m0[row] = prior_mean_[i];
    for (std::size_t j = 0; j < dimension_; ++j) p(row, static_cast<Eigen::Index>(j)) = covariance_.at(i, j);
  }
  for (std::size_t j = 0; j < change.features.size(); ++j) {
    const SchemaChange::Kept& kept = change.features[j];
    if (kept.old_index == SchemaChange::kNew) continue;
    const auto from = static_cast<Eigen::Index>(kept.old_index);
    t(static_cast<Eigen::Index>(j), from) = kept.stretch;
    if (j != 0) t(0, from) += kept.shift;
  }
  for (const auto& [old_index, mean] : change.dropped_means) t(0, static_cast<Eigen::Index>(old_index)) += mean;
  const Eigen::VectorXd new_m = t * m, new_m0 = t * m0;
  const Eigen::MatrixXd new_p = t * p * t.transpose();

  ResponseModel reshaped(change.features.size());
  reshaped.updates_ = updates_;
  for (std::size_t j = 0; j < change.features.size(); ++j) {
    const SchemaChange::Kept& kept = change.features[j];
    if (kept.old_index == SchemaChange::kNew) continue;  // keeps its prior block
    const auto row = static_cast<Eigen::Index>(j);
    reshaped.mean_[j] = new_m[row];
    reshaped.prior_mean_[j] = new_m0[row];
    reshaped.prior_variance_[j] = prior_variance_[kept.old_index] * kept.stretch * kept.stretch;
    for (std::size_t i = 0; i <= j; ++i) {
      if (change.features[i].old_index == SchemaChange::kNew) continue;
      reshaped.covariance_.Set(i, j, new_p(static_cast<Eigen::Index>(i), row));
    }
  }
  *this = std::move(reshaped);
}

void ResponseModel::Save(ByteWriter& out) const {
  out.U64(updates_);
  for (std::size_t j = 0; j < dimension_; ++j) out.F64(mean_[j]);
  for (double value : prior_mean_) out.F64(value);
  for (double value : prior_variance_) out.F64(value);
  covariance_.Save(out);
}

ResponseModel ResponseModel::Restore(std::size_t dimension, ByteReader& in) {
  if (in.left() < dimension * 3 * sizeof(double)) {
    in.Fail();
    return ResponseModel(0);
  }
  ResponseModel model(dimension);
  model.updates_ = in.U64();
  const auto number = [&in] {
    const double value = in.F64();
    if (!std::isfinite(value)) in.Fail();
    return value;
  };
  for (std::size_t j = 0; j < dimension; ++j) model.mean_[j] = number();
  for (double& value : model.prior_mean_) value = number();
  for (double& value : model.prior_variance_) value = number();
  Covariance covariance = Covariance::Restore(dimension, in);
  if (!in.ok()) return ResponseModel(0);
  model.covariance_ = std::move(covariance);
  return model;
}

}  // namespace offerstream
