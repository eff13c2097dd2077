// What an erasure takes back, and what it tells.
#include <gtest/gtest.h>

#include "models/decision_fold.h"
#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

TEST(Deletion, ForgetsTheCustomerAndClearsItsCaps) {
  FoldWorld w;
  w.Apply(Show(w, "u1", kStart, 0, 0));
  const FoldOutput& out = w.Apply(w.script.Add(EventKind::kDelete, "u1", kStart + kMinute));
  EXPECT_EQ(w.memory.Find("u1", H64("u1")), nullptr);
  ASSERT_EQ(out.cap_count, 1u);
  EXPECT_TRUE(out.caps[0].tombstone);
  ASSERT_EQ(out.erased.size(), 1u);
  EXPECT_EQ(out.erased[0].customer_id, "u1");
  EXPECT_TRUE(out.erased[0].known);
  EXPECT_EQ(out.erased[0].exposures, 1u);
  EXPECT_EQ(out.erased[0].impressions, 1u);
  EXPECT_EQ(out.erased[0].timers, 1u);
  EXPECT_EQ(out.erased[0].caps, 1u);
  const FoldOutput& nothing = w.Apply(w.script.Add(EventKind::kDelete, "nobody", kStart + kMinute));
  EXPECT_EQ(w.memory.Find("nobody", H64("nobody")), nullptr);
  ASSERT_EQ(nothing.erased.size(), 1u);
  EXPECT_FALSE(nothing.erased[0].known);
}

TEST(Deletion, TakesACustomerOutOfTheSegments) {
  FoldWorld w;
  w.Apply(Show(w, "u1", kStart, 0, 0));
  CustomerProfile& profile = w.memory.Open("u1", H64("u1"), 1);
  profile.place.Tell({77, kStart, {1.0F, 2.0F}, 3});
  const FoldOutput& out = w.Apply(w.script.Add(EventKind::kDelete, "u1", kStart + kMinute));
  ASSERT_FALSE(out.observations.rows.empty());
  const Observation& row = out.observations.rows.back();
  ASSERT_EQ(row.kind, ObservationKind::kMove);
  EXPECT_EQ(row.places->old_place.micro, 77u);
  EXPECT_EQ(row.places->new_place.micro, 0u);
  EXPECT_TRUE(out.erased[0].place);
}

}  // namespace
}  // namespace offerstream
