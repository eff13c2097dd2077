#include "models/evaluating/purchase_model.h"

#include <cmath>

#include <gtest/gtest.h>

#include "models/evaluating/nelder_mead.h"
#include "models/evaluating/special.h"

namespace offerstream {
namespace {

TEST(Special, KnownValues) {
  EXPECT_NEAR(special::LogGamma(.5), std::log(std::sqrt(std::acos(-1.0))), 1e-14);
  for (const double x : {.01, .3, 1.0, 1.5, 2.0, 7.25, 14.9, 15.1, 200.0, 1e6}) {
    EXPECT_NEAR(special::LogGamma(x), std::lgamma(x), 1e-13 * std::max(1.0, std::abs(std::lgamma(x)))) << x;
  }
  EXPECT_NEAR(special::Hypergeometric2F1(1, 1, 2, .9), -std::log(.1) / .9, 1e-13);
  EXPECT_NEAR(special::Hypergeometric2F1(2, 3, 3, .99), 1e4, 1e-8);  // (1 - z)^-2
}

TEST(NelderMead, FindsTheEndOfRosenbrocksValley) {
  const auto valley = [](const std::vector<double>& x) {
    return 100 * (x[1] - x[0] * x[0]) * (x[1] - x[0] * x[0]) + (1 - x[0]) * (1 - x[0]);
  };
  const std::vector<double> found = Minimise(valley, {-1.2, 1}, .5, 1e-14, 500);
  EXPECT_NEAR(found[0], 1, 1e-4);
  EXPECT_NEAR(found[1], 1, 1e-4);
}

TEST(PurchaseModel, A29CheckValues) {
  const BgNbd m{.6, 8, .9, 3};
  EXPECT_NEAR(m.Expected(1), .0733381583, 1e-9);
  EXPECT_NEAR(m.Expected(13), .7784131576, 1e-9);
  EXPECT_NEAR(m.Expected(52), 2.1726733763, 1e-9);
  const BuyingHistory lately{2, 30, 40}, long_ago{7, 12, 52};
  EXPECT_NEAR(m.Alive(lately), .7077034464, 1e-9);
  EXPECT_NEAR(m.Expected(lately, 13), .4650093294, 1e-9);
  EXPECT_NEAR(m.Buys(lately, 13), .3281954276, 1e-9);
  EXPECT_NEAR(m.LogLikelihood(lately), -8.9778546723, 1e-9);
  EXPECT_NEAR(m.Alive(long_ago), .0023596765, 1e-9);
  EXPECT_NEAR(m.Expected(long_ago, 13), .0036160368, 1e-9);
  EXPECT_NEAR(m.Buys(long_ago, 13), .0018281214, 1e-9);
  EXPECT_NEAR(m.LogLikelihood(long_ago), -17.5820611505, 1e-9);
  EXPECT_NEAR((GammaGamma{6, 4, 20}.Expected(2, 50)), 48, 1e-9);
}

TEST(PurchaseModel, WhoHasBoughtOnceIsAliveAndValueFallsWithTheDiscount) {
  const BgNbd m{.6, 8, .9, 3};
  EXPECT_EQ(m.Alive({0, 0, 30}), 1);
  const double plain = CustomerValue(m, {2, 30, 40}, 50, 1, 0, 52.0 / 12);
  EXPECT_NEAR(plain, 50 * m.Expected({2, 30, 40}, 52), 1e-9);
  EXPECT_LT(CustomerValue(m, {2, 30, 40}, 50, 1, .1, 52.0 / 12), plain);
  EXPECT_NEAR(CustomerValue(m, {2, 30, 40}, 50, .5, 0, 52.0 / 12), plain / 2, 1e-9);
}

TEST(PurchaseModel, APoleOfTheExpectationIsBridged) {
  const BuyingHistory h{3, 20, 30};
  const double at = BgNbd{.6, 8, 1, 3}.Expected(h, 13), beside = BgNbd{.6, 8, 1.0001, 3}.Expected(h, 13);
  EXPECT_NEAR(at, beside, 1e-4);
}

}  // namespace
}  // namespace offerstream
