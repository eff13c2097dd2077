#include "models/learning/item_learner.h"

#include <gtest/gtest.h>

#include "models/domain/decay.h"
#include "models/domain/random.h"
#include "models/domain/recent_items.h"
#include "models/learning_fold.h"
#include "tests/unit/models/learning_worlds.h"

namespace offerstream {
namespace {

struct Basket {
  Observation row{};
  std::vector<float> x{};
};

Basket Bought(IdHash item, std::initializer_list<IdHash> others, EventTime time, std::uint32_t order = 1) {
  Basket b;
  b.row.kind = ObservationKind::kBasket;
  b.row.model = H64("items");
  b.row.exposure = item;
  b.row.time = time;
  b.row.n = order;
  for (const IdHash other : others) AppendItem(b.x, other);
  return b;
}

// Purchases of pairs (2k + 1, 2k + 2) out of `pairs`, each customer one pair and one of twenty other items.
std::vector<Basket> Pairs(int customers, std::uint64_t pairs, std::uint64_t seed = 1) {
  Draws draws(seed, 1, 1, Purpose::kSimulation);
  std::vector<Basket> all;
  for (int c = 0; c < customers; ++c) {
    const IdHash first = 2 * draws.Below(pairs) + 1, other = 1'000'000 + draws.Below(20);
    const EventTime time = c * kDay / 50;
    all.push_back(Bought(other, {}, time));
    all.push_back(Bought(first, {other}, time, 0));
    all.push_back(Bought(first + 1, {other, first}, time, 0));
  }
  return all;
}

TEST(RecentItem, AHashComesBackFromTheNumbersAFloatHolds) {
  Draws draws(3, 1, 1, Purpose::kSimulation);
  for (int i = 0; i < 2000; ++i) {
    const IdHash item = i == 0 ? 0 : i == 1 ? ~IdHash{0} : draws.Bits();
    std::vector<float> x;
    AppendItem(x, item);
    IdHash read = 1;
    ASSERT_TRUE(ReadItem(std::span<const float, kItemFloats>(x), read));
    EXPECT_EQ(read, item);
  }
  for (const float wrong : {-1.0f, 0.5f, 4'194'304.0f, std::numeric_limits<float>::quiet_NaN()}) {
    const std::array<float, kItemFloats> x = {wrong, 0, 0};
    IdHash read = 0;
    EXPECT_FALSE(ReadItem(x, read)) << wrong;
  }
}

TEST(ItemLearner, WhatIsBoughtTogetherIsListedAndChanceIsNot) {
  ItemLearner learner;
  for (const Basket& b : Pairs(3000, 10)) learner.Apply(b.row, b.x);
  const ItemsView view = learner.View();
  EXPECT_EQ(view.purchases, 9000);
  for (IdHash first = 1; first < 20; first += 2) {
    const ItemsView::Item* item = view.Find(first);
    ASSERT_NE(item, nullptr);
    ASSERT_EQ(item->similar.size(), 1u);
    EXPECT_EQ(item->similar[0].item, first + 1);
    EXPECT_GT(item->similar[0].similarity, .8);
  }
  EXPECT_TRUE(view.Find(1'000'003)->similar.empty());
  EXPECT_EQ(view.Find(12345), nullptr);
}

TEST(ItemLearner, StaysWithinItsBoundsAndForgottenItemsMakeRoom) {
  ItemLearner learner;
  for (const Basket& b : Pairs(6000, 2000)) learner.Apply(b.row, b.x);
  EXPECT_EQ(learner.View().items.size(), ItemLearner::kLimits.items);
  EXPECT_GT(learner.View().refused, 0);
  // Two years on everything else is forgotten: a new pair finds room.
  const EventTime later = 900 * kDay;
  for (int i = 0; i < 300; ++i) {
    const EventTime time = later + i * kDay / 50;
    for (const Basket& b : {Bought(8'000'001, {}, time), Bought(8'000'002, {8'000'001}, time), Bought(8'000'003 + i % 7, {}, time)}) learner.Apply(b.row, b.x);
  }
  const ItemsView view = learner.View();
  EXPECT_EQ(view.items.size(), ItemLearner::kLimits.items);
  ASSERT_NE(view.Find(8'000'001), nullptr);
  ASSERT_EQ(view.Find(8'000'001)->similar.size(), 1u);
  EXPECT_EQ(view.Find(8'000'001)->similar[0].item, 8'000'002u);
  std::string bytes;
  ByteWriter writer(bytes);
  learner.Save(writer);
  ItemLearner again;
  ByteReader in(bytes);
  again.Restore(in);
  EXPECT_TRUE(in.ok() && in.AtEnd());
}

// A full snapshot: every place taken, each item bought with most others.
TEST(ItemLearner, ASnapshotFitsIntoARecordOfKafka) {
  ItemLearner learner;
  Draws draws(1, 1, 1, Purpose::kSimulation);
  for (int i = 0; i < 60'000; ++i) {
    Basket b = Bought(1 + draws.Below(2000), {}, i * kDay / 20);
    for (int other = 0; other < 40; ++other) AppendItem(b.x, 1 + draws.Below(2000));
    learner.Apply(b.row, b.x);
  }
  std::string bytes;
  ByteWriter writer(bytes);
  learner.Save(writer);
  EXPECT_LT(bytes.size(), 900'000u);
  EXPECT_GT(bytes.size(), 400'000u);
}

TEST(ItemLearner, RefusesWhatMakesNoSense) {
  ItemLearner learner;
  Basket none = Bought(0, {}, 0), half = Bought(5, {6}, 0), odd = Bought(5, {6}, 0), many = Bought(5, {}, 0);
  half.x.pop_back();
  odd.x[1] = .5f;
  for (IdHash i = 0; i <= kRecentItemsMost; ++i) AppendItem(many.x, i);
  for (const Basket& b : {none, half, odd, many}) learner.Apply(b.row, b.x);
  EXPECT_EQ(learner.rejected(), 4);
  EXPECT_EQ(learner.purchases(), 0);
}

// The model is large: it goes out when it has grown by a twentieth, and until then the log is kept for it.
TEST(ItemLearner, IsHeldBackWhileItChangesLittleAndNothingIsLostMeanwhile) {
  auto rows = Pairs(400, 10);
  LearningFold fold(testing::SmallPlan(5)), straight(testing::SmallPlan(5));
  std::string stored, snapshot;
  std::uint64_t stored_at = 0, times = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    fold.Apply(rows[i].row, rows[i].x, i);
    straight.Apply(rows[i].row, rows[i].x, i);
    const auto published = fold.Publish(i + 1);
    if (published.empty()) {
      ASSERT_LT(fold.HeldFrom(), i + 1);
      continue;
    }
    EXPECT_EQ(fold.HeldFrom(), UINT64_MAX);
    fold.Save(H64("items"), stored);
    stored_at = i + 1;
    ++times;
  }
  EXPECT_GT(times, 20u);
  EXPECT_LT(times, 200u);
  rows.push_back(Bought(3, {4}, 9 * kDay));   // one more at least is not in what was stored
  for (LearningFold* one : {&fold, &straight}) one->Apply(rows.back().row, rows.back().x, rows.size() - 1);
  EXPECT_EQ(fold.HeldFrom(), stored_at);
  LearningFold restarted(testing::SmallPlan(5));
  ASSERT_TRUE(restarted.Restore("items", stored_at, stored).has_value());
  for (std::size_t i = stored_at; i < rows.size(); ++i) restarted.Apply(rows[i].row, rows[i].x, i);
  std::string a, b;
  restarted.Save(H64("items"), a);
  straight.Save(H64("items"), b);
  EXPECT_EQ(a, b);
  EXPECT_EQ(fold.Publish(rows.size(), true).size(), 1u);
  Basket last = Bought(1, {}, 400 * kDay);
  fold.Apply(last.row, last.x, rows.size());
  EXPECT_TRUE(fold.Publish(rows.size() + 1).empty());
  EXPECT_EQ(fold.Publish(rows.size() + LearningFold::kHeldMost).size(), 1u) << "not for ever";
}

}  // namespace
}  // namespace offerstream
