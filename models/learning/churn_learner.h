// The owner of what is known of customers who stop buying: the hazard, how good it was, and what is at risk by segment.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>

#include "models/domain/bytes.h"
#include "models/domain/observation.h"
#include "models/evaluating/progressive_score.h"
#include "models/learning/churn_model.h"
#include "models/model_view.h"

namespace offerstream {

/// Learns ChurnModel from the looks whose horizon is over, judged by what was said at the look, and sums what is at risk
/// over the newest look at each customer: everybody who buys is looked at once in 28 days, so the sums over 28 days of
/// looks are sums over customers. One owner, not thread-safe.
class ChurnLearner {
 public:
  /// Segments kept; the one with the lowest id, the oldest, goes first.
  static constexpr std::size_t kSegmentsMost = 64;

  /// Takes a ChurnRow (x: its features) or a ChurnLook; what makes no sense is refused and counted.
  void Apply(const Observation& row, std::span<const float> x);
  ChurnView View() const;
  const ChurnModel& model() const { return model_; }
  const ProgressiveScore& score() const { return score_; }
  std::int64_t looks() const { return looks_; }
  std::int64_t rejected() const { return rejected_; }

  /// Appends the complete state.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  void Restore(ByteReader& in);

 private:
  static constexpr std::size_t kDays = 28;
  /// The looks of one day at one segment.
  struct Day {
    std::int64_t day = -1, customers = 0;
    double leave = 0, spend = 0, at_risk = 0;
  };
  using Segment = std::array<Day, kDays>;   // by day modulo 28
  bool Label(const Observation& row, std::span<const float> x);
  bool Look(const Observation& row);

  ChurnModel model_{};
  ProgressiveScore score_{};
  std::map<std::uint32_t, Segment> segments_{};   // 0: in none
  std::int64_t newest_day_ = -1, looks_ = 0, rejected_ = 0;
};

}  // namespace offerstream
