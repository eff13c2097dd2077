#include "models/deciding/eligibility.h"

#include <gtest/gtest.h>

#include "models/deciding/experiment.h"
#include "models/deciding/feature_map.h"
#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

struct EligibilityTest : ::testing::Test {
  EligibilityTest() : plan(SmallPlan()) {}
  bool Holds(const Condition& c) {
    FeatureMap features(plan);
    Event event;
    event.attributes = context;
    std::vector<float> x(features.size());
    features.FillCustomer(profile, event, 0xff, x);
    return offerstream::Holds(c, plan, Subject{profile, features.attributes(), segment});
  }
  static Condition Range(std::uint16_t attribute, double min, double max) {
    Condition c;
    c.op = Condition::Op::kAttributeRange;
    c.index = attribute;
    c.min = min;
    c.max = max;
    return c;
  }
  CampaignPlan plan;
  CustomerProfile profile;
  std::vector<AttributeUpdate> context;
  std::uint32_t segment = 0;
};

TEST_F(EligibilityTest, MissingAttributeMatchesNoRange) {
  EXPECT_FALSE(Holds(Range(0, -1e9, 1e9)));
  profile.attributes.push_back({AttributeIndex(0), {AttributeValue::Type::kNumber, 18, 0}});
  EXPECT_TRUE(Holds(Range(0, 18, 30)));
  EXPECT_FALSE(Holds(Range(0, 18.5, 30)));
}

TEST_F(EligibilityTest, ContextWinsOverTheProfile) {
  profile.attributes.push_back({AttributeIndex(0), {AttributeValue::Type::kNumber, 18, 0}});
  context.push_back({AttributeIndex(0), {AttributeValue::Type::kNumber, 60, 0}});
  EXPECT_FALSE(Holds(Range(0, 18, 30)));
}

TEST_F(EligibilityTest, AllAnyNotSegmentsAndOwnershipCombine) {
  Condition segments;
  segments.op = Condition::Op::kSegmentIn;
  segments.segments = {2, 3};
  Condition owns;
  owns.op = Condition::Op::kOwns;
  owns.index = 0;
  Condition no;
  no.op = Condition::Op::kNot;
  no.children = {owns};
  Condition all;
  all.op = Condition::Op::kAll;
  all.children = {segments, no};
  EXPECT_FALSE(Holds(all));
  segment = 3;
  EXPECT_TRUE(Holds(all));
  profile.owned.push_back({plan.products[0].hash, kStart});
  EXPECT_FALSE(Holds(all));
  all.op = Condition::Op::kAny;
  EXPECT_TRUE(Holds(all));
}

TEST_F(EligibilityTest, ScheduleIsHalfOpenAndTellsWhenItStarts) {
  OfferSpec offer;
  offer.starts = kStart;
  offer.ends = kStart + kHour;
  const Verdict before = CheckSchedule(offer, kStart - 1);
  EXPECT_EQ(before.reason, ExclusionReason::kNotStarted);
  EXPECT_EQ(before.until, kStart);
  EXPECT_FALSE(CheckSchedule(offer, kStart).excluded);
  EXPECT_EQ(CheckSchedule(offer, kStart + kHour).reason, ExclusionReason::kEnded);
}

TEST_F(EligibilityTest, ConsentUnknownExcludesOnlyWithOptIn) {
  EXPECT_FALSE(CheckConsent(plan, profile, ChannelIndex(0)).excluded);
  plan.consent.opt_in = true;
  EXPECT_EQ(CheckConsent(plan, profile, ChannelIndex(0)).reason, ExclusionReason::kNoConsent);
  profile.channels.Update(ChannelIndex(0), [](ChannelProfile& c) { c.consent = Consent::kIn; });
  EXPECT_FALSE(CheckConsent(plan, profile, ChannelIndex(0)).excluded);
  profile.channels.Update(ChannelIndex(0), [](ChannelProfile& c) { c.consent = Consent::kUnsubscribed; });
  EXPECT_EQ(CheckConsent(plan, profile, ChannelIndex(0)).reason, ExclusionReason::kUnsubscribed);
}

TEST_F(EligibilityTest, OnlyOffersThatAreNotRepeatableStopAtOwnership) {
  profile.owned.push_back({plan.products[0].hash, kStart});
  EXPECT_FALSE(CheckOwnership(plan.offers[0], plan, profile).excluded);
  plan.offers[0].repeatable = false;
  EXPECT_EQ(CheckOwnership(plan.offers[0], plan, profile).stage, Stage::kOwnership);
  plan.offers[1].repeatable = false;
  EXPECT_FALSE(CheckOwnership(plan.offers[1], plan, profile).excluded);
}

TEST(Experiment, SharesAreAsConfiguredAndACustomerKeepsItsArm) {
  CampaignPlan plan;
  ExperimentSpec& spec = plan.experiment;
  spec.holdout = .05;
  spec.random = .01;
  const Experiment experiment(plan);
  int arms[3] = {};
  for (std::uint64_t i = 0; i < 100'000; ++i) ++arms[static_cast<int>(experiment.ArmOf(H64({i})))];
  EXPECT_NEAR(arms[static_cast<int>(Arm::kHoldout)], 5000, 300);
  EXPECT_NEAR(arms[static_cast<int>(Arm::kRandom)], 1000, 130);
  const Experiment again(plan);
  spec.salt = "another";
  const Experiment other(plan);
  int moved = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(experiment.ArmOf(H64({i})), again.ArmOf(H64({i})));
    moved += experiment.ArmOf(H64({i})) != other.ArmOf(H64({i}));
  }
  EXPECT_GT(moved, 50);
}

}  // namespace
}  // namespace offerstream
