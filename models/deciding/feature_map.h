// From a profile and an event to x: the customer's part once per event, the candidate's part once per channel.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "models/domain/campaign_plan.h"
#include "models/domain/customer_profile.h"
#include "models/domain/event.h"
#include "models/learning/hat_basis.h"

namespace offerstream {

/// The customer's numbers at `at` (ProfileNumber names each formula), those whose bit is in `wanted`; the others are
/// left as they are. Pure. About 30 ns a number.
void ProfileNumbers(const CustomerProfile& profile, EventTime at, std::uint32_t wanted,
                    std::span<double, kProfileNumbers> out);

/// The feature schema of a plan, compiled. A feature is rounded to float32 here and nowhere else, so that what is
/// stored with an exposure is what was scored. Context attributes of the event win over the profile's. Not thread-safe
/// (scratch); no allocation after construction. The plan outlives the map.
class FeatureMap {
 public:
  explicit FeatureMap(const CampaignPlan& plan);

  std::size_t size() const { return plan_.features.size(); }
  /// First index that depends on the candidate's channel.
  std::size_t candidate_begin() const { return plan_.features.candidate_begin; }

  /// Fills x[0, candidate_begin) at the event's time. `segment_slot`: 0xff = no segment. REQUIRES: x.size() == size().
  void FillCustomer(const CustomerProfile& profile, const Event& event, std::uint8_t segment_slot, std::span<float> x);
  /// The same with the numbers of FillNumbers at hand.
  void FillCustomer(const CustomerProfile& profile, const Event& event, std::uint8_t segment_slot,
                    std::span<const double, kProfileNumbers> numbers, std::span<float> x);
  /// Every ProfileNumber that a feature or a segment of the plan uses; the others are left as they are.
  void FillNumbers(const CustomerProfile& profile, EventTime at, std::span<double, kProfileNumbers> numbers) const {
    ProfileNumbers(profile, at, feature_numbers_ | segment_numbers_, numbers);
  }
  /// Attributes by index as FillCustomer saw them last; unset where neither the event nor the profile knows one.
  std::span<const AttributeValue> attributes() const { return values_; }
  /// Fills x[candidate_begin, size()) for a channel (kNone: every channel feature is 0). `ordinal`: the number this
  /// impression would have in its cap window, from 1.
  void FillCandidate(const CustomerProfile& profile, EventTime at, ChannelIndex channel, std::uint8_t segment_slot,
                     std::uint32_t ordinal, std::span<float> x) const;
  /// The impression ordinal's index in x, or size() when the schema has none.
  std::size_t ordinal_index() const { return ordinal_index_; }
  /// The value x[ordinal_index()] has at ordinal 1.
  float first_ordinal() const { return first_ordinal_; }
  /// The raw segment features (SegmentSpec order) at the event's time. REQUIRES: raw.size() == segments.size().
  void FillSegmentNumbers(const CustomerProfile& profile, EventTime at, std::span<double> raw);
  /// The profile's numbers among them, with those of FillNumbers at hand.
  void FillSegmentNumbers(std::span<const double, kProfileNumbers> numbers, std::span<double> raw) const;
  /// The attributes among them; `news`: what the event says of them wins. NaN: not known.
  void FillSegmentAttributes(const CustomerProfile& profile, std::span<const AttributeUpdate> news, std::span<double> raw) const;

 private:
  const AttributeValue& Attribute(std::uint16_t attribute) const { return values_[attribute]; }
  void GatherAttributes(const CustomerProfile& profile, const Event& event);
  void FillMade(std::span<float> x) const;

  const CampaignPlan& plan_;
  std::uint32_t feature_numbers_ = 0, segment_numbers_ = 0;   // bit per ProfileNumber
  std::size_t ordinal_index_ = 0;
  float first_ordinal_ = 0;
  struct OneHot {
    std::uint16_t at = 0;
    std::int32_t slot = -1;   ///< segment slot it is one in; -1: in every one
  };
  std::vector<std::vector<OneHot>> channel_ones_;             // by channel: which candidate features are one on it
  std::vector<std::size_t> channel_rates_, ordinals_;         // candidate features that are numbers
  std::vector<HatBasis> curves_;                              // by curve of the schema
  std::vector<AttributeValue> values_;
  std::vector<double> affinity_;                              // shares by category; empty unless the plan keeps them
  std::vector<float> hour_sin_, hour_cos_;                    // by minute of the day
};

}  // namespace offerstream
