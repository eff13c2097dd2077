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

constexpr std::int64_t kCurveImpressions = 200;   // of a cell: as its cap waits

}  // namespace

CustomerDecision::CustomerDecision(std::shared_ptr<const CampaignPlan> plan, FeatureMap& features)
    : plan_(std::move(plan)), features_(features), experiment_(*plan_), table_(plan_), scorer_(*plan_, table_) {
  const std::size_t channels = plan_->channels.size();
  x_.resize(features_.size());
  channel_used_.resize(channels);
  ordinals_.resize(channels);
  limits_.resize(channels);
  consent_.resize(channels);
  channel_.resize(channels);
  raw_.resize(plan_->segments.size());
  needed_.resize(plan_->models());
  if (plan_->churn.on) untaught_ = ChurnModel().View();
  Adopt({});
}

void CustomerDecision::Adopt(const AdoptedModels& models) {
  models_ = models;
  table_.Adopt(models_);
  cell_segments_.clear();
  const std::size_t channels = plan_->channels.size();
  if (models_.caps != nullptr) {
    for (const CapCell& cell : models_.caps->cells) {
      if (cell_segments_.empty() || cell_segments_.back() != cell.segment) cell_segments_.push_back(cell.segment);
    }
  }
  cells_.assign((cell_segments_.size() + 1) * channels, nullptr);
  for (std::size_t s = 0; s < cell_segments_.size(); ++s) {
    for (std::size_t c = 0; c < channels; ++c) {
      cells_[s * channels + c] = CellOf(models_.caps.get(), cell_segments_[s], ChannelIndex(c));
    }
  }
  SetCells(segment_);
}

void CustomerDecision::SetCells(std::uint32_t segment) {
  const auto at = std::lower_bound(cell_segments_.begin(), cell_segments_.end(), segment);
  const bool known = at != cell_segments_.end() && *at == segment;
  const auto row = known ? static_cast<std::size_t>(at - cell_segments_.begin()) : cell_segments_.size();
  cell_row_ = cells_.data() + row * plan_->channels.size();
}

CustomerDecision::Place CustomerDecision::PlaceOf(const CustomerProfile& profile, EventTime at,
                                                  std::vector<float>& z) const {
  z.clear();
  if (raw_.empty()) return {};
  features_.FillSegmentNumbers(profile, at, raw_);
  return PlaceAt(z);
}

CustomerDecision::Place CustomerDecision::PlaceAt(std::vector<float>& z) const {
  z.resize(raw_.size());
  if (raw_.empty()) return {};
  const SegmentView* view = models_.segments.get();
  if (view == nullptr || view->dimension != raw_.size()) {   // the plan's own first epoch
    for (std::size_t j = 0; j < raw_.size(); ++j) {
      const double away = raw_[j] - plan_->segments.centre[j];
      z[j] = std::isfinite(away) ? static_cast<float>(away / plan_->segments.scale[j]) : 0.0F;
    }
    return {};
  }
  Standardise(*view, raw_, z);
  const SegmentPlace place = AssignSegment(*view, z);
  return {place.segment, place.segment == 0 ? std::uint8_t{0xff} : place.slot, place.margin};
}

void CustomerDecision::Look(const CustomerProfile& profile, const Event& event) {
  features_.FillNumbers(profile, event.time, numbers_);
  features_.FillSegmentNumbers(numbers_, raw_);
  if (!plan_->segments.attributes.empty()) features_.FillSegmentAttributes(profile, event.attributes, raw_);
  place_ = PlaceAt(z_);
  segment_ = place_.segment;
  SetCells(segment_);
  lottery_ = InCapLottery(*plan_, profile.hash, event.time);
}

void CustomerDecision::LookClosely(const CustomerProfile& profile, const Event& event) {
  Look(profile, event);
  features_.FillCustomer(profile, event, place_.slot, numbers_, x_);
  scorer_.SetCustomer(std::span<const float>(x_).first(features_.candidate_begin()));
}

void CustomerDecision::Need(ModelIndex model) {
  const ScoredModel& scored = table_.model(model);
  if (scored.view != nullptr || needed_[model.value] != 0 || !table_.PriorOf(scored).from_siblings) return;
  needed_[model.value] = 1;
  births_.push_back(model);
}

void CustomerDecision::ForgetBirths() {
  births_.clear();
  std::fill(needed_.begin(), needed_.end(), std::uint8_t{0});
}

