#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "state/formats/codecs.h"
#include "state/formats/framing.h"
#include "state/formats/packing.h"
#include "state/formats/profile_row.h"

namespace offerstream {
namespace {

using namespace profile_row;

class Reader {
 public:
  Reader(const CampaignPlan& plan, std::string_view body, CustomerProfile& profile) : plan_(plan), p_(profile), in_(body) {}

  bool Body() {
    p_.channels.Clear();
    p_.next_due = GetTime(in_);
    const std::uint64_t groups = in_.Varint();
    if (groups & ~std::uint64_t{kKnownGroups}) return false;
    for (EventTime* t : {&p_.first_seen, &p_.last_event, &p_.last_transaction, &p_.last_click, &enrolled_}) *t = GetTime(in_);
    p_.enrolled_in = enrolled_ == kNever ? 0 : CustomerProfile::kInProgramme;
    if (groups & (kChannels | kImpressions | kExposures)) Dictionary();
    if (groups & kSeen) Seen();
    if (groups & kChannels) Channels();
    if (groups & kImpressions) Impressions();
    if (groups & kExposures) Exposures();
    if (groups & kValue) Sums(p_.value);
    if (groups & kOrders) Sums(p_.orders);
    if (groups & kAttributes) Attributes();
    if (groups & kDecisions) Decisions();
    if (groups & (kLiftOpen | kLift)) FirstEnrolment(groups);
    if (groups & kDeposits) Sums(p_.deposits);
    if (groups & kWithdrawals) Sums(p_.withdrawals);
    if (groups & kEngagement) Sums(p_.engagement);
    if (groups & kPlace) Place();
    if (groups & kTruncated) p_.truncated = static_cast<std::uint32_t>(in_.Varint());
    if (groups & kOwned) Owned();
    if (groups & kEnrolments) Enrolments();
    if (groups & kAffinity) Affinity();
    if (groups & kBuying) Bought();
    if (groups & kRecent) Recent();
    return in_.ok() && in_.AtEnd();
  }

 private:
  // A count no customer can reach is damage.
  std::size_t Count(std::size_t element_bytes) {
    const std::size_t count = in_.Count(element_bytes);
    if (count <= kArrayMax) return count;
    in_.Fail();
    return 0;
  }

  void Dictionary() {
    channel_.fill(ChannelIndex{});
    const std::uint8_t count = in_.U8();
    if (count == kDictionaryNone) return in_.Fail();
    for (std::size_t i = 0; i < count; ++i) {
      const auto found = plan_.channel_by_hash.find(in_.U64());
      if (found != plan_.channel_by_hash.end()) channel_[i] = found->second;
    }
  }

  void Sums(DecayedSums& s) {
    s.touched = GetTime(in_);
    s.d7 = in_.F64();
    s.d30 = in_.F64();
    s.d90 = in_.F64();
  }

  void Seen() {
    const std::size_t count = Count(9);
    p_.seen.reserve(count);
    std::uint64_t previous = 0;
    for (std::size_t i = 0; i < count && in_.ok(); ++i) {
      const IdHash hash = in_.U64();
      p_.seen.push_back({hash, static_cast<EventTime>(GetDelta(in_, previous))});
    }
  }

  void Channels() {
    const std::size_t count = in_.Count(2);
    p_.channels.Reserve(std::min(count, kChannelsMax));
    for (std::size_t i = 0; i < count && in_.ok(); ++i) {
      const ChannelIndex channel = channel_[in_.U8()];
      const std::uint8_t parts = in_.U8();
      ChannelProfile c = channel.known() ? p_.channels.Of(channel) : ChannelProfile{};
      if (parts & kImpressionSums) Sums(c.impressions);
      if (parts & kClickSums) Sums(c.clicks);
      if (parts & kConversions) c.conversions_d30 = in_.F64();
      if (parts & kLastImpression) c.last_impression = GetTime(in_);
      if (parts & kLastClick) c.last_click = GetTime(in_);
      if (parts & kConsent) c.consent = Enum<Consent>(3);
      if (parts & kPublished) {
        c.published_source = Enum<CapSource>(2);
        c.published_limit = static_cast<std::uint16_t>(in_.Varint());
        c.published_capped = in_.Bool();
      }
      if (channel.known()) p_.channels.Put(channel, c);
    }
    p_.channels.Fit();
  }

