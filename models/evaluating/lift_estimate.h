// What the policy caused: outcomes of customers by the arm their hash put them in, treated or not.
#pragma once

#include <array>
#include <cstdint>

#include "models/domain/bytes.h"
#include "models/domain/observation.h"
#include "models/model_view.h"

namespace offerstream {

/// Per arm: customers, converted, revenue. The lift is the difference of conversion rates policy - holdout with a
/// normal 95 % interval (unpooled n - 1 variances); fixed-sample, so not made for peeking. One owner. O(1).
class LiftEstimate {
 public:
  static constexpr std::size_t kArms = 3;  ///< policy, holdout, random

  /// One LiftRow: intention to treat. False: refused (unknown arm, y not in [0, 1]) and counted.
  bool Apply(const Observation& row);
  std::int64_t rows() const { return rows_; }
  std::int64_t rejected() const { return rejected_; }
  std::int64_t converted() const;
  LiftView View() const;

  /// Appends the complete state.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  void Restore(ByteReader& in);

 private:
  struct Sums {
    std::int64_t customers = 0, converted = 0;
    Money revenue = 0;
    double revenue2 = 0, before = 0, before2 = 0, before_revenue = 0;  // for variances and CUPED, major units
  };
  std::array<Sums, kArms> arms_{};
  std::int64_t rows_ = 0, rejected_ = 0;
};

}  // namespace offerstream
