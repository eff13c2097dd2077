#include "models/customer_change.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>

#include "models/deciding/caps.h"
#include "models/deciding/eligibility.h"
#include "models/domain/decay.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

const IdHash kTrueText = H64("true"), kYesText = H64("yes"), kFalseText = H64("false"), kNoText = H64("no");

double Major(Money value) { return static_cast<double>(value) / 100; }

Consent ConsentOf(const AttributeValue& value) {
  switch (value.type) {
    case AttributeValue::Type::kUnset: return Consent::kUnknown;
    case AttributeValue::Type::kNumber:
    case AttributeValue::Type::kBool: return value.number != 0 ? Consent::kIn : Consent::kOut;
    case AttributeValue::Type::kText:
      if (value.text == kTrueText || value.text == kYesText) return Consent::kIn;
      if (value.text == kFalseText || value.text == kNoText) return Consent::kOut;
      return Consent::kUnknown;
  }
  return Consent::kUnknown;
}

// As the event names it, else that of the offer it answers; null when the plan has neither.
const ProductSpec* ProductMeant(const CampaignPlan& plan, const Event& event, const Exposure* answered) {
  ProductIndex product = event.product;
  const OfferIndex offer = answered != nullptr ? answered->offer : event.offer;
  if (product.value >= plan.products.size() && offer.value < plan.offers.size()) product = plan.offers[offer.value].product;
  return product.value < plan.products.size() ? &plan.products[product.value] : nullptr;
}

// What the event says is owned from now on, or no more: only a conversion says so of the offer's product.
IdHash ProductOf(const CampaignPlan& plan, const Event& event, const Exposure* answered) {
  if (event.kind != EventKind::kConversion && event.product.value >= plan.products.size()) return 0;
  const ProductSpec* product = ProductMeant(plan, event, answered);
  return product == nullptr ? 0 : product->hash;
}

void SetOwned(CustomerProfile& profile, IdHash product, EventTime since, bool owned) {
  if (product == 0) return;
  auto at = std::lower_bound(profile.owned.begin(), profile.owned.end(), product,
                             [](const OwnedProduct& o, IdHash hash) { return o.product < hash; });
  const bool there = at != profile.owned.end() && at->product == product;
  if (there && !owned) profile.owned.erase(at);
  if (there || !owned) return;
  if (profile.owned.size() >= kOwnedProductsMax) {
    ++profile.truncated;
    const auto oldest = std::min_element(profile.owned.begin(), profile.owned.end(),
                                         [](const OwnedProduct& a, const OwnedProduct& b) { return a.since < b.since; });
    const bool before = oldest < at;
    const auto index = at - profile.owned.begin() - (before ? 1 : 0);
    profile.owned.erase(oldest);
    at = profile.owned.begin() + index;
  }
  profile.owned.insert(at, OwnedProduct{product, since});
}

}  // namespace

CustomerChange::CustomerChange(const CampaignPlan& plan, FeatureMap& features)
    : plan_(plan), features_(features), experiment_(plan), x_(plan.features.size()) {
  for (const ChannelSpec& c : plan.channels) longest_window_ = std::max(longest_window_, c.cap.window);
  for (std::size_t c = 0; c < plan.campaigns.size(); ++c) all_experiments_ |= std::uint64_t{1} << c;
  TakeTurns(true);
}

// ---- Timers ------------------------------------------------------------------------------------------------------------

