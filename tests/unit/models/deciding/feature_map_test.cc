#include "models/deciding/feature_map.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/domain/decay.h"
#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

struct FeatureMapTest : ::testing::Test {
  FeatureMapTest() : plan(SmallPlan()), map(plan), x(map.size()) {
    event.time = kStart + 6 * kHour;   // Monday, 06:00
  }
  float At(const char* name) const {
    for (std::size_t j = 0; j < plan.features.size(); ++j) {
      if (plan.features.features[j].name == name) return x[j];
    }
    ADD_FAILURE() << name;
    return 0;
  }
  CampaignPlan plan;
  FeatureMap map;
  CustomerProfile profile;
  Event event;
  std::vector<float> x;
};

TEST_F(FeatureMapTest, MissingNumberIsZeroWithItsIndicator) {
  map.FillCustomer(profile, event, 0xff, x);
  EXPECT_EQ(At("bias"), 1.0f);
  EXPECT_EQ(At("age"), 0.0f);
  EXPECT_EQ(At("age missing"), 1.0f);
}

TEST_F(FeatureMapTest, NumbersAreScaledAndCategoriesOneHot) {
  profile.attributes.push_back({AttributeIndex(0), {AttributeValue::Type::kNumber, 52, 0}});
  profile.attributes.push_back({AttributeIndex(1), {AttributeValue::Type::kText, 0, H64("retired")}});
  map.FillCustomer(profile, event, 0xff, x);
  EXPECT_FLOAT_EQ(At("age"), 1.0f);
  EXPECT_EQ(At("age missing"), 0.0f);
  EXPECT_EQ(At("job=admin"), 0.0f);
  EXPECT_EQ(At("job=retired"), 1.0f);
}

TEST_F(FeatureMapTest, ContextOfTheEventWinsOverTheProfile) {
  profile.attributes.push_back({AttributeIndex(0), {AttributeValue::Type::kNumber, 52, 0}});
  const AttributeUpdate context{AttributeIndex(0), {AttributeValue::Type::kNumber, 28, 0}};
  event.attributes = std::span(&context, 1);
  map.FillCustomer(profile, event, 0xff, x);
  EXPECT_FLOAT_EQ(At("age"), -1.0f);
}

TEST_F(FeatureMapTest, TimeOfDayWeekdayAndSegment) {
  map.FillCustomer(profile, event, 0, x);
  EXPECT_NEAR(At("hour sin"), 1.0, 1e-6);   // a quarter of the day
  EXPECT_NEAR(At("hour cos"), 0.0, 1e-6);
  EXPECT_EQ(At("monday"), 1.0f);
  EXPECT_EQ(At("segment_slot=0"), 1.0f);
  event.time += kDayLength;
  map.FillCustomer(profile, event, 3, x);
  EXPECT_EQ(At("monday"), 0.0f);
  EXPECT_EQ(At("segment_slot=0"), 0.0f);
}

TEST_F(FeatureMapTest, CandidatePartKnowsChannelAndOrdinal) {
  map.FillCandidate(profile, event.time, ChannelIndex(0), 0xff, 3, x);
  EXPECT_EQ(At("channel=push"), 1.0f);
  EXPECT_NEAR(At("ln n"), std::log(3.0), 1e-6);
  EXPECT_NEAR(At("channel click rate"), (1.0 / 20 - .05) / .1, 1e-6);
  map.FillCandidate(profile, event.time, ChannelIndex{}, 0xff, 1, x);
  EXPECT_EQ(At("channel=push"), 0.0f);
  EXPECT_EQ(At("ln n"), map.first_ordinal());
}

TEST_F(FeatureMapTest, AWildNumberDoesNotBecomeInfinite) {
  profile.attributes.push_back({AttributeIndex(0), {AttributeValue::Type::kNumber, 1e300, 0}});
  map.FillCustomer(profile, event, 0xff, x);
  EXPECT_EQ(At("age"), 1e4f);
}

TEST(ProfileNumber, RecencyIsAYearWhenNothingWasBought) {
  CustomerProfile p;
  std::array<double, kProfileNumbers> out{};
  const auto recency = static_cast<std::size_t>(ProfileNumber::kRecency);
  ProfileNumbers(p, kStart, 1u << recency, out);
  EXPECT_NEAR(out[recency], std::log(366.0), 1e-12);
  p.last_transaction = kStart - 9 * kDayLength;
  ProfileNumbers(p, kStart, 1u << recency, out);
  EXPECT_NEAR(out[recency], std::log(10.0), 1e-12);
}

TEST(DecayedSums, OrderOfArrivalChangesOnlyRounding) {
  DecayedSums a, b;
  AddDecayed(a, 5, kStart);
  AddDecayed(a, 7, kStart + 7 * kDayLength);
  AddDecayed(b, 7, kStart + 7 * kDayLength);
  AddDecayed(b, 5, kStart);
  EXPECT_NEAR(a.d7, 9.5, 1e-12);
  EXPECT_NEAR(a.d7, b.d7, 1e-12);
  EXPECT_NEAR(a.d30, b.d30, 1e-12);
  EXPECT_EQ(a.touched, b.touched);
}

}  // namespace
}  // namespace offerstream
