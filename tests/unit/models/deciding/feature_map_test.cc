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

TEST_F(FeatureMapTest, SegmentNumbersEndWithAttributesAndTheEventsNewsWins) {
  plan.segments.features = {ProfileNumber::kProductsOwned};
  plan.segments.attributes = {AttributeIndex(0)};
  std::vector<double> raw(2);
  map.FillSegmentNumbers(profile, event.time, raw);
  EXPECT_EQ(raw[0], 0);
  EXPECT_TRUE(std::isnan(raw[1])) << "not known";
  profile.attributes.push_back({AttributeIndex(0), {AttributeValue::Type::kNumber, 41, 0}});
  map.FillSegmentNumbers(profile, event.time, raw);
  EXPECT_EQ(raw[1], 41);
  const std::vector<AttributeUpdate> news = {{AttributeIndex(0), {AttributeValue::Type::kNumber, 42, 0}}};
  map.FillSegmentAttributes(profile, news, raw);
  EXPECT_EQ(raw[1], 42);
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

// A curve and a cross are functions of other features alone.
TEST(MadeFeatures, FollowTheNumbersTheyAreMadeOf) {
  CampaignPlan plan = SmallPlan();
  const auto place = [&](const char* name) {
    for (std::size_t j = 0; j < plan.features.size(); ++j) {
      if (plan.features.features[j].name == name) return static_cast<std::uint16_t>(j);
    }
    return std::uint16_t{0};
  };
  auto& schema = plan.features;
  const auto begin = static_cast<std::uint16_t>(schema.candidate_begin);
  const std::vector<double> knots = {-1, 0, 2};
  std::vector<FeatureSpec> made;
  for (std::uint16_t k = 0; k < 3; ++k) made.push_back({FeatureKind::kCurve, 0, k, 0, 1, "age~" + std::to_string(k)});
  for (std::uint16_t c = 0; c < 16; ++c) made.push_back({FeatureKind::kCell, 0, c, 0, 1, "cell" + std::to_string(c)});
  schema.features.insert(schema.features.begin() + begin, made.begin(), made.end());
  schema.candidate_begin += made.size();
  schema.curves.push_back({place("age"), begin, knots});
  schema.crosses.push_back({place("age"), place("recency"), static_cast<std::uint16_t>(begin + 3), {-1, 0, 1}, {-1, 0, 1}});
  FeatureMap map(plan);
  CustomerProfile profile;
  Event event;
  event.time = kStart;
  std::vector<float> x(map.size()), parts(3);
  for (const double years : {20.0, 40.0, 47.0, 90.0}) {
    profile.attributes.clear();
    profile.attributes.push_back({AttributeIndex(0), {AttributeValue::Type::kNumber, years, 0}});
    map.FillCustomer(profile, event, 0xff, x);
    HatBasis::At(knots).Expand((years - 40) / 12, parts);
    for (std::size_t k = 0; k < 3; ++k) EXPECT_FLOAT_EQ(x[begin + k], std::sqrt(10.0F) * parts[k]);
    const std::size_t quarter = years < 28 ? 0 : years <= 40 ? 1 : years <= 52 ? 2 : 3;
    float sum = 0;
    for (std::size_t c = 0; c < 16; ++c) {
      sum += x[begin + 3 + c];
      EXPECT_TRUE(x[begin + 3 + c] == 0 || c / 4 == quarter) << years;
    }
    EXPECT_EQ(sum, 1);
  }
}

}  // namespace
}  // namespace offerstream
