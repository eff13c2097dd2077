#include "models/evaluating/off_policy_estimator.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr double kNormal95 = 1.959963984540054;
constexpr double kDelta = 0.05;
constexpr double kLogTen = 2.30258509299404568402;
// Weights are ratios of rounded numbers: a mean this close to 1 is 1.
constexpr double kRounding = 1e-6;

// Tau: 1, 10^.5, ... 10^4.5 (beyond a weight of 30,000 nobody wants a correction); lambda: its square.
const std::array<double, OffPolicyEstimator::kTried> kTaus = [] {
  std::array<double, OffPolicyEstimator::kTried> taus{};
  for (std::size_t k = 0; k < taus.size(); ++k) taus[k] = fixed::Exp(0.5 * kLogTen * static_cast<double>(k));
  return taus;
}();

// What the bootstrap sums of a row.
enum Term : std::size_t { kCount, kReward, kWeight, kWeighted, kExpected, kCorrection };

Interval Around(double value, double se) { return {value - kNormal95 * se, value + kNormal95 * se}; }

// Standard error of a mean from sums of x and x^2.
double MeanSe(double sum, double squares, double n) {
  if (n < 2) return 0;
  return std::sqrt(std::max(0.0, squares / n - (sum / n) * (sum / n)) / (n - 1));
}

// Two-sided 95 % quantile of Student's t, by its expansion about the normal's (Abramowitz & Stegun 26.7.5): 3.159 at 3
// degrees of freedom, where it is 3.182; closer with more.
double StudentQuantile95(double freedom) {
  constexpr double z = kNormal95, z2 = z * z;
  constexpr double kFirst = z * (z2 + 1) / 4, kSecond = z * ((5 * z2 + 16) * z2 + 3) / 96;
  constexpr double kThird = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
  const double f = 1 / freedom;
  return z + f * (kFirst + f * (kSecond + f * kThird));
}

Interval Hull(const Interval& a, const Interval& b) { return {std::min(a.low, b.low), std::max(a.high, b.high)}; }

}  // namespace

std::string_view Name(OffPolicyMethod method) {
  constexpr std::array<std::string_view, kOffPolicyMethods> kNames = {"ips", "snips", "dm", "dr", "sndr", "switch-dr", "dr-os"};
  return kNames[static_cast<std::size_t>(method)];
}

OffPolicyEstimator::OffPolicyEstimator(std::uint64_t seed, std::size_t replicates) : bootstrap_(seed, kTerms, replicates) {}

bool OffPolicyEstimator::Add(const OffPolicyRow& row) {
  // No offer earns nothing, for certain: such a row stands for itself.
  const double w = row.declines ? 1 : row.weight, r = row.declines ? 0 : row.reward;
  const double dm = row.declines ? 0 : row.expected, e = row.declines ? 0 : r - row.predicted;
  if (!std::isfinite(w) || w < 0 || !std::isfinite(row.reward) || !std::isfinite(dm) || !std::isfinite(e)) {
    ++rejected_;
    return false;
  }
  const double wr = w * r, we = w * e;
  wr_min_ = n_ == 0 ? wr : std::min(wr_min_, wr);
  wr_max_ = n_ == 0 ? wr : std::max(wr_max_, wr);
  ++n_;
  w_ += w;
  w2_ += w * w;
  w_max_ = std::max(w_max_, w);
  r_ += row.reward;
  wr_ += wr;
  wr2_ += wr * wr;
  w2r_ += w * wr;
  dm_ += dm;
  dm2_ += dm * dm;
  we_ += we;
  we2_ += we * we;
  w2e_ += w * we;
  dm_we_ += dm * we;
  dm_w_ += dm * w;
  r2_ += row.reward * row.reward;
  r_dm_ += row.reward * dm;
  r_we_ += row.reward * we;
  r_w_ += row.reward * w;
  for (std::size_t k = 0; k < kTried; ++k) {
    const double tau = kTaus[k], lambda = tau * tau;
    const auto add = [&](Tamed& sums, double tamed) {
      const double term = dm + tamed * e;
      sums.term += term;
      sums.term2 += term * term;
      sums.left_out += (w - tamed) * e;
    };
    add(switch_[k], w <= tau ? w : 0);
    add(dr_os_[k], lambda * w / (lambda + w * w));
  }
  if (bootstrap_.on()) {
    const UnitSums terms = {1, row.reward, w, wr, dm, we};
    bootstrap_.Add(row.unit, terms);
    if (units_.size() <= kUnitsMost) {
      UnitSums& unit = units_[row.unit];
      for (std::size_t k = 0; k < kTerms; ++k) unit[k] += terms[k];
    }
  }
  return true;
}

