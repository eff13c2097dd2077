#include "models/evaluating/purchase_model.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <vector>

#include "models/domain/fixed_math.h"
#include "models/evaluating/nelder_mead.h"
#include "models/evaluating/special.h"

namespace offerstream {
namespace {

using special::Hypergeometric2F1;
using special::LogBeta;
using special::LogGamma;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kEvaluations = 600;
constexpr double kSettled = 1e-10, kFirstStep = 0.5, kLogMost = 12;

double Power(double base, double exponent) { return fixed::Exp(exponent * fixed::Log(base)); }

// Away from the pole at a = 1, where both factors of the expectation are limits.
double OffOne(double a) { return std::abs(a - 1) < 1e-7 ? 1 + 1e-7 : a; }

bool Wild(const std::vector<double>& logs) {
  return std::any_of(logs.begin(), logs.end(), [](double v) { return !(std::abs(v) < kLogMost); });
}

}  // namespace

double BgNbd::LogLikelihood(const BuyingHistory& h) const {
  const double x = h.repeats;
  const double stays = -(r + x) * fixed::Log(alpha + h.age);
  double either = stays;
  if (h.repeats > 0) {
    const double left = fixed::Log(a / (b + x - 1)) - (r + x) * fixed::Log(alpha + h.last);
    const double high = std::max(stays, left), low = std::min(stays, left);
    either = high + fixed::Log1p(fixed::Exp(low - high));
  }
  return LogGamma(r + x) - LogGamma(r) + r * fixed::Log(alpha) + LogBeta(a, b + x) - LogBeta(a, b) + either;
}

double BgNbd::LogLikelihood(const HistoryCounts& counts) const {
  double sum = 0;
  for (const auto& [history, n] : counts.counts()) {
    const auto& [repeats, last, age] = history;
    sum += static_cast<double>(n) * LogLikelihood({repeats, static_cast<double>(last), static_cast<double>(age)});
  }
  return sum;
}

double BgNbd::Alive(const BuyingHistory& h) const {
  if (h.repeats == 0) return 1;
  const double x = h.repeats;
  return 1 / (1 + a / (b + x - 1) * Power((alpha + h.age) / (alpha + h.last), r + x));
}

double BgNbd::Buys(const BuyingHistory& h, double horizon) const {
  return Alive(h) * (1 - Power((alpha + h.age) / (alpha + h.age + horizon), r + h.repeats));
}

double BgNbd::Expected(double t) const {
  const double o = OffOne(a);
  return (o + b - 1) / (o - 1) * (1 - Power(alpha / (alpha + t), r) * Hypergeometric2F1(r, b, o + b - 1, t / (alpha + t)));
}

double BgNbd::Expected(const BuyingHistory& h, double t) const {
  const double x = h.repeats, o = OffOne(a), reach = alpha + h.age;
  const double series = Hypergeometric2F1(r + x, b + x, o + b + x - 1, t / (reach + t));
  return (o + b + x - 1) / (o - 1) * (1 - Power(reach / (reach + t), r + x) * series) * Alive(h);
}

BgNbd BgNbd::Fit(const HistoryCounts& counts) {
  double age = 0;
  for (const auto& [history, n] : counts.counts()) age += static_cast<double>(n) * std::get<2>(history);
  const double mean_age = counts.customers() > 0 ? std::max(1.0, age / static_cast<double>(counts.customers())) : 1;
  const auto at = [](const std::vector<double>& logs) {
    return BgNbd{fixed::Exp(logs[0]), fixed::Exp(logs[1]), fixed::Exp(logs[2]), fixed::Exp(logs[3])};
  };
  const auto loss = [&](const std::vector<double>& logs) { return Wild(logs) ? kInfinity : -at(logs).LogLikelihood(counts); };
  return at(Minimise(loss, {0, fixed::Log(mean_age), 0, 0}, kFirstStep, kSettled, kEvaluations));
}

double GammaGamma::Expected(int x, double mean) const {
  assert(p * x + q > 1);
  return p * (v + x * mean) / (p * x + q - 1);
}

double GammaGamma::LogLikelihood(const Counts& counts, double unit) const {
  double sum = 0;
  for (const auto& [key, n] : counts) {
    if (key.first <= 0 || key.second <= 0) continue;
    const double x = key.first, mean = static_cast<double>(key.second) * unit;
    const double term = LogGamma(p * x + q) - LogGamma(p * x) - LogGamma(q) + q * fixed::Log(v) + (p * x - 1) * fixed::Log(mean) +
                        p * x * fixed::Log(x) - (p * x + q) * fixed::Log(v + x * mean);
    sum += static_cast<double>(n) * term;
  }
  return sum;
}

GammaGamma GammaGamma::Fit(const Counts& counts, double unit) {
  double total = 0, customers = 0;
  for (const auto& [key, n] : counts) {
    total += static_cast<double>(n) * static_cast<double>(key.second) * unit;
    customers += static_cast<double>(n);
  }
  const double mean = customers > 0 && total > 0 ? total / customers : 1;
  const auto at = [](const std::vector<double>& logs) {
    return GammaGamma{fixed::Exp(logs[0]), 1 + fixed::Exp(logs[1]), fixed::Exp(logs[2])};
  };
  const auto loss = [&](const std::vector<double>& logs) {
    return std::abs(logs[0]) < kLogMost && std::abs(logs[1]) < kLogMost && std::abs(logs[2]) < 2 * kLogMost
               ? -at(logs).LogLikelihood(counts, unit)
               : kInfinity;
  };
  return at(Minimise(loss, {0, 0, fixed::Log(mean)}, kFirstStep, kSettled, kEvaluations));
}

double CustomerValue(const BgNbd& model, const BuyingHistory& h, double value, double margin, double yearly_discount, double month) {
  double sum = 0, before = 0;
  for (int k = 1; k <= 12; ++k) {
    const double now = model.Expected(h, k * month);
    sum += (now - before) * value * margin * Power(1 + yearly_discount, -k / 12.0);
    before = now;
  }
  return sum;
}

}  // namespace offerstream
