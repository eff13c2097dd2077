#include "models/decision_fold.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/deciding/customer_rounds.h"
#include "models/domain/fixed_math.h"
#include "tests/support/fold_world.h"
#include "tests/support/random_fold.h"

namespace offerstream {
namespace {

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

TEST(DecisionFold, AChannelIsPaidForAndAnOfferExpectedToLoseIsNotMade) {
  CampaignPlan plan = SmallPlan();   // a cold model expects some 7 % of 40
  plan.channels[0].cost = 0.5;
  plan.channels[1].cost = 4;       // more than it brings, though less than it brings plus its standard deviation
  FoldWorld w(plan);
  const Decision& decision = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart)).decisions[0];
  ASSERT_TRUE(decision.has_offer);
  ASSERT_EQ(decision.candidates.size(), 3u);
  for (const Candidate& c : decision.candidates) {
    EXPECT_EQ(c.channel, ChannelIndex(0));
    EXPECT_NEAR(c.score, 40 * c.probability - 0.5, 1e-12);
  }
  ASSERT_EQ(decision.excluded.size(), 3u);
  for (const Exclusion& e : decision.excluded) {
    EXPECT_EQ(e.channel, ChannelIndex(1));
    EXPECT_EQ(e.reason, ExclusionReason::kBelowThreshold);
  }
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

TEST(DecisionFold, CapIsToldWhenReachedWhenItOpensAgainAndWhenNothingIsCountedAnyMore) {
  FoldWorld w;
  std::vector<std::pair<bool, bool>> told;   // capped, tombstone
  const auto note = [&](const FoldOutput& out) {
    for (std::size_t i = 0; i < out.cap_count; ++i) {
      EXPECT_EQ(out.caps[i].customer_id, "u1");
      told.emplace_back(out.caps[i].capped, out.caps[i].tombstone);
    }
  };
  for (int n = 0; n < 3; ++n) note(w.Apply(Show(w, "u1", kStart + n * kDayLength, 0, 0)));
  ASSERT_EQ(told.size(), 2u);   // the first impression, and the third: the limit of 3 is reached
  EXPECT_EQ(told[0], std::pair(false, false));
  EXPECT_EQ(told[1], std::pair(true, false));
  const FoldOutput& blocked = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart + 3 * kDayLength));
  ASSERT_EQ(blocked.decision_count, 1u);
  for (const Candidate& c : blocked.decisions[0].candidates) EXPECT_NE(c.channel, ChannelIndex(0));
  ASSERT_EQ(blocked.decisions[0].excluded.size(), 3u);
  EXPECT_EQ(blocked.decisions[0].excluded[0].reason, ExclusionReason::kCapReached);
  EXPECT_EQ(blocked.decisions[0].excluded[0].until, kStart + 7 * kDayLength);
  note(w.Clock(kStart + 7 * kDayLength + kHour));
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[2], std::pair(false, false));
  note(w.Clock(kStart + 10 * kDayLength));
  ASSERT_EQ(told.size(), 4u);
  EXPECT_TRUE(told[3].second);
}

TEST(DecisionFold, NoDecisionExceedsTheCapWhateverTheOrderOfDecisionsAndImpressions) {
  CampaignPlan plan = SmallPlan();
  plan.explore.cap_lottery = .3;
  plan.Index();
  FoldWorld w(plan);
  Draws draws(1, 2, 3, Purpose::kSimulation);
  std::vector<std::pair<std::string, Decision>> waiting;
  EventTime now = kStart;
  int shown = 0;
  for (int n = 0; n < 6000; ++n) {
    now += static_cast<Duration>(draws.Below(40)) * kMinute;
    const std::string customer = "c" + std::to_string(draws.Below(6));
    if (draws.Below(2) == 0 || waiting.empty()) {
      const FoldOutput& out = w.Apply(w.script.Add(EventKind::kRequest, customer, now));
      for (std::size_t i = 0; i < out.decision_count; ++i) {
        const Decision& d = out.decisions[i];
        if (!d.has_offer) continue;
        EXPECT_LT(d.cap.used, d.cap.limit);
        EXPECT_LE(d.cap.limit, 6);
        waiting.emplace_back(customer, d);
      }
    } else {
      const auto [who, d] = waiting[draws.Below(waiting.size())];
      std::erase_if(waiting, [&](const auto& p) { return p.second.id == d.id; });
      if (d.valid_until <= now) continue;
      const Candidate c = d.candidates[d.chosen];
      w.Apply(Show(w, who, now, c.offer.value, c.channel.value, d.id));
      ++shown;
      int count = 0;   // counted independently of the fold's own ring
      for (const Event& e : w.script.events()) {
        count += e.kind == EventKind::kImpression && e.customer_id == who && e.channel == c.channel &&
                 e.time + 7 * kDayLength > now;
      }
      EXPECT_LE(count, 6) << "hard maximum";
      EXPECT_LE(count, d.cap.limit);
    }
  }
  EXPECT_GT(shown, 100);
}

