#include "consumers/retention_watch.h"

#include <gtest/gtest.h>

namespace offerstream {
namespace {

TEST(RetentionWatch, NearIsWhenTheStartIsCloserToTheFloorThanTheFloorToWhatIsCommitted) {
  EXPECT_TRUE(RetentionNears({901, 5000}, 1000, 1100));
  EXPECT_FALSE(RetentionNears({900, 5000}, 1000, 1100));
  EXPECT_TRUE(RetentionNears({1050, 5000}, 1000, 1100)) << "already passed";
}

TEST(RetentionWatch, ALogThatHasLostNothingOrATailOfNothingIsNeverNear) {
  EXPECT_FALSE(RetentionNears({0, 5000}, 10, 1100));
  EXPECT_FALSE(RetentionNears({1000, 5000}, 1000, 1000));
}

}  // namespace
}  // namespace offerstream
