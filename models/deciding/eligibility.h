// What is allowed for an offer before channels and caps: schedule, conditions, ownership; and for a channel: consent.
#pragma once

#include <cstdint>
#include <span>

#include "models/domain/campaign_plan.h"
#include "models/domain/customer_profile.h"
#include "models/domain/decision.h"
#include "models/domain/event.h"

namespace offerstream {

/// Outcome of a check: excluded at a stage for a reason, or passed.
struct Verdict {
  bool excluded = false;
  Stage stage = Stage::kSchedule;
  ExclusionReason reason = ExclusionReason::kNotStarted;
  EventTime until = kNever;   ///< when it may be back; kNever = unknown or never
};

/// What conditions look at: `attributes` by AttributeIndex, unset where nothing is known (FeatureMap::attributes).
struct Subject {
  const CustomerProfile& profile;
  std::span<const AttributeValue> attributes;
  std::uint32_t segment = 0;   ///< stable id; 0 = none
};

/// Whether the condition holds. A missing attribute matches no range and no list. Depth is bounded by the plan.
bool Holds(const Condition& condition, const CampaignPlan& plan, const Subject& subject);
/// Schedule only: [starts, ends).
Verdict CheckSchedule(const OfferSpec& offer, EventTime at);
/// The offer's own condition.
Verdict CheckEligible(const OfferSpec& offer, const CampaignPlan& plan, const Subject& subject);
/// An offer that is not repeatable is out once its product is owned.
Verdict CheckOwnership(const OfferSpec& offer, const CampaignPlan& plan, const CustomerProfile& profile);
/// Consent of a channel: unsubscribed and refused always exclude, unknown only with consent.opt_in.
Verdict CheckConsent(const CampaignPlan& plan, const CustomerProfile& profile, ChannelIndex channel);
/// Whether the customer owns the product (by hash). O(log owned).
bool Owns(const CustomerProfile& profile, IdHash product);

}  // namespace offerstream
