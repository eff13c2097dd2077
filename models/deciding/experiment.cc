#include "models/deciding/experiment.h"

#include <cmath>
#include <span>

#include "models/domain/random.h"

namespace offerstream {

namespace {
constexpr std::uint64_t kBuckets = 10'000;
}  // namespace

Experiment::Experiment(const ExperimentSpec& spec)
    : key_(H64(spec.salt)), label_(H64("holdout")),
      holdout_(static_cast<std::uint64_t>(std::nearbyint(spec.holdout * kBuckets))),
      random_(holdout_ + static_cast<std::uint64_t>(std::nearbyint(spec.random * kBuckets))) {}

Arm Experiment::ArmOf(IdHash customer) const {
  const std::uint64_t bucket = SipHash24(key_, label_, std::as_bytes(std::span(&customer, 1))) % kBuckets;
  return bucket < holdout_ ? Arm::kHoldout : bucket < random_ ? Arm::kRandom : Arm::kPolicy;
}

}  // namespace offerstream
