#include "models/learning/item_similarity.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "models/domain/random.h"
#include "models/learning/affinity.h"

namespace offerstream {
namespace {

constexpr Duration kDay = 86'400'000;

// Customers buy a pair of items out of ten pairs (2k, 2k + 1), and one of twenty others at random.
ItemSimilarity Pairs(int customers) {
  Draws draws(1, 1, 1, Purpose::kSimulation);
  ItemSimilarity items;
  for (int c = 0; c < customers; ++c) {
    RecentItems recent;
    const std::uint64_t pair = draws.Below(10), other = 100 + draws.Below(20);
    const EventTime time = c * kDay / 50;
    const IdHash basket[] = {2 * pair, 2 * pair + 1, other};
    for (std::size_t i = 0; i < 3; ++i) {
      items.Learn(recent, basket[i], time, i == 0);
      recent.Take(basket[i], time);
    }
  }
  return items;
}

TEST(RecentItems, KeepsTheNewestFiftyAndSaysWhatIsNew) {
  RecentItems recent;
  for (IdHash item = 0; item < 60; ++item) EXPECT_TRUE(recent.Take(item, 5));
  EXPECT_EQ(recent.items().size(), RecentItems::kMost);
  EXPECT_EQ(recent.items().front().item, 10u);
  EXPECT_FALSE(recent.Take(20, 10));
  EXPECT_EQ(recent.items().back().item, 20u);
  EXPECT_TRUE(recent.Take(30, 40 * kDay));
}

TEST(ItemSimilarity, WhatIsBoughtTogetherIsSimilarAndChanceIsNot) {
  const ItemSimilarity items = Pairs(3000);
  for (IdHash pair = 0; pair < 10; ++pair) {
    const auto listed = items.Listed(2 * pair + 1);
    ASSERT_EQ(listed.size(), 1u) << pair;
    EXPECT_EQ(listed[0].item, 2 * pair);
    EXPECT_GT(listed[0].similarity, .8);
  }
  EXPECT_TRUE(items.Listed(100).empty());
  EXPECT_TRUE(items.Listed(77).empty());
}

TEST(ItemSimilarity, RecommendsThePartnerThenWhatIsPopularAndNothingOwned) {
  const ItemSimilarity items = Pairs(3000);
  RecentItems recent;
  recent.Take(4, 0);
  const std::vector<IdHash> owned = {4};
  const auto chosen = items.Recommend(recent, owned, 3);
  ASSERT_EQ(chosen.size(), 3u);
  EXPECT_EQ(chosen[0], 5u);
  EXPECT_EQ(std::count(chosen.begin(), chosen.end(), 4u), 0);
  EXPECT_EQ(items.Recommend(RecentItems{}, owned, 3), items.Popular(owned, 3));
  double last = 1e9;
  for (const IdHash item : items.Popular({}, 20)) {
    EXPECT_LE(items.bought(item), last);
    last = items.bought(item);
  }
}

TEST(ItemSimilarity, ARobotOfOneDayIsCutAndAnItemTakesInOnlySoManyOthers) {
  ItemSimilarity items;
  RecentItems recent;
  for (IdHash item = 1; item <= 2000; ++item) {
    items.Learn(recent, 0, 5, true);   // the same customer, the same day, one item again and again
    recent.Take(0, 5);
    items.Learn(recent, item, 5, true);
    recent.Take(item, 5);
  }
  EXPECT_GT(items.pairs_skipped(), 0);
  EXPECT_NEAR(items.bought(0), 1, 1e-12);  // one customer has it once
}

TEST(ItemSimilarity, ContinuesFromItsSnapshotAndRefusesDamage) {
  ItemSimilarity one = Pairs(500), two;
  std::string bytes;
  ByteWriter out(bytes);
  one.Save(out);
  ByteReader in(bytes);
  two.Restore(in);
  ASSERT_TRUE(in.ok() && in.AtEnd());
  RecentItems recent;
  recent.Take(3, 500 * kDay);
  for (ItemSimilarity* items : {&one, &two}) items->Learn(recent, 2, 500 * kDay, true);
  std::string a, b;
  ByteWriter to_a(a), to_b(b);
  one.Save(to_a);
  two.Save(to_b);
  EXPECT_EQ(a, b);
  for (std::size_t cut : {std::size_t{3}, bytes.size() / 2, bytes.size() - 1}) {
    ByteReader damaged(std::string_view(bytes).substr(0, cut));
    two.Restore(damaged);
    EXPECT_FALSE(damaged.ok());
    EXPECT_EQ(two.items(), 0u);
  }
}

TEST(Affinity, SharesFollowActionsDecayAndShrinkTowardsEverybodys) {
  Affinity a;
  EXPECT_EQ(a.Share(1, .3, 0), .3);
  a.Take(1, AffinityAction::kPurchase, 0);
  a.Take(2, AffinityAction::kClick, 0);
  EXPECT_NEAR(a.Share(1, .3, 0), (6 + 1.5) / 13, 1e-12);
  EXPECT_NEAR(a.Share(1, .3, 30 * kDay), (3 + 1.5) / 9, 1e-12);
  EXPECT_NEAR(a.Novelty(3, 0), 1, 1e-12);
  a.Take(2, AffinityAction::kCart, -30 * kDay);  // late: half of it is left
  EXPECT_NEAR(a.Share(2, 0, 0), 3.5 / 14.5, 1e-12);
  for (IdHash c = 10; c < 200; ++c) a.Take(c, AffinityAction::kView, 0);
  EXPECT_EQ(a.weights().size(), Affinity::kMost);
  EXPECT_GT(a.Share(1, 0, 0), 0);
}

TEST(CategoryShares, AreDecayedAndAddUpToOne) {
  CategoryShares shares;
  for (int day = 0; day < 900; ++day) shares.Take(static_cast<IdHash>(day < 840 ? 1 : 2), AffinityAction::kView, day * kDay);
  EXPECT_NEAR(shares.Share(1) + shares.Share(2), 1, 1e-9);
  EXPECT_NEAR(shares.Share(2), .75, .02);
  EXPECT_EQ(shares.Largest(1).front().first, 2u);
}

TEST(CategoryShares, GoOnFromWhatWasSaved) {
  CategoryShares shares, again;
  for (int day = 0; day < 700; ++day) shares.Take(static_cast<IdHash>(day % 3), AffinityAction::kClick, day * kDay);
  std::string bytes, bytes_again;
  ByteWriter writer(bytes), writer_again(bytes_again);
  shares.Save(writer);
  ByteReader in(bytes);
  again.Restore(in);
  ASSERT_TRUE(in.ok() && in.AtEnd());
  again.Save(writer_again);
  EXPECT_EQ(bytes, bytes_again);
  EXPECT_NEAR(again.Total(700 * kDay), 2 / (1 - fixed::Exp2(-1.0 / 30)), 3);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    ByteReader damaged(std::string_view(bytes).substr(0, cut));
    again.Restore(damaged);
    EXPECT_FALSE(damaged.ok());
    EXPECT_EQ(again.size(), 0u);
  }
}

}  // namespace
}  // namespace offerstream
