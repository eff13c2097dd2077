// How late conversions come: F(age) = share of an outcome's conversions that have come by that age.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "models/domain/bytes.h"
#include "models/domain/ids.h"
#include "models/model_view.h"

namespace offerstream {

/// 32 logarithmic bins from 5 minutes to the window W over matured conversions, half-life 28 d, plus 50
/// pseudo-conversions of the pooled curve: F(a) = (count below a + 50 F_pool(a)) / (n + 50). The pool is the siblings'
/// (Birth), else exponential with mean W/7, cut at W. One owner, not thread-safe.
class DelayCurve {
 public:
  /// REQUIRES: window > 0.
  explicit DelayCurve(Duration window);

  Duration window() const { return window_; }
  /// F at an age in milliseconds: 0 at 0, 1 from W on, never decreasing. 20 ns.
  double F(Duration age) const;
  /// ln max(F(to) - F(from), 1e-3): the offset of an interval's label.
  double Offset(Duration from, Duration to) const;
  /// One matured conversion of this age.
  void Learn(Duration age);
  /// Event time passes: older conversions weigh less.
  void Drift(double hours);
  /// The siblings' F at the cuts below W and then at W.
  void SetPool(std::span<const float> shares);
  /// F at each cut below W, then 1; returns how many.
  std::uint32_t Shares(std::array<double, kLabelCutsMax>& shares) const;
  /// Changes W; conversions older than the new one are dropped.
  void Configure(Duration window);

  /// Appends the complete state.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  static DelayCurve Restore(ByteReader& in);

 private:
  static constexpr std::size_t kBins = 32;
  void MakeEdges();
  void MakeSums();
  double Pool(Duration age) const;

  Duration window_;
  std::array<double, kBins> counts_{};
  bool pooled_ = false;
  std::array<double, kLabelCutsMax> pool_{};
  // Derived: bin edges (ages in ms) and F at them.
  std::array<double, kBins + 1> edges_{}, at_edge_{};
};

/// How many of kLabelCuts lie below the window: intervals are these cuts and then W.
std::uint32_t CutsBelow(Duration window);

}  // namespace offerstream
