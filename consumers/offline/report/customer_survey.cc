#include "consumers/offline/report/customer_survey.h"

#include <algorithm>
#include <cmath>

#include "consumers/offline/rate_study.h"

namespace offerstream {
namespace {

constexpr double kNormal95 = 1.959963984540054;

double Major(Money amount) { return static_cast<double>(amount) / 100.0; }

void Sum(MoneyCount& into, const MoneyCount& from) {
  into.count += from.count;
  into.amount += from.amount;
}

void Sum(Moments& into, const Moments& from) {
  into.n += from.n;
  into.sum += from.sum;
  into.squares += from.squares;
  into.least = std::min(into.least, from.least);
}

}  // namespace

double Moments::Half() const {
  if (n < 2) return 0;
  const double m = Mean(), count = static_cast<double>(n);
  return kNormal95 * std::sqrt(std::max(0.0, squares / count - m * m) / (count - 1));
}

CustomerSurvey::CustomerSurvey(std::shared_ptr<const CampaignPlan> plan, const AdoptedModels& models, const ReplayTally& tally,
                               const ChoiceRecord* record, EventTime at)
    : plan_(std::move(plan)), models_(models), tally_(tally), record_(record), ratio_(record == nullptr ? 1 : record->Ratio()), at_(at), features_(*plan_), decide_(plan_, features_) {
  decide_.Adopt(models);
  scratch_counters_.selections.resize(plan_->offers.size() * plan_->channels.size());
  x_.resize(features_.size());
}

SegmentSurvey& CustomerSurvey::Of(std::uint32_t segment) {
  SegmentSurvey& survey = segments_[segment];
  if (survey.attributes.empty()) {
    survey.attributes.resize(plan_->attributes.size());
    survey.levels.resize(plan_->attributes.size());
    for (std::size_t a = 0; a < survey.levels.size(); ++a) survey.levels[a].resize(plan_->attributes[a].levels.size() + 1);
    survey.owners.resize(plan_->products.size());
    survey.reach.resize(plan_->channels.size());
  }
  return survey;
}

void CustomerSurvey::Visit(const CustomerProfile& profile) {
  ++customers_;
  Event now;
  now.kind = EventKind::kRequest;
  now.time = at_;
  now.customer_id = profile.id;
  now.customer_hash = profile.hash;
  now.event_hash = profile.hash;
  decide_.LookClosely(profile, now);
  Describe(profile, Of(decide_.segment()));
  Retarget(profile, now);
}

void CustomerSurvey::Describe(const CustomerProfile& profile, SegmentSurvey& survey) const {
  ++survey.customers;
  std::array<double, kProfileNumbers> numbers{};
  ProfileNumbers(profile, at_, (1u << kProfileNumbers) - 1, numbers);
  for (std::size_t j = 0; j < kProfileNumbers; ++j) survey.numbers[j].Add(NaturalNumber(static_cast<ProfileNumber>(j), numbers[j]));
  std::vector<bool> told(plan_->attributes.size());
  for (const AttributeSlot& slot : profile.attributes) {
    const std::size_t a = slot.attribute().value;
    const AttributeValue value = slot.value();
    if (a >= plan_->attributes.size() || value.type == AttributeValue::Type::kUnset) continue;
    const AttributeSpec& spec = plan_->attributes[a];
    if (spec.type == AttributeType::kCategory) {
      const auto at = std::find(spec.level_hashes.begin(), spec.level_hashes.end(), value.text);
      ++survey.levels[a][static_cast<std::size_t>(at - spec.level_hashes.begin())];
      told[a] = true;
    } else {
      survey.attributes[a].Add(value.number);
    }
  }
  for (std::size_t a = 0; a < told.size(); ++a) {
    if (plan_->attributes[a].type == AttributeType::kCategory && !told[a]) ++survey.levels[a].back();
  }
  survey.products.Add(static_cast<double>(profile.owned.size()));
  for (const OwnedProduct& owned : profile.owned) {
    const auto at = plan_->product_by_hash.find(owned.product);
    if (at != plan_->product_by_hash.end()) ++survey.owners[at->second.value];
  }
  static const CustomerTally kNothing{};
  const CustomerTally* found = tally_.Find(profile.hash);
  const CustomerTally& tally = found == nullptr ? kNothing : *found;
  Sum(survey.deposits, tally.deposits);
  Sum(survey.withdrawals, tally.withdrawals);
  Sum(survey.purchases, tally.purchases);
  Sum(survey.returns, tally.returns);
  survey.deposited.Add(Major(tally.deposits.amount));
  survey.withdrawn.Add(Major(tally.withdrawals.amount));
  survey.purchased.Add(Major(tally.purchases.amount));
  survey.returned.Add(Major(tally.returns.amount));
  survey.net.Add(Major(tally.purchases.amount + tally.returns.amount));
  survey.depositors += tally.deposits.count > 0;
  survey.withdrawers += tally.withdrawals.count > 0;
  survey.purchasers += tally.purchases.count > 0;
  survey.returners += tally.returns.count > 0;
  survey.approached += tally.impressions > 0;
  for (std::size_t o = 0; o < kOutcomesMax; ++o) survey.answered[o] += tally.impressions > 0 && (tally.answers >> o & 1) != 0;
  for (std::size_t c = 0; c < tally.reach.size(); ++c) {
    if (tally.reach[c].shown > 0) survey.reach[c][tally.reach[c].shown].Add(tally.reach[c], tally.conversions > 0);
  }
}

void ReachSums::Add(const Reach& one, bool bought) {
  const double s = static_cast<double>(one.shown), c = static_cast<double>(one.clicked);
  ++customers;
  buyers += bought;
  shown += one.shown;
  clicked += one.clicked;
  shown_squares += s * s;
  clicked_squares += c * c;
  products += s * c;
}

void ReachSums::Add(const ReachSums& more) {
  customers += more.customers;
  buyers += more.buyers;
  shown += more.shown;
  clicked += more.clicked;
  shown_squares += more.shown_squares;
  clicked_squares += more.clicked_squares;
  products += more.products;
}

void CustomerSurvey::Retarget(const CustomerProfile& profile, const Event& event) {
  if (!SeenUnconverted(*plan_, profile, tally_.Find(profile.hash), at_)) return;
  ++seen_unconverted_;
  const Candidate* best = BestChoice(decide_, profile, event, decision_, scratch_counters_);
  if (best == nullptr) return;
  ++reachable_;
  const OfferSpec& offer = plan_->offers[best->offer.value];
  const ChoiceAnswer answer = AnswerOf(*plan_, features_, decide_, profile, event, *best, x_);
  const double p = std::min(1.0, ratio_ * answer.probability);
  Retargeting& cell = retargeting_[{decide_.segment(), best->offer.value}];
  ++cell.customers;
  cell.revenue += p * offer.value;
  cell.cost += plan_->channels[best->channel.value].cost;
  cell.value += best->score;
  cell.chance_variance += offer.value * offer.value * p * (1 - p);
  const double slope = ratio_ * answer.slope * offer.value;
  cell.gradient.resize(x_.size());
  for (std::size_t j = 0; j < x_.size(); ++j) cell.gradient[j] += slope * double{x_[j]};
  if (choice_) choice_(profile, *best, answer.ordinal);
}

double CustomerSurvey::Variance(std::uint16_t offer, double chance, const std::vector<double>& gradient) const {
  const ModelIndex goal = plan_->ModelOf(OfferIndex(offer), plan_->offers[offer].goal);
  const ResponseView* view = goal.value < models_.responses.size() ? models_.responses[goal.value].get() : nullptr;
  const std::size_t d = gradient.size();
  double unknown = 0;
  if (view != nullptr && view->covariance.size() == d * d) {
    for (std::size_t i = 0; i < d; ++i) {
      for (std::size_t j = 0; j < d; ++j) unknown += gradient[i] * double{view->covariance[i * d + j]} * gradient[j];
    }
  } else {
    const double* diagonal = decide_.table().diagonal(goal);
    for (std::size_t i = 0; i < d; ++i) unknown += gradient[i] * gradient[i] * diagonal[i];
  }
  return chance + std::max(0.0, unknown);
}

double CustomerSurvey::RatioVariance(double revenue) const {
  return record_ == nullptr ? 0 : revenue * revenue * record_->RelativeVariance();
}

SegmentSurvey CustomerSurvey::Everybody() const {
  SegmentSurvey all;
  for (const auto& [id, s] : segments_) {
    if (all.attributes.empty()) {
      all = s;
      continue;
    }
    all.customers += s.customers;
    for (std::size_t j = 0; j < kProfileNumbers; ++j) Sum(all.numbers[j], s.numbers[j]);
    for (std::size_t a = 0; a < s.attributes.size(); ++a) {
      Sum(all.attributes[a], s.attributes[a]);
      for (std::size_t l = 0; l < s.levels[a].size(); ++l) all.levels[a][l] += s.levels[a][l];
    }
    for (std::size_t o = 0; o < s.owners.size(); ++o) all.owners[o] += s.owners[o];
    for (auto field : {&SegmentSurvey::deposits, &SegmentSurvey::withdrawals, &SegmentSurvey::purchases, &SegmentSurvey::returns}) Sum(all.*field, s.*field);
    for (auto field : {&SegmentSurvey::deposited, &SegmentSurvey::withdrawn, &SegmentSurvey::purchased, &SegmentSurvey::products, &SegmentSurvey::returned, &SegmentSurvey::net}) {
      Sum(all.*field, s.*field);
    }
    for (auto field : {&SegmentSurvey::depositors, &SegmentSurvey::withdrawers, &SegmentSurvey::purchasers, &SegmentSurvey::returners,
                       &SegmentSurvey::approached}) {
      all.*field += s.*field;
    }
    for (std::size_t o = 0; o < kOutcomesMax; ++o) all.answered[o] += s.answered[o];
    for (std::size_t c = 0; c < s.reach.size(); ++c) {
      for (const auto& [shown, sums] : s.reach[c]) all.reach[c][shown].Add(sums);
    }
  }
  return all;
}

}  // namespace offerstream
