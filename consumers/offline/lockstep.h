// Both folds in one thread, without a broker: every event is folded, its observations are learned, and what was learned
// is adopted, in one order that neither the number of shards nor of learning folds can change.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "models/decision_fold.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/event.h"
#include "models/learning_fold.h"
#include "state/state_store.h"

namespace offerstream {

/// How the work is cut. Results do not depend on it.
struct LockstepOptions {
  std::size_t shards = 1;                   ///< decision folds; customers by hash
  std::size_t observation_partitions = 1;   ///< learning folds; models by hash
  std::uint64_t memory_bytes = 1ull << 34;  ///< of all profiles in memory
  StateStore* store = nullptr;              ///< null: in memory only; else profiles are written as they fall dirty
  std::vector<std::string> topics = {"events"};  ///< input names by index, for decision ids
  FollowedLog* follow = nullptr;            ///< a log to follow instead of deciding (DecisionFold::Follow)
};

/// What the caller wants to see, in order. A Decision's and CapChange's views hold during the call.
struct LockstepSink {
  std::function<void(const Decision&)> decision{};
  std::function<void(const CapChange&)> cap{};
  /// A label became final (kMature): `event` is the one being folded (instant labels belong to it), `x` the features of
  /// decision time; the span holds during the call.
  std::function<void(const Observation&, std::span<const float> x, const Event& event)> label{};
  /// Every observation, before it is learned.
  std::function<void(const Observation&)> observation{};
  /// An event that was folded, after it; a repeat is not told.
  std::function<void(const Event&)> event{};
};

/// One thread. Event time only: a round (publish and adopt) happens before an event when `learning.snapshot` says so:
/// enough observations since the last round, or enough event time.
class Lockstep {
 public:
  Lockstep(std::shared_ptr<const CampaignPlan> plan, LockstepOptions options, LockstepSink sink);
  ~Lockstep();

  /// Folds one event and lets the learner see what it taught, at the same boundaries as live.
  void Apply(const Event& event);
  /// From now on what was adopted last decides; learning goes on without being heard. Budgets are still granted.
  void Freeze();
  /// After the last event: publishes what is still unpublished and, with a store, writes every profile.
  Status Finish();

  /// What decides now.
  const AdoptedModels& models() const;
  std::vector<ModelReport> Reports() const;
  /// Complete snapshots of all models, ordered by id: (id, bytes).
  std::vector<std::pair<std::string, std::string>> Snapshots() const;
  /// Sums over the shards.
  FoldCounters counters() const;
  std::uint64_t observations() const;
  /// The customer, from whichever shard has it; null when unknown.
  const CustomerProfile* Find(std::string_view id, IdHash hash) const;
  /// Every customer in order of id. The profile holds during the call. For reports: it encodes all rows.
  Status EachCustomer(const std::function<void(const CustomerProfile&)>& visit);
  /// The learner of segments, for diagnoses; null without segments.
  const Segmenter* Segments() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace offerstream
