#include "models/learning/budget_pacer.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr double kStep = 1.2, kRange = 1000, kNextToNothing = 1e-3;

}  // namespace

void BudgetPacer::Start(std::span<double> ratios, double share) {
  assert(!ratios.empty());
  std::sort(ratios.begin(), ratios.end());
  const double rank = (1 - std::clamp(share, 0.0, 1.0)) * static_cast<double>(ratios.size() - 1);
  double price = ratios[static_cast<std::size_t>(rank)];
  // Multiplication never leaves 0 (or crosses it): then the scale of the best, far down.
  if (!(price > 0) || share >= 1) price = kNextToNothing * std::max(std::abs(ratios.back()), 1e-6);
  start_ = price_ = price;
}

void BudgetPacer::Update(double planned, double spent, double mean_cost, double budget) {
  if (!started() || !(mean_cost > 0) || !(budget > 0)) return;
  const double step = kStep / std::sqrt(budget / mean_cost);
  const double move = std::clamp(step * (spent - planned) / mean_cost, -2.0, 2.0);
  price_ = std::clamp(price_ * fixed::Exp(move), start_ / kRange, start_ * kRange);
}

void BudgetPacer::Save(ByteWriter& out) const {
  out.F64(start_);
  out.F64(price_);
}

void BudgetPacer::Restore(ByteReader& in) {
  start_ = in.F64();
  price_ = in.F64();
  if (!std::isfinite(start_) || !std::isfinite(price_) || start_ < 0 || price_ < 0) in.Fail();
}

}  // namespace offerstream
