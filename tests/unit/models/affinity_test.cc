#include "models/domain/affinity.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

TEST(Affinity, SharesAddUpToOneAndAreEqualWhileNothingIsKnown) {
  CustomerProfile p;
  std::vector<double> shares(4);
  AffinityShares({}, kStart, shares);
  EXPECT_DOUBLE_EQ(shares[2], .25);
  TakeAffinity(p.KeepHabits().affinity, CategoryIndex(3), AffinityAction::kCart, kStart);
  TakeAffinity(p.KeepHabits().affinity, CategoryIndex(1), AffinityAction::kView, kStart);
  TakeAffinity(p.KeepHabits().affinity, CategoryIndex(1), AffinityAction::kView, kStart - kAffinityHalfLife);   // late: half of it is left
  AffinityShares(p.Affinity(), kStart, shares);
  EXPECT_NEAR(shares[0] + shares[1] + shares[2] + shares[3], 1, 1e-12);
  EXPECT_NEAR(shares[1], (1.25 + 1.5) / 9.5, 1e-6);
  EXPECT_NEAR(shares[3], (1.25 + 3) / 9.5, 1e-6);
}

TEST(DecisionFold, AffinityFollowsWhatACustomerTurnsToAndIsAFeature) {
  CampaignPlan plan = SmallPlan();
  plan.products[1].category = "cards";
  plan.affinity = true;
  FeatureSpec share;
  share.kind = FeatureKind::kAffinity;
  share.index = 1;   // cards; bank is the first category
  share.name = "affinity=cards";
  plan.features.features.insert(plan.features.features.begin() + 1, share);
  ++plan.features.candidate_begin;
  plan.Index();
  FoldWorld w(std::move(plan));
  EXPECT_FLOAT_EQ(w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart)).decisions[0].features[1], .5f);
  Event& viewed = w.script.Add(EventKind::kEngagement, "u1", kStart + kMinute);
  viewed.product = ProductIndex(1);
  const FoldOutput& seen = w.Apply(viewed);
  ASSERT_EQ(Rows(seen, ObservationKind::kPreference), 1u);
  const Observation row = seen.observations.rows.back();
  EXPECT_EQ(row.exposure, H64("cards"));
  EXPECT_EQ(row.n, static_cast<std::uint32_t>(AffinityAction::kView));
  Event& bought = w.script.Add(EventKind::kTransaction, "u1", kStart + 2 * kMinute);
  bought.product = ProductIndex(1);
  w.Apply(bought);
  ASSERT_EQ(w.Of("u1").Affinity().size(), 1u);
  EXPECT_NEAR(static_cast<double>(w.Of("u1").Affinity()[0].amount), 7, 1e-3);
  EXPECT_NEAR(static_cast<double>(w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart + 3 * kMinute)).decisions[0].features[1]), 9.5 / 12, 1e-3);
  // After a half-life half of it is left.
  EXPECT_NEAR(static_cast<double>(w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart + 30 * kDayLength)).decisions[0].features[1]), 6.0 / 8.5, 1e-3);
}

}  // namespace
}  // namespace offerstream