// Every outcome's word on x with its impression ordinal as `ordinal`, for the labels that will come; all outcomes at once.
// `goal_variance`: of the goal's logit at x where scoring has found it already, else negative. The hold rule: an offer is
// young within W of its start, and as long as no mature label of its model is known (the first one comes W after its first
// impression).
void CustomerDecision::Serve(const FeatureRow& x, OfferIndex index, EventTime at, float ordinal, double goal_variance,
                             DecisionFact& fact) {
  static_assert(kOutcomesMax == 4);
  using fixed::Lanes4;
  const OfferSpec& offer = plan_->offers[index.value];
  const std::size_t outcomes = plan_->outcomes.size();
  Lanes4 z{}, v{}, a{}, b{}, first_z{}, first_v{};   // first_: with the impression ordinal at 1
  for (std::size_t o = 0; o < outcomes; ++o) {
    const ModelIndex m = plan_->ModelOf(index, OutcomeIndex(o));
    Need(m);
    const ScoredModel& scored = table_.model(m);
    a[o] = scored.calibration_a;
    b[o] = scored.calibration_b;
    const double mean = table_.Mean(m, x);
    const double variance = o == offer.goal.value && goal_variance >= 0 ? goal_variance : table_.Variance(m, x);
    double own_mean = mean, own_variance = variance, first_mean = mean, first_variance = variance;
    table_.Replace(m, x, features_.ordinal_index(), ordinal, own_mean, own_variance);
    table_.Replace(m, x, features_.ordinal_index(), features_.first_ordinal(), first_mean, first_variance);
    z[o] = own_mean;
    v[o] = own_variance;
    first_z[o] = first_mean;
    first_v[o] = first_variance;
  }
  const Lanes4 moderated = Moderated(z, v), probability = fixed::Logistic(a + b * moderated);
  const Lanes4 first = a + b * Moderated(first_z, first_v);
  for (std::size_t o = 0; o < outcomes; ++o) {
    const ScoredModel& scored = table_.model(plan_->ModelOf(index, OutcomeIndex(o)));
    ServedLabel& served = fact.served[o];
    served.logit = moderated[o];
    served.probability = probability[o];
    served.cap_logit = first[o];
    served.mask = scored.mask;
    const bool starting = offer.starts != kNever && at < offer.starts + plan_->outcomes[o].window;
    served.hold = starting || scored.labels == 0;
  }
}

void CustomerDecision::Assess(const CustomerProfile& profile, const Event& event, DecisionFact& fact) {
  assert(event.offer.known());
  const bool channel = event.channel.value < plan_->channels.size();
  const std::uint32_t ordinal = channel ? CountShown(*plan_, profile, event.channel, event.time) + 1u : 1u;
  features_.FillCandidate(profile, event.time, event.channel, place_.slot, ordinal, x_);
  const FeatureRow& x = scorer_.With(std::span<const float>(x_).subspan(features_.candidate_begin()));
  fact = DecisionFact{};
  fact.id = event.event_hash;
  fact.has_offer = true;
  fact.offer = event.offer;
  fact.channel = channel ? event.channel : ChannelIndex{};
  fact.propensity = event.propensity;
  fact.arm = experiment_.ArmNow(profile);
  fact.segment = place_.segment;
  fact.segment_slot = place_.slot;
  fact.lottery = channel && plan_->channels[event.channel.value].cap.learn && lottery_;
  Serve(x, event.offer, event.time, OrdinalOf(x), -1, fact);
}

float CustomerDecision::OrdinalOf(const FeatureRow& x) const {
  const std::size_t at = features_.ordinal_index();
  return at < x.size() ? x[at] : 0.0f;
}

// ---- Decide ------------------------------------------------------------------------------------------------------------

