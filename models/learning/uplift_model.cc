#include "models/learning/uplift_model.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr float kLevelVariance = 1.0f, kSlopeVariance = 0.1f, kInteractionVariance = 0.01f;
constexpr double kFirstRate = .05;

ResponseModel Head(std::size_t features, bool shared) {
  ResponseModel head(shared ? 2 * features : features);
  std::vector<float> mean(head.dimension(), 0.0f), variance(head.dimension(), kSlopeVariance);
  mean[0] = static_cast<float>(fixed::Logit(kFirstRate));
  variance[0] = kLevelVariance;
  if (shared) {
    variance[features] = kSlopeVariance;   // the mean effect is no interaction
    std::fill(variance.begin() + static_cast<std::ptrdiff_t>(features) + 1, variance.end(), kInteractionVariance);
  }
  head.Birth(mean, variance);
  return head;
}

}  // namespace

UpliftModel::UpliftModel(std::size_t features, UpliftKind kind) : features_(features), kind_(kind) {
  assert(features > 0);
  const bool shared = kind == UpliftKind::kShared;
  for (int arm = 0; arm < (shared ? 1 : 2); ++arm) heads_.push_back(Head(features, shared));
  x_.resize(shared ? 2 * features : features);
  gradient_.resize(x_.size());
}

std::span<const float> UpliftModel::Treated(std::span<const float> x) const {
  assert(x.size() == features_);
  std::copy(x.begin(), x.end(), x_.begin());
  if (kind_ == UpliftKind::kShared) std::copy(x.begin(), x.end(), x_.begin() + static_cast<std::ptrdiff_t>(features_));
  return x_;
}

std::span<const float> UpliftModel::Untreated(std::span<const float> x) const {
  assert(x.size() == features_);
  std::copy(x.begin(), x.end(), x_.begin());
  std::fill(x_.begin() + static_cast<std::ptrdiff_t>(features_), x_.end(), 0.0f);
  return x_;
}

void UpliftModel::Learn(std::span<const float> x, bool treated, double y) {
  ResponseModel& head = kind_ == UpliftKind::kSeparate && treated ? heads_[1] : heads_[0];
  head.Learn(treated ? Treated(x) : Untreated(x), y, 1, 0);
}

UpliftModel::Effect UpliftModel::Predict(std::span<const float> x) const {
  Effect effect;
  effect.treated = fixed::Logistic(heads_.back().Predict(Treated(x)).Moderated());
  effect.control = fixed::Logistic(heads_.front().Predict(Untreated(x)).Moderated());
  effect.uplift = effect.treated - effect.control;
  const double slope1 = effect.treated * (1 - effect.treated), slope0 = effect.control * (1 - effect.control);
  if (kind_ == UpliftKind::kSeparate) {
    const double v1 = heads_[1].Predict(x).variance, v0 = heads_[0].Predict(x).variance;
    effect.standard_error = std::sqrt(slope1 * slope1 * v1 + slope0 * slope0 * v0);
    return effect;
  }
  for (std::size_t j = 0; j < features_; ++j) {
    gradient_[j] = static_cast<float>((slope1 - slope0) * static_cast<double>(x[j]));
    gradient_[features_ + j] = static_cast<float>(slope1 * static_cast<double>(x[j]));
  }
  effect.standard_error = std::sqrt(heads_[0].Predict(gradient_).variance);
  return effect;
}

void UpliftModel::Drift(double hours, const HalfLives& half_lives) {
  for (ResponseModel& head : heads_) head.Drift(hours, half_lives);
}

void UpliftModel::Save(ByteWriter& out) const {
  out.U8(static_cast<std::uint8_t>(kind_));
  for (const ResponseModel& head : heads_) head.Save(out);
}

UpliftModel UpliftModel::Restore(std::size_t features, ByteReader& in) {
  const std::uint8_t kind = in.U8();
  if (kind > 1) in.Fail();
  UpliftModel model(features, kind == 1 ? UpliftKind::kSeparate : UpliftKind::kShared);
  for (ResponseModel& head : model.heads_) head = ResponseModel::Restore(model.x_.size(), in);
  return in.ok() ? std::move(model) : UpliftModel(features);
}

}  // namespace offerstream
