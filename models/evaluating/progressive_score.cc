#include "models/evaluating/progressive_score.h"

#include <algorithm>
#include <cmath>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr double kWeightMax = 1e100;
constexpr double kLogitMax = 10;

double Clamped(double p) { return std::clamp(p, 1e-6, 1.0 - 1e-6); }
double Loss(double p, bool y) { return -fixed::Log(y ? Clamped(p) : 1.0 - Clamped(p)); }

}  // namespace

ProgressiveScore::ProgressiveScore(double half_life) : growth_(fixed::Exp2(1.0 / half_life)) {}

std::size_t ProgressiveScore::BinOf(double p) {
  const double z = std::clamp(fixed::Logit(Clamped(p)), -kLogitMax, kLogitMax);
  return std::min(kBins - 1, static_cast<std::size_t>((z + kLogitMax) / (2 * kLogitMax) * kBins));
}

double ProgressiveScore::FloorOf(std::size_t bin) {
  return fixed::Logistic((static_cast<double>(bin) / kBins * 2 - 1) * kLogitMax);
}

double ProgressiveScore::MiddleOf(std::size_t bin) {
  return fixed::Logistic(((static_cast<double>(bin) + 0.5) / kBins * 2 - 1) * kLogitMax);
}

void ProgressiveScore::Add(double p, bool y, double base_rate) {
  if (weight_ > kWeightMax) Rescale();
  weight_ *= growth_;
  const std::size_t bin = BinOf(p);
  (y ? positive_ : negative_)[bin] += weight_;
  loss_ += weight_ * Loss(p, y);
  base_loss_ += weight_ * Loss(base_rate, y);
  predicted_ += weight_ * p;
  outcome_ += y ? weight_ : 0.0;
  total_ += weight_;
  ++labels_;
  positives_ += y;
}

void ProgressiveScore::Rescale() {
  const double factor = 1.0 / weight_;
  for (double& value : positive_) value *= factor;
  for (double& value : negative_) value *= factor;
  for (double* sum : {&loss_, &base_loss_, &predicted_, &outcome_, &total_}) *sum *= factor;
  weight_ = 1;
}

double ProgressiveScore::Auc() const {
  double below = 0, area = 0, positives = 0;
  for (std::size_t k = 0; k < kBins; ++k) {
    area += positive_[k] * (below + 0.5 * negative_[k]);
    below += negative_[k];
    positives += positive_[k];
  }
  return below > 0 && positives > 0 ? area / (below * positives) : 0.5;
}

double ProgressiveScore::Alift() const {
  const double share = total_ > 0 ? outcome_ / total_ : 0;
  return share / 2 + (1 - share) * Auc();
}

ProgressiveScore::F1 ProgressiveScore::BestF1() const {
  F1 best;
  double hit = 0, shown = 0;
  for (std::size_t k = kBins; k-- > 0;) {
    hit += positive_[k];
    shown += positive_[k] + negative_[k];
    if (!(hit > 0)) continue;
    const double f1 = 2 * hit / (shown + outcome_);
    if (f1 <= best.f1) continue;
    best = {FloorOf(k), f1, hit / shown, hit / outcome_};
  }
  return best;
}

std::vector<ProgressiveScore::Bin> ProgressiveScore::Bins() const {
  std::vector<Bin> bins;
  for (std::size_t k = kBins; k-- > 0;) {
    if (!(positive_[k] + negative_[k] > 0)) continue;
    const double unit = 1.0 / weight_;
    bins.push_back({FloorOf(k), MiddleOf(k), positive_[k] * unit, negative_[k] * unit});
  }
  return bins;
}

double ProgressiveScore::LogLoss() const { return total_ > 0 ? loss_ / total_ : 0; }
double ProgressiveScore::LogLossRatio() const { return base_loss_ > 0 ? loss_ / base_loss_ : 1; }
double ProgressiveScore::Calibration() const { return outcome_ > 0 ? predicted_ / outcome_ : 1; }

void ProgressiveScore::Save(ByteWriter& out) const {
  for (double value : {weight_, loss_, base_loss_, predicted_, outcome_, total_}) out.F64(value);
  out.I64(labels_);
  out.I64(positives_);
  std::size_t occupied = 0;
  for (std::size_t k = 0; k < kBins; ++k) occupied += positive_[k] + negative_[k] > 0;
  out.Varint(occupied);
  for (std::size_t k = 0; k < kBins; ++k) {
    if (!(positive_[k] + negative_[k] > 0)) continue;
    out.U16(static_cast<std::uint16_t>(k));
    out.F64(positive_[k]);
    out.F64(negative_[k]);
  }
}

void ProgressiveScore::Restore(ByteReader& in) {
  for (double* value : {&weight_, &loss_, &base_loss_, &predicted_, &outcome_, &total_}) {
    *value = in.F64();
    if (!(*value >= 0) || !std::isfinite(*value)) in.Fail();
  }
  labels_ = in.I64();
  positives_ = in.I64();
  if (labels_ < 0 || positives_ < 0) in.Fail();
  const std::size_t occupied = in.Count(2 + 2 * sizeof(double));
  for (std::size_t i = 0; i < occupied; ++i) {
    const std::size_t k = in.U16();
    const double positive = in.F64(), negative = in.F64();
    if (k >= kBins || !(positive >= 0 && negative >= 0) || !std::isfinite(positive + negative)) {
      in.Fail();
      return;
    }
    positive_[k] = positive;
    negative_[k] = negative;
  }
}

}  // namespace offerstream
