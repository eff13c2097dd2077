#include "consumers/offline/policy_follower.h"

#include <algorithm>

#include "models/domain/random.h"

namespace offerstream {

std::shared_ptr<const CampaignPlan> FollowingPlan(const CampaignPlan& plan, const CampaignPlan& base) {
  auto following = std::make_shared<CampaignPlan>(plan);
  following->experiment.holdout = following->experiment.random = 0;
  following->decide.valid_for = base.decide.valid_for;
  following->dedup_horizon = base.dedup_horizon;
  following->lateness = base.lateness;
  return following;
}

PolicyFollower::PolicyFollower(std::shared_ptr<const CampaignPlan> plan, std::shared_ptr<const EventMapping> mapping,
                               std::string topic, bool reject_key_mismatch, const DecisionLog* log, Asked asked,
                               LockstepSink sink)
    : plan_(std::move(plan)), mapping_(std::move(mapping)), log_(log), asked_(std::move(asked)),
      decoder_(plan_, mapping_, reject_key_mismatch),
      engine_(plan_, Options(std::move(topic)), std::move(sink)) {}

LockstepOptions PolicyFollower::Options(std::string topic) {
  LockstepOptions options;
  options.topics = {std::move(topic)};
  options.follow = this;
  return options;
}

const DecodedBatch& PolicyFollower::Apply(const Record& record) {
  batch_.Clear();
  decoder_.Decode(record, batch_);
  const Decoded& decoded = batch_.records.front();
  for (std::uint32_t e = decoded.begin; !decoded.bad && e < decoded.begin + decoded.size; ++e) {
    const Event& event = batch_.events[e];
    if (event.kind == EventKind::kIgnore) continue;
    newest_ = std::max(newest_, event.time);
    engine_.Apply(event);
  }
  return batch_;
}

EventTime PolicyFollower::watermark() const { return newest_ == kNever ? kNever : newest_ - plan_->lateness; }

std::span<const LoggedChoice> PolicyFollower::ChoicesAt(const Event& event) {
  choices_.clear();
  if (log_ == nullptr) return choices_;
  for (const LoggedDecision& logged : log_->Find(event.event_hash, event.customer_hash)) {
    LoggedChoice& choice = choices_.emplace_back();
    ++met_;
    choice.id = logged.id;
    choice.arm = logged.arm;
    choice.has_offer = logged.offer != 0;
    choice.propensity = logged.propensity;
    const auto offer = plan_->offer_by_hash.find(logged.offer);
    if (offer != plan_->offer_by_hash.end()) choice.offer = offer->second;
    const auto channel = plan_->channel_by_hash.find(logged.channel);
    if (channel != plan_->channel_by_hash.end()) choice.channel = channel->second;
    for (std::size_t p = 0; p < plan_->decide.placements.size(); ++p) {
      if (H64(plan_->decide.placements[p]) == logged.placement) choice.placement = PlacementIndex(p);
    }
  }
  return choices_;
}

bool PolicyFollower::WouldHave(const Event& event, const LoggedChoice& choice, const Decision& decision) {
  return asked_(event, choice, decision);
}

}  // namespace offerstream