void CustomerChange::ByEarliestTimer(CustomerProfile& profile, const TurnFact* turn) {
  const EventTime due = profile.next_due;
  assert(due < INT64_MAX);
  const bool moves = turn != nullptr && MoveIsDue(profile), looks = turn != nullptr && LookIsDue(profile);
  bool closed = false;
  for (Exposure& e : profile.exposures) {
    if (e.next_due > due) continue;
    FireExposure(plan_, due, e, rows());
    closed = closed || e.next_due == INT64_MAX;
    if (counters_ != nullptr) ++counters_->timers;
  }
  if (closed) profile.exposures.EraseIf([](const Exposure& e) { return e.next_due == INT64_MAX; });
  std::array<EventTime, kChannelsMax> caps;
  EventTime cap_due = CapsDue(profile, caps);
  if (cap_due <= due) {
    for (std::size_t c = 0; c < plan_.channels.size(); ++c) {
      if (caps[c] <= due) FireCap(profile, ChannelIndex(c), due);
    }
    cap_due = CapsDue(profile, caps);
  }
  if (!profile.enrolments.empty()) FireEnrolments(profile, due);
  if (plan_.churn.on) FireLabels(profile, due);
  if (moves) ByMove(profile, turn->move);
  if (looks) ByLook(profile, due, *turn);
  if (turn != nullptr && counters_ != nullptr) ++counters_->timers;
  SetNextDue(profile, cap_due);
}

void CustomerChange::SetNextDue(CustomerProfile& profile) const {
  std::array<EventTime, kChannelsMax> caps;
  SetNextDue(profile, CapsDue(profile, caps));
}

void CustomerChange::SetNextDue(CustomerProfile& profile, EventTime cap_due) const {
  EventTime due = std::min(cap_due, MoveDue(profile));
  if (plan_.churn.on) due = std::min({due, LookDue(profile), LabelDue(profile)});
  for (const Exposure& e : profile.exposures) due = std::min(due, e.next_due);
  for (const Enrolment& e : profile.enrolments) due = std::min(due, e.at + plan_.experiment.horizon);
  profile.next_due = due;
}

// A published cap has one timer: when it opens again (the limit-th newest impression leaves its window), else when
// nothing is counted any more (the newest leaves). All channels in one walk back over what is remembered.
EventTime CustomerChange::CapsDue(const CustomerProfile& profile, std::array<EventTime, kChannelsMax>& due) const {
  due.fill(INT64_MAX);
  std::uint32_t told = profile.channels.told();
  if (told == 0) return INT64_MAX;
  std::array<std::uint16_t, kChannelsMax> left{};   // impressions of the channel up to the one that is waited for
  std::size_t open = 0;
  for (; told != 0; told &= told - 1) {
    const auto c = static_cast<std::size_t>(std::countr_zero(told));
    const ChannelIndex channel(c);
    const std::uint16_t limit = profile.channels.PublishedLimit(channel);
    if (limit == 0 || c >= plan_.channels.size()) continue;
    left[c] = profile.channels.PublishedCapped(channel) ? limit : std::uint16_t{1};
    due[c] = 0;   // what it waits for may have gone from memory: at once
    ++open;
  }
  EventTime earliest = INT64_MAX;
  for (auto it = profile.impressions.rbegin(); it != profile.impressions.rend() && open > 0; ++it) {
    const std::uint16_t c = ChannelOf(*it);
    if (c >= plan_.channels.size() || left[c] == 0 || --left[c] > 0) continue;
    due[c] = TimeOf(*it) + plan_.channels[c].cap.window;
    earliest = std::min(earliest, due[c]);
    --open;
  }
  return open > 0 ? 0 : earliest;
}

void CustomerChange::FireCap(CustomerProfile& profile, ChannelIndex channel, EventTime due) {
  const std::uint16_t used = CountShown(plan_, profile, channel, due);
  if (counters_ != nullptr) ++counters_->timers;
  if (used > 0 && used < profile.channels.PublishedLimit(channel)) {
    profile.channels.Update(channel, [](ChannelProfile& c) { c.published_capped = false; });
    TellCap(profile, channel, due, used, false);
    return;
  }
  TellCap(profile, channel, due, 0, true);
  profile.channels.Update(channel, [](ChannelProfile& c) {
    c.published_limit = 0;
    c.published_capped = false;
    c.published_source = CapSource::kConfigured;
  });
}

// ---- Events ------------------------------------------------------------------------------------------------------------