void CustomerDecision::Decide(const CustomerProfile& profile, const Event& event, PlacementIndex placement,
                              Decision& decision, DecisionFact& fact, FoldCounters& counters) {
  decision.customer_id = event.customer_id;
  decision.cause_event_id = event.event_id;
  decision.event_time = event.time;
  decision.valid_until = event.time + plan_->decide.valid_for;
  decision.placement = placement;
  decision.arm = experiment_.ArmNow(profile);
  decision.price = 0;
  decision.segment = place_.segment;
  decision.segment_version = models_.segments == nullptr ? 0 : models_.segments->version;
  decision.segment_margin = place_.margin;
  decision.model_version = 0;
  decision.plan_epoch = plan_->epoch;
  fact = DecisionFact{};
  fact.id = decision.id;
  fact.placement = placement;
  fact.arm = decision.arm;
  fact.segment = place_.segment;
  fact.segment_slot = place_.slot;

  Exclude(profile, event, decision);
  if (decision.arm == Arm::kHoldout) {
    HoldOut(decision);
  } else if (!decision.candidates.empty()) {
    Score(profile, event, decision);
    if (book_ != nullptr) RateMoney(decision);
    if (decision.arm == Arm::kPolicy) ApplyThreshold(decision);
  }
  if (!decision.candidates.empty()) {
    Choose(event, placement, decision);
    const Candidate& chosen = decision.candidates[decision.chosen];
    const OfferSpec& offer = plan_->offers[chosen.offer.value];
    const ModelIndex goal = plan_->ModelOf(chosen.offer, offer.goal);
    const std::size_t c = chosen.channel.value;
    const FeatureRow& x = scorer_.At(chosen.channel);
    decision.features.assign(x.dense().begin(), x.dense().end());
    // What is learned has the impression's own ordinal, whatever the score was made of.
    if (features_.ordinal_index() < x.size()) decision.features[features_.ordinal_index()] = ordinals_[c];
    decision.model_version = table_.model(goal).version;
    Explain(table_, goal, decision.features, decision.explain);
    NameSegments(decision);
    decision.cap = {chosen.channel, limits_[c].limit, static_cast<std::uint16_t>(use_.shown[c] + use_.held[c]),
                    limits_[c].source, kNever, plan_->channels[c].cap.window};
    if (use_.oldest[c] != kNever) decision.cap.resets_at = use_.oldest[c] + decision.cap.window;
    fact.has_offer = true;
    fact.offer = chosen.offer;
    fact.channel = chosen.channel;
    fact.propensity = chosen.propensity;
    if (book_ != nullptr && offer.budget.known()) decision.price = book_->Price(offer.budget);
    fact.lottery = limits_[c].source == CapSource::kLottery;
    Serve(x, chosen.offer, event.time, ordinals_[c], scorer_.ExactVariance(chosen.offer, chosen.channel), fact);
    ++counters.selections[chosen.offer.value * plan_->channels.size() + c];
  } else {
    decision.reason = WhyNone(decision);
  }
  ++counters.decisions[static_cast<std::size_t>(decision.arm)][static_cast<std::size_t>(decision.reason)];
  for (const Exclusion& e : decision.excluded) {
    ++counters.exclusions[static_cast<std::size_t>(e.stage)][static_cast<std::size_t>(e.reason)];
  }
}

void CustomerDecision::NameSegments(Decision& decision) const {
  if (models_.segments == nullptr) return;
  for (Contribution& reason : decision.explain) {
    const FeatureSpec& feature = plan_->features.features[reason.feature];
    const bool of_segment = feature.kind == FeatureKind::kSegmentSlot || feature.kind == FeatureKind::kSegmentChannel;
    if (of_segment) reason.segment = models_.segments->InSlot(feature.level);
  }
}

void CustomerDecision::Follow(const CustomerProfile& profile, const Event& event, const LoggedChoice& choice, bool keep,
                              DecisionFact& fact) {
  fact = DecisionFact{};
  fact.id = choice.id;
  fact.placement = choice.placement;
  fact.arm = choice.arm;
  fact.segment = place_.segment;
  fact.segment_slot = place_.slot;
  const std::size_t c = choice.channel.value;
  if (!keep || !choice.has_offer || !choice.offer.known() || c >= plan_->channels.size()) return;
  features_.FillCandidate(profile, event.time, choice.channel, place_.slot, use_.shown[c] + 1u, x_);
  const FeatureRow& x = scorer_.With(std::span<const float>(x_).subspan(features_.candidate_begin()));
  fact.has_offer = true;
  fact.offer = choice.offer;
  fact.channel = choice.channel;
  fact.propensity = choice.propensity;
  fact.lottery = limits_[c].source == CapSource::kLottery;
  Serve(x, choice.offer, event.time, OrdinalOf(x), -1, fact);
}

Verdict CustomerDecision::CheckChannel(const CustomerProfile& profile, ChannelIndex channel, EventTime at) const {
  const std::size_t c = channel.value;
  const ChannelSpec& spec = plan_->channels[c];
  const std::uint16_t limit = limits_[c].limit;
  if (use_.shown[c] + use_.held[c] >= limit) {
    const std::uint16_t free_for = static_cast<std::uint16_t>(std::max(1, limit - use_.held[c]));
    const EventTime until = limit == 0 ? kNever : ReopensAt(*plan_, profile, channel, free_for);
    return {true, Stage::kCap, ExclusionReason::kCapReached, until};
  }
  const EventTime last = std::max(profile.channels.LastImpression(channel), use_.last_held[c]);
  if (spec.cooldown > 0 && last != kNever && at < last + spec.cooldown) {
    return {true, Stage::kCooldown, ExclusionReason::kCooldown, last + spec.cooldown};
  }
  return {};
}

