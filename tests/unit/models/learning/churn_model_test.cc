#include "models/learning/churn_model.h"

#include <gtest/gtest.h>

#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr Duration kDay = 86'400'000;

TEST(BuyingProfile, LinesOfOneDayAreOneOrderAndReturnsAreNone) {
  BuyingProfile p;
  p.Take(10 * kDay, 500, false);
  p.Take(10 * kDay + 5, 700, false);
  p.Take(12 * kDay, -300, true);
  EXPECT_EQ(p.orders, 1);
  EXPECT_EQ(p.spent, 900);
  EXPECT_EQ(p.last, 10 * kDay + 5);
  p.Take(15 * kDay, 100, false);
  EXPECT_EQ(p.orders, 2);
  const BuyingHistory h = HistoryOf(p, 20 * kDay);
  EXPECT_EQ(h.repeats, 1);
  EXPECT_EQ(h.last, 5);
  EXPECT_EQ(h.age, 10);
}

TEST(ChurnModel, SeasonIsACircleAndShares) {
  BuyingProfile p;
  p.Take(0, 100, false);
  for (int day = 0; day < 800; day += 13) {
    const auto x = ChurnModel::Describe(p, day * kDay);
    float season = 0;
    for (std::size_t j = ChurnModel::kFeatures; j < ChurnModel::kDimension; ++j) season += x[j];
    EXPECT_NEAR(season, 1, 1e-6);
  }
}

TEST(ChurnModel, ContinuesFromItsSnapshot) {
  Draws draws(1, 1, 1, Purpose::kSimulation);
  ChurnModel model;
  BuyingProfile p;
  p.Take(0, 100, false);
  for (int i = 1; i < 300; ++i) model.Learn(ChurnModel::Describe(p, i * kDay), draws.Uniform() < .3, i * kDay);
  std::string bytes;
  ByteWriter out(bytes);
  model.Save(out);
  ChurnModel copy;
  ByteReader in(bytes);
  copy.Restore(in);
  EXPECT_TRUE(in.ok() && in.AtEnd());
  for (ChurnModel* m : {&model, &copy}) m->Learn(ChurnModel::Describe(p, 400 * kDay), true, 420 * kDay);
  EXPECT_EQ(model.Buys(ChurnModel::Describe(p, 500 * kDay)), copy.Buys(ChurnModel::Describe(p, 500 * kDay)));
}

TEST(ChurnLedger, LooksEveryFourWeeksAndLearnsAfterTheHorizonWhatCame) {
  ChurnLedger ledger(91 * kDay);
  // Half the customers buy every ten days, the others once.
  for (int day = 0; day < 365; ++day) {
    for (std::uint64_t c = 0; c < 200; ++c) {
      if (day == 0 || (c % 2 == 0 && day % 10 == 0)) ledger.Purchase(H64({c}), day * kDay + static_cast<Duration>(c), 1000);
    }
  }
  EXPECT_GT(ledger.score().labels(), 200 * 9);   // (365 - 91) / 28 looks whose future is known
  EXPECT_LE(ledger.score().labels(), 200 * 10);
  EXPECT_NEAR(static_cast<double>(ledger.score().positives()) / static_cast<double>(ledger.score().labels()), .5, .01);
  EXPECT_GT(ledger.score().Auc(), .9);
  const auto said = [&](std::uint64_t c) {
    return ledger.model().Buys(ChurnModel::Describe(ledger.customers().at(H64({c})), ledger.now()));
  };
  EXPECT_GT(said(2), .9);
  EXPECT_LT(said(3), .1);
}

TEST(ChurnLedger, ALatePurchaseCountsAsOfTheLastOne) {
  ChurnLedger ledger(91 * kDay);
  ledger.Purchase(1, 50 * kDay, 100);
  ledger.Purchase(1, 20 * kDay, 100);
  EXPECT_EQ(ledger.customers().at(1).orders, 1);
  EXPECT_EQ(ledger.customers().at(1).first, 50 * kDay);
}

}  // namespace
}  // namespace offerstream
