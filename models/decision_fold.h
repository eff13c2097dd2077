// The decision fold: one event in order. Assess and Decide see the models and change nothing; Change changes one
// customer and sees nothing else; Account moves the partition's own small state. Recovery calls only Change.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "models/domain/bytes.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/decision.h"
#include "models/domain/digest.h"
#include "models/domain/event.h"
#include "models/domain/facts.h"
#include "models/domain/observation.h"
#include "models/fold_memory.h"
#include "models/model_view.h"

namespace offerstream {

/// Plain per-fold counters; merged by the metrics at scrape. Monotonic.
struct FoldCounters {
  std::array<std::uint64_t, kEventKinds> events{};
  std::uint64_t duplicates = 0, late = 0, unattributed = 0, untriggered = 0, timers = 0;
  std::uint64_t joined_by_decision = 0, joined_by_window = 0, not_joined = 0, late_outcomes = 0;
  std::array<std::array<std::uint64_t, 7>, 3> decisions{};                   ///< [arm][0 offer, 1.. NoOfferReason]
  std::array<std::array<std::uint64_t, kExclusionReasons>, kStages> exclusions{};
  std::vector<std::uint64_t> selections{};                                     ///< [offer * channels + channel]
};

/// Facts of one event, ready for the journal.
struct RecordedFacts {
  Cause cause{};
  EventFacts facts{};
};

/// Effects of the events of one transaction, in order. Reused: Clear() keeps capacity. `decisions` and `caps` hold
/// `decision_count`/`cap_count` live entries; the rest are kept for their capacity.
struct FoldOutput {
  std::vector<Decision> decisions{};
  std::size_t decision_count = 0;
  std::vector<CapChange> caps{};
  std::vector<std::string> cap_customers{};     ///< owns the ids that caps point to (parallel to caps)
  std::size_t cap_count = 0;
  ObservationBatch observations{};
  std::vector<RecordedFacts> facts{};
  std::size_t fact_count = 0;
  Digest records{}, decided{};                  ///< over records folded, over decisions

  /// Empties all lists and digests; keeps their memory.
  void Clear();
};

/// Everything of a partition that belongs to no customer; whole in each meta record, exact at the committed position.
struct PartitionAccount {
  EventTime max_event_time = kNever;
  EventTime watermark = kNever;     ///< max_event_time - lateness, or a clock advance; never falls
  EventTime frontier = kNever;      ///< timers due up to here have fired
  std::map<IdHash, std::uint64_t> adopted{};  ///< model -> version
  std::vector<IdHash> births{};       ///< models whose birth this partition has told, ordered
  std::uint32_t plan_epoch = 1;

  /// The bytes stored in the meta record, and back; Load is false for bytes that are not an account's.
  void Save(ByteWriter& out) const;
  bool Load(ByteReader& in);
};

/// One partition's decision fold. No clock, no I/O, no thread. REQUIRES: one caller at a time; plan and memory outlive
/// the fold.
class DecisionFold {
 public:
  DecisionFold(std::shared_ptr<const CampaignPlan> plan, FoldMemory& memory);
  ~DecisionFold();

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
  /// The label final right now of an event's exposures, for predictions files: rows appended by the last Apply are in
  /// FoldOutput.observations (kMature).

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace offerstream