TEST(DecisionFold, ConsentComesFromAttributesAndUnsubscribingWins) {
  FoldWorld w;
  Event& traits = w.script.Add(EventKind::kProfile, "u1", kStart);
  w.script.Attribute(traits, w.plan->consent.attributes[1], {AttributeValue::Type::kBool, 0, 0});
  w.Apply(traits);
  Event& stop = w.script.Add(EventKind::kUnsubscribe, "u1", kStart);
  stop.channel = ChannelIndex(0);
  w.Apply(stop);
  const Decision& d = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart + kMinute)).decisions[0];
  EXPECT_FALSE(d.has_offer);
  EXPECT_EQ(d.reason, NoOfferReason::kNoConsent);
  for (const Exclusion& e : d.excluded) {
    EXPECT_EQ(e.reason, e.channel.value == 0 ? ExclusionReason::kUnsubscribed : ExclusionReason::kNoConsent);
  }
}

TEST(DecisionFold, ComplaintMarksTheImpressionItAnswers) {
  FoldWorld w;
  w.Apply(Show(w, "u1", kStart, 1, 0));
  Event& spam = w.script.Add(EventKind::kComplaint, "u1", kStart + kHour);
  spam.offer = OfferIndex(1);
  spam.channel = ChannelIndex(0);
  w.Apply(spam);
  EXPECT_TRUE(w.Of("u1").exposures[0].unsubscribed);
  EXPECT_EQ(w.Of("u1").channels.ConsentOn(ChannelIndex(0)), Consent::kUnsubscribed);
  const FoldOutput& out = w.Clock(kStart + 8 * kDayLength);
  int rows = 0;
  for (const Observation& row : out.observations.rows) {
    if (row.kind != ObservationKind::kCapRow) continue;
    EXPECT_TRUE(row.unsubscribed);
    ++rows;
  }
  EXPECT_EQ(rows, 1);   // the click window; the conversion window is still open
}

TEST(DecisionFold, FirstStageThatExcludesIsTheOneRecorded) {
  CampaignPlan plan = SmallPlan();
  plan.channels[0].cooldown = kHour;
  plan.offers[0].starts = kStart + kDayLength;
  plan.offers[1].eligible.op = Condition::Op::kOwns;
  plan.offers[1].eligible.index = 0;
  plan.offers[2].repeatable = false;
  plan.offers[2].product = ProductIndex(1);
  plan.Index();
  FoldWorld w(plan);
  Event& buy = w.script.Add(EventKind::kTransaction, "u1", kStart);
  buy.product = ProductIndex(1);
  w.Apply(buy);
  Event& stop = w.script.Add(EventKind::kUnsubscribe, "u1", kStart);
  stop.channel = ChannelIndex(1);
  w.Apply(stop);
  const Decision& d = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart)).decisions[0];
  ASSERT_EQ(d.excluded.size(), 6u);
  const Stage expected[] = {Stage::kSchedule,    Stage::kSchedule,  Stage::kEligibility,
                            Stage::kConsent,     Stage::kOwnership, Stage::kConsent};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(d.excluded[i].stage, expected[i]) << i;
  EXPECT_EQ(d.reason, NoOfferReason::kNoEligibleOffer);
}

TEST(DecisionFold, CooldownStartsWithTheDecisionAndWithTheImpression) {
  CampaignPlan plan = SmallPlan();
  for (auto& c : plan.channels) c.cooldown = 30 * kMinute;
  FoldWorld w(plan);
  const Decision first = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart)).decisions[0];
  const ChannelIndex used = first.candidates[first.chosen].channel;
  const Decision& next = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart + kMinute)).decisions[0];
  for (const Candidate& c : next.candidates) EXPECT_NE(c.channel, used);
  ASSERT_EQ(next.excluded.size(), 3u);
  EXPECT_EQ(next.excluded[0].stage, Stage::kCooldown);
  EXPECT_EQ(next.excluded[0].until, kStart + 30 * kMinute);
}