  // An enumerator stored as its number; one we do not know means damage (a newer one would have raised the version).
  template <typename E>
  E Enum(std::uint8_t last) {
    const std::uint8_t v = in_.U8();
    if (v > last) in_.Fail();
    return static_cast<E>(v > last ? 0 : v);
  }

  void Impressions() {
    const std::size_t count = Count(2);
    p_.impressions.reserve(count);
    std::uint64_t previous = 0;
    for (std::size_t i = 0; i < count && in_.ok(); ++i) {
      const std::uint8_t position = in_.U8();
      const std::uint64_t time = GetDelta(in_, previous);
      const ChannelIndex channel = channel_[position];
      if (position != kDictionaryNone && !channel.known()) continue;  // the plan has dropped this channel
      p_.impressions.push_back(time << 8 | (channel.known() ? channel.value : 0xffu));
    }
  }

  void Exposures() {
    const std::size_t count = Count(33);
    p_.exposures.reserve(count);
    for (std::size_t i = 0; i < count && in_.ok(); ++i) {
      Exposure& e = p_.exposures.emplace_back();
      e.id = in_.U64();
      const IdHash offer = in_.U64();
      const std::uint8_t position = in_.U8();
      const std::uint8_t flags = in_.U8();
      for (EventTime* t : {&e.decided, &e.shown, &e.valid_until, &e.next_due}) *t = GetTime(in_);
      e.propensity = in_.F64();
      e.ordinal = static_cast<std::uint16_t>(in_.Varint());
      e.segment = static_cast<std::uint32_t>(in_.Varint());
      e.arm = in_.U8();
      Labels(e);
      x_.clear();
      GetFeatures(in_, x_);
      e.x.Assign(x_);
      e.lottery = flags & kLottery;
      e.unsubscribed = flags & kUnsubscribed;
      e.foreign = flags & kForeign;
      e.channel = channel_[position];
      const auto found = plan_.offer_by_hash.find(offer);
      if (found != plan_.offer_by_hash.end()) e.offer = found->second;
      const bool dropped = (offer != 0 && !e.offer.known()) || (position != kDictionaryNone && !e.channel.known());
      if (dropped) p_.exposures.erase(&e);
    }
  }

  void Labels(Exposure& e) {
    e.labels.resize(std::min(plan_.outcomes.size(), kOutcomesMax), ClosedLabel());
    const std::uint8_t count = in_.U8();
    for (std::size_t i = 0; i < count && in_.ok(); ++i) {
      std::size_t outcome = in_.U8();
      if (outcome > kOtherOutcome) return in_.Fail();
      if (outcome == kOtherOutcome) outcome = OutcomeOf(in_.U64());
      PendingLabel l;
      const std::uint8_t flags = in_.U8();
      l.next_cut = in_.U8();
      l.mask = in_.U8();
      l.converted = flags & kConverted;
      l.hold = flags & kHold;
      if (flags & kLastCut) l.last_cut = in_.ZigZag();
      if (flags & kDelay) l.delay = in_.ZigZag();
      if (flags & kLabelValue) l.value = in_.ZigZag();
      if (flags & kLogit) l.logit = in_.F64();
      if (flags & kProbability) l.probability = in_.F64();
      if (flags & kCapLogit) l.cap_logit = in_.F64();
      if (outcome < e.labels.size()) e.labels[outcome] = l;
    }
  }
  std::size_t OutcomeOf(IdHash hash) const {
    for (std::size_t i = kOtherOutcome; i < plan_.outcomes.size(); ++i) {
      if (H64(plan_.outcomes[i].id) == hash) return i;
    }
    return kOutcomesMax;
  }

  void Attributes() {
    const std::size_t count = Count(9);
    p_.attributes.reserve(count);
    for (std::size_t i = 0; i < count && in_.ok(); ++i) {
      const auto found = plan_.attribute_by_hash.find(in_.U64());
      AttributeValue value;
      value.type = Enum<AttributeValue::Type>(3);
      if (value.type == AttributeValue::Type::kNumber) value.number = in_.F64();
      if (value.type == AttributeValue::Type::kText) value.text = in_.U64();
      if (value.type == AttributeValue::Type::kBool) value.number = in_.Bool() ? 1 : 0;
      if (found != plan_.attribute_by_hash.end()) p_.attributes.push_back(AttributeSlot(found->second, value));
    }
    // The row has the order of the plan it was written under.
    const auto by_index = [](const AttributeSlot& a, const AttributeSlot& b) { return a.attribute() < b.attribute(); };
    if (!std::is_sorted(p_.attributes.begin(), p_.attributes.end(), by_index)) {
      std::sort(p_.attributes.begin(), p_.attributes.end(), by_index);
    }
  }

