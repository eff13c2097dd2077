// The identities of the domain. Inside the engine an id is a dense index of the campaign plan or a 64-bit keyed hash;
// texts stay at the edge.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

namespace offerstream {

/// An index into one of the campaign plan's tables; kNone means "not named, or not in the plan". Distinct Tags do not
/// mix: swapping an offer and a channel does not compile. Local to one plan epoch: never stored (store the hash).
template <typename Tag>
struct PlanIndex {
  static constexpr std::uint16_t kNone = 0xffff;
  std::uint16_t value = kNone;

  constexpr PlanIndex() = default;
  constexpr explicit PlanIndex(std::size_t v) : value(static_cast<std::uint16_t>(v)) {}
  constexpr bool known() const { return value != kNone; }
  constexpr auto operator<=>(const PlanIndex&) const = default;
};

using OfferIndex = PlanIndex<struct OfferTag>;
using ChannelIndex = PlanIndex<struct ChannelTag>;
using ProductIndex = PlanIndex<struct ProductTag>;
using PlacementIndex = PlanIndex<struct PlacementTag>;
using AttributeIndex = PlanIndex<struct AttributeTag>;
using OutcomeIndex = PlanIndex<struct OutcomeTag>;
using CampaignIndex = PlanIndex<struct CampaignTag>;
using BudgetIndex = PlanIndex<struct BudgetTag>;
using CategoryIndex = PlanIndex<struct CategoryTag>;
/// A response model: one per offer and outcome. Index = offer * outcomes + outcome (CampaignPlan::ModelOf).
using ModelIndex = PlanIndex<struct ModelTag>;

/// SipHash-2-4 of a text under the project key (H64 of the design): the stored form of an id.
using IdHash = std::uint64_t;

/// A decision's or exposure's identity: H64 of (topic, partition, offset, placement), so a repeat is recognisable.
/// 0 means none. On the wire: 16 lower-case hexadecimal digits.
using DecisionId = std::uint64_t;

/// Seconds are for people; inside, event time is int64 milliseconds since 1970-01-01T00:00:00Z.
using EventTime = std::int64_t;
/// A length of event time in milliseconds.
using Duration = std::int64_t;
inline constexpr EventTime kNever = INT64_MIN;

/// Money in minor units of the configured currency (cents), exact.
using Money = std::int64_t;

/// Money of budgets, in millionths of the major unit: an impression may cost a fraction of a cent.
using Micros = std::int64_t;

/// A partition's transaction number: grows by one with each transaction the partition is in.
using TxnSeq = std::uint64_t;

}  // namespace offerstream
