#include "models/customer_decision.h"

#include <algorithm>
#include <cassert>

#include "models/deciding/explanation.h"
#include "models/deciding/label_resolver.h"
#include "models/domain/random.h"
#include "models/learning/segmenter.h"

namespace offerstream {
namespace {

constexpr Duration kMoveEvery = 3'600'000;

}  // namespace

CustomerDecision::CustomerDecision(std::shared_ptr<const CampaignPlan> plan, FeatureMap& features)
    : plan_(std::move(plan)), features_(features), experiment_(plan_->experiment), table_(plan_) {
  const std::size_t d = features_.size(), base = features_.candidate_begin(), channels = plan_->channels.size();
  customer_x_.resize(d);
  x_.resize(d);
  px_.resize(d);
  base_x_.resize(base);
  base_x2_.resize(base);
  channel_xf_.resize(channels * (d - base));
  channel_x_.resize(channels * (d - base));
  channel_x2_.resize(channels * (d - base));
  penalty_.resize(channels);
  channel_used_.resize(channels);
  limits_.resize(channels);
  consent_.resize(channels);
  channel_.resize(channels);
  raw_.resize(plan_->segments.features.size());
  needed_.resize(plan_->models());
}

void CustomerDecision::Adopt(const AdoptedModels& models) {
  models_ = models;
  table_.Adopt(models_);
}

CustomerDecision::Place CustomerDecision::PlaceOf(const CustomerProfile& profile, EventTime at,
                                                  std::vector<float>& z) const {
  z.clear();
  if (raw_.empty()) return {};
  features_.FillSegmentNumbers(profile, at, raw_);
  z.resize(raw_.size());
  const SegmentView* view = models_.segments.get();
  if (view == nullptr || view->dimension != raw_.size()) {   // the plan's own first epoch
    for (std::size_t j = 0; j < raw_.size(); ++j) {
      z[j] = static_cast<float>((raw_[j] - plan_->segments.centre[j]) / plan_->segments.scale[j]);
    }
    return {};
  }
  Standardise(*view, raw_, z);
  const SegmentPlace place = AssignSegment(*view, z);
  return {place.segment, place.segment == 0 ? std::uint8_t{0xff} : place.slot, place.margin};
}

void CustomerDecision::Look(const CustomerProfile& profile, const Event& event) {
  place_ = PlaceOf(profile, event.time, z_);
  segment_ = place_.segment;
  lottery_ = InCapLottery(*plan_, profile.hash, event.time);
}

void CustomerDecision::LookClosely(const CustomerProfile& profile, const Event& event) {
  Look(profile, event);
  features_.FillCustomer(profile, event, place_.slot, customer_x_);
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

// Every outcome's word on x_, for the labels that will come. The hold rule: an offer is young within W of its start,
// and as long as no mature label of its model is known (the first one comes W after its first impression).
void CustomerDecision::Serve(const OfferSpec& offer, OfferIndex index, EventTime at, DecisionFact& fact) {
  for (std::size_t o = 0; o < plan_->outcomes.size(); ++o) {
    const ModelIndex m = plan_->ModelOf(index, OutcomeIndex(o));
    Need(m);
    const ScoredModel& scored = table_.model(m);
    const LogitEstimate p = table_.Predict(m, x_, px_);
    ServedLabel& served = fact.served[o];
    served.logit = p.moderated;
    served.probability = p.probability;
    served.cap_logit = table_.CalibratedLogitWith(m, x_, p, px_, features_.ordinal_index(), features_.first_ordinal());
    served.mask = scored.mask;
    const bool starting = offer.starts != kNever && at < offer.starts + plan_->outcomes[o].window;
    served.hold = starting || scored.labels == 0;
  }
}

void CustomerDecision::Assess(const CustomerProfile& profile, const Event& event, DecisionFact& fact) {
  assert(event.offer.known());
  const bool channel = event.channel.value < plan_->channels.size();
  const std::uint32_t ordinal = channel ? CountShown(*plan_, profile, event.channel, event.time) + 1u : 1u;
  std::copy(customer_x_.begin(), customer_x_.end(), x_.begin());
  features_.FillCandidate(profile, event.time, event.channel, place_.slot, ordinal, x_);
  fact = DecisionFact{};
  fact.id = event.event_hash;
  fact.has_offer = true;
  fact.offer = event.offer;
  fact.channel = channel ? event.channel : ChannelIndex{};
  fact.propensity = event.propensity;
  fact.arm = experiment_.ArmOf(profile.hash);
  fact.segment = place_.segment;
  fact.segment_slot = place_.slot;
  fact.lottery = channel && plan_->channels[event.channel.value].cap.learn && lottery_;
  Serve(plan_->offers[event.offer.value], event.offer, event.time, fact);
}

// ---- Decide ------------------------------------------------------------------------------------------------------------

void CustomerDecision::Decide(const CustomerProfile& profile, const Event& event, PlacementIndex placement,
                              Decision& decision, DecisionFact& fact, FoldCounters& counters) {
  decision.customer_id = event.customer_id;
  decision.cause_event_id = event.event_id;
  decision.event_time = event.time;
  decision.valid_until = event.time + plan_->decide.valid_for;
  decision.placement = placement;
  decision.arm = experiment_.ArmOf(profile.hash);
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
    if (decision.arm == Arm::kPolicy) ApplyThreshold(decision);
  }
  if (!decision.candidates.empty()) {
    Choose(event, placement, decision);
    const Candidate& chosen = decision.candidates[decision.chosen];
    const OfferSpec& offer = plan_->offers[chosen.offer.value];
    const ModelIndex goal = plan_->ModelOf(chosen.offer, offer.goal);
    const std::size_t base = features_.candidate_begin(), rest = features_.size() - base;
    std::copy(customer_x_.begin(), customer_x_.end(), x_.begin());
    std::copy_n(channel_xf_.begin() + static_cast<std::ptrdiff_t>(chosen.channel.value * rest), rest,
                x_.begin() + static_cast<std::ptrdiff_t>(base));
    decision.features.assign(x_.begin(), x_.end());
    decision.model_version = table_.model(goal).version;
    Explain(table_, goal, x_, decision.explain);
    const std::size_t c = chosen.channel.value;
    decision.cap = {chosen.channel, limits_[c].limit, static_cast<std::uint16_t>(use_.shown[c] + use_.held[c]),
                    limits_[c].source, kNever, plan_->channels[c].cap.window};
    if (use_.oldest[c] != kNever) decision.cap.resets_at = use_.oldest[c] + decision.cap.window;
    fact.has_offer = true;
    fact.offer = chosen.offer;
    fact.channel = chosen.channel;
    fact.propensity = chosen.propensity;
    fact.lottery = limits_[c].source == CapSource::kLottery;
    Serve(offer, chosen.offer, event.time, fact);
    ++counters.selections[chosen.offer.value * plan_->channels.size() + c];
  } else {
    decision.reason = WhyNone(decision);
  }
  ++counters.decisions[static_cast<std::size_t>(decision.arm)][static_cast<std::size_t>(decision.reason)];
  for (const Exclusion& e : decision.excluded) {
    ++counters.exclusions[static_cast<std::size_t>(e.stage)][static_cast<std::size_t>(e.reason)];
  }
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
  const EventTime last = std::max(profile.channels[c].last_impression, use_.last_held[c]);
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
    limits_[c] = LimitFor(*plan_, models_.caps.get(), lottery_, profile.hash, place_.segment, channel, event.time);
    consent_[c] = CheckConsent(*plan_, profile, channel);
    channel_[c] = CheckChannel(profile, channel, event.time);
  }
  const Subject subject{profile, event.attributes, place_.segment};
  for (std::size_t o = 0; o < plan_->offers.size(); ++o) {
    const OfferSpec& offer = plan_->offers[o];
    const Verdict schedule = CheckSchedule(offer, event.time);
    Verdict allowed{};
    bool asked = false;
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
  const std::size_t base = features_.candidate_begin(), rest = features_.size() - base;
  for (std::size_t j = 0; j < base; ++j) {
    base_x_[j] = customer_x_[j];
    base_x2_[j] = base_x_[j] * base_x_[j];
  }
  std::copy(customer_x_.begin(), customer_x_.end(), x_.begin());
  for (std::size_t c = 0; c < plan_->channels.size(); ++c) {
    if (channel_used_[c] == 0) continue;
    const ChannelIndex channel(c);
    const std::uint32_t ordinal = use_.shown[c] + 1u;
    features_.FillCandidate(profile, event.time, channel, place_.slot, ordinal, x_);
    for (std::size_t j = 0; j < rest; ++j) {
      const float v = x_[base + j];
      channel_xf_[c * rest + j] = v;
      channel_x_[c * rest + j] = v;
      channel_x2_[c * rest + j] = double{v} * v;
    }
    const CapCell::Point* point = PointAt(CellOf(models_.caps.get(), place_.segment, channel), ordinal);
    penalty_[c] = point == nullptr ? 0.0 : plan_->channels[c].unsubscribe_value * point->unsubscribe_rate;
  }
  for (const Candidate& c : decision.candidates) Need(plan_->ModelOf(c.offer, plan_->offers[c.offer.value].goal));
  ScoreCandidates({*plan_, table_, base_x_, base_x2_, channel_x_, channel_x2_, channel_xf_, x_, px_, penalty_},
                  decision.candidates);
}

void CustomerDecision::ApplyThreshold(Decision& decision) const {
  const double threshold = plan_->decide.threshold;
  const std::size_t before = decision.excluded.size();
  for (const Candidate& c : decision.candidates) {
    if (c.score + c.score_sd > threshold) continue;
    decision.excluded.push_back({c.offer, c.channel, Stage::kThreshold, ExclusionReason::kBelowThreshold, kNever});
  }
  if (decision.excluded.size() == before) return;
  std::erase_if(decision.candidates, [threshold](const Candidate& c) { return c.score + c.score_sd <= threshold; });
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
    case Stage::kCap: return NoOfferReason::kAllCapped;
    case Stage::kConsent: return NoOfferReason::kNoConsent;
    default: return NoOfferReason::kNoEligibleOffer;
  }
}

