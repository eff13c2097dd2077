// Experiment arms: a salted hash of the customer, so that a customer keeps its arm without anyone remembering it.
#pragma once

#include <cstdint>

#include "models/domain/campaign_plan.h"
#include "models/domain/decision.h"

namespace offerstream {

/// Arms of a plan: SipHash(key = (H64(salt), H64("holdout")), customer) mod 10,000; the first holdout x 10,000 buckets
/// are held out, the next random x 10,000 get uniform choices. Immutable, thread-safe.
class Experiment {
 public:
  explicit Experiment(const ExperimentSpec& spec);
  /// The customer's arm, by hash of its id. 20 ns.
  Arm ArmOf(IdHash customer) const;

 private:
  std::uint64_t key_, label_;
  std::uint64_t holdout_, random_;   // upper bucket bounds
};

}  // namespace offerstream