void CustomerDecision::Exclude(const CustomerProfile& profile, const Event& event, Decision& decision) {
  use_ = CountCapUse(*plan_, profile, event.time);
  for (std::size_t c = 0; c < plan_->channels.size(); ++c) {
    const ChannelIndex channel(c);
    channel_used_[c] = 0;
    limits_[c] = LimitOf(*plan_, cell_row_[c], lottery_, profile.hash, channel, event.time);
    consent_[c] = CheckConsent(*plan_, profile, channel);
    channel_[c] = CheckChannel(profile, channel, event.time);
    if (only_.known() && only_ != channel) consent_[c] = {true, Stage::kArbitration, ExclusionReason::kNotEligible, kNever};
  }
  const Subject subject{profile, features_.attributes(), place_.segment};
  const bool nested = experiment_.AnyNested() && decision.arm != Arm::kHoldout;
  for (std::size_t o = 0; o < plan_->offers.size(); ++o) {
    const OfferSpec& offer = plan_->offers[o];
    const Verdict schedule = CheckSchedule(offer, event.time);
    Verdict allowed{};
    bool asked = false;
    const bool held_out = nested && offer.campaign.known() && experiment_.Nested(offer.campaign) &&
                          experiment_.HeldOut(offer.campaign, profile);
    for (const ChannelIndex channel : offer.channels) {
      Verdict verdict = schedule.excluded ? schedule : consent_[channel.value];
      if (!verdict.excluded) {
        if (!asked) {   // once per offer, and only when a channel is open at all
          allowed = CheckEligible(offer, *plan_, subject);
          if (!allowed.excluded) allowed = CheckOwnership(offer, *plan_, profile);
          asked = true;
        }
        verdict = allowed.excluded ? allowed : channel_[channel.value];
      }
      if (!verdict.excluded && offer.budget.known() && book_ != nullptr && !held_out &&
          decision.arm != Arm::kHoldout) {
        verdict = CheckBudget(offer, channel);
      }
      if (!verdict.excluded && held_out) verdict = {true, Stage::kHoldout, ExclusionReason::kHoldout, kNever};
      if (verdict.excluded) {
        decision.excluded.push_back({OfferIndex(o), channel, verdict.stage, verdict.reason, verdict.until});
      } else {
        Candidate& candidate = decision.candidates.emplace_back();
        candidate.offer = OfferIndex(o);
        candidate.channel = channel;
        channel_used_[channel.value] = 1;
      }
    }
  }
}

void CustomerDecision::SetBook(BudgetBook* book) {
  book_ = book != nullptr && !book->empty() ? book : nullptr;
  asked_.assign(plan_->budgets.size(), Asked{});
  prices_.assign(book_ == nullptr ? 0 : plan_->offers.size(), 0.0);
  scorer_.SetPrices(prices_);
}

Verdict CustomerDecision::CheckBudget(const OfferSpec& offer, ChannelIndex channel) {
  const double cost = plan_->channels[channel.value].cost;
  if (cost == 0) return {};
  Asked& asked = asked_[offer.budget.value];
  asked.asked = true;
  if (book_->MaySpend(offer.budget, cost)) return {};
  asked.refused = true;
  return {true, Stage::kBudget, ExclusionReason::kBudgetSpent, kNever};
}

void CustomerDecision::RateMoney(const Decision& decision) {
  for (const Candidate& c : decision.candidates) {
    const BudgetIndex budget = plan_->offers[c.offer.value].budget;
    const double cost = plan_->channels[c.channel.value].cost;
    if (!budget.known() || cost == 0) continue;
    double& ratio = asked_[budget.value].ratio;
    ratio = std::max({ratio, 0.0, c.score / cost + book_->Price(budget)});
  }
}

void CustomerDecision::Pay(const Decision& decision) {
  if (book_ == nullptr) return;
  if (decision.has_offer) {
    const Candidate& chosen = decision.candidates[decision.chosen];
    const BudgetIndex budget = plan_->offers[chosen.offer.value].budget;
    const double cost = plan_->channels[chosen.channel.value].cost;
    if (budget.known() && cost > 0) book_->Spend(budget, cost);
  }
  for (std::size_t b = 0; b < asked_.size(); ++b) {
    if (asked_[b].asked) book_->CountDecision(BudgetIndex(b), asked_[b].ratio, asked_[b].refused);
    asked_[b] = Asked{};
  }
}