OffPolicyResult OffPolicyEstimator::Result() const {
  OffPolicyResult result;
  result.n = n_;
  if (n_ > 0) {
    Fill(result);
    FillTamed(result);
    for (OffPolicyEstimate& estimate : result.methods) estimate.interval = estimate.normal;
    FillBootstrap(result);
  }
  Judge(result);
  return result;
}

void OffPolicyEstimator::Fill(OffPolicyResult& result) const {
  const double n = static_cast<double>(n_);
  result.ess = w2_ > 0 ? w_ * w_ / w2_ : 0;
  result.mean_weight = w_ / n;
  result.mean_weight_se = MeanSe(w_, w2_, n);
  result.max_weight = w_max_;
  result.logged_value = r_ / n;
  const auto set = [&result](OffPolicyMethod method, double value, double se) {
    OffPolicyEstimate& estimate = result.methods[static_cast<std::size_t>(method)];
    estimate.value = value;
    estimate.normal = Around(value, se);
  };
  const double ips = wr_ / n, ips_se = MeanSe(wr_, wr2_, n);
  set(OffPolicyMethod::kIps, ips, ips_se);
  if (n_ > 1) {   // Maurer & Pontil 2009, both sides
    const double log = fixed::Log(4 / kDelta), variance = ips_se * ips_se * n;
    const double half = std::sqrt(2 * variance * log / n) + 7 * (wr_max_ - wr_min_) * log / (3 * (n - 1));
    result.bernstein = {ips - half, ips + half};
  }
  // Delta method for the ratio: sum w^2 (r - V)^2 / (sum w)^2.
  const double snips = w_ > 0 ? wr_ / w_ : 0;
  const double snips_var = w_ > 0 ? (wr2_ - 2 * snips * w2r_ + snips * snips * w2_) / (w_ * w_) : 0;
  set(OffPolicyMethod::kSnips, snips, std::sqrt(std::max(0.0, snips_var)));
  const double dm = dm_ / n;
  set(OffPolicyMethod::kDm, dm, MeanSe(dm_, dm2_, n));
  set(OffPolicyMethod::kDr, dm + we_ / n, MeanSe(dm_ + we_, dm2_ + 2 * dm_we_ + we2_, n));
  // Linearised: phi = expected + (w / mean w)(e - E), E = sum we / sum w.
  const double centre = w_ > 0 ? we_ / w_ : 0, scale = w_ > 0 ? n / w_ : 0;
  const double phi2 = dm2_ + 2 * scale * (dm_we_ - centre * dm_w_) + scale * scale * (we2_ - 2 * centre * w2e_ + centre * centre * w2_);
  set(OffPolicyMethod::kSndr, dm + centre, MeanSe(dm_, phi2, n));
  result.difference = dm + centre - result.logged_value;
  const double phi_r = r_dm_ + scale * (r_we_ - centre * r_w_);
  result.difference_interval = Around(result.difference, MeanSe(dm_ - r_, phi2 - 2 * phi_r + r2_, n));
}

void OffPolicyEstimator::FillTamed(OffPolicyResult& result) const {
  const double n = static_cast<double>(n_);
  const auto choose = [&](OffPolicyMethod method, const std::array<Tamed, kTried>& tried, bool squared) {
    std::size_t best = 0;
    double least = HUGE_VAL;
    for (std::size_t k = 0; k < kTried; ++k) {
      const double bias = tried[k].left_out / n, se = MeanSe(tried[k].term, tried[k].term2, n);
      const double error = bias * bias + se * se;
      if (error >= least) continue;
      least = error;
      best = k;
    }
    OffPolicyEstimate& estimate = result.methods[static_cast<std::size_t>(method)];
    estimate.value = tried[best].term / n;
    estimate.normal = Around(estimate.value, MeanSe(tried[best].term, tried[best].term2, n));
    estimate.parameter = squared ? kTaus[best] * kTaus[best] : kTaus[best];
  };
  choose(OffPolicyMethod::kSwitch, switch_, false);
  choose(OffPolicyMethod::kDrOs, dr_os_, true);
}

// Degrees of freedom of the variance that squares of units' influences add up to: 2 m / (kurtosis - 1), by what its own
// variance is (Satterthwaite 1946, without normal influences).
double OffPolicyEstimator::Freedom(const Moments& moments) {
  const double m = moments.units, squares = moments.squares * moments.squares;
  if (m <= 0) return 0;
  return squares > 0 ? 2 * m / std::max(1.0, m * moments.fourths / squares - 1) : m;
}

Interval OffPolicyEstimator::Student(double value, double n, const Moments& moments) {
  const double half = StudentQuantile95(std::max(Freedom(moments), kFreedomMin)) * std::sqrt(moments.squares) / n;
  return {value - half, value + half};
}

