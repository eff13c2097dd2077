// Resampling without keeping the sample: every row counts Poisson(1) times in every replicate.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace offerstream {

/// An interval; low > high never happens.
struct Interval {
  double low = 0, high = 0;
};

/// sum u^3 / (6 (sum u^2)^1.5) of influences u, from their second and third power sums; 0 where all are 0.
double Acceleration(double squares, double cubes);

/// Poisson bootstrap (Chamandy et al. 2012) of statistics that are functions of a few sums. Counts are keyed by (seed,
/// unit, replicate): all rows of one unit (a customer) are taken or left together, so rows of a unit may depend on each
/// other, and two statistics bootstrapped under one seed are paired. One owner. Memory 8 (sums + 1) bytes a replicate.
class PoissonBootstrap {
 public:
  /// Replicates up to kManyRows rows; beyond, only the first kFewReplicates go on (the tails of an interval need many
  /// replicates when rows are few; time is rows times replicates).
  static constexpr std::size_t kReplicates = 10'000, kFewReplicates = 1'000;
  static constexpr std::int64_t kManyRows = 20'000;

  /// `sums`: how many terms a row has. `replicates` 0: off.
  PoissonBootstrap(std::uint64_t seed, std::size_t sums, std::size_t replicates = kReplicates);

  /// Adds a row. REQUIRES: terms.size() == sums. O(replicates), about 6 ns each.
  void Add(std::uint64_t unit, std::span<const double> terms);
  bool on() const { return replicates_ > 0; }
  /// Replicates whose every row is counted.
  std::size_t replicates() const { return replicates_; }
  /// Sum `term` of replicate `b`.
  double Sum(std::size_t term, std::size_t b) const { return sums_[term * stride_ + b]; }
  /// 95 % from `statistic(b)` over the replicates; replicates where it is not finite are left out (both ends 0 when none
  /// is left). Percentiles corrected for bias and skewness (BCa, Efron 1987): `estimate` is the statistic of the sample
  /// itself, `acceleration` a sixth of the skewness of its units' influence (Acceleration). Plain percentiles of a mean
  /// of rare rewards lie too low.
  template <typename Statistic>
  Interval Corrected(Statistic statistic, double estimate, double acceleration) const {
    std::vector<double> values;
    values.reserve(replicates_);
    for (std::size_t b = 0; b < replicates_; ++b) values.push_back(statistic(b));
    return Middle(values, estimate, acceleration);
  }

 private:
  static Interval Middle(std::vector<double>& values, double estimate, double acceleration);

  std::uint64_t seed_;
  std::size_t terms_, stride_, replicates_;
  std::int64_t rows_ = 0;
  std::vector<double> sums_{};           // by term, then replicate
  std::vector<double> counts_{};         // of the row being added
};

}  // namespace offerstream