void CustomerDecision::HoldOut(Decision& decision) const {
  for (const Candidate& c : decision.candidates) {
    decision.excluded.push_back({c.offer, c.channel, Stage::kHoldout, ExclusionReason::kHoldout, kNever});
  }
  decision.candidates.clear();
  std::sort(decision.excluded.begin(), decision.excluded.end(), [](const Exclusion& a, const Exclusion& b) {
    return std::pair(a.offer, a.channel) < std::pair(b.offer, b.channel);
  });
}

void CustomerDecision::Score(const CustomerProfile& profile, const Event& event, Decision& decision) {
  const std::span<float> rest = std::span<float>(x_).subspan(features_.candidate_begin());
  const std::size_t ordinal_at = features_.ordinal_index();
  for (std::size_t c = 0; c < plan_->channels.size(); ++c) {
    if (channel_used_[c] == 0) continue;
    const ChannelIndex channel(c);
    const std::uint32_t ordinal = use_.shown[c] + 1u;
    features_.FillCandidate(profile, event.time, channel, place_.slot, ordinal, x_);
    const CapCell::Point* point = PointAt(cell_row_[c], ordinal);
    const ChannelSpec& spec = plan_->channels[c];
    const double penalty = spec.cost + (point == nullptr ? 0.0 : spec.unsubscribe_value * point->unsubscribe_rate);
    // A curve that knows enough carries the customer's own logit at the first impression to this one, and brings the
    // cell's level with it; until then the offer's own slope has to do.
    const bool curve = point != nullptr && cell_row_[c]->impressions >= kCurveImpressions;
    if (ordinal_at < x_.size()) {
      ordinals_[c] = x_[ordinal_at];
      if (curve) x_[ordinal_at] = features_.first_ordinal();
    }
    scorer_.SetChannel(channel, rest, penalty, curve ? std::span<const double>(point->shift) : std::span<const double>{});
  }
  if (table_.any_from_siblings()) {
    for (const Candidate& c : decision.candidates) Need(plan_->ModelOf(c.offer, plan_->offers[c.offer.value].goal));
  }
  for (std::size_t o = 0; o < prices_.size(); ++o) {
    const BudgetIndex budget = plan_->offers[o].budget;
    prices_[o] = budget.known() ? book_->Price(budget) : 0.0;
  }
  scorer_.Score(decision.candidates);
}

void CustomerDecision::ApplyThreshold(Decision& decision) const {
  const double threshold = plan_->decide.threshold;
  const std::size_t before = decision.excluded.size();
  for (const Candidate& c : decision.candidates) {
    if (c.score > threshold) continue;
    decision.excluded.push_back({c.offer, c.channel, Stage::kThreshold, ExclusionReason::kBelowThreshold, kNever});
  }
  if (decision.excluded.size() == before) return;
  std::erase_if(decision.candidates, [threshold](const Candidate& c) { return c.score <= threshold; });
  std::sort(decision.excluded.begin(), decision.excluded.end(), [](const Exclusion& a, const Exclusion& b) {
    return std::pair(a.offer, a.channel) < std::pair(b.offer, b.channel);
  });
}

void CustomerDecision::Choose(const Event& event, PlacementIndex placement, Decision& decision) {
  const std::span<Candidate> candidates(decision.candidates);
  const std::size_t best = BestOf(candidates, *plan_, event.event_hash);
  if (decision.arm == Arm::kRandom) {
    AssignUniform(candidates);
  } else {
    if (plan_->explore.policy == ExplorePolicy::kInverseGap) scorer_.ShareDoubt(candidates, best, scratch_.difference);
    AssignPropensities(plan_->explore, *plan_, candidates, best, table_.most_labels(), scratch_);
  }
  Draws draws(plan_->explore.seed, event.customer_hash, H64({event.event_hash, placement.value}), Purpose::kOffer);
  decision.chosen = static_cast<std::uint16_t>(DrawFrom(candidates, draws.Uniform()));
  decision.has_offer = true;
  decision.explored = decision.chosen != best;
}

// The stage that stopped the last hopeful candidate names the reason.
NoOfferReason CustomerDecision::WhyNone(const Decision& decision) const {
  if (decision.arm == Arm::kHoldout) return NoOfferReason::kHoldout;
  Stage furthest = Stage::kSchedule;
  for (const Exclusion& e : decision.excluded) furthest = std::max(furthest, e.stage);
  switch (furthest) {
    case Stage::kThreshold: return NoOfferReason::kBelowThreshold;
    case Stage::kHoldout: return NoOfferReason::kHoldout;   // of the only campaign left
    case Stage::kCap: return NoOfferReason::kAllCapped;
    case Stage::kConsent: return NoOfferReason::kNoConsent;
    default: return NoOfferReason::kNoEligibleOffer;
  }
}

}  // namespace offerstream