bool CustomerChange::IsRepeat(CustomerProfile& profile, const Event& event, EventTime watermark) {
  auto& seen = profile.seen;
  const EventTime horizon = watermark == kNever ? kNever : watermark - plan_.dedup_horizon;
  for (auto it = seen.rbegin(); it != seen.rend(); ++it) {
    if (it->hash == event.event_hash && it->time >= horizon) return true;
  }
  // Forgetting in larger pieces keeps it cheap; it changes no answer, because the search above looks at times.
  std::size_t old = 0;
  while (old < seen.size() && seen[old].time < horizon) ++old;
  if (old >= 8 && old * 4 >= seen.size()) seen.erase(seen.begin(), seen.begin() + old);
  if (seen.size() >= kSeenEventsMax) {
    seen.erase(seen.begin(), seen.begin() + kSeenEventsMax / 8);
    ++profile.truncated;
  }
  seen.push_back(SeenEvent{event.event_hash, event.time});
  return false;
}

void CustomerChange::ByEvent(CustomerProfile& profile, const Event& event, const EventFacts* facts, EventTime watermark,
                             std::span<const float> x) {
  if (profile.first_seen == kNever || event.time < profile.first_seen) profile.first_seen = event.time;
  profile.last_event = std::max(profile.last_event, event.time);
  if (event.arm != Event::kNoArm && event.campaign.known()) EnrolByOthers(profile, event);
  switch (event.kind) {
    case EventKind::kImpression: Impression(profile, event, facts, watermark, x); break;
    case EventKind::kClick: Answer(profile, event, OutcomeIndex(CampaignPlan::kClick)); break;
    case EventKind::kConversion: Conversion(profile, event, watermark); break;
    case EventKind::kTransaction: Transaction(profile, event, watermark); break;
    case EventKind::kEngagement:
      AddDecayed(profile.engagement, 1, event.time);
      if (plan_.affinity) TakePreference(profile, event, nullptr, AffinityAction::kView);
      break;
    case EventKind::kDelivery: FailedDelivery(profile, event); break;
    case EventKind::kUnsubscribe:
    case EventKind::kComplaint: OptOut(profile, event); break;
    case EventKind::kProfile:
      Traits(profile, event);
      if (event.product.known()) SetOwned(profile, ProductOf(plan_, event, nullptr), event.time, event.quantity >= 0);
      break;
    case EventKind::kCampaignCost: CampaignCost(profile, event); break;
    case EventKind::kRequest:
    case EventKind::kDelete:
    case EventKind::kIgnore: break;
  }
}

void CustomerChange::Impression(CustomerProfile& profile, const Event& event, const EventFacts* facts,
                                EventTime watermark, std::span<const float> x) {
  if (event.transactional) return;   // service messages are neither capped nor trained on
  Exposure* shown = FindDisplayed(profile, event);
  ChannelIndex channel = event.channel;
  if (!channel.known() && shown != nullptr) channel = shown->channel;
  const bool counted = channel.value < plan_.channels.size();
  const std::uint32_t ordinal = counted ? CountShown(plan_, profile, channel, event.time) + 1u : 1u;
  if (shown == nullptr && facts != nullptr && facts->has_impression && facts->impression.offer.known()) {
    ForeignImpression(profile, event, facts->impression, ordinal, x);   // before it is counted
  } else if (shown != nullptr && !shown->Shown()) {
    shown->ordinal = static_cast<std::uint16_t>(ordinal);
    OpenLabels(plan_, event.time, *shown);
  }
  if (!counted) return;
  CountCost(profile, event.time, channel, shown != nullptr ? shown->offer : event.offer);
  profile.channels.Update(channel, [&](ChannelProfile& c) {
    AddDecayed(c.impressions, 1, event.time);
    c.last_impression = std::max(c.last_impression, event.time);
  });
  auto& ring = profile.impressions;
  if (watermark != kNever) {
    const auto live = std::find_if(ring.begin(), ring.end(), [&](PackedImpression i) {
      return TimeOf(i) + longest_window_ > watermark;
    });
    ring.erase(ring.begin(), live);
  }
  if (ring.size() >= kRecentImpressionsMax) {
    ring.erase(ring.begin());
    ++profile.truncated;
  }
  const PackedImpression packed = PackImpression(event.time, channel);
  ring.insert(std::upper_bound(ring.begin(), ring.end(), packed), packed);
}

