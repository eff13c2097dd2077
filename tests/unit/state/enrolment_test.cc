#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "models/deciding/experiment.h"
#include "models/deciding/label_resolver.h"
#include "state/formats/codecs.h"
#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

std::vector<Observation> LiftRows(const FoldOutput& out, IdHash model) {
  std::vector<Observation> rows;
  for (const Observation& row : out.observations.rows) {
    if (row.kind == ObservationKind::kLiftRow && row.model == model) rows.push_back(row);
  }
  return rows;
}

// Two campaigns: winter (save, card) and spring (loan), which starts ten days later.
CampaignPlan TwoCampaigns() {
  CampaignPlan plan = SmallPlan();
  plan.offers[2].campaign_id = "spring";
  plan.offers[2].starts = kStart + 10 * kDayLength;
  plan.channels[0].cost = .5;
  plan.Index();
  return plan;
}

TEST(Enrolment, EachCampaignRunsFromItsOwnFirstDecision) {
  FoldWorld w(TwoCampaigns());
  w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart));
  w.Apply(w.script.Add(EventKind::kConversion, "u1", kStart + 2 * kDayLength));
  w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart + 12 * kDayLength));
  w.Apply(w.script.Add(EventKind::kClick, "u1", kStart + 13 * kDayLength));
  const FoldOutput& first = w.Clock(kStart + 29 * kDayLength);
  ASSERT_EQ(LiftRows(first, LiftModel()).size(), 1u);
  ASSERT_EQ(LiftRows(first, H64("lift/winter")).size(), 1u);
  EXPECT_EQ(LiftRows(first, H64("lift/winter"))[0].y, 1.0f);
  EXPECT_EQ(LiftRows(first, H64("lift/winter"))[0].n, 1u);
  EXPECT_EQ(LiftRows(first, H64("lift/spring")).size(), 0u);
  const FoldOutput& second = w.Clock(kStart + 41 * kDayLength);
  ASSERT_EQ(LiftRows(second, H64("lift/spring")).size(), 1u);
  EXPECT_EQ(LiftRows(second, H64("lift/spring"))[0].y, 0.0f);   // the conversion was before
  EXPECT_EQ(LiftRows(second, H64("lift/spring"))[0].n, 1u);
  EXPECT_TRUE(w.Of("u1").enrolments.empty());
  w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart + 50 * kDayLength));
  EXPECT_TRUE(w.Of("u1").enrolments.empty());                  // never twice
}

TEST(Enrolment, CostIsThatOfTheCampaignsOwnImpressions) {
  CampaignPlan plan = TwoCampaigns();
  plan.offers[2].starts = kNever;
  plan.Index();
  FoldWorld w(plan);
  w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart));
  for (const std::size_t offer : {0u, 1u, 2u}) {
    Event& shown = w.script.Add(EventKind::kImpression, "u1", kStart + static_cast<EventTime>(offer + 1) * kHour);
    shown.offer = OfferIndex(offer);
    shown.channel = ChannelIndex(0);
    w.Apply(shown);
  }
  const FoldOutput& out = w.Clock(kStart + 29 * kDayLength);
  EXPECT_DOUBLE_EQ(LiftRows(out, LiftModel())[0].cost, 1.5);
  EXPECT_DOUBLE_EQ(LiftRows(out, H64("lift/winter"))[0].cost, 1.0);
  EXPECT_DOUBLE_EQ(LiftRows(out, H64("lift/spring"))[0].cost, .5);
}

TEST(Enrolment, AProductBoughtWithinTheHorizonIsItsOffersBit) {
  FoldWorld w(TwoCampaigns());
  w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart));
  Event& buy = w.script.Add(EventKind::kConversion, "u1", kStart + kDayLength);
  buy.product = ProductIndex(1);   // of the second offer
  w.Apply(buy);
  EXPECT_EQ(LiftRows(w.Clock(kStart + 29 * kDayLength), H64("lift/winter"))[0].exposure, 0b10u);
}