  void Decisions() {
    const std::size_t count = in_.Count(9);
    for (std::size_t i = 0; i < count && in_.ok(); ++i) {
      const std::uint64_t key = in_.U64();
      const EventTime time = GetTime(in_);
      for (std::size_t placement = 0; placement < kPlacementsMax; ++placement) {
        if (PlacementKey(plan_, placement) == key) p_.SetLastDecision(PlacementIndex(placement), time);
      }
    }
  }

  void Place() {
    p_.place.micro = in_.U64();
    p_.place.time = GetTime(in_);
    p_.place.epoch = static_cast<std::uint32_t>(in_.Varint());
    in_.F32s(p_.place.z);
  }

  void Owned() {
    const std::size_t count = Count(9);
    p_.owned.reserve(count);
    for (std::size_t i = 0; i < count && in_.ok(); ++i) {
      const IdHash product = in_.U64();
      p_.owned.push_back({product, GetTime(in_)});
    }
  }

  // As rows of before there were campaigns have it; what a closed one left behind says nothing any more.
  void FirstEnrolment(std::uint64_t groups) {
    Enrolment e;
    e.at = enrolled_;
    if (groups & kLift) {
      e.conversions = static_cast<std::uint16_t>(std::min<std::uint64_t>(in_.Varint(), 0xffff));
      e.value = in_.ZigZag();
      e.pre_value = in_.F64();
    }
    if (groups & kLiftOpen) p_.enrolments.push_back(e);
  }

  void Enrolments() {
    std::array<CampaignIndex, kCampaignsMax + 1> campaign;
    const std::uint8_t known = in_.U8();
    if (known > kCampaignsMax) return in_.Fail();
    for (std::size_t i = 0; i < known && in_.ok(); ++i) {
      const IdHash hash = in_.U64();
      std::size_t c = 0;
      while (c < plan_.campaigns.size() && plan_.campaigns[c].hash != hash) ++c;
      campaign[i] = c < plan_.campaigns.size() ? CampaignIndex(c) : CampaignIndex{};
      if (campaign[i].known()) p_.enrolled_in |= std::uint64_t{1} << campaign[i].value;
    }
    const std::size_t count = in_.Count(7);
    if (count > kCampaignsMax + 1) return in_.Fail();
    p_.enrolments.reserve(count);
    double before = 0;
    for (std::size_t i = 0; i < count && in_.ok(); ++i) {
      Enrolment e;
      const std::uint8_t position = in_.U8();
      if (position != kDictionaryNone && position >= known) return in_.Fail();
      if (position != kDictionaryNone) e.campaign = campaign[position];
      const std::uint8_t parts = in_.U8();
      e.arm = in_.U8();
      if (e.arm > 2 && e.arm != kArmUnknown) return in_.Fail();
      e.allocation = in_.U32();
      e.at = parts & kOwnTime ? GetTime(in_) : enrolled_;
      if (parts & kOwnBefore) before = in_.F64();
      e.pre_value = before;
      if (parts & kEnrolledValue) e.value = in_.ZigZag();
      if (parts & kEnrolledCost) e.cost = in_.F64();
      if (parts & kEnrolledAnswers) {
        e.conversions = static_cast<std::uint16_t>(in_.Varint());
        e.visits = static_cast<std::uint16_t>(in_.Varint());
      }
      // A campaign the plan has dropped goes.
      if (e.campaign.known() || position == kDictionaryNone) p_.enrolments.push_back(e);
    }
  }

