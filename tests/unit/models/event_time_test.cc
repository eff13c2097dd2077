#include "models/domain/event_time.h"

#include <gtest/gtest.h>

namespace offerstream {
namespace {

EventTime Parsed(std::string_view text) {
  EventTime time = -1;
  return ParseRfc3339(text, time) ? time : -1;
}

TEST(EventTime, ReadsEveryFormOfRfc3339) {
  EXPECT_EQ(Parsed("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(Parsed("2026-03-01T10:00:00Z"), 1772359200000);
  EXPECT_EQ(Parsed("2026-03-01 10:00:00.123456789+00:00"), 1772359200123);
  EXPECT_EQ(Parsed("2026-03-01t12:00:00.5+02:00"), 1772359200500);
  EXPECT_EQ(Parsed("2026-03-01T00:00:00.05-10:00"), 1772359200050);
  EXPECT_EQ(Parsed("2024-02-29T00:00:00Z"), 1709164800000);
  EXPECT_EQ(Parsed("9999-12-31T23:59:59.999Z"), kEventTimeMax);
  EXPECT_EQ(Parsed("2016-12-31T23:59:60Z"), Parsed("2017-01-01T00:00:00Z"));
}

TEST(EventTime, RefusesWhatIsNone) {
  for (const char* text :
       {"", "2026-03-01", "2026-03-01T10:00:00", "2026-02-29T10:00:00Z", "2026-13-01T10:00:00Z", "2026-03-01T24:00:00Z",
        "2026-03-01T10:60:00Z", "2026-03-01T10:00:60Z", "2026-03-01T10:00:00.Z", "2026-03-01T10:00:00Zz",
        "2026-03-01T10:00:00+14:01", "2026-03-01T10:00:00+1400", "x026-03-01T10:00:00Z", "2026/03/01T10:00:00Z"}) {
    EXPECT_EQ(Parsed(text), -1) << text;
  }
}

TEST(EventTime, WritesWhatItReads) {
  for (EventTime time = -62'167'219'200'000; time <= kEventTimeMax; time += 86'400'000LL * 977 + 12'345'678) {
    if (time >= 0) {
      EXPECT_EQ(Parsed(FormatTime(time)), time) << FormatTime(time);
    }
  }
  EXPECT_EQ(FormatTime(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatTime(INT64_MIN), "0000-01-01T00:00:00.000Z");
}

TEST(EventTime, ReadsFormsOfTheirOwn) {
  EventTime time = 0;
  ASSERT_TRUE(ParseByFormat("2010-12-01 08:26:00", "%Y-%m-%d %H:%M:%S", time));
  EXPECT_EQ(FormatTime(time), "2010-12-01T08:26:00.000Z");
  EXPECT_FALSE(ParseByFormat("2010-12-01 08:26", "%Y-%m-%d %H:%M:%S", time));
  EXPECT_FALSE(ParseByFormat("2010-12-01 08:26:00 and more", "%Y-%m-%d %H:%M:%S", time));
  ASSERT_TRUE(ParseDateOrTime("2026-01-01", time));
  EXPECT_EQ(FormatTime(time), "2026-01-01T00:00:00.000Z");
}

}  // namespace
}  // namespace offerstream
