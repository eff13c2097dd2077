// One configuration following a log: both folds of its own, its own models, and what it would have done at each logged
// decision.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "consumers/offline/decision_log.h"
#include "consumers/offline/lockstep.h"
#include "consumers/seams/record.h"
#include "consumers/wire/event_decoder.h"
#include "consumers/wire/event_mapping.h"
#include "models/domain/campaign_plan.h"
#include "models/followed_log.h"

namespace offerstream {

/// A plan made ready to follow a log: everybody in the policy's arm (the arms are the log's), and decisions valid and
/// repeats recognised as long as `base` says, because when to decide is the log's.
std::shared_ptr<const CampaignPlan> FollowingPlan(const CampaignPlan& plan, const CampaignPlan& base);

/// One thread. Decodes and folds every record under its own plan.
class PolicyFollower final : private FollowedLog {
 public:
  /// As FollowedLog::WouldHave.
  using Asked = std::function<bool(const Event&, const LoggedChoice&, const Decision&)>;
  /// `log` null: choices are the impressions with a propensity. `sink`: whatever the caller wants to see of the folds. The
  /// log outlives this.
  PolicyFollower(std::shared_ptr<const CampaignPlan> plan, std::shared_ptr<const EventMapping> mapping, std::string topic,
                 bool reject_key_mismatch, const DecisionLog* log, Asked asked, LockstepSink sink);

  /// Folds what the record holds; `cause` is set by the caller. The decoded batch is valid until the next call.
  const DecodedBatch& Apply(const Record& record);
  /// Publishes what is left.
  Status Finish() { return engine_.Finish(); }
  /// Largest event time seen, less the plan's lateness: timers up to here have fired. kNever at first.
  EventTime watermark() const;
  const CampaignPlan& plan() const { return *plan_; }
  FoldCounters counters() const { return engine_.counters(); }
  const Lockstep& engine() const { return engine_; }
  /// Logged decisions that met their event.
  std::uint64_t met() const { return met_; }

 private:
  std::span<const LoggedChoice> ChoicesAt(const Event& event) override;
  bool WouldHave(const Event& event, const LoggedChoice& choice, const Decision& decision) override;
  LockstepOptions Options(std::string topic);

  std::shared_ptr<const CampaignPlan> plan_;
  std::shared_ptr<const EventMapping> mapping_;
  const DecisionLog* log_;
  Asked asked_;
  EventDecoder decoder_;
  DecodedBatch batch_{};
  std::vector<LoggedChoice> choices_{};
  EventTime newest_ = kNever;
  std::uint64_t met_ = 0;
  Lockstep engine_;
};

}  // namespace offerstream
