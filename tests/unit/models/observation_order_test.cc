#include "models/domain/observation_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "models/domain/random.h"

namespace offerstream {
namespace {

TEST(ObservationOrder, IsThatOfAStableSortByModelForFewModelsAndForMany) {
  ObservationOrder order;
  Draws draws(1, 2, 3, Purpose::kSimulation);
  for (const std::size_t models : {1, 3, 40, 500, 2}) {
    std::vector<Observation> rows(2'000);
    for (Observation& row : rows) row.model = H64({draws.Below(models)});
    std::vector<std::uint32_t> sorted(rows.size());
    std::iota(sorted.begin(), sorted.end(), 0u);
    std::ranges::stable_sort(sorted, {}, [&](std::uint32_t r) { return rows[r].model; });
    EXPECT_TRUE(std::ranges::equal(order.Of(rows), sorted)) << models;
  }
}

TEST(ObservationOrder, OfNoRowsIsEmpty) {
  ObservationOrder order;
  EXPECT_TRUE(order.Of({}).empty());
  const std::vector<Observation> one(1);
  EXPECT_EQ(order.Of(one).size(), 1u);
  EXPECT_TRUE(order.Of({}).empty());
}

}  // namespace
}  // namespace offerstream
