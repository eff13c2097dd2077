#include "models/learning/tree_model.h"

#include <cmath>

#include <gtest/gtest.h>

#include "models/domain/random.h"

namespace offerstream {
namespace {

// y is frequent where columns 0 and 1 both are 1; column 2 is noise.
LabelledRows Crossed(std::size_t n, std::uint64_t seed) {
  Draws draws(seed, 1, 1, Purpose::kSimulation);
  LabelledRows rows;
  rows.columns = 3;
  for (std::size_t i = 0; i < n; ++i) {
    const float x[3] = {draws.Uniform() < .5 ? 0.0F : 1.0F, draws.Uniform() < .5 ? 0.0F : 1.0F, static_cast<float>(draws.Normal())};
    rows.Add(x, draws.Uniform() < (x[0] + x[1] > 1.5F ? .8 : .1));
  }
  return rows;
}

TreeSettings Settings(TreeSettings::Kind kind) {
  TreeSettings settings;
  settings.kind = kind;
  settings.depth = 4;
  settings.trees = 60;
  settings.rounds = 60;
  return settings;
}

class Trees : public ::testing::TestWithParam<TreeSettings::Kind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, Trees, ::testing::Values(TreeSettings::Kind::kForest, TreeSettings::Kind::kBoosting));

TEST_P(Trees, ACrossIsLearnedAndNoiseHasLittlePartInIt) {
  const auto table = TreeTable::Of(Crossed(4000, 1));
  ASSERT_TRUE(table.has_value());
  const auto model = TreeModel::Fit(Settings(GetParam()), *table, nullptr);
  ASSERT_TRUE(model.has_value()) << model.error().detail;
  LabelledRows corners;
  corners.columns = 3;
  corners.Add(std::vector<float>{0, 0, 0}, false);
  corners.Add(std::vector<float>{1, 1, 0}, false);
  const auto p = model->Predict(*TreeTable::Of(corners));
  ASSERT_TRUE(p.has_value());
  EXPECT_NEAR((*p)[0], .1, .07);
  EXPECT_NEAR((*p)[1], .8, .25);  // a forest that sees one column a node spends some on noise
  const auto gain = model->TotalGain();
  ASSERT_TRUE(gain.has_value());
  EXPECT_GT((*gain)[0], 0);
  const auto shap = model->MeanAbsShap(*TreeTable::Of(Crossed(100, 2)));
  ASSERT_TRUE(shap.has_value());
  EXPECT_GT((*shap)[0], 2 * (*shap)[2]);
  EXPECT_GT((*shap)[1], 2 * (*shap)[2]);
}

TEST_P(Trees, TheSameRowsAndSeedGiveTheSameBits) {
  const auto table = TreeTable::Of(Crossed(1000, 1));
  const auto rows = TreeTable::Of(Crossed(200, 2));
  const auto one = TreeModel::Fit(Settings(GetParam()), *table, nullptr), two = TreeModel::Fit(Settings(GetParam()), *table, nullptr);
  EXPECT_EQ(*one->Predict(*rows), *two->Predict(*rows));
}

TEST(TreeModel, BoostingStopsWhenTheJudgeSeesNoGain) {
  const auto table = TreeTable::Of(Crossed(1000, 1)), judge = TreeTable::Of(Crossed(1000, 2));
  TreeSettings settings = Settings(TreeSettings::Kind::kBoosting);
  settings.rounds = 500;
  settings.eta = .3;
  const auto model = TreeModel::Fit(settings, *table, &*judge);
  ASSERT_TRUE(model.has_value());
  EXPECT_LT(model->settings().rounds, 200u);
  EXPECT_NEAR(model->loss(), .25 * .5004 + .75 * .3251, .06);  // entropies of .8 and .1
}

TEST(TreeModel, SearchPrefersWhatPredictsLaterRowsAndRefusesTooFew) {
  const auto found = SearchTrees(TreeSettings::Kind::kBoosting, Crossed(2000, 1), 6, 1);
  ASSERT_TRUE(found.has_value());
  EXPECT_GE(found->depth, 3u);
  EXPECT_GE(found->rounds, 1u);
  EXPECT_FALSE(SearchTrees(TreeSettings::Kind::kForest, Crossed(4, 1), 6, 1).has_value());
  EXPECT_FALSE(TreeTable::Of(LabelledRows{}).has_value());
}

}  // namespace
}  // namespace offerstream
