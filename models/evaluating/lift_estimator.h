// What was caused: outcomes of customers by the arm their hash put them in, treated or not, as sums that never need the
// customers again.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "models/domain/bytes.h"
#include "models/domain/observation.h"
#include "models/evaluating/lift_statistics.h"
#include "models/model_view.h"

namespace offerstream {

/// What turns sums into statements.
struct LiftSettings {
  double margin = 1;          ///< of revenue, for the incremental return
  double planned = 20'000;    ///< customers at which the any-time interval is tightest
  double alpha = .05;
};

/// One experiment. Intention to treat: a customer counts in the arm it was enrolled in, whatever it got. Sums per
/// allocation epoch (planned shares), arm and measure; the covariate is winsorised at its running 99.9 % quantile, which
/// looks at past customers of all arms alike. One owner. O(1) a customer; the view O(epochs).
class LiftEstimator {
 public:
  static constexpr std::size_t kArms = 3;         ///< policy, holdout, random
  static constexpr std::size_t kStrataMax = 16;   ///< later allocation epochs share the last one
  static constexpr std::size_t kOffersMax = 64;

  /// One LiftRow. `offers`: hashes of the campaign's offers in plan order, by bit of row.exposure. False: refused (unknown
  /// arm, y not in [0, 1], a number that is none) and counted.
  bool Apply(const Observation& row, std::span<const IdHash> offers = {});
  /// Cost of the campaign that belongs to no customer, major units.
  void AddCost(double cost) { fixed_cost_ += cost; }
  std::int64_t rows() const { return rows_; }
  std::int64_t rejected() const { return rejected_; }
  std::int64_t converted() const;
  LiftView View(const LiftSettings& settings = {}) const;

  /// Appends the complete state.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  void Restore(ByteReader& in);
  /// The state as the first version kept it: counts per arm, one epoch. Fails the reader on damage.
  void RestoreFirst(ByteReader& in);

 private:
  struct Measure {
    double y = 0, y2 = 0, xy = 0;
  };
  struct Sums {
    double n = 0, x = 0, x2 = 0, cost = 0, planned = 0;
    std::array<Measure, kLiftMeasures> measures{};
  };
  struct OfferCounts {
    IdHash offer = 0;
    std::array<double, kArms> converted{};
  };
  struct Epoch {
    std::uint32_t id = 0;
    std::array<Sums, kArms> arms{};
    std::vector<OfferCounts> offers{};
  };
  static constexpr std::size_t kBins = 256;

  Epoch& EpochOf(std::uint32_t id);
  double Winsorised(double x);
  std::vector<Stratum> StrataOf(LiftMeasure measure) const;
  LiftOutcome OutcomeOf(LiftMeasure measure, const LiftSettings& settings) const;
  void Judge(const LiftSettings& settings, LiftView& view) const;
  void AddOffers(LiftView& view) const;

  std::vector<Epoch> epochs_{};
  std::array<std::uint32_t, kBins> bins_{};   // customers by logarithm of the covariate
  double fixed_cost_ = 0;
  std::int64_t rows_ = 0, rejected_ = 0;
};

}  // namespace offerstream
