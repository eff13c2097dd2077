// The row of a customer: the numbers its writer and its reader share. Grammar in FORMAT.md, "Profile".
#pragma once

#include <cstdint>

#include "models/domain/campaign_plan.h"
#include "models/domain/customer_profile.h"
#include "models/domain/random.h"

namespace offerstream::profile_row {

/// Newest version this program reads, and writes where a row holds what came with it; other rows and tombstones stay of
/// version 1, so that who does not use it can go back to a program that does not know it.
inline constexpr std::uint8_t kProfileVersion = 2, kFirstProfileVersion = 1;
/// as_of stands before the compared body.
inline constexpr std::size_t kAsOfBytes = 8;

/// No array of a row is longer: all of kExposuresMax, kSeenEventsMax, … lie below.
inline constexpr std::size_t kArrayMax = 4096;
static_assert(kArrayMax >= kSeenEventsMax && kArrayMax >= kExposuresMax && kArrayMax >= kRecentImpressionsMax &&
              kArrayMax >= kOwnedProductsMax && kArrayMax >= kAttributesMax + kChannelsMax);

/// Groups present in a row's body. These bits are stored: add at the end, never renumber.
enum Group : std::uint32_t {
  kSeen = 1u << 0,
  kChannels = 1u << 1,
  kImpressions = 1u << 2,
  kExposures = 1u << 3,
  kValue = 1u << 4,
  kOrders = 1u << 5,
  kAttributes = 1u << 6,
  kDecisions = 1u << 7,
  kLiftOpen = 1u << 8,
  kLift = 1u << 9,
  kDeposits = 1u << 10,
  kWithdrawals = 1u << 11,
  kEngagement = 1u << 12,
  kPlace = 1u << 13,
  kTruncated = 1u << 14,
  kOwned = 1u << 15,
  kEnrolments = 1u << 16,
  kAffinity = 1u << 17,
  kBuying = 1u << 18,    // version 2
  kRecent = 1u << 19,    // version 2
};
inline constexpr std::uint32_t kKnownGroups = (1u << 20) - 1;

/// What follows of an experiment. Stored: add at the end, never renumber.
enum EnrolmentPart : std::uint8_t {
  kOwnTime = 1,          ///< another one than the programme's
  kEnrolledValue = 2,
  kEnrolledCost = 4,
  kEnrolledAnswers = 8,
  kOwnBefore = 16,       ///< spend before: another one than the entry's before (of the first: than 0)
};

/// Parts of a channel's profile.
enum ChannelPart : std::uint8_t {
  kImpressionSums = 1,
  kClickSums = 2,
  kConversions = 4,
  kLastImpression = 8,
  kLastClick = 16,
  kConsent = 32,
  kPublished = 64,
};

/// Bits of an exposure. Stored: add at the end, never renumber.
enum ExposureFlag : std::uint8_t { kLottery = 1, kUnsubscribed = 2, kForeign = 4 };

/// Bits of a pending label: booleans, and which fields follow. Stored: never renumber.
enum LabelFlag : std::uint8_t {
  kConverted = 1,
  kHold = 2,
  kLastCut = 4,
  kDelay = 8,
  kLabelValue = 16,
  kLogit = 32,
  kProbability = 64,
  kCapLogit = 128,
};

/// An outcome is named by 0 (click) and 1 (conversion), which every plan has in this order; others by 2 and their hash.
inline constexpr std::uint8_t kOtherOutcome = 2;

/// A label that is not in the row: its window never opened.
inline PendingLabel ClosedLabel() {
  PendingLabel label;
  label.next_cut = kLabelClosed;
  return label;
}

/// A placement's stored name: H64 of its text; one the plan does not name keeps its number (below kPlacementsMax).
inline std::uint64_t PlacementKey(const CampaignPlan& plan, std::size_t placement) {
  return placement < plan.decide.placements.size() ? H64(plan.decide.placements[placement]) : placement;
}

}  // namespace offerstream::profile_row