TEST(DecisionFold, LiftRowTellsArmAndOutcomeOnceAtTheHorizon) {
  CampaignPlan plan = SmallPlan();
  plan.experiment.holdout = 1;
  FoldWorld w(plan);
  w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart));
  Event& buy = w.script.Add(EventKind::kConversion, "u1", kStart + 3 * kDayLength);
  buy.has_value = true;
  buy.value = 900;
  w.Apply(buy);
  w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart + 4 * kDayLength));
  const FoldOutput& out = w.Clock(kStart + 29 * kDayLength);
  ASSERT_EQ(Rows(out, ObservationKind::kLiftRow), 2u);   // the programme's and the campaign's
  for (const Observation& row : out.observations.rows) {
    if (row.kind != ObservationKind::kLiftRow) continue;
    EXPECT_EQ(row.arm, static_cast<std::uint8_t>(Arm::kHoldout));
    EXPECT_EQ(row.y, 1.0f);
    EXPECT_EQ(row.value, 900);
  }
  EXPECT_EQ(Rows(w.Clock(kStart + 80 * kDayLength), ObservationKind::kLiftRow), 0u);
}

TEST(DecisionFold, RefundTakesValueAndOwnershipBackAndAnswersNothing) {
  FoldWorld w;
  w.Apply(Show(w, "u1", kStart, 0, 0));
  Event& buy = w.script.Add(EventKind::kTransaction, "u1", kStart);
  buy.product = ProductIndex(0);
  buy.has_value = true;
  buy.value = 5000;
  w.Apply(buy);
  EXPECT_EQ(w.Of("u1").owned.size(), 1u);
  EXPECT_DOUBLE_EQ(w.Of("u1").value.d90, 50);
  Event& back = w.script.Add(EventKind::kConversion, "u1", kStart);
  back.product = ProductIndex(0);
  back.offer = OfferIndex(0);
  back.has_value = true;
  back.value = -5000;
  w.Apply(back);
  EXPECT_TRUE(w.Of("u1").owned.empty());
  EXPECT_DOUBLE_EQ(w.Of("u1").value.d90, 0);
  EXPECT_FALSE(w.Of("u1").exposures[0].labels[1].converted);
}

TEST(DecisionFold, ServiceMessagesAreNeitherCappedNorTrainedOn) {
  FoldWorld w;
  Event& e = Show(w, "u1", kStart, 0, 0);
  e.transactional = true;
  const FoldOutput& out = w.Apply(e);
  EXPECT_TRUE(w.Of("u1").impressions.empty());
  EXPECT_TRUE(w.Of("u1").exposures.empty());
  EXPECT_EQ(out.cap_count, 0u);
}

TEST(DecisionFold, SweepStopsAtAWholeMillisecondAndGoesOnInTheNextTransaction) {
  FoldWorld w;
  for (int c = 0; c < 6; ++c) {
    w.Apply(Show(w, "u" + std::to_string(c), kStart + (c / 2) * 10, 1, 0));   // pairs share their milliseconds
  }
  const EventTime before = w.fold.account().frontier;
  w.fold.Begin(2, 1);
  w.Clock(kStart + 60 * kDayLength);
  const EventTime bounded = w.fold.account().frontier;
  EXPECT_GT(bounded, before);
  EXPECT_LT(bounded, w.fold.account().watermark);
  EXPECT_EQ(w.memory.NextDue(bounded, 2), nullptr);   // everything due by the frontier has fired
  EXPECT_FALSE(w.fold.Sweep(w.out));
  w.fold.Begin(3, 1000);
  EXPECT_TRUE(w.fold.Sweep(w.out));
  EXPECT_EQ(w.fold.account().frontier, w.fold.account().watermark);
  for (int c = 0; c < 6; ++c) EXPECT_TRUE(w.Of("u" + std::to_string(c)).exposures.empty());
}

TEST(DecisionFold, AnExposureHasItsOwnImpressionNumberWhereTheCurveMadeTheScore) {
  FoldWorld w;
  Draws draws(3, 4, 5, Purpose::kSimulation);
  AdoptedModels models;
  while (models.caps == nullptr || models.caps->cells[0].impressions == 0 || models.caps->cells[1].impressions == 0) {
    models = RandomModels(*w.plan, draws, 1);   // cells 0 and 1: nobody's segment yet, both channels
  }
  models.segments = nullptr;
  w.fold.Adopt(models);
  w.Apply(Show(w, "u1", kStart, 0, 0));
  w.Apply(Show(w, "u1", kStart + kMinute, 0, 1));
  const Decision d = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart + kHour)).decisions[0];
  ASSERT_TRUE(d.has_offer);
  const auto& features = w.plan->features.features;
  const auto ordinal = static_cast<std::size_t>(
      std::find_if(features.begin(), features.end(), [](const FeatureSpec& f) { return f.kind == FeatureKind::kImpressionOrdinal; }) - features.begin());
  EXPECT_NEAR(static_cast<double>(d.features[ordinal]), std::log(2.0), 1e-6);
  const Exposure& kept = w.Of("u1").exposures.back();
  EXPECT_EQ(kept.id, d.id);
  EXPECT_EQ(kept.x.Dense(), d.features);
}

