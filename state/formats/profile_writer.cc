#include <algorithm>
#include <array>

#include "state/formats/codecs.h"
#include "state/formats/framing.h"
#include "state/formats/packing.h"
#include "state/formats/profile_row.h"

namespace offerstream {
namespace {

using namespace profile_row;

bool Empty(const DecayedSums& s) { return IsZero(s.d7) && IsZero(s.d30) && IsZero(s.d90) && s.touched == kNever; }
bool Empty(const ToldPlace& c) { return c.micro == 0 && c.time == kNever && c.epoch == 0 && c.z.empty(); }

std::uint8_t PartsOf(const ChannelProfile& c) {
  unsigned parts = 0;
  if (!Empty(c.impressions)) parts |= kImpressionSums;
  if (!Empty(c.clicks)) parts |= kClickSums;
  if (!IsZero(c.conversions_d30)) parts |= kConversions;
  if (c.last_impression != kNever) parts |= kLastImpression;
  if (c.last_click != kNever) parts |= kLastClick;
  if (c.consent != Consent::kUnknown) parts |= kConsent;
  if (c.published_source != CapSource::kConfigured || c.published_limit != 0 || c.published_capped) parts |= kPublished;
  return static_cast<std::uint8_t>(parts);
}

unsigned FlagsOf(const PendingLabel& l) {
  unsigned flags = 0;
  const auto add = [&](bool present, LabelFlag flag) { flags |= present ? static_cast<unsigned>(flag) : 0u; };
  add(l.converted, kConverted);
  add(l.hold, kHold);
  add(l.last_cut != 0, kLastCut);
  add(l.delay != 0, kDelay);
  add(l.value != 0, kLabelValue);
  add(!IsZero(l.logit), kLogit);
  add(!IsZero(l.probability), kProbability);
  add(!IsZero(l.cap_logit), kCapLogit);
  return flags;
}

class Writer {
 public:
  Writer(const CampaignPlan& plan, const CustomerProfile& profile, std::string& out)
      : plan_(plan), p_(profile), known_(profile.channels.known()), out_(out) {}

  void Body() {
    const std::uint32_t groups = Groups();
    PutTime(out_, p_.next_due);
    out_.Varint(groups);
    for (EventTime t : {p_.first_seen, p_.last_event, p_.last_transaction, p_.last_click, enrolled_}) PutTime(out_, t);
    if (groups & (kChannels | kImpressions | kExposures)) Dictionary();
    if (groups & kSeen) Seen();
    if (groups & kChannels) Channels();
    if (groups & kImpressions) Impressions();
    if (groups & kExposures) Exposures();
    if (groups & kValue) Sums(p_.value);
    if (groups & kOrders) Sums(p_.orders);
    if (groups & kAttributes) Attributes();
    if (groups & kDecisions) Decisions();
    if (groups & kDeposits) Sums(p_.deposits);
    if (groups & kWithdrawals) Sums(p_.withdrawals);
    if (groups & kEngagement) Sums(p_.engagement);
    if (groups & kPlace) Place();
    if (groups & kTruncated) out_.Varint(p_.truncated);
    if (groups & kOwned) Owned();
    if (groups & kEnrolments) Enrolments();
    if (groups & kAffinity) Affinity();
    if (groups & kBuying) Bought();
    if (groups & kRecent) Recent();
  }

 private:
  std::uint32_t Groups() const {
    std::uint32_t groups = 0;
    const auto add = [&](bool present, Group group) { groups |= present ? group : 0u; };
    add(!p_.seen.empty(), kSeen);
    add(known_ != 0, kChannels);
    add(!p_.impressions.empty(), kImpressions);
    add(!p_.exposures.empty(), kExposures);
    add(!Empty(p_.value), kValue);
    add(!Empty(p_.orders), kOrders);
    add(!p_.attributes.empty(), kAttributes);
    add(std::any_of(p_.last_decision.begin(), p_.last_decision.end(), [](EventTime t) { return t != kNever; }), kDecisions);
    add(!Empty(p_.deposits), kDeposits);
    add(!Empty(p_.withdrawals), kWithdrawals);
    add(!Empty(p_.engagement), kEngagement);
    add(!Empty(p_.place), kPlace);
    add(p_.truncated != 0, kTruncated);
    add(!p_.owned.empty(), kOwned);
    add((p_.enrolled_in & ~CustomerProfile::kInProgramme) != 0 || !p_.enrolments.empty(), kEnrolments);
    add(!p_.Affinity().empty(), kAffinity);
    add(p_.Bought() != nullptr, kBuying);
    add(!p_.Recent().empty(), kRecent);
    return groups;
  }