  // A category the plan has dropped goes; the order is the plan's.
  void Affinity() {
    const std::size_t count = Count(13);
    std::vector<CategoryWeight> known;
    for (std::size_t i = 0; i < count && in_.ok(); ++i) {
      const IdHash hash = in_.U64();
      CategoryWeight weight;
      weight.touched = GetTime(in_);
      weight.amount = in_.F32();
      std::size_t c = 0;
      while (c < plan_.categories.size() && plan_.categories[c].hash != hash) ++c;
      if (!std::isfinite(weight.amount)) return in_.Fail();
      if (c == plan_.categories.size()) continue;
      weight.category = CategoryIndex(c);
      known.push_back(weight);
    }
    if (known.empty()) return;
    std::sort(known.begin(), known.end(), [](const CategoryWeight& a, const CategoryWeight& b) { return a.category < b.category; });
    p_.KeepHabits().affinity.assign(known.begin(), known.end());
  }

  // A plan that looks at nobody forgets it.
  void Bought() {
    Buying b(p_.habits.pool());
    for (EventTime* t : {&b.known.first, &b.known.last, &b.after, &b.looked}) *t = GetTime(in_);
    b.known.orders = static_cast<std::int32_t>(in_.Varint());
    b.known.spent = in_.ZigZag();
    b.buys = in_.F32();
    const std::size_t count = Count(9);
    b.looks.reserve(count);
    for (std::size_t i = 0; i < count && in_.ok(); ++i) {
      BuyingLook look;
      look.time = GetTime(in_);
      look.last = GetTime(in_);
      look.orders = static_cast<std::int32_t>(in_.Varint());
      look.spent = in_.ZigZag();
      look.buys = in_.F32();
      look.bought = in_.Bool();
      if (look.orders < 1 || !std::isfinite(look.buys) || (i > 0 && look.time < b.looks.back().time)) return in_.Fail();
      b.looks.push_back(look);
    }
    if (b.known.orders < 1 || !std::isfinite(b.buys)) return in_.Fail();
    if (plan_.churn.on) p_.KeepHabits().buying.push_back(std::move(b));
  }

  // … or of what is bought together.
  void Recent() {
    const std::size_t count = Count(9);
    std::vector<RecentItem> recent(std::min(count, kRecentItemsMost));
    if (count > kRecentItemsMost) return in_.Fail();
    for (RecentItem& i : recent) i = {in_.U64(), GetTime(in_)};
    if (plan_.items.on && !recent.empty() && in_.ok()) p_.KeepHabits().recent.assign(recent.begin(), recent.end());
  }

  const CampaignPlan& plan_;
  CustomerProfile& p_;
  EventTime enrolled_ = kNever;   // in the programme
  ByteReader in_;
  std::vector<float> x_{};
  std::array<ChannelIndex, 256> channel_{};
};

// as_of, or a corrupt frame.
Result<std::uint64_t> AsOf(ByteReader& in) {
  const std::uint64_t as_of = in.U64();
  if (!in.ok()) return Fail(Code::kCorrupt, "row without as_of");
  return as_of;
}

}  // namespace

Status DecodeProfile(const CampaignPlan& plan, std::string_view bytes, CustomerProfile& profile) {
  const Result<Frame> frame = OpenFrame(FrameFormat::kProfile, kProfileVersion, bytes);
  if (!frame) return tl::unexpected<Error>(frame.error());
  ByteReader in(frame->payload);
  const Result<std::uint64_t> as_of = AsOf(in);
  if (!as_of) return tl::unexpected<Error>(as_of.error());
  profile.as_of = *as_of;
  if (!Reader(plan, frame->payload.substr(kAsOfBytes), profile).Body()) return Fail(Code::kCorrupt, "profile row");
  return {};
}

std::string_view ProfileBody(std::string_view bytes) {
  return bytes.size() < kFrameHeaderBytes + kAsOfBytes ? std::string_view{} : bytes.substr(kFrameHeaderBytes + kAsOfBytes);
}

Result<RowPeek> PeekProfile(std::string_view bytes) {
  const bool gone = PeekFormat(bytes) == static_cast<std::uint8_t>(FrameFormat::kTombstone);
  const Result<Frame> frame = OpenFrame(gone ? FrameFormat::kTombstone : FrameFormat::kProfile, kProfileVersion, bytes);
  if (!frame) return tl::unexpected<Error>(frame.error());
  ByteReader in(frame->payload);
  RowPeek peek;
  peek.gone = gone;
  peek.as_of = in.U64();
  if (!gone) peek.next_due = GetTime(in);
  if (!in.ok() || (gone && !in.AtEnd())) return Fail(Code::kCorrupt, "row header");
  return peek;
}

}  // namespace offerstream
