// Decide and Assess: what the models say about one customer. They see views, draws and the profile; they change nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/deciding/arbitration.h"
#include "models/deciding/budget_book.h"
#include "models/deciding/caps.h"
#include "models/deciding/eligibility.h"
#include "models/deciding/experiment.h"
#include "models/deciding/exploration.h"
#include "models/deciding/feature_map.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/customer_profile.h"
#include "models/domain/decision.h"
#include "models/domain/event.h"
#include "models/domain/facts.h"
#include "models/fold_output.h"
#include "models/followed_log.h"
#include "models/model_view.h"

namespace offerstream {

/// From a profile and an event to facts, with the views adopted last. Order of a decision: schedule, consent,
/// eligibility, ownership, cap, cooldown, holdout, score, threshold, propensities, draw, explanation. Not thread-safe
/// (scratch); no allocation after warm-up.
class CustomerDecision {
 public:
  /// The feature map outlives this.
  CustomerDecision(std::shared_ptr<const CampaignPlan> plan, FeatureMap& features);

  /// What may be spent; outlives this. Without it nothing is paid.
  void SetBook(BudgetBook* book);
  /// Takes newer views; may allocate.
  void Adopt(const AdoptedModels& models);
  const AdoptedModels& models() const { return models_; }
  const ScoreTable& table() const { return table_; }

  /// Looks at the customer as it is now: its segment. Call before the others, and again once the profile changed.
  void Look(const CustomerProfile& profile, const Event& event);
  /// … and the customer's features, for Assess and Decide.
  void LookClosely(const CustomerProfile& profile, const Event& event);
  /// What the models say of an impression no decision of ours explains. REQUIRES: LookClosely; the offer is known.
  void Assess(const CustomerProfile& profile, const Event& event, DecisionFact& fact);
  /// Decides for a placement. `decision` is empty but for id and cause. REQUIRES: LookClosely.
  void Decide(const CustomerProfile& profile, const Event& event, PlacementIndex placement, Decision& decision,
              DecisionFact& fact, FoldCounters& counters);
  /// From now on only candidates on this channel count (kNone: all). For impressions whose channel was given.
  void Restrict(ChannelIndex only) { only_ = only; }
  /// Instead of its own draw: the fact of a choice somebody else made, with what the models say of it; x() is its
  /// features. `keep` false: as if no offer had been made. REQUIRES: Decide at this event and placement.
  void Follow(const CustomerProfile& profile, const Event& event, const LoggedChoice& choice, bool keep, DecisionFact& fact);
  /// Books what the decision asked of its budgets and what it takes from them. REQUIRES: the last Decide made it.
  void Pay(const Decision& decision);
  /// Limits that differ from what was told, for channels with a counted impression. REQUIRES: Look.
  void CapFacts(const CustomerProfile& profile, const Event& event, std::vector<CapFact>& out) const;
  /// The customer's coordinates now; false when they are as last told or it was told within the hour. REQUIRES: Look.
  bool Move(const CustomerProfile& profile, const Event& event, Coordinates& out) const;
  /// The customer's coordinates at its turn, whatever was told before, if `move`; if `look`, whether it will buy again and
  /// its segment. No Look needed. REQUIRES: with `look` it has bought.
  void SayAtTurn(const CustomerProfile& profile, EventTime at, bool move, bool look, TurnFact& out);
  /// Caps as they hold now (API). No Look needed.
  std::vector<CapState> Caps(const CustomerProfile& profile, EventTime at) const;

  /// Features of the last Assess or Follow. Of a decision: Decision::features.
  std::span<const float> x() const { return scorer_.x().dense(); }
  /// Stable segment id of the last Look; 0 = none.
  std::uint32_t segment() const { return segment_; }
  /// Fills segment and net value of the next impression (0 when nothing was learned) of a cap change about to be told.
  void Annotate(const CustomerProfile& profile, CapChange& change);
  /// Models without a view that were needed and have siblings, in order of need, each once until ForgetBirths.
  std::span<const ModelIndex> births() const { return births_; }
  /// The births were told.
  void ClearBirths() { births_.clear(); }
  /// Another account: what it says was told counts.
  void ForgetBirths();

 private:
  struct Place {
    std::uint32_t segment = 0;
    std::uint8_t slot = 0xff;
    double margin = 0;
  };
  Place PlaceOf(const CustomerProfile& profile, EventTime at, std::vector<float>& z) const;
  Place PlaceAt(std::vector<float>& z) const;   // of raw_
  float Buys(const Buying& bought, EventTime at) const;
  void MoveTo(std::span<const float> z, EventTime at, std::uint64_t founder, Coordinates& out) const;
  void SetCells(std::uint32_t segment);
  void Exclude(const CustomerProfile& profile, const Event& event, Decision& decision);
  Verdict CheckChannel(const CustomerProfile& profile, ChannelIndex channel, EventTime at) const;
  void Score(const CustomerProfile& profile, const Event& event, Decision& decision);
  void HoldOut(Decision& decision) const;
  Verdict CheckBudget(const OfferSpec& offer, ChannelIndex channel);
  void RateMoney(const Decision& decision);
  void ApplyThreshold(Decision& decision) const;
  void Choose(const Event& event, PlacementIndex placement, Decision& decision);
  void NameSegments(Decision& decision) const;   // in its reasons
  void Serve(const FeatureRow& x, OfferIndex index, EventTime at, float ordinal, double goal_variance, DecisionFact& fact);
  float OrdinalOf(const FeatureRow& x) const;
  void Need(ModelIndex model);
  NoOfferReason WhyNone(const Decision& decision) const;

  std::shared_ptr<const CampaignPlan> plan_;
  FeatureMap& features_;
  Experiment experiment_;
  AdoptedModels models_{};
  ScoreTable table_;
  CandidateScorer scorer_;
  ExplorationScratch scratch_{};
  Place place_{};
  std::uint32_t segment_ = 0;
  bool lottery_ = false;           // of the customer last looked at
  ChannelIndex only_{};
  std::vector<float> z_, x_;       // x_: scratch, as long as the schema
  std::array<double, kProfileNumbers> numbers_{};
  mutable std::vector<double> raw_;
  std::vector<std::uint8_t> channel_used_;
  std::vector<float> ordinals_;                  // by channel: x of the impression number, scored or not
  std::vector<std::uint32_t> cell_segments_;    // with a cap cell, ascending
  std::vector<const CapCell*> cells_;           // by position in cell_segments_ and channel; a last row of nulls
  const CapCell* const* cell_row_ = nullptr;    // of the segment last looked at
  CapUse use_{};
  std::vector<CapLimit> limits_;
  std::vector<Verdict> consent_, channel_;
  BudgetBook* book_ = nullptr;              // null: the plan has no budgets
  std::vector<double> prices_;              // by offer
  struct Asked {
    bool asked = false, refused = false;    // a candidate of the budget; one it could not pay
    double ratio = -1;                      // best score per cost before the price; -1: none was scored
  };
  std::vector<Asked> asked_;                // by budget, of the decision being made
  std::vector<ModelIndex> births_;
  std::vector<std::uint8_t> needed_;   // by model: already in births_ once
  std::vector<float> annotate_z_;
  ChurnView untaught_{};               // what is said of buying again before anything was learned
};

}  // namespace offerstream
