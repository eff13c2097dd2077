// Notices that the world no longer answers as predicted.
#pragma once

#include <array>
#include <cstdint>

#include "models/domain/bytes.h"

namespace offerstream {

/// Six Shiryaev-Roberts statistics, each betting on one change of the logit: a level of +-.25 or +-.5, or a slope
/// steeper or flatter by half around the mean logit (README, "Drift detector"). Expected spacing of false alarms is at
/// least kAlarm observations when predictions are right. One owner. 80 ns.
class DriftDetector {
 public:
  static constexpr double kAlarm = 4e5;

  /// One observation: the logit predicted before it was learned, and the label. True: alarm; the statistics restart.
  bool Add(double logit, bool y);
  std::int64_t alarms() const { return alarms_; }

  /// Appends the complete state.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  void Restore(ByteReader& in);

 private:
  std::array<double, 6> statistics_{};
  double mean_ = 0;           // of the logit, over about the last 5,000 observations
  std::int64_t seen_ = 0, alarms_ = 0;
};

}  // namespace offerstream
