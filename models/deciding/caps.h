// Impression caps: how many a customer has had on a channel inside its window, and the limit that holds.
#pragma once

#include <array>
#include <cstdint>

#include "models/domain/campaign_plan.h"
#include "models/domain/customer_profile.h"
#include "models/domain/decision.h"
#include "models/model_view.h"

namespace offerstream {

/// Length of a cap-lottery period: a customer's draw holds this long (event time).
inline constexpr Duration kCapLotteryPeriod = 28 * 86'400'000LL;

/// An impression as the profile remembers it, and back. Times before 1970 count as 1970.
inline constexpr PackedImpression PackImpression(EventTime time, ChannelIndex channel) {
  return static_cast<std::uint64_t>(time < 0 ? 0 : time) << 8 | (channel.value & 0xff);
}
inline constexpr EventTime TimeOf(PackedImpression impression) { return static_cast<EventTime>(impression >> 8); }
inline constexpr std::uint16_t ChannelOf(PackedImpression impression) { return impression & 0xff; }

/// Impressions of each channel inside its window, and slots held by decisions not yet shown.
struct CapUse {
  std::array<std::uint16_t, kChannelsMax> shown{};
  std::array<std::uint16_t, kChannelsMax> held{};
  std::array<EventTime, kChannelsMax> oldest{};      ///< oldest counted impression; kNever when none counts
  std::array<EventTime, kChannelsMax> last_held{};   ///< latest held decision's time; kNever when none
};

/// Counts at `at`: an impression counts while time + window > at (also one that came out of order with a later time);
/// a decision holds a slot until it is shown or `at` reaches its valid_until. O(impressions remembered + exposures).
CapUse CountCapUse(const CampaignPlan& plan, const CustomerProfile& profile, EventTime at);
/// Impressions of one channel that count at `at`.
std::uint16_t CountShown(const CampaignPlan& plan, const CustomerProfile& profile, ChannelIndex channel, EventTime at);
/// The same for all channels in one walk.
std::array<std::uint16_t, kChannelsMax> CountShown(const CampaignPlan& plan, const CustomerProfile& profile, EventTime at);
/// Whether CountShown of the channel is not 0.
bool AnyShown(const CampaignPlan& plan, const CustomerProfile& profile, ChannelIndex channel, EventTime at);
/// When fewer than `limit` impressions of the channel will count if no more come; kNever when that is so without any
/// leaving. REQUIRES: limit > 0.
EventTime ReopensAt(const CampaignPlan& plan, const CustomerProfile& profile, ChannelIndex channel, std::uint16_t limit);

/// A limit and where it came from.
struct CapLimit {
  std::uint16_t limit = 0;
  CapSource source = CapSource::kConfigured;
};

/// Whether the customer is in the cap lottery in the 28 days around `at`: its draws for (seed, customer, period).
bool InCapLottery(const CampaignPlan& plan, IdHash customer, EventTime at);
/// The limit that holds: the learned one of segment x channel if learning is on and there is one, else cap.start; in the
/// lottery a uniform draw from [cap - 3, cap + 5], kept in [1, max]; the hard maximum always wins. `view` may be null.
CapLimit LimitFor(const CampaignPlan& plan, const CapView* view, bool lottery, IdHash customer, std::uint32_t segment,
                  ChannelIndex channel, EventTime at);
/// The same with the cell already at hand (null: unknown).
CapLimit LimitOf(const CampaignPlan& plan, const CapCell* cell, bool lottery, IdHash customer, ChannelIndex channel,
                 EventTime at);
/// The cell of segment x channel; null when unknown or `view` is null. O(log cells).
const CapCell* CellOf(const CapView* view, std::uint32_t segment, ChannelIndex channel);
/// The curve at the n-th impression: the nearest point at or below n (the first one below it); null without points.
const CapCell::Point* PointAt(const CapCell* cell, std::uint32_t n);

}  // namespace offerstream
