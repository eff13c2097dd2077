// What is told of a customer beside decisions: the caps that hold and its place among the segments.
#include "models/customer_decision.h"
#include <algorithm>
#include <cassert>
#include <cmath>
#include "models/deciding/explanation.h"
#include "models/deciding/label_resolver.h"
#include "models/domain/random.h"
#include "models/learning/churn_model.h"
#include "models/learning/segmenter.h"

namespace offerstream {
namespace {

constexpr Duration kMoveEvery = 3'600'000;

}  // namespace

void CustomerDecision::CapFacts(const CustomerProfile& profile, const Event& event, std::vector<CapFact>& out) const {
  for (std::size_t c = 0; c < plan_->channels.size(); ++c) {
    const ChannelIndex channel(c);
    const std::uint16_t told = profile.channels.PublishedLimit(channel);
    if (told == 0 && !AnyShown(*plan_, profile, channel, event.time)) continue;
    const CapLimit limit = LimitOf(*plan_, cell_row_[c], lottery_, profile.hash, channel, event.time);
    if (limit.limit != told) out.push_back({channel, limit.limit, limit.source});
  }
}

bool CustomerDecision::Move(const CustomerProfile& profile, const Event& event, Coordinates& out) const {
  if (z_.empty()) return false;
  const ToldPlace& told = profile.place;
  if (told.time != kNever && event.time < told.time + kMoveEvery) return false;
  const SegmentView* view = models_.segments.get();
  const std::uint32_t epoch = view != nullptr && view->dimension == z_.size() ? view->epoch : 0;
  if (told.micro != 0 && told.epoch == epoch && std::ranges::equal(told.z, z_)) return false;
  MoveTo(z_, event.time, H64({profile.hash, event.event_hash}), out);
  return true;
}

void CustomerDecision::SayAtTurn(const CustomerProfile& profile, EventTime at, bool move, bool look, TurnFact& out) {
  const Place place = PlaceOf(profile, at, annotate_z_);
  if (move) {
    MoveTo(annotate_z_, at, H64({profile.hash, static_cast<std::uint64_t>(at)}), out.move);
  } else {
    out.move.micro = 0;
    out.move.time = at;
    out.move.epoch = 0;
    out.move.z.clear();
  }
  if (!look) return;
  out.segment = place.segment;
  out.buys = Buys(*profile.Bought(), at);
}

float CustomerDecision::Buys(const Buying& bought, EventTime at) const {
  constexpr double kLeast = 1e-6;
  const ChurnModel::Features x = ChurnModel::Describe(bought.known, std::max(at, bought.known.last));
  const double said = BuysWithin(models_.churn == nullptr ? untaught_ : *models_.churn, x);
  return static_cast<float>(std::clamp(said, kLeast, 1 - kLeast));
}

void CustomerDecision::MoveTo(std::span<const float> z, EventTime at, std::uint64_t founder, Coordinates& out) const {
  const SegmentView* view = models_.segments.get();
  const bool learned = view != nullptr && view->dimension == z.size();
  out.micro = learned ? NearestMicro(*view, z) : 0;
  if (out.micro == 0) out.micro = founder;
  out.time = at;
  out.epoch = learned ? view->epoch : 0;
  out.z.assign(z.begin(), z.end());
}

std::vector<CapState> CustomerDecision::Caps(const CustomerProfile& profile, EventTime at) const {
  std::vector<float> z;
  const Place place = PlaceOf(profile, at, z);
  const CapUse use = CountCapUse(*plan_, profile, at);
  const bool lottery = InCapLottery(*plan_, profile.hash, at);
  std::vector<CapState> states;
  for (std::size_t c = 0; c < plan_->channels.size(); ++c) {
    const CapLimit limit =
        LimitFor(*plan_, models_.caps.get(), lottery, profile.hash, place.segment, ChannelIndex(c), at);
    const Duration window = plan_->channels[c].cap.window;
    const EventTime resets = use.oldest[c] == kNever ? kNever : use.oldest[c] + window;
    states.push_back({ChannelIndex(c), limit.limit, use.shown[c], limit.source, resets, window});
  }
  return states;
}

void CustomerDecision::Annotate(const CustomerProfile& profile, CapChange& change) {
  if (change.tombstone) return;
  change.segment = PlaceOf(profile, change.time, annotate_z_).segment;
  const CapCell* cell = CellOf(models_.caps.get(), change.segment, change.state.channel);
  const CapCell::Point* point = PointAt(cell, change.state.used + 1u);
  change.next_impression_value = point == nullptr ? 0.0 : point->net_value;
}

}  // namespace offerstream
