#include "models/learning/delay_curve.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr double kFirstEdgeMs = 5 * 60'000.0;
constexpr double kPseudoConversions = 50;
constexpr double kHalfLifeHours = 28 * 24;
constexpr double kLeastShare = 1e-3;
constexpr Duration kWindowMax = 36'525 * 86'400'000LL;  // a century: beyond it a stored window is damage

}  // namespace

std::uint32_t CutsBelow(Duration window) {
  std::uint32_t cuts = 0;
  while (cuts < kLabelCuts.size() && kLabelCuts[cuts] < window) ++cuts;
  return cuts;
}

DelayCurve::DelayCurve(Duration window) : window_(window) {
  assert(window > 0 && window <= kWindowMax);
  MakeEdges();
  MakeSums();
}

void DelayCurve::MakeEdges() {
  const double end = static_cast<double>(window_), first = std::min(kFirstEdgeMs, end / 100);
  const double ratio = fixed::Log(end / first);
  edges_[0] = 0;  // the first bin also takes what is younger than five minutes
  for (std::size_t k = 1; k < kBins; ++k) edges_[k] = first * fixed::Exp(ratio * static_cast<double>(k) / kBins);
  edges_[kBins] = end;
}

// F at the edges; between them it is interpolated, so a look-up needs no sum.
void DelayCurve::MakeSums() {
  double total = 0;
  for (double count : counts_) total += count;
  double below = 0;
  for (std::size_t k = 0; k <= kBins; ++k) {
    at_edge_[k] = (below + kPseudoConversions * Pool(static_cast<Duration>(edges_[k]))) / (total + kPseudoConversions);
    if (k < kBins) below += counts_[k];
  }
  at_edge_[0] = 0;
  at_edge_[kBins] = 1;
}

double DelayCurve::Pool(Duration age) const {
  if (age <= 0) return 0;
  if (age >= window_) return 1;
  if (!pooled_) {
    const double turns = 7.0 * static_cast<double>(age) / static_cast<double>(window_);
    return (1.0 - fixed::Exp(-turns)) / (1.0 - fixed::Exp(-7.0));
  }
  const std::uint32_t cuts = CutsBelow(window_);
  double left = 0, left_share = 0;
  for (std::uint32_t i = 0; i <= cuts; ++i) {
    const double right = static_cast<double>(i < cuts ? kLabelCuts[i] : window_);
    const double share = i < cuts ? pool_[i] : 1.0;
    if (static_cast<double>(age) <= right) {
      return left_share + (share - left_share) * (static_cast<double>(age) - left) / (right - left);
    }
    left = right;
    left_share = share;
  }
  return 1;
}

double DelayCurve::F(Duration age) const {
  if (age <= 0) return 0;
  if (age >= window_) return 1;
  const double a = static_cast<double>(age);
  const auto above = std::upper_bound(edges_.begin() + 1, edges_.end() - 1, a);
  const auto k = static_cast<std::size_t>(above - edges_.begin()) - 1;
  return at_edge_[k] + (at_edge_[k + 1] - at_edge_[k]) * (a - edges_[k]) / (edges_[k + 1] - edges_[k]);
}

double DelayCurve::Offset(Duration from, Duration to) const {
  return fixed::Log(std::max(F(to) - F(from), kLeastShare));
}

void DelayCurve::Learn(Duration age) {
  const double a = static_cast<double>(std::clamp<Duration>(age, 0, window_ - 1));
  const auto above = std::upper_bound(edges_.begin() + 1, edges_.end() - 1, a);
  counts_[static_cast<std::size_t>(above - edges_.begin()) - 1] += 1.0;
  MakeSums();
}

void DelayCurve::Drift(double hours) {
  const double f = fixed::Exp2(-hours / kHalfLifeHours);
  for (double& count : counts_) count *= f;
  MakeSums();
}

void DelayCurve::SetPool(std::span<const float> shares) {
  pooled_ = true;
  double least = 0;
  for (std::size_t i = 0; i < pool_.size(); ++i) {
    const double share = i < shares.size() ? static_cast<double>(shares[i]) : 1.0;
    least = pool_[i] = std::clamp(share, least, 1.0);
  }
  MakeSums();
}

std::uint32_t DelayCurve::Shares(std::array<double, kLabelCutsMax>& shares) const {
  const std::uint32_t cuts = CutsBelow(window_);
  for (std::uint32_t i = 0; i < cuts; ++i) shares[i] = F(kLabelCuts[i]);
  shares[cuts] = 1;
  return cuts + 1;
}

void DelayCurve::Configure(Duration window) {
  if (window == window_) return;
  const std::array<double, kBins> counts = counts_;
  const std::array<double, kBins + 1> edges = edges_;
  pooled_ = false;  // the pool was told at the cuts of the old window
  window_ = window;
  counts_ = {};
  MakeEdges();
  for (std::size_t k = 0; k < kBins; ++k) {
    const double middle = 0.5 * (edges[k] + edges[k + 1]);
    if (middle >= static_cast<double>(window)) break;
    const auto above = std::upper_bound(edges_.begin() + 1, edges_.end() - 1, middle);
    counts_[static_cast<std::size_t>(above - edges_.begin()) - 1] += counts[k];
  }
  MakeSums();
}

void DelayCurve::Save(ByteWriter& out) const {
  out.I64(window_);
  for (double count : counts_) out.F64(count);
  out.Bool(pooled_);
  for (double share : pool_) out.F64(share);
}

DelayCurve DelayCurve::Restore(ByteReader& in) {
  const Duration window = in.I64();
  if (window <= 0 || window > kWindowMax) {
    in.Fail();
    return DelayCurve(1);
  }
  DelayCurve curve(window);
  for (double& count : curve.counts_) {
    count = in.F64();
    if (!(count >= 0) || !std::isfinite(count)) in.Fail();
  }
  curve.pooled_ = in.Bool();
  for (double& share : curve.pool_) {
    share = in.F64();
    if (!(share >= 0 && share <= 1)) in.Fail();
  }
  curve.MakeSums();
  return curve;
}

}  // namespace offerstream
