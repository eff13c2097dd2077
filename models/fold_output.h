// What the decision fold hands back: decisions, caps, observations, facts, digests and counts, as plain values.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "models/domain/decision.h"
#include "models/domain/digest.h"
#include "models/domain/event.h"
#include "models/domain/facts.h"
#include "models/domain/observation.h"

namespace offerstream {

/// Plain per-fold counters; merged by the metrics at scrape. Monotonic.
struct FoldCounters {
  std::array<std::uint64_t, kEventKinds> events{};
  std::uint64_t duplicates = 0, late = 0, unattributed = 0, untriggered = 0, timers = 0;
  std::uint64_t joined_by_decision = 0, joined_by_window = 0, not_joined = 0, late_outcomes = 0;
  std::array<std::array<std::uint64_t, 7>, 3> decisions{};                   ///< [arm][0 offer, 1.. NoOfferReason]
  std::array<std::array<std::uint64_t, kExclusionReasons>, kStages> exclusions{};
  std::vector<std::uint64_t> selections{};                                     ///< [offer * channels + channel]

  /// Adds another fold's counts.
  void Add(const FoldCounters& from);
};

/// A folded event's part of the digest of records: what live, recovery and replay must agree on.
inline void AddRecord(Digest& records, const Event& event) {
  records.Add(std::uint64_t{event.event_hash + static_cast<std::uint64_t>(event.time) * 0x9e3779b97f4a7c15ULL});
}

/// Facts of one event, ready for the journal.
struct RecordedFacts {
  Cause cause{};
  EventFacts facts{};
};

/// What models said of a customer when its turn came, silent or not, ready for the journal: where it is (SegmentSpec::retell)
/// and whether it will buy again (ChurnSpec).
struct TurnFact {
  /// `buys` of a turn at which the customer was not looked at.
  static constexpr float kNotLooked = -1;

  IdHash customer = 0;
  Coordinates move{};              ///< move.time is the turn; micro 0: it was not told where it is
  float buys = kNotLooked;         ///< P(buys within the horizon)
  std::uint32_t segment = 0;       ///< at the look; 0 = none
};

/// An erasure, and what it removed; for the receipt. Owns its texts.
struct ErasedCustomer {
  Cause cause{};
  EventTime time = 0;
  std::string customer_id{}, request_id{};      ///< the request is the event's id
  bool known = false;                           ///< there was such a customer; else nothing was removed
  std::uint32_t exposures = 0, impressions = 0, events = 0, attributes = 0;   ///< open exposures; what was remembered
  std::uint32_t timers = 0, caps = 0;           ///< the pending timer; published caps that are taken back
  bool place = false;                           ///< taken out of the segments, too
};

/// A timer a sweep fired: the observations of the batch from `row_begin` on are its (up to the next one's, or the event's).
/// Several folds over one event stream put their rows in one order by (due, customer).
struct FiredTimer {
  EventTime due = 0;
  IdHash customer = 0;
  std::uint32_t row_begin = 0;
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
  std::vector<FiredTimer> fired{};
  std::vector<RecordedFacts> facts{};
  std::size_t fact_count = 0;
  std::vector<TurnFact> turns{};                ///< in the order they came, `turn_count` live ones
  std::size_t turn_count = 0;
  std::vector<ErasedCustomer> erased{};         ///< in the order of their events; rare, so not kept for its capacity
  Digest records{}, decided{};                  ///< over records folded, over decisions

  /// Empties all lists and digests; keeps their memory.
  void Clear();
  /// Appends an empty decision, reusing an old one's memory. The reference holds until the next call.
  Decision& AddDecision();
  /// Appends a cap change of the customer; its id is copied, the view stays valid until Clear().
  CapChange& AddCap(std::string_view customer_id);
  /// Appends facts of the event at `cause`.
  EventFacts& AddFacts(const Cause& cause);
  /// Appends the fact of a customer's turn; `move` is of an earlier use, nothing else is. The reference holds until the next call.
  TurnFact& AddTurn(IdHash customer);
};

}  // namespace offerstream
