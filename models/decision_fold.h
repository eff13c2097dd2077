// The decision fold: one event in order. Assess and Decide see the models and change nothing; Change changes one
// customer and sees nothing else; Account moves the partition's own small state. Recovery calls only Change.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/domain/campaign_plan.h"
#include "models/domain/event.h"
#include "models/domain/facts.h"
#include "models/fold_memory.h"
#include "models/fold_output.h"
#include "models/followed_log.h"
#include "models/model_view.h"
#include "models/partition_account.h"

namespace offerstream {

/// One partition's decision fold. No clock, no I/O, no thread. REQUIRES: one caller at a time; plan and memory outlive
/// the fold.
class DecisionFold {
 public:
  DecisionFold(std::shared_ptr<const CampaignPlan> plan, FoldMemory& memory);
  ~DecisionFold();

  /// H64 of each input's topic name, by input (DecisionIdOf). Call before the first Apply; without it an input is named
  /// by its number.
  void SetInputSalts(std::vector<IdHash> topic_hashes);
  /// From now on nothing is decided here: choices come from the log (off-policy evaluation), when and what; the plan's
  /// triggers and intervals do not count, and no decision is told in the output. Impressions with a propensity that no
  /// known decision explains are choices, too. Null: decide again. The log outlives the fold.
  void Follow(FollowedLog* log);
  /// Who holds this fold's leases of budgets: the partition's number. Call before the first Begin; 0 without it.
  void SetHolder(std::uint32_t partition);
  /// From now on this fold spends from the leases of `holder` (itself, too), which outlives it, and tells owners with events
  /// only: several folds in one thread are one holder, so that how many they are changes nothing.
  void ShareLeases(DecisionFold& holder);
  /// Opens transaction `seq`. At most `sweep_max` customers' timers fire by sweeping in it (a customer's own due timers
  /// always fire before its event); the frontier tells how far the sweep came.
  void Begin(TxnSeq seq, std::size_t sweep_max);
  /// Takes newer views; between Begin and the first Apply only. Versions are accounted.
  void Adopt(const AdoptedModels& models);
  /// Folds one event; appends effects to `out`. Repeats and late events move the watermark and are counted.
  /// `late`: an event older than watermark is still applied to the profile, but triggers no decision.
  void Apply(const Event& event, FoldOutput& out);
  /// Idle clock: event time is at least `time`; fires timers.
  void AdvanceClock(EventTime time, FoldOutput& out);
  /// Sweeps on without an event (a backlog of timers). True when nothing due is left.
  bool Sweep(FoldOutput& out);

  // Recovery. REQUIRES: Begin(seq) of the journal's transaction. Customers with as_of >= seq are passed over.
  /// The turns the journal holds for this transaction; they outlive it. Null: it was written before customers had turns.
  /// Call after Begin.
  void Recall(const std::vector<TurnFact>* turns);
  /// Turns of this transaction that the journal does not hold: above 0 log and state disagree.
  std::size_t turns_missing() const;
  /// As Apply, with the facts the journal holds for this event (null: none); decides, accounts and emits nothing.
  /// `frontier`: how far this transaction's sweep came.
  void Refold(const Event& event, const EventFacts* facts, EventTime frontier);
  void RefoldClock(EventTime time, EventTime frontier);

  /// The partition's account after the last call. Owned by the fold; valid until the next one.
  const PartitionAccount& account() const;
  /// Sets the account (start, recovery).
  void SetAccount(PartitionAccount account);
  const FoldCounters& counters() const;
  const AdoptedModels& models() const;
  /// What the customer's caps are now (API): one state per channel.
  std::vector<CapState> Caps(const CustomerProfile& profile, EventTime at) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace offerstream
