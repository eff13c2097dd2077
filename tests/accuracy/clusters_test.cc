// B4: how many kinds of customers there are in customer_personality, by three measures that need not agree.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "models/domain/fixed_math.h"
#include "models/domain/numeric_path.h"
#include "models/learning/kmeans.h"

namespace offerstream {
namespace {

// ln income, ln spend, children, deals, web, catalogue, store, visits, recency; winsorised at 1 and 99 %, standardised. Rows without income are left out.
std::vector<std::vector<double>> ReadCustomers() {
  const char* root = std::getenv("OFFERSTREAM_DATA");
  const std::string data = root != nullptr ? root : std::string(OFFERSTREAM_SOURCE_DIR) + "/../shared/data";
  std::ifstream file(data + "/customer_personality/marketing_campaign.csv");
  std::vector<std::vector<double>> rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::vector<std::string> cells;
    std::stringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    if (cells.size() < 20 || cells[4].empty()) continue;
    const auto number = [&](std::size_t c) { return std::atof(cells[c].c_str()); };
    double spend = 0;
    for (std::size_t c = 9; c <= 14; ++c) spend += number(c);
    rows.push_back({fixed::Log(number(4)), fixed::Log1p(spend), number(5) + number(6), number(15), number(16), number(17), number(18), number(19), number(8)});
  }
  for (std::size_t j = 0; !rows.empty() && j < rows[0].size(); ++j) {
    std::vector<double> sorted;
    for (const auto& row : rows) sorted.push_back(row[j]);
    std::sort(sorted.begin(), sorted.end());
    const double low = sorted[sorted.size() / 100], high = sorted[sorted.size() - 1 - sorted.size() / 100];
    for (auto& row : rows) row[j] = std::clamp(row[j], low, high);  // one income is 666,666
    double sum = 0, squares = 0;
    for (const auto& row : rows) {
      sum += row[j];
      squares += row[j] * row[j];
    }
    const double n = static_cast<double>(rows.size()), mean = sum / n, sd = std::sqrt(squares / n - mean * mean);
    for (auto& row : rows) row[j] = (row[j] - mean) / sd;
  }
  return rows;
}

TEST(Clusters, B4ElbowSilhouetteAndPredictionStrengthOfCustomerPersonality) {
  FixNumericPath();
  const auto rows = ReadCustomers();
  if (rows.empty()) GTEST_SKIP() << "customer_personality is not there";
  PointSet all(rows[0].size());
  for (const auto& row : rows) all.Add(row);
  std::vector<double> inertia, silhouette(13);
  for (std::size_t k = 1; k <= 12; ++k) {
    Draws draws(1, k, 0, Purpose::kKMeans);
    const Clustering found = KMeans(all, k, 10, 50, draws);
    inertia.push_back(found.inertia);
    if (k >= 2 && k <= 4) silhouette[k] = Silhouette(all, found);
  }
  // Tibshirani & Walther: the mean over both halves and all cuts; the largest k with that and a standard error more at .8 or
  // above. (Segments in force want more: the worse of both halves, and no standard error.)
  constexpr std::uint64_t kCuts = 10;
  std::vector<double> strength(7), squares(7), se(7);
  for (std::uint64_t cut = 1; cut <= kCuts; ++cut) {
    Draws draws(1, cut, 0, Purpose::kKMeans);
    PointSet half_a(rows[0].size()), half_b(rows[0].size());
    for (const auto& row : rows) (draws.Uniform() < .5 ? half_a : half_b).Add(row);
    for (std::size_t k = 2; k < strength.size(); ++k) {
      const Clustering a = KMeans(half_a, k, 10, 50, draws), b = KMeans(half_b, k, 10, 50, draws);
      const double one = (PredictionStrength(a, half_b, b) + PredictionStrength(b, half_a, a)) / 2;
      strength[k] += one / kCuts;
      squares[k] += one * one / kCuts;
    }
  }
  std::size_t says = 1;
  for (std::size_t k = 2; k < strength.size(); ++k) {
    se[k] = std::sqrt(std::max(0.0, squares[k] - strength[k] * strength[k]) / (kCuts - 1));
    if (strength[k] + se[k] >= .8) says = k;
  }
  std::printf("B4: %zu customers, elbow %zu, silhouette %.3f at 2, %.3f at 3, %.3f at 4; prediction strength %.2f %.2f %.3f (se %.3f) %.2f %.2f at 2-6, says %zu\n",
              rows.size(), Elbow(inertia), silhouette[2], silhouette[3], silhouette[4], strength[2], strength[3], strength[4], se[4],
              strength[5], strength[6], says);
  EXPECT_EQ(Elbow(inertia), 3u);
  EXPECT_EQ(says, 4u);
  EXPECT_GE(strength[3], .8);
  EXPECT_GT(silhouette[2], silhouette[3]);
  EXPECT_GT(silhouette[2], silhouette[4]);
  EXPECT_NEAR(silhouette[2], .35, .03);
  EXPECT_NEAR(silhouette[4], .26, .03);
}

}  // namespace
}  // namespace offerstream