  std::size_t channels() const { return std::min(kChannelsMax, plan_.channels.size()); }
  bool Known(std::size_t channel) const { return (known_ >> channel & 1) != 0; }

  // Channels the row mentions, in plan order, by hash; afterwards one byte names them.
  void Dictionary() {
    std::array<bool, 256> used{};
    for (std::size_t i = 0; i < channels(); ++i) used[i] = Known(i);
    for (PackedImpression packed : p_.impressions) used[packed & 0xff] = true;
    for (const Exposure& e : p_.exposures) used[std::min<std::size_t>(e.channel.value, 0xff)] = true;
    position_.fill(kDictionaryNone);
    std::uint8_t count = 0;
    for (std::size_t i = 0; i < plan_.channels.size() && i < kDictionaryNone; ++i) {
      if (used[i]) position_[i] = count++;
    }
    out_.U8(count);
    for (std::size_t i = 0; i < plan_.channels.size() && i < kDictionaryNone; ++i) {
      if (used[i]) out_.U64(plan_.channels[i].hash);
    }
  }
  std::uint8_t Position(std::size_t channel) const { return position_[std::min<std::size_t>(channel, 0xff)]; }

  void Sums(const DecayedSums& s) {
    PutTime(out_, s.touched);
    out_.F64(s.d7);
    out_.F64(s.d30);
    out_.F64(s.d90);
  }

  void Seen() {
    out_.Varint(p_.seen.size());
    std::uint64_t previous = 0;
    for (const SeenEvent& s : p_.seen) {
      out_.U64(s.hash);
      PutDelta(out_, static_cast<std::uint64_t>(s.time), previous);
    }
  }

  void Channels() {
    std::size_t count = 0;
    for (std::size_t i = 0; i < channels(); ++i) count += Known(i);
    out_.Varint(count);
    for (std::size_t i = 0; i < channels(); ++i) {
      if (!Known(i)) continue;
      const ChannelProfile c = p_.channels.Of(ChannelIndex(i));
      const std::uint8_t parts = PartsOf(c);
      out_.U8(Position(i));
      out_.U8(parts);
      if (parts & kImpressionSums) Sums(c.impressions);
      if (parts & kClickSums) Sums(c.clicks);
      if (parts & kConversions) out_.F64(c.conversions_d30);
      if (parts & kLastImpression) PutTime(out_, c.last_impression);
      if (parts & kLastClick) PutTime(out_, c.last_click);
      if (parts & kConsent) out_.U8(static_cast<std::uint8_t>(c.consent));
      if (parts & kPublished) {
        out_.U8(static_cast<std::uint8_t>(c.published_source));
        out_.Varint(c.published_limit);
        out_.Bool(c.published_capped);
      }
    }
  }

  void Impressions() {
    out_.Varint(p_.impressions.size());
    std::uint64_t previous = 0;
    for (PackedImpression packed : p_.impressions) {
      out_.U8(Position(packed & 0xff));
      PutDelta(out_, packed >> 8, previous);
    }
  }

  void Exposures() {
    out_.Varint(p_.exposures.size());
    for (const Exposure& e : p_.exposures) {
      out_.U64(e.id);
      out_.U64(e.offer.value < plan_.offers.size() ? plan_.offers[e.offer.value].hash : 0);
      out_.U8(Position(e.channel.value));
      out_.U8(static_cast<std::uint8_t>((e.lottery ? kLottery : 0) | (e.unsubscribed ? kUnsubscribed : 0) |
                                        (e.foreign ? kForeign : 0)));
      for (EventTime t : {e.decided, e.shown, e.valid_until, e.next_due}) PutTime(out_, t);
      out_.F64(e.propensity);
      out_.Varint(e.ordinal);
      out_.Varint(e.segment);
      out_.U8(e.arm);
      Labels(e);
      Features(e.x);
    }
  }

