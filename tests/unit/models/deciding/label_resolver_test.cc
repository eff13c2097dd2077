#include <gtest/gtest.h>

#include <algorithm>

#include "models/decision_fold.h"
#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

TEST(LabelResolver, ShownDecisionIsLabelledByIntervalsAndOnceAtTheEndOfItsWindow) {
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

TEST(LabelResolver, ConversionIsToldOnceAndTheWindowsEndSaysYes) {
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

TEST(LabelResolver, AnAnswerNamesItsDecisionOrGoesToTheLatestImpressionInsideTheWindow) {
  FoldWorld w;
  w.Apply(Show(w, "u1", kStart, 1, 0));
  w.Apply(Show(w, "u1", kStart + kHour, 1, 1));
  w.Apply(Show(w, "u1", kStart + 2 * kHour, 2, 0));
  Event& click = w.script.Add(EventKind::kClick, "u1", kStart + 3 * kHour);
  click.offer = OfferIndex(1);
  w.Apply(click);   // no channel named: the latest of offer 1
  EXPECT_FALSE(w.Of("u1").exposures[0].labels[0].converted);
  EXPECT_TRUE(w.Of("u1").exposures[1].labels[0].converted);
  Event& push = w.script.Add(EventKind::kClick, "u1", kStart + 3 * kHour);
  push.offer = OfferIndex(1);
  push.channel = ChannelIndex(0);
  w.Apply(push);
  EXPECT_TRUE(w.Of("u1").exposures[0].labels[0].converted);
  EXPECT_EQ(w.fold.counters().joined_by_window, 2u);
  Event& named = w.script.Add(EventKind::kClick, "u1", kStart + 3 * kHour);
  named.decision_id = w.Of("u1").exposures[2].id;
  w.Apply(named);
  EXPECT_TRUE(w.Of("u1").exposures[2].labels[0].converted);
  EXPECT_EQ(w.fold.counters().joined_by_decision, 1u);
  Event& unknown = w.script.Add(EventKind::kClick, "u1", kStart + 3 * kHour);
  unknown.decision_id = 12345;   // names a decision nobody remembers: not guessed
  w.Apply(unknown);
  EXPECT_EQ(w.fold.counters().not_joined, 1u);
}

TEST(LabelResolver, AClickInventsNoImpression) {
  FoldWorld w;
  const Decision d = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart)).decisions[0];
  Event& click = w.script.Add(EventKind::kClick, "u1", kStart + kMinute);
  click.decision_id = d.id;
  w.Apply(click);
  EXPECT_EQ(w.fold.counters().not_joined, 1u);
  EXPECT_FALSE(w.Of("u1").exposures[0].Shown());
  EXPECT_TRUE(w.Of("u1").impressions.empty());
}

TEST(LabelResolver, AYoungOffersConversionIsHeldUntilItsIntervalEnds) {
  FoldWorld w;   // no adopted model: no mature label yet
  w.Apply(Show(w, "u1", kStart, 1, 0));
  Event& buy = w.script.Add(EventKind::kConversion, "u1", kStart + 2 * kHour);
  buy.offer = OfferIndex(1);
  w.Apply(buy);
  EXPECT_TRUE(w.Of("u1").exposures[0].labels[1].converted);
  const auto model = w.plan->ModelHash(w.plan->ModelOf(OfferIndex(1), OutcomeIndex(1)));
  int told = 0;
  const FoldOutput& out = w.Clock(kStart + 31 * kDayLength);
  for (const Observation& row : out.observations.rows) {
    if (row.kind != ObservationKind::kInterval || row.model != model) continue;
    ++told;
    EXPECT_EQ(row.y, 1.0f);
    EXPECT_EQ(row.time, kStart + row.to);
  }
  EXPECT_EQ(told, 1);
}

TEST(LabelResolver, HistoryWithKnownAnswersIsLabelledAtOnceAndForgotten) {
  FoldWorld w;
  Event& e = Show(w, "u1", kStart, 1, 0);
  e.outcomes_known = 2;
  e.outcomes_yes = 2;
  const FoldOutput& out = w.Apply(e);
  EXPECT_TRUE(w.Of("u1").exposures.empty());
  EXPECT_EQ(Rows(out, ObservationKind::kInterval), 1u);
  EXPECT_EQ(Rows(out, ObservationKind::kMature), 1u);
  for (const Observation& row : out.observations.rows) {
    if (row.kind == ObservationKind::kInterval) {
      EXPECT_EQ(row.to, kWholeWindow);
      EXPECT_EQ(row.x_size, w.plan->features.size());
    }
    if (row.kind == ObservationKind::kMature) {
      EXPECT_TRUE(row.instant);
      EXPECT_EQ(row.y, 1.0f);
      EXPECT_GT(row.probability, 0);
    }
  }
}

}  // namespace
}  // namespace offerstream
