#include "models/evaluating/factors.h"

#include <cmath>

#include <gtest/gtest.h>

#include "models/domain/random.h"

namespace offerstream {
namespace {

// Columns 0..5: two factors of three; 6 a copy of 0; 7 constant; 8 the sum of 1 and 2.
CoMoments Table(int rows) {
  Draws draws(3, 3, 3, Purpose::kSimulation);
  CoMoments moments(9);
  for (int i = 0; i < rows; ++i) {
    const double f = draws.Normal(), g = draws.Normal();
    double row[9];
    for (int j = 0; j < 6; ++j) row[j] = .8 * (j < 3 ? f : g) + .6 * draws.Normal();
    row[6] = 100 - 2 * row[0];
    row[7] = 5;
    row[8] = row[1] + row[2];
    moments.Add(row);
  }
  return moments;
}

TEST(Factors, ACopyAndAConstantAreLeftOutAndASumOfOthersIsBorne) {
  const auto found = FindFactors(Table(2000), 7);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->left_out, (std::vector<std::size_t>{6, 7}));
  EXPECT_EQ(found->count(), 2u);
  for (const double h : found->communality) EXPECT_LE(h, .995);
  for (Eigen::Index f = 0; f < 2; ++f) EXPECT_GT(found->loadings.col(f).maxCoeff(), -found->loadings.col(f).minCoeff());
}

TEST(Factors, ScoresAreStandardisedAndFollowTheirVariables) {
  const auto found = FindFactors(Table(2000), 7);
  ASSERT_TRUE(found.has_value());
  std::vector<double> middle(9), high(9), scores(2);
  for (std::size_t k = 0; k < found->kept.size(); ++k) middle[found->kept[k]] = found->mean[k];
  found->Score(middle, scores);
  EXPECT_NEAR(scores[0], 0, 1e-9);
  EXPECT_NEAR(scores[1], 0, 1e-9);
  high = middle;
  for (const std::size_t j : {3u, 4u, 5u}) high[j] += 1;  // the second group only
  found->Score(high, scores);
  const std::size_t own = found->loadings(3, 0) > .5 ? 0 : 1;
  EXPECT_GT(scores[own], .5);
  EXPECT_LT(std::abs(scores[1 - own]), .2);
}

TEST(Factors, TooFewRowsGiveNoAnswerAndTheSameSeedTheSameOne) {
  EXPECT_FALSE(FindFactors(Table(15), 7).has_value());
  EXPECT_FALSE(FindFactors(CoMoments(9), 7).has_value());
  EXPECT_EQ(FindFactors(Table(500), 7)->chance, FindFactors(Table(500), 7)->chance);
  EXPECT_NE(FindFactors(Table(500), 7)->chance, FindFactors(Table(500), 8)->chance);
}

}  // namespace
}  // namespace offerstream
