#include "models/evaluating/proportion.h"

#include <gtest/gtest.h>

namespace offerstream {
namespace {

TEST(CountedShare, IsWilsonsInterval) {
  const Proportion share = CountedShare(15, 148);   // Newcombe 1998, table I, method 3
  EXPECT_NEAR(share.low, 0.0624, 5e-5);
  EXPECT_NEAR(share.high, 0.1605, 5e-5);
  EXPECT_DOUBLE_EQ(share.rate, 15.0 / 148);
  EXPECT_NEAR(CountedShare(0, 20).high, 0.1611, 5e-5);
}

TEST(CountedShare, StaysBetweenNothingAndEverything) {
  EXPECT_EQ(CountedShare(0, 20).low, 0.0);
  EXPECT_EQ(CountedShare(20, 20).high, 1.0);
  EXPECT_EQ(CountedShare(0, 0).low, 0.0);
  EXPECT_EQ(CountedShare(0, 0).high, 1.0);
}

}  // namespace
}  // namespace offerstream
