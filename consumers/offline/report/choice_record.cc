#include "consumers/offline/report/choice_record.h"

#include <algorithm>
#include <cmath>

#include "models/deciding/caps.h"
#include "models/deciding/feature_row.h"
#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr Duration kHour = 3'600'000, kWindow = 30 * 24 * kHour, kHalfLife = 10 * 24 * kHour;
constexpr double kPi8 = 0.39269908169872414;   // pi / 8
constexpr double kPriorAll = 20, kPriorBest = 10;   // answers, as said

bool Within(EventTime time, EventTime from) { return time != kNever && time >= from; }

}  // namespace

bool SeenUnconverted(const CampaignPlan& plan, const CustomerProfile& profile, const CustomerTally* tally, EventTime at) {
  bool seen = false;
  for (std::size_t c = 0; c < plan.channels.size(); ++c) {
    const ChannelProfile channel = profile.channels.Of(ChannelIndex(c));
    seen |= Within(channel.last_impression, at - kWindow) || Within(channel.last_click, at - kWindow);
  }
  return seen && (tally == nullptr || !Within(tally->last_conversion, at - kWindow));
}

const Candidate* BestChoice(CustomerDecision& decide, const CustomerProfile& profile, const Event& event, Decision& decision,
                            FoldCounters& counters) {
  decision.Clear();
  DecisionFact fact;
  decide.Decide(profile, event, PlacementIndex(0), decision, fact, counters);
  decide.ClearBirths();
  const auto best = std::max_element(decision.candidates.begin(), decision.candidates.end(),
                                     [](const Candidate& a, const Candidate& b) { return a.score < b.score; });
  return best == decision.candidates.end() || best->score <= 0 ? nullptr : &*best;
}

ChoiceAnswer AnswerOf(const CampaignPlan& plan, FeatureMap& features, const CustomerDecision& decide, const CustomerProfile& profile,
                      const Event& event, const Candidate& choice, std::vector<float>& x) {
  std::uint8_t slot = 0xff;
  if (decide.models().segments != nullptr) {
    for (const SegmentView::Macro& macro : decide.models().segments->macros) {
      if (macro.id == decide.segment()) slot = macro.slot;
    }
  }
  ChoiceAnswer answer;
  answer.ordinal = CountShown(plan, profile, choice.channel, event.time) + 1u;
  x.resize(features.size());
  features.FillCustomer(profile, event, slot, x);
  features.FillCandidate(profile, event.time, choice.channel, slot, answer.ordinal, x);
  const ModelIndex goal = plan.ModelOf(choice.offer, plan.offers[choice.offer.value].goal);
  const LogitEstimate at = decide.table().Predict(goal, FeatureRow(x));
  answer.probability = at.probability;
  answer.slope = decide.table().model(goal).calibration_b / std::sqrt(1 + kPi8 * at.variance) * at.probability * (1 - at.probability);
  return answer;
}

ChoiceRecord::ChoiceRecord(std::shared_ptr<const CampaignPlan> plan, const ReplayTally& tally)
    : plan_(std::move(plan)), tally_(tally), features_(*plan_), decide_(plan_, features_) {
  counters_.selections.resize(plan_->offers.size() * plan_->channels.size());
}

void ChoiceRecord::Before(const Event& event, const CustomerProfile* profile, const AdoptedModels& models) {
  if (event.kind != EventKind::kImpression || !event.offer.known()) return;
  if (const std::int64_t hour = event.time / kHour; hour > hour_) {
    known_ = hour_ >= 0;   // the first hour nothing is known
    hour_ = hour;
    decide_.Adopt(models);
  }
  if (!known_ || profile == nullptr || !SeenUnconverted(*plan_, *profile, tally_.Find(profile->hash), event.time)) return;
  const ModelIndex goal = plan_->ModelOf(event.offer, plan_->offers[event.offer.value].goal);
  if (goal.value >= models.responses.size() || models.responses[goal.value] == nullptr) return;
  Event now;
  now.kind = EventKind::kRequest;
  now.time = event.time;
  now.customer_id = profile->id;
  now.customer_hash = now.event_hash = profile->hash;
  decide_.LookClosely(*profile, now);
  const Candidate* best = BestChoice(decide_, *profile, now, decision_, counters_);
  if (best == nullptr) return;
  const auto shown = std::find_if(decision_.candidates.begin(), decision_.candidates.end(), [&](const Candidate& c) {
    return c.offer == event.offer && (c.channel == event.channel || !event.channel.known());
  });
  if (shown == decision_.candidates.end()) return;
  const std::uint64_t exposure = event.decision_id != 0 ? event.decision_id : event.event_hash;
  const double said = AnswerOf(*plan_, features_, decide_, *profile, now, *shown, x_).probability;
  pending_[exposure] = {static_cast<float>(said), plan_->offers[event.offer.value].goal.value, &*shown == best};
}

void ChoiceRecord::Fade(EventTime time) {
  if (faded_ != kNever && time <= faded_) return;
  if (faded_ != kNever) {
    const double kept = fixed::Exp(-0.69314718055994531 * static_cast<double>(time - faded_) / static_cast<double>(kHalfLife));
    for (Sums* sums : {&all_, &best_}) {
      sums->rows *= kept;
      sums->said *= kept;
      sums->answered *= kept;
    }
  }
  faded_ = time;
}

void ChoiceRecord::Label(const Observation& row) {
  const auto at = pending_.find(row.exposure);
  if (at == pending_.end() || at->second.outcome != row.outcome) return;
  Fade(row.time);
  const auto add = [&](Sums& sums) {
    sums.rows += 1;
    sums.said += static_cast<double>(at->second.probability);
    sums.answered += row.y > 0.5F ? 1 : 0;
  };
  add(all_);
  if (at->second.best) add(best_);
  pending_.erase(at);
}

double ChoiceRecord::Ratio() const {
  const double all = (all_.answered + kPriorAll) / (all_.said + kPriorAll);
  return all * (best_.answered + kPriorBest) / (best_.said * all + kPriorBest);
}

double ChoiceRecord::RelativeVariance() const {
  return all_.rows > 0 ? 1 / (all_.answered + kPriorAll) + 1 / (best_.answered + kPriorBest) : 0;
}

}  // namespace offerstream
