// Change: one customer, from an event, a timer or recorded facts, and nothing else. All that recovery calls.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "models/deciding/customer_rounds.h"
#include "models/deciding/experiment.h"
#include "models/deciding/feature_map.h"
#include "models/deciding/label_resolver.h"
#include "models/domain/affinity.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/customer_profile.h"
#include "models/domain/event.h"
#include "models/domain/facts.h"
#include "models/fold_output.h"

namespace offerstream {

/// What Change may look at besides the customer: the plan and the watermark. `out` and `counters` are null in recovery:
/// the same changes, nothing told. No models, no partition state. Not thread-safe (scratch).
class CustomerChange {
 public:
  /// The plan and the feature map outlive this.
  CustomerChange(const CampaignPlan& plan, FeatureMap& features);

  /// Where effects go from now on; both null: nowhere.
  void Tell(FoldOutput* out, FoldCounters* counters) {
    out_ = out;
    counters_ = counters;
  }

  /// Fires the customer's timers due exactly at its earliest due time. `turn`: what models say of it, if its turn is among
  /// them (MoveIsDue, LookIsDue), else null. REQUIRES: profile.next_due < INT64_MAX.
  void ByEarliestTimer(CustomerProfile& profile, const TurnFact* turn);
  /// Whether the earliest timer is the customer's turn to be told to the segments' owner. Turns come every
  /// SegmentSpec::retell; one within that time of the last telling is due.
  bool MoveIsDue(const CustomerProfile& profile) const { return MoveDue(profile) <= profile.next_due; }
  /// … to be looked at, for signs of leaving (ChurnSpec).
  bool LookIsDue(const CustomerProfile& profile) const { return LookDue(profile) <= profile.next_due; }
  /// Whether customers are told in turns at all (recovery of what was written before they were: no).
  void TakeTurns(bool on) { turns_ = on && plan_.segments.size() > 0; }

  /// True when the event was seen within the dedup horizon; otherwise it is remembered.
  bool IsRepeat(CustomerProfile& profile, const Event& event, EventTime watermark);
  /// What the event itself says. `facts` may be null. `x`: features of a foreign impression if already at hand, else
  /// empty. REQUIRES: not a repeat; kind neither kDelete nor kIgnore.
  void ByEvent(CustomerProfile& profile, const Event& event, const EventFacts* facts, EventTime watermark,
               std::span<const float> x);
  /// A decision was made for the customer at the event. `x`: as ByEvent.
  void ByDecision(CustomerProfile& profile, const Event& event, const DecisionFact& fact, std::span<const float> x);
  /// Cap limits that hold from this event on, and what the event's impression did to the cap: tells `caps`.
  void ByCaps(CustomerProfile& profile, const Event& event, std::span<const CapFact> caps, EventTime watermark);
  /// The customer's coordinates as now told to the segment owner.
  void ByMove(CustomerProfile& profile, const Coordinates& move);
  /// Deletion: tombstones for what was told on `caps`, and the segments' owner takes the customer out. The caller erases
  /// the profile.
  void Forget(CustomerProfile& profile, EventTime at);
  /// Recomputes profile.next_due: once, after all changes of an event.
  void SetNextDue(CustomerProfile& profile) const;

 private:
  void Impression(CustomerProfile& profile, const Event& event, const EventFacts* facts, EventTime watermark,
                  std::span<const float> x);
  void ForeignImpression(CustomerProfile& profile, const Event& event, const DecisionFact& fact, std::uint32_t ordinal,
                         std::span<const float> x);
  void Answer(CustomerProfile& profile, const Event& event, OutcomeIndex outcome);
  void Conversion(CustomerProfile& profile, const Event& event, EventTime watermark);
  void Transaction(CustomerProfile& profile, const Event& event, EventTime watermark);
  void TakePurchase(CustomerProfile& profile, const Event& event, EventTime watermark);
  void TakeItem(CustomerProfile& profile, const Event& event);
  void ByLook(CustomerProfile& profile, EventTime due, const TurnFact& turn);
  void FireLabels(CustomerProfile& profile, EventTime due);
  EventTime LookDue(const CustomerProfile& profile) const {
    if (!plan_.churn.on) return INT64_MAX;
    const Buying* bought = profile.Bought();
    return bought == nullptr ? INT64_MAX : NextLook(profile.hash, *bought);
  }
  EventTime NextLook(IdHash customer, const Buying& bought) const;
  EventTime LabelDue(const CustomerProfile& profile) const;
  void OptOut(CustomerProfile& profile, const Event& event);
  void CampaignCost(CustomerProfile& profile, const Event& event);
  void Traits(CustomerProfile& profile, const Event& event);
  void FailedDelivery(CustomerProfile& profile, const Event& event);
  void TakePreference(CustomerProfile& profile, const Event& event, const Exposure* answered, AffinityAction action);
  void Count(Joined how);
  Exposure& AddExposure(CustomerProfile& profile, const DecisionFact& fact, std::span<const float> x);
  void TellCap(CustomerProfile& profile, ChannelIndex channel, EventTime at, std::uint16_t used, bool tombstone);
  void SetNextDue(CustomerProfile& profile, EventTime cap_due) const;
  EventTime MoveDue(const CustomerProfile& profile) const {
    if (!turns_ || profile.place.micro == 0) return INT64_MAX;   // never told: nobody counts it
    return NextTurn(profile.hash, profile.place.time, plan_.segments.retell);
  }
  EventTime CapsDue(const CustomerProfile& profile, std::array<EventTime, kChannelsMax>& due) const;
  void FireCap(CustomerProfile& profile, ChannelIndex channel, EventTime due);
  void FireEnrolments(CustomerProfile& profile, EventTime due);
  void Enrol(CustomerProfile& profile, EventTime at);
  void EnrolByOthers(CustomerProfile& profile, const Event& event);
  void CountAnswer(CustomerProfile& profile, const Event& event, bool conversion);
  void CountCost(CustomerProfile& profile, EventTime at, ChannelIndex channel, OfferIndex offer);
  Observation& LiftRow(IdHash model, IdHash customer, EventTime at);
  void TellEnrolment(const CustomerProfile& profile, const Enrolment& e);
  std::uint64_t ConvertedOn(const CustomerProfile& profile, CampaignIndex campaign, EventTime from) const;
  ObservationBatch* rows() { return out_ == nullptr ? nullptr : &out_->observations; }
  std::span<const float> Features(const CustomerProfile& profile, const Event& event, const DecisionFact& fact,
                                  std::uint32_t ordinal);

  const CampaignPlan& plan_;
  FeatureMap& features_;
  Experiment experiment_;
  FoldOutput* out_ = nullptr;
  FoldCounters* counters_ = nullptr;
  Duration longest_window_ = 0;
  bool turns_ = false;
  std::uint64_t all_experiments_ = CustomerProfile::kInProgramme;
  std::vector<float> x_;
};

}  // namespace offerstream
