#include "models/decision_fold.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "models/domain/fixed_math.h"
#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

std::size_t Rows(const FoldOutput& out, ObservationKind kind) {
  return static_cast<std::size_t>(std::count_if(out.observations.rows.begin(), out.observations.rows.end(),
                                                [kind](const Observation& o) { return o.kind == kind; }));
}

Event& Show(FoldWorld& w, const std::string& customer, EventTime at, std::size_t offer, std::size_t channel,
            DecisionId decision = 0) {
  Event& e = w.script.Add(EventKind::kImpression, customer, at);
  e.offer = OfferIndex(offer);
  e.channel = ChannelIndex(channel);
  e.decision_id = decision;
  return e;
}

TEST(DecisionFold, RequestIsDecidedOverAllOffersAndChannels) {
  FoldWorld w;
  FoldOutput& out = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart));
  ASSERT_EQ(out.decision_count, 1u);
  const Decision& d = out.decisions[0];
  EXPECT_TRUE(d.has_offer);
  EXPECT_EQ(d.candidates.size(), 6u);
  double sum = 0;
  for (const Candidate& c : d.candidates) sum += c.propensity;
  EXPECT_NEAR(sum, 1.0, 1e-9);
  EXPECT_EQ(d.features.size(), w.plan->features.size());
  EXPECT_NE(d.id, 0u);
  ASSERT_EQ(out.fact_count, 1u);
  EXPECT_EQ(out.facts[0].facts.decisions.size(), 1u);
  EXPECT_EQ(w.Of("u1").exposures.size(), 1u);
}

TEST(DecisionFold, RepeatIsCountedAndNothingElse) {
  FoldWorld w;
  const Event first = w.script.Add(EventKind::kRequest, "u1", kStart);
  w.Apply(first);
  FoldOutput& out = w.Apply(w.script.Repeat(first));
  EXPECT_EQ(out.decision_count, 0u);
  EXPECT_EQ(out.fact_count, 0u);
  EXPECT_EQ(w.fold.counters().duplicates, 1u);
  EXPECT_EQ(w.Of("u1").exposures.size(), 1u);
}

TEST(DecisionFold, LateEventChangesTheProfileButDecidesNothing) {
  FoldWorld w;
  w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart));
  FoldOutput& out = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart - 11 * kMinute));
  EXPECT_EQ(out.decision_count, 0u);
  EXPECT_EQ(w.fold.counters().late, 1u);
  EXPECT_EQ(w.Of("u1").first_seen, kStart - 11 * kMinute);
}

TEST(DecisionFold, UnshownDecisionGivesItsCapSlotBackWhenItsValidityEnds) {
  CampaignPlan plan = SmallPlan();
  plan.channels.resize(1);
  plan.channels[0].cap.start = 1;
  for (auto& o : plan.offers) o.channels = {ChannelIndex(0)};
  plan.Index();
  FoldWorld w(plan);
  EXPECT_TRUE(w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart)).decisions[0].has_offer);
  const FoldOutput& held = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart + kHour));
  EXPECT_FALSE(held.decisions[0].has_offer);
  EXPECT_EQ(held.decisions[0].reason, NoOfferReason::kAllCapped);
  const FoldOutput& free = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart + 7 * kHour));
  EXPECT_TRUE(free.decisions[0].has_offer);
  EXPECT_EQ(w.Of("u1").exposures.size(), 1u);
}

TEST(DecisionFold, ShownDecisionIsLabelledByIntervalsAndOnceAtTheEndOfItsWindow) {
  FoldWorld w;
  const Decision d = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart)).decisions[0];
  const Candidate chosen = d.candidates[d.chosen];
  w.Apply(Show(w, "u1", kStart + kMinute, chosen.offer.value, chosen.channel.value, d.id));
  ASSERT_EQ(w.Of("u1").exposures.size(), 1u);
  EXPECT_TRUE(w.Of("u1").exposures[0].Shown());
  EXPECT_EQ(w.Of("u1").exposures[0].ordinal, 1u);
  const FoldOutput& out = w.Clock(kStart + 40 * kDayLength);
  EXPECT_TRUE(w.Of("u1").exposures.empty());
  EXPECT_EQ(Rows(out, ObservationKind::kMature), 2u);
  EXPECT_EQ(Rows(out, ObservationKind::kCapRow), 2u);
  // Whatever was merged, the interval rows tile (0, W] and all say no.
  for (std::size_t o = 0; o < 2; ++o) {
    Duration at = 0;
    for (const Observation& row : out.observations.rows) {
      if (row.kind != ObservationKind::kInterval) continue;
      if (row.model != w.plan->ModelHash(w.plan->ModelOf(chosen.offer, OutcomeIndex(o)))) continue;
      EXPECT_EQ(row.from, at);
      EXPECT_EQ(row.y, 0.0f);
      at = row.to;
    }
    EXPECT_EQ(at, w.plan->outcomes[o].window);
  }
}

TEST(DecisionFold, ConversionIsToldOnceAndTheWindowsEndSaysYes) {
  FoldWorld w;
  AdoptedModels models;   // mature labels known: no hold
  for (std::size_t m = 0; m < w.plan->models(); ++m) models.responses.push_back(View(*w.plan, ModelIndex(m), -2, .01));
  w.fold.Adopt(models);
  w.Apply(Show(w, "u1", kStart, 1, 0));
  Event& buy = w.script.Add(EventKind::kConversion, "u1", kStart + 2 * kHour);
  buy.offer = OfferIndex(1);
  buy.has_value = true;
  buy.value = 4200;
  const FoldOutput& now = w.Apply(buy);
  ASSERT_EQ(Rows(now, ObservationKind::kInterval), 1u);
  const Observation yes = now.observations.rows.back().kind == ObservationKind::kMove
                               ? now.observations.rows[now.observations.rows.size() - 2]
                               : now.observations.rows.back();
  EXPECT_EQ(yes.y, 1.0f);
  EXPECT_EQ(w.fold.counters().joined_by_window, 1u);
  Event& again = w.script.Add(EventKind::kConversion, "u1", kStart + 3 * kHour);
  again.offer = OfferIndex(1);
  w.Apply(again);
  EXPECT_EQ(w.fold.counters().not_joined, 1u);
  const FoldOutput& end = w.Clock(kStart + 31 * kDayLength);
  int mature = 0;
  for (const Observation& row : end.observations.rows) {
    if (row.kind == ObservationKind::kInterval && row.model == yes.model) ADD_FAILURE() << "series must be over";
    if (row.kind != ObservationKind::kMature || row.model != yes.model) continue;
    ++mature;
    EXPECT_EQ(row.y, 1.0f);
    EXPECT_EQ(row.delay, 2 * kHour);
    EXPECT_EQ(row.value, 4200);
  }
  EXPECT_EQ(mature, 1);
}

TEST(DecisionFold, HoldoutGetsNoOfferAndEveryCandidateSaysSo) {
  CampaignPlan plan = SmallPlan();
  plan.experiment.holdout = 1;
  FoldWorld w(plan);
  const Decision& d = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart)).decisions[0];
  EXPECT_FALSE(d.has_offer);
  EXPECT_EQ(d.arm, Arm::kHoldout);
  EXPECT_EQ(d.reason, NoOfferReason::kHoldout);
  ASSERT_EQ(d.excluded.size(), 6u);
  for (const Exclusion& e : d.excluded) EXPECT_EQ(e.stage, Stage::kHoldout);
}

}  // namespace
}  // namespace offerstream
