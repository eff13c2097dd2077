#include "models/learning/delay_curve.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr double kFirstEdgeMs = 5 * 60'000.0;
constexpr double kPseudoConversions = 50;
constexpr double kGuessedConversions = 10;  // of a pool that nobody has told: it should go soon
constexpr double kHalfLifeHours = 28 * 24;
constexpr Duration kHour = 3'600'000;
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
  SolveEarly();
}

void DelayCurve::MakeEdges() {
  cuts_ = CutsBelow(window_);
  const double end = static_cast<double>(window_), first = std::min(kFirstEdgeMs, end / 100);
  const double ratio = fixed::Log(end / first);
  edges_[0] = 0;  // the first bin also takes what is younger than five minutes
  for (std::size_t k = 1; k < kBins; ++k) edges_[k] = first * fixed::Exp(ratio * static_cast<double>(k) / kBins);
  edges_[kBins] = end;
}

// F at the cuts, where the labels' intervals begin and end: a look-up there needs no sum.
void DelayCurve::MakeSums() {
  below_[0] = 0;
  for (std::size_t k = 0; k < kBins; ++k) below_[k + 1] = below_[k] + counts_[k];
  for (std::size_t k = 0; k < cuts_; ++k) at_cut_[k] = At(kLabelCuts[k]);
  at_cut_[cuts_] = 1;
}

// With conversions c_k and exposures n_k of interval k, c_k ~ Poisson(p f_k n_k) and K pseudo-conversions of the pool:
//   f_k = (c_k + K pool_k) / (p n_k + K),  p such that they add up to 1.
// The sum falls in p and is convex, so Newton from 0 comes from one side. An interval that nobody has reached keeps its
// share of the pool; when all windows are closed this is (c_k + K pool_k) / (c + K). Exposures that converted before an
// interval do not reach it: n_k = reached / (1 - p F(its begin)).
void DelayCurve::SolveEarly() {
  const double prior = pooled_ ? kPseudoConversions : kGuessedConversions;
  Cuts weight{}, exposures{};
  double before = 0;
  for (std::size_t k = 0; k <= cuts_; ++k) {
    const double pool = Pool(EndOf(k));
    weight[k] = converted_[k] + prior * (pool - before);
    before = pool;
    exposures[k] = reached_[k] / std::max(0.2, 1.0 - rate_ * (k == 0 ? 0.0 : early_[k - 1]));
  }
  double p = 0;
  for (int step = 0; step < 50; ++step) {
    double excess = -1, slope = 0;
    for (std::size_t k = 0; k <= cuts_; ++k) {
      const double under = p * exposures[k] + prior;
      excess += weight[k] / under;
      slope += weight[k] * exposures[k] / (under * under);
    }
    if (!(excess > 1e-12) || !(slope > 0)) break;
    p += excess / slope;
  }
  double sum = 0;
  for (std::size_t k = 0; k <= cuts_; ++k) {
    sum += weight[k] / (p * exposures[k] + prior);
    early_[k] = std::min(1.0, sum);
  }
  early_[cuts_] = 1;
  rate_ = std::min(p, 1.0);
  MakeSums();
}

// Linear between the cuts.
double DelayCurve::Between(const Cuts& shares, Duration age) const {
  double left = 0, left_share = 0;
  for (std::size_t i = 0; i <= cuts_; ++i) {
    const double right = static_cast<double>(EndOf(i));
    const double share = i < cuts_ ? shares[i] : 1.0;
    if (static_cast<double>(age) <= right) {
      return left_share + (share - left_share) * (static_cast<double>(age) - left) / (right - left);
    }
    left = right;
    left_share = share;
  }
  return 1;
}

double DelayCurve::Pool(Duration age) const {
  if (age <= 0) return 0;
  if (age >= window_) return 1;
  if (pooled_) return Between(pool_, age);
  const double turns = 7.0 * static_cast<double>(age) / static_cast<double>(window_);
  return (1.0 - fixed::Exp(-turns)) / (1.0 - fixed::Exp(-7.0));
}

double DelayCurve::Early(Duration age) const { return rate_ > 0 ? Between(early_, age) : Pool(age); }

// F by its formula: counts are linear inside a bin.
double DelayCurve::At(Duration age) const {
  const double a = static_cast<double>(age);
  const auto above = std::upper_bound(edges_.begin() + 1, edges_.end() - 1, a);
  const auto k = static_cast<std::size_t>(above - edges_.begin()) - 1;
  const double below = below_[k] + (below_[k + 1] - below_[k]) * (a - edges_[k]) / (edges_[k + 1] - edges_[k]);
  return (below + kPseudoConversions * Early(age)) / (below_[kBins] + kPseudoConversions);
}

