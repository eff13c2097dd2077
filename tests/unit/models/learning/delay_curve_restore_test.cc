#include <gtest/gtest.h>

#include <string>

#include "models/domain/bytes.h"
#include "models/learning/delay_curve.h"

namespace offerstream {
namespace {

TEST(DelayCurve, AStoredWindowBeyondAnyPlanIsDamage) {
  std::string bytes;
  ByteWriter out(bytes);
  DelayCurve(7 * 86'400'000LL).Save(out);
  ByteReader whole(bytes);
  (void)DelayCurve::Restore(whole);
  EXPECT_TRUE(whole.ok());
  for (const Duration window : {Duration{0}, Duration{-1}, Duration{INT64_MAX}, Duration{INT64_MAX / 2}}) {
    std::string damaged;
    ByteWriter start(damaged);
    start.I64(window);
    damaged += bytes.substr(sizeof(Duration));
    ByteReader in(damaged);
    (void)DelayCurve::Restore(in);
    EXPECT_FALSE(in.ok()) << window;
  }
}

}  // namespace
}  // namespace offerstream