template <typename Influence>
OffPolicyEstimator::Moments OffPolicyEstimator::MomentsOf(Influence influence) const {
  Moments moments;
  if (units_.size() > kUnitsMost) return moments;
  moments.units = static_cast<double>(units_.size());
  for (const auto& [unit, sums] : units_) {
    const double u = influence(sums), u2 = u * u;
    moments.squares += u2;
    moments.cubes += u2 * u;
    moments.fourths += u2 * u2;
  }
  return moments;
}

void OffPolicyEstimator::FillBootstrap(OffPolicyResult& result) const {
  if (!bootstrap_.on()) return;
  const double n = static_cast<double>(n_);
  const auto sum = [this](Term term, std::size_t b) { return bootstrap_.Sum(term, b); };
  const auto mean = [&](Term term, std::size_t b) { return sum(term, b) / sum(kCount, b); };
  const auto fill = [&](OffPolicyEstimate& estimate, auto statistic, auto influence) {
    const Moments moments = MomentsOf(influence);
    estimate.bootstrap = bootstrap_.Corrected(statistic, estimate.value, Acceleration(moments.squares, moments.cubes));
    estimate.student = moments.units > 0 ? Student(estimate.value, n, moments) : estimate.bootstrap;
    estimate.interval = Hull(estimate.bootstrap, estimate.student);
    return Freedom(moments);
  };
  const auto set = [&](OffPolicyMethod method, auto statistic, auto influence) {
    return fill(result.methods[static_cast<std::size_t>(method)], statistic, influence);
  };
  // Influence of a unit on a mean, and on a ratio to the sum of weights; times n, which does not matter here.
  const auto on_mean = [n](double part, double whole, const UnitSums& unit) { return part - unit[kCount] * whole / n; };
  const double scale = w_ > 0 ? n / w_ : 0;
  const auto on_ratio = [&](double part, double whole, const UnitSums& unit) { return scale * (part - unit[kWeight] * whole / w_); };
  const auto sndr = [&](std::size_t b) { return mean(kExpected, b) + sum(kCorrection, b) / sum(kWeight, b); };
  const auto on_sndr = [&](const UnitSums& u) { return on_mean(u[kExpected], dm_, u) + on_ratio(u[kCorrection], we_, u); };
  set(OffPolicyMethod::kIps, [&](std::size_t b) { return mean(kWeighted, b); },
      [&](const UnitSums& u) { return on_mean(u[kWeighted], wr_, u); });
  set(OffPolicyMethod::kSnips, [&](std::size_t b) { return sum(kWeighted, b) / sum(kWeight, b); },
      [&](const UnitSums& u) { return on_ratio(u[kWeighted], wr_, u); });
  set(OffPolicyMethod::kDm, [&](std::size_t b) { return mean(kExpected, b); },
      [&](const UnitSums& u) { return on_mean(u[kExpected], dm_, u); });
  set(OffPolicyMethod::kDr, [&](std::size_t b) { return mean(kExpected, b) + mean(kCorrection, b); },
      [&](const UnitSums& u) { return on_mean(u[kExpected] + u[kCorrection], dm_ + we_, u); });
  result.freedom = set(OffPolicyMethod::kSndr, sndr, on_sndr);
  OffPolicyEstimate difference{.value = result.difference};
  fill(difference, [&](std::size_t b) { return sndr(b) - mean(kReward, b); },
       [&](const UnitSums& u) { return on_sndr(u) - on_mean(u[kReward], r_, u); });
  result.difference_interval = difference.interval;
}

void OffPolicyEstimator::Judge(OffPolicyResult& result) const {
  const double off = std::abs(result.mean_weight - 1);
  if (n_ == 0) {
    result.refusal = "No logged decision could be weighed.";
  } else if (off > kMeanWeightSe * result.mean_weight_se + kRounding) {
    result.refusal = fmt::format(
        "The mean weight is {:.3g} and should be 1 (standard error {:.2g}): {}.", result.mean_weight, result.mean_weight_se,
        result.mean_weight < 1 ? "the log does not contain what this policy would do, so part of its value is unseen"
                               : "the logged propensities cannot be those the choices were drawn with");
  } else if (result.ess < kEssMin) {
    result.refusal = fmt::format(
        "The effective sample size is {:.3g} of {} decisions and should be {:.0f}: a few decisions with large weights (up to {:.3g}) "
        "would carry the verdict.",
        result.ess, result.n, kEssMin, result.max_weight);
  } else if (result.freedom > 0 && result.freedom < kFreedomMin) {
    result.refusal = fmt::format(
        "One customer makes most of what is uncertain ({:.2g} degrees of freedom, should be {:.0f}): without this one the value would be "
        "another.",
        result.freedom, kFreedomMin);
  }
  result.supported = result.refusal.empty();
}

}  // namespace offerstream
