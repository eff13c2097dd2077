#include "models/evaluating/multiple_testing.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "models/domain/random.h"

namespace offerstream {
namespace {

TEST(MultipleTesting, RatesOfFalseDiscoveriesAreBenjaminiAndHochbergs) {
  // Their own example (1995, section 4): at 5 % the four smallest of fifteen are found.
  const std::vector<double> p = {.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240, .4262, .5719, .6528, .7590, 1.0};
  const std::vector<double> q = FalseDiscoveryRates(p);
  for (std::size_t i = 0; i < p.size(); ++i) EXPECT_EQ(q[i] <= kFalseDiscoveryRate, i < 4) << i;
  EXPECT_DOUBLE_EQ(q[0], .0001 * 15);
  EXPECT_DOUBLE_EQ(q[3], .0095 * 15 / 4);
  EXPECT_DOUBLE_EQ(q[14], 1);
}

TEST(MultipleTesting, OrderDoesNotMatterAndWhatIsNoNumberIsNeverFound) {
  const std::vector<double> p = {.04, std::numeric_limits<double>::quiet_NaN(), .001, .03};
  const std::vector<double> q = FalseDiscoveryRates(p);
  EXPECT_DOUBLE_EQ(q[2], .004);
  EXPECT_DOUBLE_EQ(q[3], .04 * 4 / 3);   // never above that of a larger p
  EXPECT_DOUBLE_EQ(q[0], .04 * 4 / 3);
  EXPECT_EQ(q[1], 1);
  EXPECT_TRUE(FalseDiscoveryRates({}).empty());
}

TEST(MultipleTesting, WhereNothingIsThereSomethingIsFoundInOneTableOfTwenty) {
  int tables = 0;
  for (std::uint64_t t = 0; t < 2'000; ++t) {
    Draws draws(t, 1, 2, Purpose::kSimulation);
    std::vector<double> p(40);
    for (double& one : p) one = draws.Uniform();
    bool found = false;
    for (const double q : FalseDiscoveryRates(p)) found = found || q <= kFalseDiscoveryRate;
    tables += found ? 1 : 0;
  }
  EXPECT_NEAR(tables / 2'000.0, .05, .015);
}

}  // namespace
}  // namespace offerstream
