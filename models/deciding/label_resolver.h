// Labels: which exposure an outcome answers, and what time has answered. Emits the observations of an exposure.
#pragma once

#include <cstdint>
#include <span>

#include "models/domain/campaign_plan.h"
#include "models/domain/customer_profile.h"
#include "models/domain/event.h"
#include "models/domain/facts.h"
#include "models/domain/observation.h"

namespace offerstream {

/// What became of an outcome event.
enum class Joined : std::uint8_t {
  kByDecision,   ///< joined to the exposure its decision_id names
  kByWindow,     ///< joined to the latest matching exposure inside the window
  kNot,          ///< no exposure, before the exposure, or a second outcome
  kTooLate,      ///< the exposure's window is over: counted, not learned
};

/// Model hashes that are not offer/outcome.
IdHash CapsModel();
IdHash SegmentsModel();
IdHash LiftModel();
/// H64("preferences").
IdHash PreferencesModel();
/// H64("churn").
IdHash ChurnOwner();
/// H64("items").
IdHash ItemsOwner();

/// Whether events can answer the outcome (click and conversion). Others only come with history and are never pending.
constexpr bool Answerable(std::size_t outcome) { return outcome <= CampaignPlan::kConversion; }

/// The exposure becomes shown: its label windows start. Writes no observation.
void OpenLabels(const CampaignPlan& plan, EventTime shown, Exposure& exposure);
/// The exposure's earliest timer: valid_until before it is shown, else its earliest open cut; INT64_MAX when nothing is
/// open any more.
EventTime ExposureDue(const CampaignPlan& plan, const Exposure& exposure);
/// Fires the exposure's timers due at or before `due`: label intervals, and at W the Mature and Cap rows. `out` null:
/// changes only (recovery). Sets exposure.next_due; INT64_MAX = nothing left, the caller drops the exposure.
void FireExposure(const CampaignPlan& plan, EventTime due, Exposure& exposure, ObservationBatch* out);

/// The decision an impression displays: named by decision_id, else the latest one waiting for this offer and channel.
/// An exposure already shown means a repeated display. Null: no decision of ours explains the impression.
Exposure* FindDisplayed(CustomerProfile& profile, const Event& event);
/// The exposure an answer belongs to: by decision_id; else the latest shown one of the same offer (or product; any when
/// the event names neither) and channel (any when not named) with 0 <= age <= window.
Exposure* FindAnswered(const CampaignPlan& plan, CustomerProfile& profile, const Event& event, Duration window,
                       Joined& how);
/// Joins a click or conversion. Emits the y = 1 row of the open interval, or leaves it to the interval's end under the
/// hold rule. `exposure` (out): the one joined, null otherwise.
Joined ResolveOutcome(const CampaignPlan& plan, CustomerProfile& profile, const Event& event, OutcomeIndex outcome,
                      ObservationBatch* out, Exposure*& exposure);

/// History: an impression whose answers are known. Whole-window interval rows, instant Mature and Cap rows.
void EmitKnownOutcomes(const CampaignPlan& plan, const Event& event, const DecisionFact& fact, std::uint64_t exposure,
                       std::uint32_t ordinal, std::span<const float> x, ObservationBatch& out);

}  // namespace offerstream
