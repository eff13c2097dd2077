#include "models/learning/factor_regression.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Dense>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr std::int64_t kFirstFit = 1'000, kEvery = 250, kGrowth = 100;   // then after 250 labels, or 1 % more
constexpr std::size_t kRowsMost = 200'000;                // the newest are regressed on; factors know all
constexpr std::size_t kFitsKept = 8;                      // as many wait for late answers before another is made
constexpr int kNewtonSteps = 12;
constexpr double kStepEnough = 1e-8, kLogitMost = 30;
constexpr double kLevelPrecision = 0.01, kSlopePrecision = 1;

double Logit(const Eigen::VectorXd& coefficients, std::span<const double> scores, const Eigen::VectorXd& scale) {
  double z = coefficients[0];
  for (std::size_t f = 0; f < scores.size(); ++f) {
    const auto at = static_cast<Eigen::Index>(f);
    z += coefficients[at + 1] * scores[f] / scale[at];
  }
  return std::clamp(z, -kLogitMost, kLogitMost);
}

}  // namespace

FactorRegression::FactorRegression(std::size_t variables, std::uint64_t seed)
    : seed_(seed), moments_(variables), next_fit_(kFirstFit), numbers_(variables) {
  rows_.columns = variables;
}

void FactorRegression::Add(EventTime exposed, EventTime known, std::span<const float> numbers, bool y, double online,
                           double base_rate) {
  newest_ = std::max(newest_, known);
  while (fits_.size() > 1 && fits_[1].from <= exposed) fits_.pop_front();
  // The latest fit that was there when the exposure was made.
  const auto fit = std::find_if(fits_.rbegin(), fits_.rend(), [exposed](const Fit& f) { return f.from <= exposed; });
  if (fit != fits_.rend()) {
    record_.Add(Predict(*fit, numbers), y, base_rate);
    online_.Add(online, y, base_rate);
  }
  std::copy(numbers.begin(), numbers.end(), numbers_.begin());
  moments_.Add(numbers_);
  rows_.Add(numbers, y);
  if (rows_.size() >= kRowsMost + kRowsMost / 4) rows_.KeepLast(kRowsMost);
  ++labels_;
  positives_ += y;
  if (labels_ < next_fit_ || fits_.size() >= kFitsKept) return;
  next_fit_ = labels_ + std::max(kEvery, labels_ / kGrowth);
  if (auto made = FitNow(known)) fits_.push_back(std::move(*made));
}

void FactorRegression::Finish() {
  factors_ = FindFactors(moments_, seed_);
  const auto last = FitNow(newest_);
  if (!last) return;
  for (Eigen::Index j = 0; j < last->coefficients.size(); ++j) {
    effects_.push_back({last->coefficients[j], std::sqrt(last->covariance(j, j))});
  }
}

double FactorRegression::Predict(const Fit& fit, std::span<const float> numbers) {
  std::copy(numbers.begin(), numbers.end(), numbers_.begin());
  scores_.resize(fit.factors.count());
  fit.factors.Score(numbers_, scores_);
  return fixed::Logistic(Logit(fit.coefficients, scores_, fit.scale));
}

std::optional<FactorRegression::Fit> FactorRegression::FitNow(EventTime now) {
  if (positives_ == 0 || positives_ == labels_) return std::nullopt;
  auto factors = FindFactors(moments_, seed_);
  if (!factors || factors->count() == 0) return std::nullopt;
  Fit fit;
  fit.from = now;
  fit.factors = std::move(*factors);
  Regress(fit);
  ++fit_count_;
  return fit;
}

void FactorRegression::Regress(Fit& fit) const {
  const auto k = static_cast<Eigen::Index>(fit.factors.count());
  std::vector<double> numbers(rows_.columns), scores(fit.factors.count());
  Eigen::MatrixXd x(static_cast<Eigen::Index>(rows_.size()), k);
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    const float* row = rows_.x.data() + static_cast<std::size_t>(i) * rows_.columns;
    std::copy(row, row + rows_.columns, numbers.begin());
    fit.factors.Score(numbers, scores);
    for (Eigen::Index f = 0; f < k; ++f) x(i, f) = scores[static_cast<std::size_t>(f)];
  }
  // Regression scores have less than unit variance, the less the worse a factor is known.
  fit.scale = Eigen::VectorXd::Ones(k);
  for (Eigen::Index f = 0; f < k; ++f) {
    const double mean = x.col(f).mean(), variance = (x.col(f).array() - mean).square().mean();
    if (variance > 0) fit.scale[f] = std::sqrt(variance);
    x.col(f) /= fit.scale[f];
  }
  fit.coefficients = Eigen::VectorXd::Zero(k + 1);
  Eigen::VectorXd prior = Eigen::VectorXd::Constant(k + 1, kSlopePrecision);
  prior[0] = kLevelPrecision;
  Eigen::VectorXd row(k + 1);
  row[0] = 1;
  for (int step = 0; step < kNewtonSteps; ++step) {
    Eigen::VectorXd gradient = -(prior.array() * fit.coefficients.array()).matrix();
    Eigen::MatrixXd curvature = prior.asDiagonal();
    for (Eigen::Index i = 0; i < x.rows(); ++i) {
      row.tail(k) = x.row(i).transpose();
      const double p = fixed::Logistic(std::clamp(row.dot(fit.coefficients), -kLogitMost, kLogitMost));
      gradient += row * (static_cast<double>(rows_.y[static_cast<std::size_t>(i)]) - p);
      curvature.noalias() += (p * (1 - p)) * row * row.transpose();
    }
    fit.covariance = curvature.inverse();
    const Eigen::VectorXd move = fit.covariance * gradient;
    fit.coefficients += move;
    if (move.cwiseAbs().maxCoeff() < kStepEnough) break;
  }
}

}  // namespace offerstream
