#include "models/learning/drift_detector.h"

#include <algorithm>
#include <cmath>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr double kMemory = 5000;
constexpr double kLogitMax = 13.8;  // p within [1e-6, 1 - 1e-6]
constexpr double kMost = 1e300;

}  // namespace

bool DriftDetector::Add(double logit, bool y) {
  const double z = std::clamp(logit, -kLogitMax, kLogitMax);
  ++seen_;
  mean_ += (z - mean_) / std::min(static_cast<double>(seen_), kMemory);
  const double away = 0.5 * (z - mean_);
  const std::array<double, 6> shifts = {0.25, -0.25, 0.5, -0.5, away, -away};
  // q/p and (1-q)/(1-p) are 1/(1 + e^-+z) ratios; with the sign folded in both are s(s z')/s(s z).
  const double sign = y ? 1.0 : -1.0;
  const double p = fixed::Logistic(sign * z);
  double sum = 0;
  for (std::size_t i = 0; i < shifts.size(); ++i) {
    const double q = fixed::Logistic(sign * (z + shifts[i]));
    statistics_[i] = std::min((statistics_[i] + 1.0) * (q / p), kMost);
    sum += statistics_[i];
  }
  if (!(sum / static_cast<double>(shifts.size()) > kAlarm)) return false;
  statistics_ = {};
  ++alarms_;
  return true;
}

void DriftDetector::Save(ByteWriter& out) const {
  for (double value : statistics_) out.F64(value);
  out.F64(mean_);
  out.I64(seen_);
  out.I64(alarms_);
}

void DriftDetector::Restore(ByteReader& in) {
  for (double& value : statistics_) {
    value = in.F64();
    if (!(value >= 0)) in.Fail();
  }
  mean_ = in.F64();
  seen_ = in.I64();
  alarms_ = in.I64();
  if (!std::isfinite(mean_) || seen_ < 0 || alarms_ < 0) in.Fail();
}

}  // namespace offerstream