TEST(Enrolment, ACampaignsOwnHoldoutIsNestedAndGetsOnlyTheOthers) {
  CampaignPlan plan = SmallPlan();
  plan.offers[2].campaign_id = "spring";
  plan.experiment.holdout = .2;
  plan.experiment.campaign_holdout["winter"] = .5;
  plan.Index();
  const Experiment experiment(plan);
  FoldWorld w(plan);
  const CampaignIndex winter = plan.offers[0].campaign;
  ASSERT_TRUE(experiment.Nested(winter));
  EXPECT_DOUBLE_EQ(experiment.Share(winter, Arm::kHoldout), .5);
  int programme = 0, held = 0, free = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string id = "c" + std::to_string(i);
    const Decision& d = w.Apply(w.script.Add(EventKind::kRequest, id, kStart)).decisions[0];
    const CustomerProfile& profile = w.Of(id);
    const auto in_winter = std::find_if(profile.enrolments.begin(), profile.enrolments.end(),
                                        [&](const Enrolment& e) { return e.campaign == winter; });
    if (d.arm == Arm::kHoldout) {
      ++programme;
      EXPECT_EQ(in_winter, profile.enrolments.end());   // no part of winter's own experiment
      continue;
    }
    ASSERT_NE(in_winter, profile.enrolments.end());
    const bool out = in_winter->arm == static_cast<std::uint8_t>(Arm::kHoldout);
    (out ? held : free) += 1;
    std::size_t winters = 0, springs = 0;
    for (const Candidate& c : d.candidates) (plan.offers[c.offer.value].campaign == winter ? winters : springs) += 1;
    EXPECT_EQ(winters == 0, out);
    EXPECT_EQ(springs, 2u);
    const auto excluded = std::count_if(d.excluded.begin(), d.excluded.end(),
                                        [](const Exclusion& e) { return e.stage == Stage::kHoldout; });
    EXPECT_EQ(excluded, out ? 4 : 0);
  }
  EXPECT_NEAR(programme, 400, 70);
  EXPECT_NEAR(held, 800, 100);
  EXPECT_NEAR(free, 800, 100);
}

TEST(Enrolment, TheFirstArmHoldsUntilTheHorizonWhateverANewPlanDraws) {
  CampaignPlan before = SmallPlan(), after = SmallPlan();
  before.experiment.holdout = 0;
  after.experiment.holdout = 1;
  FoldWorld w(before);
  w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart));
  std::string row;
  EncodeProfile(*w.plan, w.Of("u1"), 1, row);
  FoldWorld later(after);
  later.script.Add(EventKind::kRequest, "u1", kStart);   // its id has been seen
  CustomerProfile& moved = later.memory.Open("u1", H64("u1"), 1);
  ASSERT_TRUE(DecodeProfile(*later.plan, row, moved));
  later.fold.Begin(5, 1'000'000);
  EXPECT_EQ(later.Apply(later.script.Add(EventKind::kRequest, "u1", kStart + kDayLength)).decisions[0].arm, Arm::kPolicy);
  const FoldOutput& out = later.Clock(kStart + 29 * kDayLength);
  ASSERT_EQ(LiftRows(out, LiftModel()).size(), 1u);
  EXPECT_EQ(LiftRows(out, LiftModel())[0].arm, static_cast<std::uint8_t>(Arm::kPolicy));
  EXPECT_EQ(LiftRows(out, LiftModel())[0].propensity, 0);   // planned under shares that are no longer known
  EXPECT_EQ(later.Apply(later.script.Add(EventKind::kRequest, "u1", kStart + 30 * kDayLength)).decisions[0].arm, Arm::kHoldout);
}

TEST(Enrolment, AnArmDrawnElsewhereWithKnownAnswersIsARowAtOnce) {
  FoldWorld w(TwoCampaigns());
  Event& told = w.script.Add(EventKind::kProfile, "u1", kStart);
  told.campaign = CampaignIndex(0);
  told.arm = static_cast<std::uint8_t>(Arm::kHoldout);
  told.propensity = .25;
  told.outcomes_known = 0b11;
  told.outcomes_yes = 0b01;
  told.has_value = true;
  told.value = 250;
  const std::vector<Observation> rows = LiftRows(w.Apply(told), H64("lift/winter"));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].arm, static_cast<std::uint8_t>(Arm::kHoldout));
  EXPECT_EQ(rows[0].n, 1u);
  EXPECT_EQ(rows[0].y, 0.0f);
  EXPECT_EQ(rows[0].value, 250);
  EXPECT_EQ(rows[0].propensity, .25);
  Event& again = w.script.Add(EventKind::kProfile, "u1", kStart + kHour);
  again.campaign = told.campaign;
  again.arm = static_cast<std::uint8_t>(Arm::kPolicy);
  again.outcomes_known = 0b11;
  EXPECT_TRUE(LiftRows(w.Apply(again), H64("lift/winter")).empty());   // the first arm counts
}

}  // namespace
}  // namespace offerstream
