#include "models/learning/kmeans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "models/learning/hungarian.h"

namespace offerstream {
namespace {

Draws Stream(std::uint64_t event) { return Draws(1, 2, event, Purpose::kSimulation); }

/// `per_group` points around each of `groups` centres `apart` from one another on a line.
PointSet Line(std::size_t groups, std::size_t per_group, double apart, Draws& draws) {
  PointSet points(3);
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t i = 0; i < per_group; ++i) {
      const double z[] = {apart * static_cast<double>(g) + draws.Normal(), draws.Normal(), draws.Normal()};
      points.Add(z);
    }
  }
  return points;
}

TEST(Hungarian, FindsTheCheapestAssignmentOfEveryOrder) {
  Draws draws = Stream(1);
  for (std::size_t n = 1; n <= 6; ++n) {
    for (int trial = 0; trial < 30; ++trial) {
      std::vector<double> cost(n * n);
      for (double& c : cost) c = std::floor(draws.Uniform() * 20);
      std::vector<std::size_t> order(n);
      for (std::size_t i = 0; i < n; ++i) order[i] = i;
      double least = 1e9;
      do {
        double sum = 0;
        for (std::size_t i = 0; i < n; ++i) sum += cost[i * n + order[i]];
        least = std::min(least, sum);
      } while (std::next_permutation(order.begin(), order.end()));
      const std::vector<std::size_t> found = Hungarian(cost, n);
      double sum = 0;
      std::vector<bool> used(n, false);
      for (std::size_t i = 0; i < n; ++i) {
        sum += cost[i * n + found[i]];
        EXPECT_FALSE(used[found[i]]);
        used[found[i]] = true;
      }
      EXPECT_EQ(sum, least);
    }
  }
}

TEST(PointSet, KeepsPointsThroughBlocksAndMeasuresDistances) {
  PointSet points(2);
  for (int i = 0; i < 19; ++i) {
    const double z[] = {1.0 * i, 2.0 * i};
    points.Add(z, 0.5);
  }
  EXPECT_EQ(points.size(), 19u);
  EXPECT_EQ(points.padded_size(), 24u);
  EXPECT_DOUBLE_EQ(points.total_weight(), 9.5);
  std::vector<double> distance(points.padded_size());
  const double centre[] = {3, 1};
  points.DistancesTo(centre, distance);
  for (std::size_t i = 0; i < 19; ++i) {
    const double x = static_cast<double>(i);
    EXPECT_DOUBLE_EQ(points.at(i, 1), 2 * x);
    EXPECT_DOUBLE_EQ(distance[i], (x - 3) * (x - 3) + (2 * x - 1) * (2 * x - 1));
  }
}

TEST(KMeans, AWeightOfThreeCountsLikeThreePoints) {
  PointSet weighted(1), repeated(1);
  for (double x : {0.0, 1.0, 10.0, 12.0, 13.0}) {
    const double w = x == 10.0 ? 3 : 1;
    weighted.Add({&x, 1}, w);
    for (int i = 0; i < w; ++i) repeated.Add({&x, 1});
  }
  const std::vector<double> from = {0, 20};
  const Clustering a = Lloyd(weighted, from, 50), b = Lloyd(repeated, from, 50);
  EXPECT_DOUBLE_EQ(a.inertia, b.inertia);
  EXPECT_DOUBLE_EQ(a.centres[0], 0.5);
  EXPECT_DOUBLE_EQ(a.centres[1], 11.0);
}

TEST(KMeans, FindsSeparateGroupsAndAnEmptyCentreGetsTheCostliestPoint) {
  Draws draws = Stream(3);
  const PointSet points = Line(4, 200, 12, draws);
  const Clustering fit = KMeans(points, 4, 4, 50, draws);
  for (std::size_t i = 0; i < points.size(); ++i) EXPECT_EQ(fit.label[i], fit.label[i / 200 * 200]);
  EXPECT_NEAR(fit.inertia / static_cast<double>(points.size()), 3, 0.3);
  // A centre at the other end of the world serves nobody: it must not stay there.
  std::vector<double> centres(fit.centres.begin(), fit.centres.end());
  centres.resize(5 * 3, 1e6);
  const Clustering five = Lloyd(points, centres, 20);
  EXPECT_LT(five.inertia, fit.inertia);
  EXPECT_LT(std::abs(five.centres[12]), 100);
}

TEST(KMeans, SeedsAreDistinctPointsAndFewerPointsThanCentresDoNoHarm) {
  Draws draws = Stream(4);
  PointSet two(1);
  for (double x : {1.0, 2.0}) two.Add({&x, 1});
  const Clustering fit = KMeans(two, 3, 2, 10, draws);
  EXPECT_EQ(fit.inertia, 0);
  EXPECT_NE(fit.label[0], fit.label[1]);
}

TEST(PredictionStrength, IsHighForTheTrueNumberAndLowAboveIt) {
  Draws draws = Stream(5);
  const PointSet a = Line(3, 200, 8, draws), b = Line(3, 200, 8, draws);
  const std::vector<double> strength = PredictionStrengths(a, b, 6, draws);
  EXPECT_EQ(strength[1], 1);
  EXPECT_GT(strength[3], 0.95);
  for (std::size_t k = 4; k <= 6; ++k) EXPECT_LT(strength[k], 0.8) << k;
}

TEST(PredictionStrength, CountsPairsKeptTogetherInTheWorstCluster) {
  // Test clusters {0, 1, 2} and {3, 4}; the training centre's border cuts the first one after its first point.
  PointSet test(1);
  for (double x : {0.0, 1.0, 2.0, 10.0, 11.0}) test.Add({&x, 1});
  Clustering own = AssignAll(test, std::vector<double>{1, 10.5});
  Clustering train;
  train.k = 2;
  train.centres = {0, 1.5};
  EXPECT_DOUBLE_EQ(PredictionStrength(train, test, own), 1.0 / 3);  // of 3 pairs {1, 2} stays
  own = AssignAll(test, std::vector<double>{1, 11});
  EXPECT_DOUBLE_EQ(PredictionStrength(own, test, own), 1);
}

TEST(Silhouette, AgreesWithTheDefinitionByHand) {
  PointSet points(1);
  for (double x : {0.0, 1.0, 5.0, 7.0}) points.Add({&x, 1});
  const Clustering c = AssignAll(points, std::vector<double>{0.5, 6});
  // a = 1, 1, 2, 2; b = 6, 5, 4.5, 6.5.
  EXPECT_NEAR(Silhouette(points, c), (5.0 / 6 + 4.0 / 5 + 2.5 / 4.5 + 4.5 / 6.5) / 4, 1e-12);
}

TEST(Elbow, IsTheFarthestPointFromTheChord) {
  EXPECT_EQ(Elbow(std::vector<double>{100, 50, 12, 10, 8, 6}), 3u);
  EXPECT_EQ(Elbow(std::vector<double>{100, 75, 50, 25}), 1u);
  EXPECT_EQ(Elbow(std::vector<double>{}), 1u);
}

TEST(Bic, PrefersTheTrueNumberOfSphericalGroups) {
  Draws draws = Stream(6);
  const PointSet points = Line(3, 300, 10, draws);
  std::vector<double> bic;
  for (std::size_t k = 1; k <= 6; ++k) bic.push_back(Bic(points, KMeans(points, k, 6, 50, draws)));
  EXPECT_EQ(std::min_element(bic.begin(), bic.end()) - bic.begin(), 2);
}

}  // namespace
}  // namespace offerstream
