// Who responds because of being reached: response with interactions of the treatment.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/domain/bytes.h"
#include "models/learning/response_model.h"

namespace offerstream {

/// kShared ("S"): one model of [x, t x]; what treatment changes is held near nothing (variance .01), because effects are
/// much smaller than differences between customers. kSeparate ("T"): one model an arm; needs many more customers.
enum class UpliftKind : std::uint8_t { kShared = 0, kSeparate = 1 };

/// Learned on customers of both arms of an experiment, one pass. One owner, not thread-safe (scratch). O(d^2), d = twice
/// the features when shared.
class UpliftModel {
 public:
  /// Of one customer: response probabilities and their difference.
  struct Effect {
    double treated = 0, control = 0, uplift = 0;
    double standard_error = 0;   ///< of the uplift, delta method
  };

  /// `features`: size of x, x[0] = 1.
  UpliftModel(std::size_t features, UpliftKind kind = UpliftKind::kShared);
  /// One customer's outcome y in [0, 1]. REQUIRES: x of the model's size, all finite.
  void Learn(std::span<const float> x, bool treated, double y);
  Effect Predict(std::span<const float> x) const;
  /// `hours` of event time pass.
  void Drift(double hours, const HalfLives& half_lives);

  void Save(ByteWriter& out) const;
  /// Fails the reader on damage; the model is then a fresh one.
  static UpliftModel Restore(std::size_t features, ByteReader& in);

 private:
  std::span<const float> Treated(std::span<const float> x) const;
  std::span<const float> Untreated(std::span<const float> x) const;

  std::size_t features_;
  UpliftKind kind_;
  std::vector<ResponseModel> heads_;   // the shared one; or untreated, treated
  mutable std::vector<float> x_, gradient_;
};

}  // namespace offerstream
