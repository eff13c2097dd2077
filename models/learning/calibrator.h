// Corrects a model's logit by what became of it: a + b * logit.
#pragma once

#include "models/domain/ids.h"
#include "models/learning/logistic_step.h"

namespace offerstream {

/// The same learning step on (1, logit) from (0, 1), walking slowly so that it follows. Taught with the moderated logit
/// of decision time and the mature label. A label that comes a window W late tells of the model as it was W ago: when
/// the world moves, thousands of them share one error that the model has corrected meanwhile, and believing each would
/// put the error back. So a label weighs 1 h / W, at most 1 (README, "Calibrator"). One owner. 60 ns.
class Calibrator {
 public:
  double a() const { return line_.mean[0]; }
  double b() const { return line_.mean[1]; }
  /// The calibrated logit.
  double Apply(double logit) const { return a() + b() * logit; }
  /// What a label is worth that is known `late` after the decision.
  static double WeightOf(Duration late) { return late <= kHour ? 1.0 : static_cast<double>(kHour) / static_cast<double>(late); }
  /// y in [0, 1], weight in (0, 1]. REQUIRES: finite.
  /// `offset`: of an interval's label, in logits.
  void Learn(double logit, double y, double weight, double offset = 0) {
    line_.Learn({1.0, logit}, y, offset, weight);
    line_.covariance[0] += 2e-6 * weight;
    line_.covariance[3] += 5e-7 * weight;
  }
  void Save(ByteWriter& out) const { line_.Save(out); }
  void Restore(ByteReader& in) { line_.Restore(in); }

 private:
  static constexpr Duration kHour = 3'600'000;
  SmallLogistic<2> line_ = SmallLogistic<2>::Prior({0.0, 1.0}, {0.1, 0.02});
};

}  // namespace offerstream
