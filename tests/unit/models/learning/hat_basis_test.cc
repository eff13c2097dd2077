#include "models/learning/hat_basis.h"

#include <cmath>

#include <gtest/gtest.h>

namespace offerstream {
namespace {

TEST(HatBasis, NeighboursMoveTogetherUnderThePrior) {
  std::vector<double> values;
  for (int i = 0; i < 1200; ++i) values.push_back(i);
  const HatBasis basis = HatBasis::Of(values);
  ASSERT_EQ(basis.size(), HatBasis::kKnots);
  EXPECT_EQ(basis.knots().front(), 0);
  EXPECT_EQ(basis.knots().back(), 1199);
  const auto covariance = [&](double a, double b) {
    std::vector<float> x(basis.size()), y(basis.size());
    basis.Expand(a, x);
    basis.Expand(b, y);
    double sum = 0;
    for (std::size_t j = 0; j < x.size(); ++j) sum += static_cast<double>(x[j]) * static_cast<double>(y[j]);
    return sum;
  };
  EXPECT_LT(covariance(600, 600), 1);
  EXPECT_GT(covariance(600, 700), .5 * covariance(600, 600));
  EXPECT_LT(covariance(0, 1199), .3 * covariance(0, 0));
}

TEST(HatBasis, BeyondTheOuterKnotsTheCurveIsFlatAndBetweenThemStraight) {
  const std::vector<double> values = {1, 2, 3, 4};
  const HatBasis basis = HatBasis::Of(values);
  ASSERT_EQ(basis.size(), 4u);
  const std::vector<double> m = {.3, -.2, .5, .1};
  EXPECT_EQ(basis.Curve(0, m), basis.Curve(1, m));
  EXPECT_EQ(basis.Curve(9, m), basis.Curve(4, m));
  EXPECT_NEAR(basis.Curve(2.5, m), .5 * (basis.Curve(2, m) + basis.Curve(3, m)), 1e-7);
}

TEST(HatBasis, TwoValuesMakeNoCurve) {
  const std::vector<double> values = {1, 2, 1, 2, std::nan("")};
  EXPECT_EQ(HatBasis::Of(values).size(), 0u);
  HatBasis::Of(values).Expand(1, {});
}

}  // namespace
}  // namespace offerstream
