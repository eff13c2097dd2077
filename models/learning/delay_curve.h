// How late conversions come: F(age) = share of an outcome's conversions that have come by that age.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <tuple>
#include <vector>

#include "models/domain/bytes.h"
#include "models/domain/ids.h"
#include "models/model_view.h"

namespace offerstream {

/// 32 logarithmic bins from 5 minutes to the window W over matured conversions, half-life 28 d, plus 50
/// pseudo-conversions of the early curve: F(a) = (count below a + 50 F_early(a)) / (n + 50). F_early is what closed
/// intervals already say while most windows are open: an interval's conversions over the exposures that came to its
/// end, shrunk to the pool (README, "Delay curve"). The pool is the siblings' (Birth), else exponential with mean W/7,
/// cut at W. One owner, not thread-safe.
class DelayCurve {
 public:
  /// REQUIRES: window > 0.
  explicit DelayCurve(Duration window);

  Duration window() const { return window_; }
  /// F at an age in milliseconds: 0 at 0, 1 from W on, never decreasing. 5 ns at a cut, 30 ns between.
  double F(Duration age) const;
  /// ln max(F(to) - F(from), 1e-3): the offset of an interval's label.
  double Offset(Duration from, Duration to) const;
  /// One matured conversion of this age.
  void Learn(Duration age);
  /// An exposure's label interval ended without a conversion.
  void Close(Duration from, Duration to);
  /// An exposure converted in its interval (from, to] at this age (0: the age was not told), `time` now. Counts when those
  /// shown with it that do not convert come to the end of the interval, else the young would look eager: at once when
  /// it was held until then.
  void Convert(Duration from, Duration to, Duration age, EventTime time, bool held);
  /// Event time passes, up to this hour: older conversions weigh less, waiting ones count.
  void Drift(double hours, std::int64_t to_hour);
  /// The siblings' F at the cuts below W and then at W.
  void SetPool(std::span<const float> shares);
  /// F at each cut below W, then 1; returns how many.
  std::uint32_t Shares(std::array<double, kLabelCutsMax>& shares) const;
  /// Changes W; what was counted beyond the new one is dropped.
  void Configure(Duration window);

  /// Appends the complete state.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage. `early`: false for bytes that were written before closed intervals were counted.
  static DelayCurve Restore(ByteReader& in, bool early = true);

 private:
  static constexpr std::size_t kBins = 32;
  using Cuts = std::array<double, kLabelCutsMax>;
  void MakeEdges();
  void MakeSums();
  void SolveEarly();
  void Count(std::size_t first, std::size_t cut, double conversions);
  double At(Duration age) const;
  double Pool(Duration age) const;
  double Early(Duration age) const;
  double Between(const Cuts& shares, Duration age) const;
  Duration EndOf(std::size_t cut) const { return cut < cuts_ ? kLabelCuts[cut] : window_; }

  Duration window_;
  std::array<double, kBins> counts_{};
  bool pooled_ = false;
  Cuts pool_{};
  // Interval by interval: exposures that came to its end or converted in it, and those conversions.
  Cuts reached_{}, converted_{};
  struct Waiting {
    std::int64_t hour = 0;           // when they count
    std::uint8_t first = 0, cut = 0; // the intervals they have come through
    double conversions = 0;
    auto Key() const { return std::tuple(hour, cut, first); }
  };
  std::vector<Waiting> waiting_{};   // ordered by Key(), at most about 24 an interval
  double rate_ = 0;     // conversions per exposure, as last solved with early_
  Cuts early_{};        // F_early at the cuts
  // Derived: bin edges (ages in ms), counts below them, F at the cuts.
  std::size_t cuts_ = 0;
  std::array<double, kBins + 1> edges_{}, below_{};
  Cuts at_cut_{};
};

/// How many of kLabelCuts lie below the window: intervals are these cuts and then W.
std::uint32_t CutsBelow(Duration window);

}  // namespace offerstream