  // The bytes of PutFeatures, without a look at the zeros.
  void Features(const PackedFeatures& x) {
    out_.Varint(x.size());
    out_.Varint(x.nonzeros());
    std::size_t next = 0;
    x.ForEachNonzero([&](std::size_t at, float value) {
      const bool one = value == 1.0f;
      out_.Varint((at - next) << 1 | (one ? 1 : 0));
      if (!one) out_.F32(value);
      next = at + 1;
    });
  }

  void Labels(const Exposure& e) {
    const std::size_t outcomes = std::min(plan_.outcomes.size(), e.labels.size());
    const auto present = [&](std::size_t i) {
      const PendingLabel& l = e.labels[i];
      return FlagsOf(l) != 0 || l.next_cut != kLabelClosed || l.mask != 0xff;
    };
    std::uint8_t count = 0;
    for (std::size_t i = 0; i < outcomes; ++i) count = static_cast<std::uint8_t>(count + (present(i) ? 1 : 0));
    out_.U8(count);
    for (std::size_t i = 0; i < outcomes; ++i) {
      if (!present(i)) continue;
      const PendingLabel& l = e.labels[i];
      if (i < kOtherOutcome) {
        out_.U8(static_cast<std::uint8_t>(i));
      } else {
        out_.U8(kOtherOutcome);
        out_.U64(H64(plan_.outcomes[i].id));
      }
      const unsigned flags = FlagsOf(l);
      out_.U8(static_cast<std::uint8_t>(flags));
      out_.U8(l.next_cut);
      out_.U8(l.mask);
      if (flags & kLastCut) out_.ZigZag(l.last_cut);
      if (flags & kDelay) out_.ZigZag(l.delay);
      if (flags & kLabelValue) out_.ZigZag(l.value);
      if (flags & kLogit) out_.F64(l.logit);
      if (flags & kProbability) out_.F64(l.probability);
      if (flags & kCapLogit) out_.F64(l.cap_logit);
    }
  }

  void Attributes() {
    out_.Varint(p_.attributes.size());
    for (const AttributeSlot& a : p_.attributes) {
      out_.U64(a.attribute().value < plan_.attributes.size() ? plan_.attributes[a.attribute().value].hash : 0);
      const AttributeValue value = a.value();
      out_.U8(static_cast<std::uint8_t>(value.type));
      if (value.type == AttributeValue::Type::kNumber) out_.F64(value.number);
      if (value.type == AttributeValue::Type::kText) out_.U64(value.text);
      if (value.type == AttributeValue::Type::kBool) out_.Bool(value.number != 0);
    }
  }

  void Decisions() {
    std::size_t count = 0;
    for (EventTime t : p_.last_decision) count += t != kNever;
    out_.Varint(count);
    for (std::size_t i = 0; i < p_.last_decision.size(); ++i) {
      if (p_.last_decision[i] == kNever) continue;
      out_.U64(PlacementKey(plan_, i));
      PutTime(out_, p_.last_decision[i]);
    }
  }

  void Place() {
    out_.U64(p_.place.micro);
    PutTime(out_, p_.place.time);
    out_.Varint(p_.place.epoch);
    out_.F32s(p_.place.z);
  }

  void Owned() {
    out_.Varint(p_.owned.size());
    for (const OwnedProduct& o : p_.owned) {
      out_.U64(o.product);
      PutTime(out_, o.since);
    }
  }

