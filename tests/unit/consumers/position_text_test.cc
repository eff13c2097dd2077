#include "consumers/position_text.h"

#include <gtest/gtest.h>

namespace offerstream {
namespace {

TEST(PositionText, ReadsBackWhatItWrote) {
  const LogId log{0x0123456789abcdefULL, 0xfedcba9876543210ULL};
  const std::string text = WritePositionText(17, log);
  EXPECT_EQ(text, "17 0123456789abcdeffedcba9876543210");
  const auto read = ReadPositionText(text);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->seq, 17u);
  EXPECT_EQ(read->log_id, log);
}

TEST(PositionText, AnythingElseIsNotOurs) {
  for (const char* text : {"", "17", "17 ", "17 0123", "x 0123456789abcdeffedcba9876543210", "17 0123456789abcdeffedcba98765432zz",
                           "17  123456789abcdeffedcba9876543210", "17 0123456789abcdeffedcba98765432100"}) {
    EXPECT_FALSE(ReadPositionText(text).has_value()) << text;
  }
}

TEST(PositionText, KeysOfTheChangelogDoNotCollide) {
  EXPECT_EQ(CustomerOfKey(ProfileKey("plan|3")), "plan|3");
  EXPECT_EQ(EpochOfKey(ProfileKey("plan|3")), 0u);
  EXPECT_EQ(EpochOfKey(PlanKey(3)), 3u);
  EXPECT_TRUE(CustomerOfKey(PlanKey(3)).empty());
  EXPECT_TRUE(CustomerOfKey(kMetaKey).empty());
  EXPECT_EQ(EpochOfKey(kMetaKey), 0u);
}

}  // namespace
}  // namespace offerstream