std::span<const float> CustomerChange::Features(const CustomerProfile& profile, const Event& event,
                                                const DecisionFact& fact, std::uint32_t ordinal) {
  features_.FillCustomer(profile, event, fact.segment_slot, x_);
  features_.FillCandidate(profile, event.time, fact.channel, fact.segment_slot, ordinal, x_);
  return x_;
}

void CustomerChange::ForeignImpression(CustomerProfile& profile, const Event& event, const DecisionFact& fact,
                                       std::uint32_t ordinal, std::span<const float> x) {
  const bool known = event.outcomes_known != 0;
  if (known && out_ == nullptr) return;   // its labels are final at once: nothing to remember
  if (x.empty()) x = Features(profile, event, fact, ordinal);
  if (known) {
    EmitKnownOutcomes(plan_, event, fact, fact.id, ordinal, x, out_->observations);
    return;
  }
  Exposure& e = AddExposure(profile, fact, x);
  e.decided = e.valid_until = event.time;
  e.ordinal = static_cast<std::uint16_t>(ordinal);
  e.foreign = true;
  OpenLabels(plan_, event.time, e);
}

Exposure& CustomerChange::AddExposure(CustomerProfile& profile, const DecisionFact& fact, std::span<const float> x) {
  if (profile.exposures.size() >= kExposuresMax) {
    profile.exposures.erase(profile.exposures.begin());
    ++profile.truncated;
  }
  Exposure& e = profile.exposures.emplace_back();
  e.id = fact.id;
  e.offer = fact.offer;
  e.channel = fact.channel;
  e.propensity = fact.propensity;
  e.segment = fact.segment;
  e.arm = static_cast<std::uint8_t>(fact.arm);
  e.lottery = fact.lottery;
  e.labels.resize(plan_.outcomes.size());
  for (std::size_t o = 0; o < plan_.outcomes.size(); ++o) {
    const ServedLabel& served = fact.served[o];
    PendingLabel& label = e.labels[o];
    label.next_cut = kLabelClosed;
    label.mask = served.mask;
    label.hold = served.hold;
    label.logit = served.logit;
    label.probability = served.probability;
    label.cap_logit = served.cap_logit;
  }
  e.x.Assign(x);
  return e;
}

void CustomerChange::Count(Joined how) {
  if (counters_ == nullptr) return;
  switch (how) {
    case Joined::kByDecision: ++counters_->joined_by_decision; break;
    case Joined::kByWindow: ++counters_->joined_by_window; break;
    case Joined::kNot: ++counters_->not_joined; break;
    case Joined::kTooLate: ++counters_->late_outcomes; break;
  }
}

void CustomerChange::Answer(CustomerProfile& profile, const Event& event, OutcomeIndex outcome) {
  Exposure* exposure = nullptr;
  Count(ResolveOutcome(plan_, profile, event, outcome, rows(), exposure));
  const ChannelIndex channel = event.channel.known() || exposure == nullptr ? event.channel : exposure->channel;
  const bool click = outcome.value == CampaignPlan::kClick;
  if (click) {
    profile.last_click = std::max(profile.last_click, event.time);
    CountAnswer(profile, event, false);
  }
  if (channel.value < plan_.channels.size()) {
    profile.channels.Update(channel, [&](ChannelProfile& c) {
      AddAnswers(c, click ? 1 : 0, click ? 0 : 1, event.time);
      if (click) c.last_click = std::max(c.last_click, event.time);
    });
  }
  if (plan_.affinity) TakePreference(profile, event, exposure, click ? AffinityAction::kClick : AffinityAction::kPurchase);
  if (!click) SetOwned(profile, ProductOf(plan_, event, exposure), event.time, true);
}