TEST(DecisionFold, BirthIsToldOnceFromAdoptedSiblings) {
  FoldWorld w;
  AdoptedModels models;
  models.responses.resize(w.plan->models());
  const ModelIndex known = w.plan->ModelOf(OfferIndex(0), OutcomeIndex(1));
  models.responses[known.value] = View(*w.plan, known, -3, .05);
  w.fold.Adopt(models);
  const FoldOutput& out = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart));
  EXPECT_EQ(Rows(out, ObservationKind::kBirth), 2u);   // the two other offers' conversions
  for (const Observation& row : out.observations.rows) {
    if (row.kind != ObservationKind::kBirth) continue;
    const auto x = out.observations.Features(row);
    ASSERT_EQ(x.size(), 2 * w.plan->features.size() + kLabelCutsMax);
    EXPECT_NEAR(x[0], -3, 1e-6);
  }
  EXPECT_EQ(Rows(w.Apply(w.script.Add(EventKind::kRequest, "u2", kStart)), ObservationKind::kBirth), 0u);
}

TEST(DecisionFold, ReasonsNameASegmentByItsIdAndNotByItsSlot) {
  FoldWorld w;
  AdoptedModels models;
  models.responses.resize(w.plan->models());
  const auto& features = w.plan->features.features;
  const auto slot = static_cast<std::uint16_t>(
      std::find_if(features.begin(), features.end(), [](const auto& f) { return f.kind == FeatureKind::kSegmentSlot; }) -
      features.begin());
  for (std::size_t m = 0; m < w.plan->models(); ++m) {
    auto view = View(*w.plan, ModelIndex(m), -3, .05);
    view->mean[slot] = 2;   // the largest reason there can be
    models.responses[m] = view;
  }
  auto segments = std::make_shared<SegmentView>();
  segments->dimension = 2;
  segments->centre = {3, 1};
  segments->scale = {2, 1};
  segments->low = {0, 0};
  segments->high = {10, 10};
  segments->macros = {{7, 0, 1, {0, 0}}};   // segment 7 has slot 0
  models.segments = segments;
  w.fold.Adopt(models);
  const Decision& d = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart)).decisions[0];
  EXPECT_EQ(d.segment, 7u);
  ASSERT_FALSE(d.explain.empty());
  EXPECT_EQ(d.explain[0].feature, slot);
  EXPECT_EQ(d.explain[0].segment, 7u);
  for (const Contribution& c : d.explain) EXPECT_EQ(c.segment, c.feature == slot ? 7u : 0u);
}

TEST(DecisionFold, MovesAreToldAtMostHourly) {
  FoldWorld w;
  EXPECT_EQ(Rows(w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart)), ObservationKind::kMove), 1u);
  Event& buy = w.script.Add(EventKind::kTransaction, "u1", kStart + kMinute);
  EXPECT_EQ(Rows(w.Apply(buy), ObservationKind::kMove), 0u);
  const FoldOutput& out = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart + kHour));
  ASSERT_EQ(Rows(out, ObservationKind::kMove), 1u);
  for (const Observation& row : out.observations.rows) {
    if (row.kind != ObservationKind::kMove) continue;
    EXPECT_EQ(row.places->old_place.time, kStart);
    EXPECT_EQ(row.places->new_place.time, kStart + kHour);
    EXPECT_NE(row.places->old_place.z, row.places->new_place.z);
  }
}

