#include "models/deciding/caps.h"

#include <algorithm>
#include <cassert>

#include "models/domain/random.h"

namespace offerstream {
namespace {

std::uint64_t PeriodOf(EventTime at) {
  return static_cast<std::uint64_t>(at < 0 ? 0 : at / kCapLotteryPeriod);
}

}  // namespace

CapUse CountCapUse(const CampaignPlan& plan, const CustomerProfile& profile, EventTime at) {
  CapUse use;
  use.oldest.fill(kNever);
  use.last_held.fill(kNever);
  Duration longest = 0;
  for (const ChannelSpec& c : plan.channels) longest = std::max(longest, c.cap.window);
  for (auto it = profile.impressions.rbegin(); it != profile.impressions.rend(); ++it) {
    const EventTime time = TimeOf(*it);
    if (time + longest <= at) break;
    const std::uint16_t channel = ChannelOf(*it);
    if (channel >= plan.channels.size() || time + plan.channels[channel].cap.window <= at) continue;
    ++use.shown[channel];
    use.oldest[channel] = time;
  }
  for (const Exposure& e : profile.exposures) {
    if (e.Shown() || e.valid_until <= at || e.channel.value >= plan.channels.size()) continue;
    ++use.held[e.channel.value];
    use.last_held[e.channel.value] = std::max(use.last_held[e.channel.value], e.decided);
  }
  return use;
}

std::uint16_t CountShown(const CampaignPlan& plan, const CustomerProfile& profile, ChannelIndex channel, EventTime at) {
  const Duration window = plan.channels[channel.value].cap.window;
  const EventTime last = profile.channels.LastImpression(channel);
  if (last == kNever || last + window <= at) return 0;
  std::uint16_t n = 0;
  for (auto it = profile.impressions.rbegin(); it != profile.impressions.rend() && TimeOf(*it) + window > at; ++it) {
    n += ChannelOf(*it) == channel.value;
  }
  return n;
}

std::array<std::uint16_t, kChannelsMax> CountShown(const CampaignPlan& plan, const CustomerProfile& profile, EventTime at) {
  std::array<std::uint16_t, kChannelsMax> shown{};
  Duration longest = 0;
  for (const ChannelSpec& c : plan.channels) longest = std::max(longest, c.cap.window);
  for (auto it = profile.impressions.rbegin(); it != profile.impressions.rend() && TimeOf(*it) + longest > at; ++it) {
    const std::uint16_t channel = ChannelOf(*it);
    if (channel < plan.channels.size()) shown[channel] += TimeOf(*it) + plan.channels[channel].cap.window > at;
  }
  return shown;
}

bool AnyShown(const CampaignPlan& plan, const CustomerProfile& profile, ChannelIndex channel, EventTime at) {
  const Duration window = plan.channels[channel.value].cap.window;
  const EventTime last = profile.channels.LastImpression(channel);
  if (last == kNever || last + window <= at) return false;
  for (auto it = profile.impressions.rbegin(); it != profile.impressions.rend() && TimeOf(*it) + window > at; ++it) {
    if (ChannelOf(*it) == channel.value) return true;
  }
  return false;
}

EventTime ReopensAt(const CampaignPlan& plan, const CustomerProfile& profile, ChannelIndex channel,
                    std::uint16_t limit) {
  assert(limit > 0);
  std::uint16_t left = limit;   // the limit-th newest leaves last among those that close the cap
  for (auto it = profile.impressions.rbegin(); it != profile.impressions.rend(); ++it) {
    if (ChannelOf(*it) == channel.value && --left == 0) return TimeOf(*it) + plan.channels[channel.value].cap.window;
  }
  return kNever;
}

bool InCapLottery(const CampaignPlan& plan, IdHash customer, EventTime at) {
  if (plan.explore.cap_lottery <= 0) return false;
  return Draws(plan.explore.seed, customer, H64({PeriodOf(at)}), Purpose::kCap).Uniform() < plan.explore.cap_lottery;
}

CapLimit LimitFor(const CampaignPlan& plan, const CapView* view, bool lottery, IdHash customer, std::uint32_t segment,
                  ChannelIndex channel, EventTime at) {
  return LimitOf(plan, CellOf(view, segment, channel), lottery, customer, channel, at);
}

CapLimit LimitOf(const CampaignPlan& plan, const CapCell* cell, bool lottery, IdHash customer, ChannelIndex channel,
                 EventTime at) {
  const ChannelSpec& spec = plan.channels[channel.value];
  CapLimit result{spec.cap.start, CapSource::kConfigured};
  if (spec.cap.learn && cell != nullptr && cell->limit > 0) result = {cell->limit, CapSource::kLearned};
  int limit = result.limit;
  if (lottery && spec.cap.learn) {
    Draws draws(plan.explore.seed, customer, H64({PeriodOf(at), spec.hash}), Purpose::kCap);
    limit = std::max(1, limit - 3 + static_cast<int>(draws.Below(9)));
    result.source = CapSource::kLottery;
  }
  result.limit = static_cast<std::uint16_t>(std::min<int>(limit, spec.cap.max));
  return result;
}

const CapCell* CellOf(const CapView* view, std::uint32_t segment, ChannelIndex channel) {
  return view == nullptr ? nullptr : view->Find(segment, channel);
}

const CapCell::Point* PointAt(const CapCell* cell, std::uint32_t n) {
  if (cell == nullptr || cell->points.empty()) return nullptr;
  const CapCell::Point* best = &cell->points.front();
  for (const CapCell::Point& p : cell->points) {
    if (p.n > n) break;
    best = &p;
  }
  return best;
}

}  // namespace offerstream