void CustomerChange::TakePreference(CustomerProfile& profile, const Event& event, const Exposure* answered, AffinityAction action) {
  const ProductSpec* product = ProductMeant(plan_, event, answered);
  if (product == nullptr || !product->category_index.known()) return;
  const CategoryIndex category = product->category_index;
  TakeAffinity(profile.KeepHabits().affinity, category, action, event.time);
  if (out_ == nullptr) return;
  Observation& row = out_->observations.rows.emplace_back();
  row.kind = ObservationKind::kPreference;
  row.model = PreferencesModel();
  row.time = event.time;
  row.customer = profile.hash;
  row.exposure = plan_.categories[category.value].hash;
  row.n = static_cast<std::uint32_t>(action);
  row.segment = profile.exposures.empty() ? 0 : profile.exposures.back().segment;   // as last decided
}

void CustomerChange::Conversion(CustomerProfile& profile, const Event& event, EventTime watermark) {
  if (event.quantity < 0 || (event.has_value && event.value < 0)) {
    Transaction(profile, event, watermark);   // a conversion taken back is a refund, not an answer
    return;
  }
  Answer(profile, event, OutcomeIndex(CampaignPlan::kConversion));
  profile.last_transaction = std::max(profile.last_transaction, event.time);
  AddDecayed(profile.orders, 1, event.time);
  if (event.has_value) AddDecayed(profile.value, Major(event.value), event.time);
  if (plan_.churn.on) TakePurchase(profile, event, watermark);
  if (plan_.items.on) TakeItem(profile, event);
  CountAnswer(profile, event, true);
}

void CustomerChange::Transaction(CustomerProfile& profile, const Event& event, EventTime watermark) {
  const bool refund = event.quantity < 0 || (event.has_value && event.value < 0);
  double amount = event.has_value ? Major(event.value) : 0;
  if (refund && amount > 0) amount = -amount;
  if (event.direction == Direction::kIn) {
    AddDecayed(profile.deposits, amount, event.time);
  } else if (event.direction == Direction::kOut) {
    AddDecayed(profile.withdrawals, amount, event.time);
  } else {
    AddDecayed(profile.orders, refund ? -1 : 1, event.time);
    AddDecayed(profile.value, amount, event.time);
    if (plan_.churn.on) TakePurchase(profile, event, watermark);
    if (plan_.items.on) TakeItem(profile, event);
  }
  if (!refund) profile.last_transaction = std::max(profile.last_transaction, event.time);
  if (!refund && plan_.affinity) TakePreference(profile, event, nullptr, AffinityAction::kPurchase);
  SetOwned(profile, ProductOf(plan_, event, nullptr), event.time, !refund);
}

void CustomerChange::OptOut(CustomerProfile& profile, const Event& event) {
  for (std::size_t c = 0; c < plan_.channels.size(); ++c) {
    if (event.channel.known() && event.channel.value != c) continue;
    profile.channels.Update(ChannelIndex(c), [](ChannelProfile& p) { p.consent = Consent::kUnsubscribed; });
  }
  Joined how{};
  Exposure* exposure = FindAnswered(plan_, profile, event, plan_.outcomes[CampaignPlan::kClick].window, how);
  Count(how);
  if (exposure != nullptr) exposure->unsubscribed = true;
}

void CustomerChange::Traits(CustomerProfile& profile, const Event& event) {
  auto& slots = profile.attributes;
  for (const AttributeUpdate& update : event.attributes) {
    auto at = std::lower_bound(slots.begin(), slots.end(), update.attribute,
                               [](const AttributeSlot& s, AttributeIndex a) { return s.attribute() < a; });
    const bool there = at != slots.end() && at->attribute() == update.attribute;
    if (update.value.type == AttributeValue::Type::kUnset) {
      if (there) slots.erase(at);
    } else if (there) {
      *at = AttributeSlot(update.attribute, update.value);
    } else {
      slots.insert(at, AttributeSlot(update.attribute, update.value));
    }
    for (std::size_t c = 0; c < plan_.consent.attributes.size(); ++c) {
      if (plan_.consent.attributes[c] != update.attribute) continue;
      profile.channels.Update(ChannelIndex(c), [&](ChannelProfile& p) { p.consent = ConsentOf(update.value); });
    }
  }
}