double DelayCurve::F(Duration age) const {
  if (age <= 0) return 0;
  if (age >= window_) return 1;
  for (std::size_t k = 0; k < cuts_; ++k) {
    if (kLabelCuts[k] == age) return at_cut_[k];
  }
  return At(age);
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

void DelayCurve::Close(Duration from, Duration to) {
  Duration begin = 0;
  for (std::size_t k = 0; k <= cuts_; ++k) {
    if (begin >= from && EndOf(k) <= to) reached_[k] += 1.0;  // solved for at the next conversion or hour
    begin = EndOf(k);
  }
}

void DelayCurve::Count(std::size_t first, std::size_t cut, double conversions) {
  for (std::size_t k = first; k <= cut; ++k) reached_[k] += conversions;
  converted_[cut] += conversions;
}

void DelayCurve::Convert(Duration from, Duration to, Duration age, EventTime time, bool held) {
  age = std::min({age > 0 ? age : from + 1, to, window_});
  std::size_t cut = 0, first = 0;
  while (cut < cuts_ && EndOf(cut) < age) ++cut;
  while (first < cut && (first == 0 ? 0 : EndOf(first - 1)) < from) ++first;
  const Duration left = EndOf(cut) - age;
  if (held || left <= 0 || age <= from) {  // at its interval's end, or later: counts at once
    Count(first, cut, 1.0);
    SolveEarly();
    return;
  }
  const Duration length = EndOf(cut) - (cut == 0 ? 0 : EndOf(cut - 1));
  const std::int64_t step = std::max<std::int64_t>(1, length / (24 * kHour));
  const std::int64_t hour = (time + left) / kHour + 1;
  const Waiting one{(hour + step - 1) / step * step, static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(cut), 1.0};
  const auto at = std::lower_bound(waiting_.begin(), waiting_.end(), one,
                                   [](const Waiting& a, const Waiting& b) { return a.Key() < b.Key(); });
  if (at != waiting_.end() && at->Key() == one.Key()) {
    at->conversions += 1.0;
  } else {
    waiting_.insert(at, one);
  }
}

void DelayCurve::Drift(double hours, std::int64_t to_hour) {
  const double f = fixed::Exp2(-hours / kHalfLifeHours);
  for (double& count : counts_) count *= f;
  for (double& count : reached_) count *= f;
  for (double& count : converted_) count *= f;
  std::size_t due = 0;
  for (; due < waiting_.size() && waiting_[due].hour <= to_hour; ++due) {
    Count(waiting_[due].first, waiting_[due].cut, waiting_[due].conversions);
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(due));
  SolveEarly();
}

void DelayCurve::SetPool(std::span<const float> shares) {
  pooled_ = true;
  double least = 0;
  for (std::size_t i = 0; i < pool_.size(); ++i) {
    const double share = i < shares.size() ? static_cast<double>(shares[i]) : 1.0;
    least = pool_[i] = std::clamp(share, least, 1.0);
  }
  SolveEarly();
}

std::uint32_t DelayCurve::Shares(std::array<double, kLabelCutsMax>& shares) const {
  for (std::size_t i = 0; i <= cuts_; ++i) shares[i] = at_cut_[i];
  return static_cast<std::uint32_t>(cuts_) + 1;
}

void DelayCurve::Configure(Duration window) {
  if (window == window_) return;
  const std::array<double, kBins> counts = counts_;
  const std::array<double, kBins + 1> edges = edges_;
  const std::size_t old_cuts = cuts_;
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
  // The interval that ended at a window's end is not the same one any more.
  for (std::size_t k = std::min(old_cuts, cuts_); k < reached_.size(); ++k) reached_[k] = converted_[k] = 0;
  std::erase_if(waiting_, [&](const Waiting& w) { return w.cut >= std::min(old_cuts, cuts_); });
  rate_ = 0;
  SolveEarly();
}

void DelayCurve::Save(ByteWriter& out) const {
  out.I64(window_);
  for (double count : counts_) out.F64(count);
  out.Bool(pooled_);
  for (double share : pool_) out.F64(share);
  for (double count : reached_) out.F64(count);
  for (double count : converted_) out.F64(count);
  out.F64(rate_);
  for (double share : early_) out.F64(share);
  out.Varint(waiting_.size());
  for (const Waiting& w : waiting_) {
    out.I64(w.hour);
    out.U8(w.first);
    out.U8(w.cut);
    out.F64(w.conversions);
  }
}

DelayCurve DelayCurve::Restore(ByteReader& in, bool early) {
  const Duration window = in.I64();
  if (window <= 0 || window > kWindowMax) {
    in.Fail();
    return DelayCurve(1);
  }
  DelayCurve curve(window);
  const auto counts = [&in](std::span<double> to) {
    for (double& count : to) {
      count = in.F64();
      if (!(count >= 0) || !std::isfinite(count)) in.Fail();
    }
  };
  const auto shares = [&in](std::span<double> to) {
    for (double& share : to) {
      share = in.F64();
      if (!(share >= 0 && share <= 1)) in.Fail();
    }
  };
  counts(curve.counts_);
  curve.pooled_ = in.Bool();
  shares(curve.pool_);
  if (early) {
    counts(curve.reached_);
    counts(curve.converted_);
    shares({&curve.rate_, 1});
    shares(curve.early_);
    const std::size_t waiting = in.Count(8 + 1 + 1 + 8);
    for (std::size_t i = 0; i < waiting && in.ok(); ++i) {
      Waiting w;
      w.hour = in.I64();
      w.first = in.U8();
      w.cut = in.U8();
      counts({&w.conversions, 1});
      if (w.cut > curve.cuts_ || w.first > w.cut) in.Fail();
      if (i > 0 && !(curve.waiting_.back().Key() < w.Key())) in.Fail();
      curve.waiting_.push_back(w);
    }
  } else if (in.ok()) {
    curve.SolveEarly();
  }
  if (!in.ok()) return DelayCurve(1);
  curve.MakeSums();
  return curve;
}

}  // namespace offerstream
