#include "consumers/offline/report/replay_tally.h"

#include <algorithm>

#include "models/learning/segmenter.h"

namespace offerstream {

Answers EngagementCell::Total(std::size_t outcome) const {
  Answers sum;
  for (const Answers& a : by_ordinal[outcome]) {
    sum.shown += a.shown;
    sum.answered += a.answered;
    sum.unsubscribed += a.unsubscribed;
  }
  return sum;
}

ReplayTally::ReplayTally(const CampaignPlan& plan) : plan_(plan) {
  for (std::size_t m = 0; m < plan_.models(); ++m) models_[plan_.ModelHash(ModelIndex(m))] = ModelIndex(m);
}

void ReplayTally::Spent(const Event& event) {
  if (event.kind != EventKind::kImpression || event.transactional || !event.offer.known() || event.channel.value >= plan_.channels.size()) return;
  CampaignSpending& sums = spending_[{plan_.offers[event.offer.value].campaign_id, event.channel.value}];
  ++sums.impressions;
  sums.spend += event.cost > 0 ? event.cost : plan_.channels[event.channel.value].cost;
}

void ReplayTally::Earned(const Observation& row) {
  const auto model = models_.find(row.model);
  if (model == models_.end() || row.channel >= plan_.channels.size()) return;
  const OfferSpec& offer = plan_.offers[plan_.OfferOf(model->second).value];
  const std::size_t outcome = plan_.OutcomeOf(model->second).value;
  CampaignSpending& sums = spending_[{offer.campaign_id, row.channel}];
  const bool yes = row.y > 0.5f;
  if (outcome == CampaignPlan::kClick) sums.clicks += yes;
  if (outcome != CampaignPlan::kConversion) return;
  ++sums.answered;
  if (!yes) return;
  const double revenue = row.value != 0 ? static_cast<double>(row.value) / 100.0 : offer.value;
  ++sums.conversions;
  sums.revenue += revenue;
  sums.revenue_squares += revenue * revenue;
}

void ReplayTally::Saw(const Event& event) {
  from_ = from_ == kNever ? event.time : std::min(from_, event.time);
  to_ = std::max(to_, event.time);
  if (event.customer_hash == 0) return;
  if (event.kind == EventKind::kDelete) {
    customers_.erase(event.customer_hash);
    return;
  }
  Spent(event);
  CustomerTally& customer = customers_[event.customer_hash];
  const bool converted = event.kind == EventKind::kConversion ||
                         (event.kind == EventKind::kImpression && (event.outcomes_yes >> CampaignPlan::kConversion & 1) != 0);
  if (converted) {
    ++customer.conversions;
    customer.last_conversion = std::max(customer.last_conversion, event.time);
  }
  customer.answers |= event.kind == EventKind::kImpression ? event.outcomes_yes : 0;
  if (event.kind == EventKind::kClick) customer.answers |= 1u << CampaignPlan::kClick;
  if (converted) customer.answers |= 1u << CampaignPlan::kConversion;
  if (event.kind == EventKind::kImpression || event.kind == EventKind::kClick) Reached(event, customer);
  if (event.kind != EventKind::kTransaction) return;
  const bool back = event.quantity < 0 || (event.has_value && event.value < 0);
  MoneyCount& sums = event.direction == Direction::kIn    ? customer.deposits
                     : event.direction == Direction::kOut ? customer.withdrawals
                     : back                               ? customer.returns
                                                          : customer.purchases;
  ++sums.count;
  if (event.has_value) sums.amount += event.value;
}

void ReplayTally::Reached(const Event& event, CustomerTally& customer) {
  if (event.transactional) return;
  const bool shown = event.kind == EventKind::kImpression;
  const bool clicked = !shown || (event.outcomes_yes >> CampaignPlan::kClick & 1) != 0;
  const auto times = static_cast<std::int64_t>(std::max(1.0, std::min(event.quantity, 1e9)));
  customer.impressions += shown ? times : 0;
  if (!event.channel.known()) return;
  if (customer.reach.size() <= event.channel.value) customer.reach.resize(event.channel.value + std::size_t{1});
  Reach& reach = customer.reach[event.channel.value];
  reach.shown += shown ? times : 0;
  reach.clicked += !clicked ? 0 : shown ? 1 : times;
}

void ReplayTally::Learned(const Observation& row, const SegmentView* segments) {
  switch (row.kind) {
    case ObservationKind::kCapRow: Answered(row); break;
    case ObservationKind::kMature: Earned(row); break;
    case ObservationKind::kMove:
      if (segments != nullptr) Moved(row, *segments);
      break;
    default: break;
  }
}

void ReplayTally::Answered(const Observation& row) {
  if (row.outcome >= kOutcomesMax || row.channel >= plan_.channels.size() || row.n == 0) return;
  Answers& answers = engagement_[{row.segment, row.channel}]
                         .by_ordinal[row.outcome][std::min<std::size_t>(row.n, EngagementCell::kOrdinals) - 1];
  ++answers.shown;
  answers.answered += row.y > 0.5f;
  answers.unsubscribed += row.unsubscribed;
}

void ReplayTally::Moved(const Observation& row, const SegmentView& segments) {
  if (row.places == nullptr || segments.macros.empty()) return;
  const Coordinates& place = row.places->new_place;
  if (place.micro == 0 || place.epoch != segments.epoch) return;
  const std::uint32_t now = AssignSegment(segments, place.z).segment;
  CustomerTally& customer = customers_[row.customer];
  if (customer.segment != 0 && now != 0 && customer.segment != now) ++moves_[{customer.segment, now}];
  customer.segment = now;
  if (days_.empty() || row.time >= days_.back().time + stride_) NoteShares(row.time, segments);
}

void ReplayTally::NoteShares(EventTime time, const SegmentView& segments) {
  if (days_.size() == kDays) {   // a long history: every other day goes, and the next ones come half as often
    for (std::size_t i = 1; i < kDays / 2; ++i) days_[i] = std::move(days_[2 * i]);
    days_.resize(kDays / 2);
    stride_ *= 2;
    if (time < days_.back().time + stride_) return;
  }
  SegmentDay& day = days_.emplace_back();
  day.time = time;
  for (const SegmentView::Macro& macro : segments.macros) day.shares.emplace_back(macro.id, macro.share);
}

const CustomerTally* ReplayTally::Find(IdHash customer) const {
  const auto found = customers_.find(customer);
  return found == customers_.end() ? nullptr : &found->second;
}

}  // namespace offerstream
