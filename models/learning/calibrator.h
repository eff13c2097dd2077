// Corrects a model's logit by what became of it: a + b * logit.
#pragma once

#include "models/learning/logistic_step.h"

namespace offerstream {

/// The same learning step on (1, logit) from (0, 1), walking slowly so that it follows. Taught with the moderated logit
/// of decision time and the mature label. One owner. 60 ns.
class Calibrator {
 public:
  double a() const { return line_.mean[0]; }
  double b() const { return line_.mean[1]; }
  /// The calibrated logit.
  double Apply(double logit) const { return a() + b() * logit; }
  /// y in [0, 1]. REQUIRES: finite.
  void Learn(double logit, double y) {
    line_.Learn({1.0, logit}, y, 0.0);
    line_.covariance[0] += 2e-6;
    line_.covariance[3] += 5e-7;
  }
  void Save(ByteWriter& out) const { line_.Save(out); }
  void Restore(ByteReader& in) { line_.Restore(in); }

 private:
  SmallLogistic<2> line_ = SmallLogistic<2>::Prior({0.0, 1.0}, {0.1, 0.02});
};

}  // namespace offerstream
