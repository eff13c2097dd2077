#include "models/evaluating/lift_estimate.h"

#include <cmath>

namespace offerstream {
namespace {

constexpr double kMinorPerMajor = 100;
constexpr double kNormal95 = 1.959963984540054;

}  // namespace

bool LiftEstimate::Apply(const Observation& row) {
  const double y = static_cast<double>(row.y);
  if (row.arm >= kArms || !(y >= 0 && y <= 1) || !std::isfinite(row.pre_value)) {
    ++rejected_;
    return false;
  }
  Sums& arm = arms_[row.arm];
  const double revenue = static_cast<double>(row.value) / kMinorPerMajor;
  ++arm.customers;
  arm.converted += y >= 0.5;
  arm.revenue += row.value;
  arm.revenue2 += revenue * revenue;
  arm.before += row.pre_value;
  arm.before2 += row.pre_value * row.pre_value;
  arm.before_revenue += row.pre_value * revenue;
  ++rows_;
  return true;
}

std::int64_t LiftEstimate::converted() const {
  std::int64_t sum = 0;
  for (const Sums& arm : arms_) sum += arm.converted;
  return sum;
}

LiftView LiftEstimate::View() const {
  LiftView view;
  std::array<double, kArms> rate{}, variance{};
  for (std::size_t a = 0; a < kArms; ++a) {
    const Sums& arm = arms_[a];
    view.arms[a] = {arm.customers, arm.converted, static_cast<double>(arm.revenue) / kMinorPerMajor};
    if (arm.customers < 2) continue;
    const double n = static_cast<double>(arm.customers);
    rate[a] = static_cast<double>(arm.converted) / n;
    variance[a] = rate[a] * (1 - rate[a]) / (n - 1);
  }
  if (arms_[0].customers < 2 || arms_[1].customers < 2) return view;
  view.lift = rate[0] - rate[1];
  const double half = kNormal95 * std::sqrt(variance[0] + variance[1]);
  view.low = view.lift - half;
  view.high = view.lift + half;
  return view;
}

void LiftEstimate::Save(ByteWriter& out) const {
  for (const Sums& arm : arms_) {
    for (std::int64_t number : {arm.customers, arm.converted, arm.revenue}) out.I64(number);
    for (double number : {arm.revenue2, arm.before, arm.before2, arm.before_revenue}) out.F64(number);
  }
  out.I64(rows_);
  out.I64(rejected_);
}

void LiftEstimate::Restore(ByteReader& in) {
  for (Sums& arm : arms_) {
    for (std::int64_t* number : {&arm.customers, &arm.converted, &arm.revenue}) *number = in.I64();
    for (double* number : {&arm.revenue2, &arm.before, &arm.before2, &arm.before_revenue}) {
      *number = in.F64();
      if (!std::isfinite(*number)) in.Fail();
    }
    if (arm.customers < 0 || arm.converted < 0 || arm.converted > arm.customers) in.Fail();
  }
  rows_ = in.I64();
  rejected_ = in.I64();
  if (rows_ < 0 || rejected_ < 0) in.Fail();
}

}  // namespace offerstream