  // The campaigns it has ever been enrolled in by hash, and the open enrolments by position in that list.
  void Enrolments() {
    std::array<std::uint8_t, kCampaignsMax> position{};
    std::uint8_t count = 0;
    const std::size_t known = std::min(plan_.campaigns.size(), kCampaignsMax);
    for (std::size_t c = 0; c < known; ++c) {
      if ((p_.enrolled_in >> c & 1) != 0) position[c] = count++;
    }
    out_.U8(count);
    for (std::size_t c = 0; c < known; ++c) {
      if ((p_.enrolled_in >> c & 1) != 0) out_.U64(plan_.campaigns[c].hash);
    }
    out_.Varint(p_.enrolments.size());
    double before = 0;
    for (const Enrolment& e : p_.enrolments) {
      unsigned parts = 0;
      if (e.at != enrolled_) parts |= kOwnTime;
      if (e.value != 0) parts |= kEnrolledValue;
      if (!IsZero(e.cost)) parts |= kEnrolledCost;
      if (e.conversions != 0 || e.visits != 0) parts |= kEnrolledAnswers;
      if (std::bit_cast<std::uint64_t>(e.pre_value) != std::bit_cast<std::uint64_t>(before)) parts |= kOwnBefore;
      before = e.pre_value;
      out_.U8(e.campaign.value < known ? position[e.campaign.value] : kDictionaryNone);
      out_.U8(static_cast<std::uint8_t>(parts));
      out_.U8(e.arm);
      out_.U32(e.allocation);
      if (parts & kOwnTime) PutTime(out_, e.at);
      if (parts & kOwnBefore) out_.F64(e.pre_value);
      if (parts & kEnrolledValue) out_.ZigZag(e.value);
      if (parts & kEnrolledCost) out_.F64(e.cost);
      if (parts & kEnrolledAnswers) {
        out_.Varint(e.conversions);
        out_.Varint(e.visits);
      }
    }
  }

  void Affinity() {
    out_.Varint(p_.Affinity().size());
    for (const CategoryWeight& w : p_.Affinity()) {
      out_.U64(w.category.value < plan_.categories.size() ? plan_.categories[w.category.value].hash : 0);
      PutTime(out_, w.touched);
      out_.F32(w.amount);
    }
  }

  void Bought() {
    const Buying& b = *p_.Bought();
    for (EventTime t : {b.known.first, b.known.last, b.after, b.looked}) PutTime(out_, t);
    out_.Varint(static_cast<std::uint64_t>(b.known.orders));
    out_.ZigZag(b.known.spent);
    out_.F32(b.buys);
    out_.Varint(b.looks.size());
    for (const BuyingLook& look : b.looks) {
      PutTime(out_, look.time);
      PutTime(out_, look.last);
      out_.Varint(static_cast<std::uint64_t>(look.orders));
      out_.ZigZag(look.spent);
      out_.F32(look.buys);
      out_.Bool(look.bought);
    }
  }

  void Recent() {
    out_.Varint(p_.Recent().size());
    for (const RecentItem& i : p_.Recent()) {
      out_.U64(i.item);
      PutTime(out_, i.time);
    }
  }

  // Of the programme's enrolment only that there was one outlives it.
  static EventTime EnrolledAt(const CustomerProfile& p) {
    if (const Enrolment* programme = p.Programme()) return programme->at;
    return (p.enrolled_in & CustomerProfile::kInProgramme) != 0 ? 0 : kNever;
  }

  const CampaignPlan& plan_;
  const CustomerProfile& p_;
  const EventTime enrolled_ = EnrolledAt(p_);
  const std::uint16_t known_;
  ByteWriter out_;
  std::array<std::uint8_t, 256> position_{};
};

}  // namespace

void EncodeProfile(const CampaignPlan& plan, const CustomerProfile& profile, TxnSeq as_of, std::string& out) {
  const std::uint8_t version = profile.Bought() != nullptr || !profile.Recent().empty() ? kProfileVersion : kFirstProfileVersion;
  const std::size_t begin = BeginFrame(FrameFormat::kProfile, version, out);
  ByteWriter(out).U64(as_of);
  Writer(plan, profile, out).Body();
  EndFrame(begin, out);
}

void EncodeTombstone(TxnSeq as_of, std::string& out) {
  const std::size_t begin = BeginFrame(FrameFormat::kTombstone, kFirstProfileVersion, out);
  ByteWriter(out).U64(as_of);
  EndFrame(begin, out);
}

}  // namespace offerstream
