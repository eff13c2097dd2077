// B3 on S10: how many factors, and which.
#include <cmath>
#include <cstdio>

#include <gtest/gtest.h>

#include "models/domain/numeric_path.h"
#include "models/domain/random.h"
#include "models/evaluating/factors.h"
#include "tests/accuracy/bank_rows.h"

namespace offerstream {
namespace {

constexpr std::size_t kVariables = 12, kPlanted = 3;
constexpr double kLoadings[] = {.8, .7, .6, .5};

double Planted(std::size_t variable, std::size_t factor) {
  return variable / 4 == factor ? kLoadings[variable % 4] : 0;
}

CoMoments Rows(std::uint64_t seed, int n, bool related) {
  Draws draws(seed, 10, 0, Purpose::kSimulation);
  CoMoments moments(kVariables);
  std::vector<double> row(kVariables);
  for (int i = 0; i < n; ++i) {
    double factor[kPlanted];
    for (double& f : factor) f = draws.Normal();
    for (std::size_t v = 0; v < kVariables; ++v) {
      const double l = related ? kLoadings[v % 4] : 0;
      row[v] = 1e6 + 40 * (l * factor[v / 4] + std::sqrt(1 - l * l) * draws.Normal());  // units do not matter
    }
    moments.Add(row);
  }
  return moments;
}

TEST(Factors, B3TheCountIsRightAndEveryPlantedFactorIsFound) {
  FixNumericPath();
  const int seeds = accuracy::Seeds(10);
  double least = 1, mean = 0;
  for (int seed = 1; seed <= seeds; ++seed) {
    const auto found = FindFactors(Rows(static_cast<std::uint64_t>(seed), 5000, true), 1);
    ASSERT_TRUE(found.has_value());
    ASSERT_EQ(found->count(), kPlanted) << "seed " << seed;
    for (std::size_t f = 0; f < kPlanted; ++f) {
      double best = 0;
      for (std::size_t g = 0; g < kPlanted; ++g) {  // Tucker's congruence
        double product = 0, a = 0, b = 0;
        for (std::size_t v = 0; v < kVariables; ++v) {
          const double seen = found->loadings(static_cast<Eigen::Index>(v), static_cast<Eigen::Index>(g));
          product += seen * Planted(v, f);
          a += seen * seen;
          b += Planted(v, f) * Planted(v, f);
        }
        best = std::max(best, product / std::sqrt(a * b));
      }
      least = std::min(least, best);
      mean += best / kPlanted / seeds;
    }
  }
  std::printf("B3, %d seeds: %zu factors, Tucker congruence mean %.4f, least %.4f\n", seeds, kPlanted, mean, least);
  EXPECT_GE(least, .99);
}

TEST(Factors, UnrelatedNumbersHaveNoFactorInAtLeastNineOfTenTables) {
  int none = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) none += FindFactors(Rows(seed, 1000, false), 1)->count() == 0;
  EXPECT_GE(none, 36);
}

}  // namespace
}  // namespace offerstream