// ---- Caps and moves ----------------------------------------------------------------------------------------------------

void CustomerDecision::CapFacts(const CustomerProfile& profile, const Event& event, std::vector<CapFact>& out) const {
  for (std::size_t c = 0; c < plan_->channels.size(); ++c) {
    const ChannelIndex channel(c);
    const ChannelProfile& known = profile.channels[c];
    if (known.published_limit == 0 && CountShown(*plan_, profile, channel, event.time) == 0) continue;
    const CapLimit limit = LimitFor(*plan_, models_.caps.get(), lottery_, profile.hash, segment_, channel, event.time);
    if (limit.limit != known.published_limit) out.push_back({channel, limit.limit, limit.source});
  }
}

bool CustomerDecision::Move(const CustomerProfile& profile, const Event& event, Coordinates& out) const {
  if (z_.empty()) return false;
  const SegmentView* view = models_.segments.get();
  const bool learned = view != nullptr && view->dimension == z_.size();
  const std::uint32_t epoch = learned ? view->epoch : 0;
  const Coordinates& told = profile.place;
  if (told.time != kNever && event.time < told.time + kMoveEvery) return false;
  if (told.micro != 0 && told.epoch == epoch && told.z == z_) return false;
  out.micro = learned ? NearestMicro(*view, z_) : 0;
  if (out.micro == 0) out.micro = H64({profile.hash, event.event_hash});   // a founder
  out.time = event.time;
  out.epoch = epoch;
  out.z.assign(z_.begin(), z_.end());
  return true;
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