TEST(DecisionFold, ASilentCustomerIsToldAnewAtItsTurnEveryFourWeeks) {
  FoldWorld w;
  w.Apply(w.script.Add(EventKind::kTransaction, "u1", kStart));
  const Coordinates first = w.Of("u1").place.Told();
  EventTime told = first.time;
  for (int round = 0; round < 3; ++round) {
    const EventTime turn = NextTurn(H64("u1"), told, w.plan->segments.retell);
    EXPECT_EQ(turn % w.plan->segments.retell, static_cast<EventTime>(H64("u1") % static_cast<std::uint64_t>(w.plan->segments.retell)));
    EXPECT_LE(turn - told, 28 * kDayLength);
    EXPECT_EQ(Rows(w.Clock(turn + w.plan->lateness - 1), ObservationKind::kMove), 0u);
    const FoldOutput& out = w.Clock(turn + w.plan->lateness);
    ASSERT_EQ(Rows(out, ObservationKind::kMove), 1u);
    const Observation& row = *std::find_if(out.observations.rows.begin(), out.observations.rows.end(),
                                           [](const Observation& o) { return o.kind == ObservationKind::kMove; });
    EXPECT_EQ(row.places->old_place.time, told);
    EXPECT_EQ(row.places->new_place.time, turn);
    EXPECT_EQ(row.time, turn);
    EXPECT_GT(row.places->new_place.z[0], row.places->old_place.z[0]);   // recency has grown
    ASSERT_EQ(out.turn_count, 1u);
    EXPECT_EQ(out.turns[0].customer, H64("u1"));
    EXPECT_EQ(out.turns[0].move.z, row.places->new_place.z);
    told = turn;
  }
}

TEST(DecisionFold, WhoWasNeverToldOrHasNoSegmentsHasNoTurn) {
  FoldWorld w;
  Event& cost = w.script.Add(EventKind::kCampaignCost, "campaign", kStart);
  cost.has_value = true;
  w.Apply(cost);
  EXPECT_EQ(Rows(w.Clock(kStart + 60 * kDayLength), ObservationKind::kMove), 0u);
  CampaignPlan plan = SmallPlan();
  plan.segments = {};
  plan.Index();
  FoldWorld without(plan);
  without.Apply(without.script.Add(EventKind::kTransaction, "u1", kStart));
  EXPECT_EQ(Rows(without.Clock(kStart + 60 * kDayLength), ObservationKind::kMove), 0u);
  EXPECT_EQ(without.Of("u1").next_due, INT64_MAX);
}

TEST(DecisionFold, ATurnTheJournalDoesNotHoldIsCountedAndTimeGoesOn) {
  FoldWorld w;
  w.Apply(w.script.Add(EventKind::kTransaction, "u1", kStart));
  const EventTime turn = NextTurn(H64("u1"), kStart, w.plan->segments.retell);
  const std::vector<TurnFact> none;
  w.fold.Begin(2, 1);
  w.fold.Recall(&none);
  w.fold.RefoldClock(turn + w.plan->lateness, turn);
  EXPECT_EQ(w.fold.turns_missing(), 1u);
  EXPECT_GT(w.Of("u1").next_due, turn);
  w.fold.Begin(3, 1);
  w.fold.Recall(nullptr);   // of before there were turns: nothing is missed
  w.fold.RefoldClock(turn + 60 * kDayLength, turn + 60 * kDayLength);
  EXPECT_EQ(w.fold.turns_missing(), 0u);
}

TEST(DecisionFold, EveryPlacementIsDecidedOnWhatTheOnesBeforeLeft) {
  CampaignPlan plan = SmallPlan();
  plan.decide.placements = {"home", "banner"};
  plan.channels.resize(1);
  plan.channels[0].cap.start = 1;
  for (auto& o : plan.offers) o.channels = {ChannelIndex(0)};
  plan.Index();
  FoldWorld w(plan);
  const FoldOutput& out = w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart));
  ASSERT_EQ(out.decision_count, 2u);
  EXPECT_TRUE(out.decisions[0].has_offer);
  EXPECT_FALSE(out.decisions[1].has_offer);
  EXPECT_NE(out.decisions[0].id, out.decisions[1].id);
  Event& one = w.script.Add(EventKind::kRequest, "u2", kStart);
  one.placement = PlacementIndex(1);
  EXPECT_EQ(w.Apply(one).decision_count, 1u);
}

TEST(DecisionFold, EveryEventIsAccountedFor) {
  CampaignPlan plan = SmallPlan();
  plan.decide.min_interval = 10 * kMinute;
  FoldWorld w(plan);
  std::uint64_t decided = 0;
  for (int i = 0; i < 300; ++i) {
    const auto kind = static_cast<EventKind>(i % static_cast<int>(kEventKinds));
    Event& e = w.script.Add(kind, "c" + std::to_string(i % 7), kStart + i * kMinute);
    decided += w.Apply(e).decision_count > 0;
    if (i % 5 == 0) w.Apply(w.script.Repeat(e));
  }
  const FoldCounters& c = w.fold.counters();
  const std::uint64_t read = std::accumulate(c.events.begin(), c.events.end(), std::uint64_t{0});
  EXPECT_EQ(decided + c.untriggered + c.duplicates, read);
  EXPECT_GT(decided, 0u);
}

}  // namespace
}  // namespace offerstream