void CustomerChange::FailedDelivery(CustomerProfile& profile, const Event& event) {
  if (!event.failed || event.decision_id == 0) return;   // nobody will see it: its cap slot is free again
  profile.exposures.EraseIf([&](const Exposure& e) { return e.id == event.decision_id && !e.Shown(); });
}

// ---- Facts -------------------------------------------------------------------------------------------------------------

void CustomerChange::ByDecision(CustomerProfile& profile, const Event& event, const DecisionFact& fact,
                                std::span<const float> x) {
  if (fact.placement.value < kPlacementsMax) {
    profile.SetLastDecision(fact.placement, std::max(profile.LastDecision(fact.placement), event.time));
  }
  if ((profile.enrolled_in & all_experiments_) != all_experiments_) Enrol(profile, event.time);
  if (fact.has_offer && fact.offer.known() && fact.channel.value < plan_.channels.size()) {
    const std::uint32_t ordinal = CountShown(plan_, profile, fact.channel, event.time) + 1u;
    if (x.empty()) x = Features(profile, event, fact, ordinal);
    Exposure& e = AddExposure(profile, fact, x);
    e.decided = event.time;
    e.valid_until = event.time + plan_.decide.valid_for;
    e.next_due = e.valid_until;
  }
}

void CustomerChange::ByCaps(CustomerProfile& profile, const Event& event, std::span<const CapFact> caps,
                            EventTime watermark) {
  const EventTime at = std::max(event.time, watermark);
  const std::array<std::uint16_t, kChannelsMax> shown = CountShown(plan_, profile, at);
  for (std::size_t c = 0; c < plan_.channels.size(); ++c) {
    const ChannelIndex channel(c);
    const std::uint16_t told = profile.channels.PublishedLimit(channel);
    const auto fact = std::find_if(caps.begin(), caps.end(), [c](const CapFact& f) { return f.channel.value == c; });
    const std::uint16_t limit = fact != caps.end() ? fact->limit : told;
    if (limit == 0) continue;
    const std::uint16_t used = shown[c];
    const bool capped = used >= limit;
    if ((limit == told && capped == profile.channels.PublishedCapped(channel)) || used == 0) continue;
    profile.channels.Update(channel, [&](ChannelProfile& p) {
      p.published_limit = limit;
      p.published_capped = capped;
      if (fact != caps.end()) p.published_source = fact->source;
    });
    TellCap(profile, channel, at, used, false);
  }
}

void CustomerChange::TellCap(CustomerProfile& profile, ChannelIndex channel, EventTime at, std::uint16_t used,
                             bool tombstone) {
  if (out_ == nullptr) return;
  const ChannelProfile c = profile.channels.Of(channel);
  CapChange& change = out_->AddCap(profile.id);
  change.state.channel = channel;
  change.state.limit = c.published_limit;
  change.state.used = used;
  change.state.source = c.published_source;
  change.state.window = plan_.channels[channel.value].cap.window;
  if (used > 0) {
    change.state.resets_at = ReopensAt(plan_, profile, channel, used);   // when the oldest counted one leaves
  }
  change.capped = !tombstone && c.published_capped;
  change.tombstone = tombstone;
  change.time = at;
}

void CustomerChange::ByMove(CustomerProfile& profile, const Coordinates& move) {
  if (out_ != nullptr) {
    Observation& row = out_->observations.rows.emplace_back();
    row.kind = ObservationKind::kMove;
    row.model = SegmentsModel();
    row.time = move.time;
    row.customer = profile.hash;
    MovePlaces& places = out_->observations.Move(row);
    profile.place.TellTo(places.old_place);
    places.new_place = move;
  }
  profile.place.Tell(move);
}

void CustomerChange::Forget(CustomerProfile& profile, EventTime at) {
  for (std::size_t c = 0; c < plan_.channels.size(); ++c) {
    if (profile.channels.PublishedLimit(ChannelIndex(c)) > 0) TellCap(profile, ChannelIndex(c), at, 0, true);
  }
  if (profile.place.micro != 0) {
    Coordinates nowhere;
    nowhere.time = at;
    ByMove(profile, nowhere);
  }
}

}  // namespace offerstream
