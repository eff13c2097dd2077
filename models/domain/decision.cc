#include "models/domain/decision.h"

#include "models/domain/random.h"

namespace offerstream {

std::string_view Name(Arm arm) {
  switch (arm) {
    case Arm::kPolicy: return "policy";
    case Arm::kHoldout: return "holdout";
    case Arm::kRandom: return "random";
  }
  return "";
}

std::string_view Name(Stage stage) {
  switch (stage) {
    case Stage::kSchedule: return "schedule";
    case Stage::kConsent: return "consent";
    case Stage::kEligibility: return "eligibility";
    case Stage::kOwnership: return "ownership";
    case Stage::kCap: return "cap";
    case Stage::kCooldown: return "cooldown";
    case Stage::kBudget: return "budget";
    case Stage::kHoldout: return "holdout";
    case Stage::kArbitration: return "arbitration";
    case Stage::kThreshold: return "threshold";
  }
  return "";
}

std::string_view Name(ExclusionReason reason) {
  switch (reason) {
    case ExclusionReason::kNotStarted: return "not_started";
    case ExclusionReason::kEnded: return "ended";
    case ExclusionReason::kNoConsent: return "no_consent";
    case ExclusionReason::kUnsubscribed: return "unsubscribed";
    case ExclusionReason::kNotEligible: return "not_eligible";
    case ExclusionReason::kAlreadyOwned: return "already_owned";
    case ExclusionReason::kCapReached: return "cap_reached";
    case ExclusionReason::kCooldown: return "cooldown";
    case ExclusionReason::kBudgetSpent: return "budget_spent";
    case ExclusionReason::kHoldout: return "holdout";
    case ExclusionReason::kBelowThreshold: return "below_threshold";
  }
  return "";
}

std::string_view Name(NoOfferReason reason) {
  switch (reason) {
    case NoOfferReason::kNone: return "";
    case NoOfferReason::kNoEligibleOffer: return "no_eligible_offer";
    case NoOfferReason::kAllCapped: return "all_capped";
    case NoOfferReason::kHoldout: return "holdout";
    case NoOfferReason::kBelowThreshold: return "below_threshold";
    case NoOfferReason::kNoConsent: return "no_consent";
  }
  return "";
}

std::string_view Name(CapSource source) {
  switch (source) {
    case CapSource::kConfigured: return "configured";
    case CapSource::kLearned: return "learned";
    case CapSource::kLottery: return "lottery";
  }
  return "";
}

DecisionId DecisionIdOf(IdHash topic_hash, const Cause& cause, PlacementIndex placement) {
  const std::uint64_t place = std::uint64_t{placement.value} + 256 * std::uint64_t{cause.part};
  const DecisionId id = H64({topic_hash, static_cast<std::uint64_t>(std::int64_t{cause.partition}),
                             static_cast<std::uint64_t>(cause.offset), place});
  return id == 0 ? 1 : id;
}

void Decision::Clear() {
  candidates.clear();
  excluded.clear();
  explain.clear();
  features.clear();
  has_offer = explored = false;
  reason = NoOfferReason::kNone;
  cap = {};
}

}  // namespace offerstream
