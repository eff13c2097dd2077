#include "models/partition_account.h"

#include <gtest/gtest.h>

#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

TEST(PartitionAccount, RoundTripsAndRefusesDamage) {
  PartitionAccount account;
  account.Advance(kStart, kHour);
  account.Swept(kStart - 2 * kHour);
  account.adopted[7] = 9;
  EXPECT_TRUE(account.TellBirth(5));
  EXPECT_TRUE(account.TellBirth(3));
  EXPECT_FALSE(account.TellBirth(5));
  std::string bytes;
  ByteWriter writer(bytes);
  account.Save(writer);
  PartitionAccount loaded;
  ByteReader reader(bytes);
  ASSERT_TRUE(loaded.Load(reader));
  EXPECT_TRUE(reader.AtEnd());
  EXPECT_EQ(loaded.watermark, kStart - kHour);
  EXPECT_EQ(loaded.frontier, kStart - 2 * kHour);
  EXPECT_EQ(loaded.adopted, account.adopted);
  EXPECT_EQ(loaded.births, (std::vector<IdHash>{3, 5}));
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    ByteReader cut(std::string_view(bytes).substr(0, n));
    EXPECT_FALSE(loaded.Load(cut)) << n;
  }
}

}  // namespace
}  // namespace offerstream
