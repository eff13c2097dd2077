#include "models/evaluating/lift_statistics.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <numeric>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr double kNormal95 = 1.959963984540054;

struct Centred {
  double xx = 0, xy = 0, yy = 0;
};

Centred CentredOf(const ArmSums& a) {
  return {a.x2 - a.x * a.x / a.n, a.xy - a.x * a.y / a.n, a.y2 - a.y * a.y / a.n};
}

bool Usable(const Stratum& s) { return s.treated.n >= 2 && s.control.n >= 2; }

/// Variance of the arm's adjusted mean.
double MeanVariance(const ArmSums& a, double theta) {
  const Centred c = CentredOf(a);
  const double ss = c.yy - 2 * theta * c.xy + theta * theta * c.xx;
  return std::max(0.0, ss) / (a.n - 1) / a.n;
}

/// Roots of (t - r c)^2 = z^2 (vt + r^2 vc); NaN when the interval has no end (the control mean may be 0).
void Fieller(double t, double vt, double c, double vc, LiftEffect& effect) {
  const double z2 = kNormal95 * kNormal95;
  const double a = c * c - z2 * vc, b = t * c, d = t * t - z2 * vt;
  if (c == 0) return;
  effect.relative = t / c - 1;
  const double disc = b * b - a * d;
  if (a <= 0 || disc < 0) return;
  const double root = std::sqrt(disc);
  effect.relative_low = (b - root) / a - 1;
  effect.relative_high = (b + root) / a - 1;
}

}  // namespace

double CupedTheta(std::span<const Stratum> strata) {
  Centred sum;
  for (const Stratum& s : strata) {
    if (!Usable(s)) continue;
    for (const ArmSums* a : {&s.treated, &s.control}) {
      const Centred c = CentredOf(*a);
      sum.xx += c.xx;
      sum.xy += c.xy;
    }
  }
  return sum.xx > 0 ? sum.xy / sum.xx : 0.0;
}

LiftEffect EffectOf(std::span<const Stratum> strata, double theta) {
  LiftEffect effect;
  double total = 0;
  for (const Stratum& s : strata) total += Usable(s) ? s.treated.n + s.control.n : 0;
  if (total <= 0) return effect;
  double vt = 0, vc = 0;
  for (const Stratum& s : strata) {
    if (!Usable(s)) continue;
    const double weight = (s.treated.n + s.control.n) / total;
    const double mean_x = (s.treated.x + s.control.x) / (s.treated.n + s.control.n);
    effect.treated += weight * (s.treated.y / s.treated.n - theta * (s.treated.x / s.treated.n - mean_x));
    effect.control += weight * (s.control.y / s.control.n - theta * (s.control.x / s.control.n - mean_x));
    vt += weight * weight * MeanVariance(s.treated, theta);
    vc += weight * weight * MeanVariance(s.control, theta);
  }
  effect.difference = effect.treated - effect.control;
  effect.standard_error = std::sqrt(vt + vc);
  effect.low = effect.difference - kNormal95 * effect.standard_error;
  effect.high = effect.difference + kNormal95 * effect.standard_error;
  effect.known = true;
  Fieller(effect.treated, vt, effect.control, vc, effect);
  return effect;
}

double AnytimeHalfWidth(double variance, double t, double planned, double alpha) {
  assert(t > 0 && planned > 0);
  const double log_alpha = fixed::Log(alpha);
  const double rho2 = (-2 * log_alpha + fixed::Log(1 - 2 * log_alpha)) / planned;
  const double s2 = t * variance, reach = t * rho2 + 1;
  return std::sqrt(s2 * reach / (t * t * rho2) * (fixed::Log(reach) - 2 * log_alpha));
}

double LogEvidence(double difference, double variance, double t, double tau) {
  const double s2 = t * variance;
  if (!(s2 > 0)) return 0;
  const double spread = s2 + t * tau * tau;
  return .5 * fixed::Log(s2 / spread) + t * t * tau * tau * difference * difference / (2 * s2 * spread);
}

std::vector<bool> Discoveries(std::span<const double> log_evidence, double alpha) {
  std::vector<std::size_t> order(log_evidence.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return log_evidence[a] > log_evidence[b]; });
  const double m = static_cast<double>(order.size());
  std::size_t found = 0;
  for (std::size_t k = 1; k <= order.size(); ++k) {
    if (log_evidence[order[k - 1]] >= fixed::Log(m / (static_cast<double>(k) * alpha))) found = k;
  }
  std::vector<bool> discovered(order.size(), false);
  for (std::size_t k = 0; k < found; ++k) discovered[order[k]] = true;
  return discovered;
}

double ChiSquareTail(double x, std::size_t degrees) {
  assert(degrees >= 1);
  if (!(x > 0)) return 1;
  // Q(k + 2) = Q(k) + (x/2)^(k/2) e^(-x/2) / Gamma(k/2 + 1), from Q(1) and Q(2).
  const double half = x / 2, decay = fixed::Exp(-half);
  const bool odd = degrees % 2 == 1;
  double tail = odd ? 2 * fixed::NormalCdf(-std::sqrt(x)) : decay;
  double term = odd ? std::sqrt(half) * decay / (std::sqrt(fixed::kPi) / 2) : half * decay;
  for (std::size_t k = odd ? 1 : 2; k < degrees; k += 2) {
    tail += term;
    term *= half / (static_cast<double>(k) / 2 + 1);
  }
  return std::min(1.0, tail);
}

double SampleRatioP(std::span<const double> counts, std::span<const double> planned) {
  assert(counts.size() == planned.size());
  double n = 0, share = 0;
  std::size_t cells = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (!(planned[i] > 0)) continue;
    n += counts[i];
    share += planned[i];
    ++cells;
  }
  if (cells < 2 || n <= 0) return 1;
  double chi = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (!(planned[i] > 0)) continue;
    const double expected = n * planned[i] / share;
    chi += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return ChiSquareTail(chi, cells - 1);
}

}  // namespace offerstream
