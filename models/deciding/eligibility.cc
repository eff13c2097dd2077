#include "models/deciding/eligibility.h"

#include <algorithm>

#include "models/domain/random.h"

namespace offerstream {
namespace {

// Static initialisation needs no order: H64 depends on constants only.
const IdHash kTrueText = H64("true"), kFalseText = H64("false");

const AttributeValue kUnset{};

const AttributeValue& Lookup(const Subject& subject, std::uint16_t attribute) {
  return attribute < subject.attributes.size() ? subject.attributes[attribute] : kUnset;
}

bool InList(const std::vector<IdHash>& values, const AttributeValue& value) {
  IdHash text = value.text;
  if (value.type == AttributeValue::Type::kUnset || value.type == AttributeValue::Type::kNumber) return false;
  if (value.type == AttributeValue::Type::kBool) text = value.number != 0 ? kTrueText : kFalseText;
  return std::find(values.begin(), values.end(), text) != values.end();
}

}  // namespace

bool Owns(const CustomerProfile& profile, IdHash product) {
  if (profile.owned.empty()) return false;
  const auto at = std::lower_bound(profile.owned.begin(), profile.owned.end(), product,
                                   [](const OwnedProduct& o, IdHash hash) { return o.product < hash; });
  return at != profile.owned.end() && at->product == product;
}

bool Holds(const Condition& condition, const CampaignPlan& plan, const Subject& subject) {
  switch (condition.op) {
    case Condition::Op::kTrue: return true;
    case Condition::Op::kAll:
      for (const Condition& c : condition.children) {
        if (!Holds(c, plan, subject)) return false;
      }
      return true;
    case Condition::Op::kAny:
      for (const Condition& c : condition.children) {
        if (Holds(c, plan, subject)) return true;
      }
      return false;
    case Condition::Op::kNot: return condition.children.empty() || !Holds(condition.children.front(), plan, subject);
    case Condition::Op::kAttributeRange: {
      const AttributeValue& value = Lookup(subject, condition.index);
      const bool number = value.type == AttributeValue::Type::kNumber || value.type == AttributeValue::Type::kBool;
      return number && value.number >= condition.min && value.number <= condition.max;
    }
    case Condition::Op::kAttributeIn: return InList(condition.values, Lookup(subject, condition.index));
    case Condition::Op::kSegmentIn:
      return std::find(condition.segments.begin(), condition.segments.end(), subject.segment) != condition.segments.end();
    case Condition::Op::kOwns:
      return condition.index < plan.products.size() && Owns(subject.profile, plan.products[condition.index].hash);
  }
  return false;
}

Verdict CheckSchedule(const OfferSpec& offer, EventTime at) {
  if (at < offer.starts) return {true, Stage::kSchedule, ExclusionReason::kNotStarted, offer.starts};
  if (at >= offer.ends) return {true, Stage::kSchedule, ExclusionReason::kEnded, kNever};
  return {};
}

Verdict CheckEligible(const OfferSpec& offer, const CampaignPlan& plan, const Subject& subject) {
  if (offer.eligible.op == Condition::Op::kTrue || Holds(offer.eligible, plan, subject)) return {};
  return {true, Stage::kEligibility, ExclusionReason::kNotEligible, kNever};
}

Verdict CheckOwnership(const OfferSpec& offer, const CampaignPlan& plan, const CustomerProfile& profile) {
  if (offer.repeatable || offer.product.value >= plan.products.size()) return {};
  if (!Owns(profile, plan.products[offer.product.value].hash)) return {};
  return {true, Stage::kOwnership, ExclusionReason::kAlreadyOwned, kNever};
}

Verdict CheckConsent(const CampaignPlan& plan, const CustomerProfile& profile, ChannelIndex channel) {
  switch (profile.channels.ConsentOn(channel)) {
    case Consent::kUnsubscribed: return {true, Stage::kConsent, ExclusionReason::kUnsubscribed, kNever};
    case Consent::kOut: return {true, Stage::kConsent, ExclusionReason::kNoConsent, kNever};
    case Consent::kUnknown:
      if (plan.consent.opt_in) return {true, Stage::kConsent, ExclusionReason::kNoConsent, kNever};
      return {};
    case Consent::kIn: return {};
  }
  return {};
}

}  // namespace offerstream
