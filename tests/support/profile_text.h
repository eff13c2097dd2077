// A customer as text, every field by its bits: two profiles are equal when their texts are.
#pragma once

#include <cstdio>
#include <string>

#include "models/domain/customer_profile.h"

namespace offerstream {

/// Writes fields one after another; doubles as hexadecimal bits.
class FieldText {
 public:
  FieldText& operator<<(const char* name) {
    text_ += name;
    return *this;
  }
  FieldText& operator<<(double v) {
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, " %a", v);
    text_ += buffer;
    return *this;
  }
  FieldText& operator<<(std::int64_t v) {
    text_ += ' ' + std::to_string(v);
    return *this;
  }
  FieldText& operator<<(std::uint64_t v) { return *this << static_cast<std::int64_t>(v); }
  FieldText& operator<<(std::uint32_t v) { return *this << static_cast<std::int64_t>(v); }
  FieldText& operator<<(int v) { return *this << static_cast<std::int64_t>(v); }
  FieldText& operator<<(const DecayedSums& s) { return *this << s.d7 << s.d30 << s.d90 << s.touched; }
  const std::string& text() const { return text_; }

 private:
  std::string text_{};
};

/// All fields but as_of and first_dirty.
inline std::string TextOf(const CustomerProfile& p) {
  FieldText t;
  t << "due" << p.next_due << " seen" << p.first_seen << p.last_event << p.last_transaction << p.last_click;
  t << "\nlift" << p.enrolled_in;
  for (const CategoryWeight& w : p.Affinity()) t << "\naffinity" << w.category.value << w.touched << double{w.amount};
  if (const Buying* b = p.Bought()) {
    t << "\nbought" << b->known.first << b->known.last << b->known.spent << int{b->known.orders} << b->after << b->looked << double{b->buys};
    for (const BuyingLook& l : b->looks) {
      t << " look" << l.time << l.last << l.spent << int{l.orders} << double{l.buys} << int{l.bought};
    }
  }
  for (const RecentItem& i : p.Recent()) t << "\nrecent" << i.item << i.time;
  for (const Enrolment& e : p.enrolments) {
    t << "\nenrolled" << e.campaign.value << e.at << e.value << e.pre_value << e.cost << e.allocation << e.conversions << e.visits
      << int{e.arm};
  }
  t << "\nsums" << p.orders << p.value << p.deposits << p.withdrawals << p.engagement << p.truncated;
  t << "\nplace" << p.place.micro << p.place.time << p.place.epoch;
  for (const float z : p.place.z) t << double{z};
  for (std::size_t i = 0; i < kChannelsMax; ++i) {
    if ((p.channels.known() >> i & 1) == 0) continue;
    const ChannelProfile c = p.channels.Of(ChannelIndex(i));
    t << " at" << static_cast<int>(i);
    t << "\nchannel" << c.impressions << c.clicks << c.conversions_d30 << c.last_impression << c.last_click
      << static_cast<int>(c.consent) << static_cast<int>(c.published_source) << int{c.published_limit}
      << int{c.published_capped};
  }
  t << "\nlast";
  for (std::size_t i = 0; i < kPlacementsMax; ++i) t << p.LastDecision(PlacementIndex(i));
  for (const AttributeSlot& a : p.attributes) {
    const AttributeValue value = a.value();
    t << "\nattribute" << int{a.attribute().value} << static_cast<int>(value.type) << value.number << value.text;
  }
  for (const OwnedProduct& o : p.owned) t << "\nowns" << o.product << o.since;
  t << "\nimpressions";
  for (const PackedImpression i : p.impressions) t << i;
  t << "\nids";
  for (const SeenEvent& s : p.seen) t << s.hash << s.time;
  for (const Exposure& e : p.exposures) {
    t << "\nexposure" << e.id << int{e.offer.value} << int{e.channel.value} << e.decided << e.shown << e.valid_until
      << e.next_due << e.propensity << int{e.ordinal} << e.segment << int{e.arm} << int{e.lottery}
      << int{e.unsubscribed} << int{e.foreign};
    for (const PendingLabel& l : e.labels) {
      t << " label" << l.last_cut << int{l.next_cut} << int{l.mask} << int{l.converted} << int{l.hold} << l.delay
        << l.value << l.logit << l.probability << l.cap_logit;
    }
    t << " x";
    for (const float x : e.x.Dense()) t << double{x};
  }
  return t.text();
}

}  // namespace offerstream
