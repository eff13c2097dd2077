#include "models/deciding/feature_map.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>

#include "models/domain/affinity.h"
#include "models/domain/decay.h"

namespace offerstream {
namespace {

constexpr std::size_t kMinutes = 1440;
constexpr double kNeverDays = 365;

double DaysSince(EventTime then, EventTime at) {
  if (then == kNever) return kNeverDays;
  return static_cast<double>(std::max<Duration>(0, at - then)) / static_cast<double>(kDay);
}

// A wild number in one event must not reach the models as infinity: features end at +-10,000 (a sane scale gives +-10).
float Bounded(double v) { return v > -1e4 && v < 1e4 ? static_cast<float>(v) : v >= 1e4 ? 1e4f : v <= -1e4 ? -1e4f : 0; }

// ln(1 + x) of an amount that refunds may have taken below zero: odd in x.
double SignedLog(double x) { return x >= 0 ? fixed::Log1p(x) : -fixed::Log1p(-x); }

double Rate(double clicks, double impressions) { return (clicks + 1) / (impressions + 20); }

double ChannelRate(const ChannelTable& channels, ChannelIndex channel, EventTime at) {
  const DecayedSums clicks = channels.Clicks(channel), impressions = channels.Impressions(channel);
  return Rate(DecayedTo(clicks.d30, clicks.touched, at, 30 * kDay),
              DecayedTo(impressions.d30, impressions.touched, at, 30 * kDay));
}

double NumberOf(const CustomerProfile& p, ProfileNumber number, EventTime at) {
  const auto d30 = [at](const DecayedSums& s) { return DecayedTo(s.d30, s.touched, at, 30 * kDay); };
  const auto d90 = [at](const DecayedSums& s) { return DecayedTo(s.d90, s.touched, at, 90 * kDay); };
  switch (number) {
    case ProfileNumber::kRecency: return fixed::Log1p(DaysSince(p.last_transaction, at));
    case ProfileNumber::kFrequency: return SignedLog(d90(p.orders));
    case ProfileNumber::kMonetary: return SignedLog(d90(p.value));
    case ProfileNumber::kDeposits: return SignedLog(d30(p.deposits));
    case ProfileNumber::kWithdrawals: return SignedLog(d30(p.withdrawals));
    case ProfileNumber::kNetFlow: return SignedLog(d30(p.deposits) - d30(p.withdrawals));
    case ProfileNumber::kTenure: return p.first_seen == kNever ? 0.0 : fixed::Log1p(DaysSince(p.first_seen, at));
    case ProfileNumber::kProductsOwned: return static_cast<double>(p.owned.size());
    case ProfileNumber::kDaysSinceClick: return fixed::Log1p(DaysSince(p.last_click, at));
    case ProfileNumber::kClickRate: {
      double clicks = 0, impressions = 0;
      for (std::uint32_t left = p.channels.known(); left != 0; left &= left - 1) {
        const ChannelIndex channel(static_cast<std::size_t>(std::countr_zero(left)));
        clicks += d30(p.channels.Clicks(channel));
        impressions += d30(p.channels.Impressions(channel));
      }
      return Rate(clicks, impressions);
    }
    case ProfileNumber::kEngagement: return fixed::Log1p(d30(p.engagement));
    case ProfileNumber::kImpressions: {
      double impressions = 0;
      for (std::uint32_t left = p.channels.known(); left != 0; left &= left - 1) {
        const DecayedSums sums = p.channels.Impressions(ChannelIndex(static_cast<std::size_t>(std::countr_zero(left))));
        impressions += DecayedTo(sums.d7, sums.touched, at, 7 * kDay);
      }
      return fixed::Log1p(impressions);
    }
  }
  return 0;
}

double Leaves(const CustomerProfile& p, const FeatureSpec& f) {
  const Buying* bought = p.Bought();
  const bool looked = bought != nullptr && bought->looked != kNever;
  if (f.level != 0) return looked ? 0 : 1;
  return looked ? (1 - static_cast<double>(bought->buys) - f.centre) / f.scale : 0;
}

// Monday = 0; 1970-01-01 was a Thursday.
std::uint32_t Weekday(EventTime at) {
  EventTime day = at / kDay - (at % kDay < 0 ? 1 : 0);
  return static_cast<std::uint32_t>(((day + 3) % 7 + 7) % 7);
}

std::size_t MinuteOfDay(EventTime at) {
  const EventTime in_day = (at % kDay + kDay) % kDay;
  return static_cast<std::size_t>(in_day / 60'000);
}

bool HasLevel(const AttributeSpec& spec, const AttributeValue& value, std::uint16_t level) {
  switch (value.type) {
    case AttributeValue::Type::kUnset: return false;
    case AttributeValue::Type::kText: return level < spec.level_hashes.size() && spec.level_hashes[level] == value.text;
    case AttributeValue::Type::kBool:
    case AttributeValue::Type::kNumber: return spec.type == AttributeType::kBool && level == 0 && value.number != 0;
  }
  return false;
}

}  // namespace

void ProfileNumbers(const CustomerProfile& profile, EventTime at, std::uint32_t wanted,
                    std::span<double, kProfileNumbers> out) {
  for (std::size_t i = 0; i < kProfileNumbers; ++i) {
    if (wanted >> i & 1) out[i] = NumberOf(profile, static_cast<ProfileNumber>(i), at);
  }
}

FeatureMap::FeatureMap(const CampaignPlan& plan)
    : plan_(plan), ordinal_index_(plan.features.size()), channel_ones_(plan.channels.size()), values_(plan.attributes.size()),
      affinity_(plan.affinity ? plan.categories.size() : 0) {
  hour_sin_.resize(kMinutes);
  hour_cos_.resize(kMinutes);
  for (std::size_t m = 0; m < kMinutes; ++m) {
    const double turn = static_cast<double>(m) / kMinutes;
    hour_sin_[m] = static_cast<float>(fixed::SinTurn(turn));
    hour_cos_[m] = static_cast<float>(fixed::CosTurn(turn));
  }
  const auto& features = plan.features.features;
  for (std::size_t j = 0; j < features.size(); ++j) {
    const FeatureSpec& f = features[j];
    assert(f.ByCandidate() == (j >= plan.features.candidate_begin));
    if (f.kind == FeatureKind::kProfileNumber) feature_numbers_ |= 1u << f.index;
    if (f.kind == FeatureKind::kImpressionOrdinal) {
      ordinal_index_ = j;
      first_ordinal_ = static_cast<float>((0.0 - f.centre) / f.scale);
    }
    if (!f.ByCandidate()) continue;
    const bool segment = f.kind == FeatureKind::kSegmentChannel;
    if (f.kind == FeatureKind::kImpressionOrdinal) ordinals_.push_back(j);
    if (f.kind == FeatureKind::kChannelClickRate) channel_rates_.push_back(j);
    if ((segment || f.kind == FeatureKind::kChannel) && f.index < channel_ones_.size()) {
      channel_ones_[f.index].push_back({static_cast<std::uint16_t>(j), segment ? std::int32_t{f.level} : -1});
    }
  }
  for (const CurveSpec& curve : plan.features.curves) curves_.push_back(HatBasis::At(curve.knots));
  for (const ProfileNumber number : plan.segments.features) segment_numbers_ |= 1u << static_cast<unsigned>(number);
}

void FeatureMap::GatherAttributes(const CustomerProfile& profile, const Event& event) {
  std::fill(values_.begin(), values_.end(), AttributeValue{});
  for (const AttributeSlot& slot : profile.attributes) {
    if (slot.attribute().value < values_.size()) values_[slot.attribute().value] = slot.value();
  }
  for (const AttributeUpdate& update : event.attributes) {
    if (update.attribute.value < values_.size()) values_[update.attribute.value] = update.value;
  }
}

void FeatureMap::FillCustomer(const CustomerProfile& profile, const Event& event, std::uint8_t segment_slot,
                              std::span<float> x) {
  std::array<double, kProfileNumbers> numbers{};
  ProfileNumbers(profile, event.time, feature_numbers_, numbers);
  FillCustomer(profile, event, segment_slot, numbers, x);
}

void FeatureMap::FillCustomer(const CustomerProfile& profile, const Event& event, std::uint8_t segment_slot,
                              std::span<const double, kProfileNumbers> numbers, std::span<float> x) {
  assert(x.size() == size());
  GatherAttributes(profile, event);
  if (!affinity_.empty()) AffinityShares(profile.Affinity(), event.time, affinity_);
  const std::size_t minute = MinuteOfDay(event.time);
  const std::uint32_t weekday = Weekday(event.time);
  for (std::size_t j = 0; j < candidate_begin(); ++j) {
    const FeatureSpec& f = plan_.features.features[j];
    double v = 0;
    switch (f.kind) {
      case FeatureKind::kBias: v = 1; break;
      case FeatureKind::kAttributeNumber: {
        const AttributeValue& a = Attribute(f.index);
        const bool number = a.type == AttributeValue::Type::kNumber || a.type == AttributeValue::Type::kBool;
        v = number ? (a.number - f.centre) / f.scale : 0;
        break;
      }
      case FeatureKind::kAttributeMissing: {
        const AttributeValue::Type type = Attribute(f.index).type;
        const bool wants_number = plan_.attributes[f.index].type == AttributeType::kNumber;
        v = type == AttributeValue::Type::kUnset || (wants_number && type == AttributeValue::Type::kText) ? 1 : 0;
        break;
      }
      case FeatureKind::kAttributeLevel: v = HasLevel(plan_.attributes[f.index], Attribute(f.index), f.level); break;
      case FeatureKind::kProfileNumber: v = (numbers[f.index] - f.centre) / f.scale; break;
      case FeatureKind::kOwnsProduct: {
        const IdHash product = plan_.products[f.index].hash;
        v = std::binary_search(profile.owned.begin(), profile.owned.end(), OwnedProduct{product, 0},
                               [](const OwnedProduct& a, const OwnedProduct& b) { return a.product < b.product; });
        break;
      }
      case FeatureKind::kAffinity: v = (affinity_[f.index] - f.centre) / f.scale; break;
      case FeatureKind::kChurn: v = Leaves(profile, f); break;
      case FeatureKind::kSegmentSlot: v = segment_slot == f.level; break;
      case FeatureKind::kHourSin: v = hour_sin_[minute]; break;
      case FeatureKind::kHourCos: v = hour_cos_[minute]; break;
      case FeatureKind::kWeekday: v = weekday == f.level; break;
      default: break;
    }
    x[j] = Bounded(v);
  }
  FillMade(x);
}

// What is made of other features. A curve's parts are scaled so that the slopes' prior variance of .1 means the curve's own
// prior (HatBasis), whose parts have variance 1.
void FeatureMap::FillMade(std::span<float> x) const {
  constexpr float kRootOf10 = 3.16227766f;
  for (std::size_t c = 0; c < curves_.size(); ++c) {
    const CurveSpec& spec = plan_.features.curves[c];
    const std::span<float> parts = x.subspan(spec.begin, curves_[c].size());
    curves_[c].Expand(static_cast<double>(x[spec.source]), parts);
    for (float& part : parts) part *= kRootOf10;
  }
  for (const CrossSpec& cross : plan_.features.crosses) {
    const auto quarter = [&](std::uint16_t source, std::span<const double, CrossSpec::kCuts> cuts) {
      return static_cast<std::size_t>(std::count_if(cuts.begin(), cuts.end(), [&](double cut) { return static_cast<double>(x[source]) > cut; }));
    };
    x[cross.begin + 4 * quarter(cross.first, cross.first_cuts) + quarter(cross.second, cross.second_cuts)] = 1;
  }
}

// Nearly all are one of many levels: those that are one on the channel are known beforehand, the rest stays zero.
void FeatureMap::FillCandidate(const CustomerProfile& profile, EventTime at, ChannelIndex channel,
                               std::uint8_t segment_slot, std::uint32_t ordinal, std::span<float> x) const {
  std::fill(x.begin() + static_cast<std::ptrdiff_t>(candidate_begin()), x.begin() + static_cast<std::ptrdiff_t>(size()), 0.0f);
  if (channel.value < channel_ones_.size()) {
    for (const OneHot& one : channel_ones_[channel.value]) {
      if (one.slot < 0 || one.slot == segment_slot) x[one.at] = 1;
    }
    for (const std::size_t j : channel_rates_) x[j] = Bounded((ChannelRate(profile.channels, channel, at) - .05) / .1);
  }
  for (const std::size_t j : ordinals_) {
    const FeatureSpec& f = plan_.features.features[j];
    x[j] = Bounded(((ordinal > 1 ? fixed::Log(static_cast<double>(ordinal)) : 0.0) - f.centre) / f.scale);
  }
}

void FeatureMap::FillSegmentNumbers(const CustomerProfile& profile, EventTime at, std::span<double> raw) {
  std::array<double, kProfileNumbers> numbers{};
  ProfileNumbers(profile, at, segment_numbers_, numbers);
  FillSegmentNumbers(numbers, raw);
  FillSegmentAttributes(profile, {}, raw);
}

void FeatureMap::FillSegmentNumbers(std::span<const double, kProfileNumbers> numbers, std::span<double> raw) const {
  assert(raw.size() == plan_.segments.size());
  for (std::size_t i = 0; i < plan_.segments.features.size(); ++i) raw[i] = numbers[static_cast<std::size_t>(plan_.segments.features[i])];
}

void FeatureMap::FillSegmentAttributes(const CustomerProfile& profile, std::span<const AttributeUpdate> news,
                                       std::span<double> raw) const {
  for (std::size_t i = 0; i < plan_.segments.attributes.size(); ++i) {
    const AttributeIndex wanted = plan_.segments.attributes[i];
    AttributeValue value;
    for (const AttributeSlot& slot : profile.attributes) {
      if (slot.attribute() == wanted) value = slot.value();
    }
    for (const AttributeUpdate& update : news) {
      if (update.attribute == wanted) value = update.value;
    }
    const bool number = value.type == AttributeValue::Type::kNumber;
    raw[plan_.segments.features.size() + i] = number ? value.number : std::numeric_limits<double>::quiet_NaN();
  }
}

}  // namespace offerstream
