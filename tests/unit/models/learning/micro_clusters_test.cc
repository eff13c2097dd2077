#include "models/learning/micro_clusters.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>

#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr Duration kHalfLife = 1'000;

std::array<double, 2> At(double x, double y) { return {x, y}; }

TEST(MicroClusters, APointTakenOutLeavesNothingBehind) {
  MicroClusters micros(2, kHalfLife);
  micros.Advance(10);
  ASSERT_TRUE(micros.Add(7, At(1, 2), 10));
  ASSERT_TRUE(micros.Add(7, At(1.5, 2), 10));
  const double n = micros.clusters()[0].n, ls = micros.clusters()[0].ls[0];
  micros.Advance(400);
  micros.Add(7, At(9, -3), 400);
  micros.Advance(12'345);  // a dozen half-lives later, landmark moved
  EXPECT_TRUE(micros.Remove(7, At(9, -3), 400));
  EXPECT_NEAR(micros.clusters()[0].n / std::exp2(-12) / n, 1, 1e-15);
  EXPECT_NEAR(micros.clusters()[0].ls[0] / std::exp2(-12) / ls, 1, 1e-14);
  EXPECT_TRUE(micros.Remove(7, At(1, 2), 10));
  EXPECT_TRUE(micros.Remove(7, At(1.5, 2), 10));
  EXPECT_TRUE(micros.clusters().empty());
  EXPECT_EQ(micros.ids_held(), 0u);
  EXPECT_FALSE(micros.Remove(7, At(1, 2), 10));
}

TEST(MicroClusters, HalfALifeLaterAPointWeighsHalf) {
  MicroClusters micros(2, kHalfLife);
  micros.Advance(0);
  micros.Add(1, At(0, 0), 0);
  micros.Advance(kHalfLife);
  micros.Add(1, At(3, 0), kHalfLife);
  EXPECT_DOUBLE_EQ(micros.clusters()[0].centre[0], 2);  // (1/2 * 0 + 1 * 3) / (3/2)
  EXPECT_DOUBLE_EQ(micros.Freshness(0), 0.5);
}

/// 150 clusters on a grid two apart, three members each, told at time 0.
MicroClusters Full(std::array<std::uint64_t, MicroClusters::kMax>& ids) {
  MicroClusters micros(2, kHalfLife);
  micros.Advance(0);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ids[i] = 1'000 + i;
    const double x = 2.0 * static_cast<double>(i % 15), y = 2.0 * static_cast<double>(i / 15);
    for (double off : {-0.1, 0.0, 0.1}) micros.Add(ids[i], At(x + off, y), 0);
  }
  EXPECT_EQ(micros.clusters().size(), MicroClusters::kMax);
  return micros;
}

TEST(MicroClusters, AFounderNearALiveClusterBecomesItsAliasAndLeavesThroughIt) {
  std::array<std::uint64_t, MicroClusters::kMax> ids;
  MicroClusters micros = Full(ids);
  EXPECT_TRUE(micros.Add(5, At(0.05, 0), 0));
  EXPECT_EQ(micros.clusters().size(), MicroClusters::kMax);
  ASSERT_NE(micros.Home(5), nullptr);
  EXPECT_EQ(micros.Home(5)->id, 1'000u);
  EXPECT_EQ(micros.Home(5)->members, 4);
  EXPECT_TRUE(micros.Remove(5, At(0.05, 0), 0));
  EXPECT_EQ(micros.Home(5), nullptr);
  EXPECT_EQ(micros.Home(1'000)->members, 3);
}

TEST(MicroClusters, WhenFullTheClosestPairMergesAndBothIdsStayValid) {
  std::array<std::uint64_t, MicroClusters::kMax> ids;
  MicroClusters micros = Full(ids);
  micros.Add(ids[1], At(0.4, 0), 0);  // pulls cluster 1 towards cluster 0
  EXPECT_TRUE(micros.Add(9, At(100, 100), 0));
  EXPECT_EQ(micros.merged(), 1u);
  EXPECT_EQ(micros.clusters().size(), MicroClusters::kMax);
  ASSERT_EQ(micros.Home(ids[0]), micros.Home(ids[1]));
  EXPECT_EQ(micros.Home(ids[0])->members, 7);
  EXPECT_TRUE(micros.Remove(ids[0], At(0, 0), 0));
  EXPECT_EQ(micros.Home(ids[1])->members, 6);
  EXPECT_EQ(micros.Home(9)->members, 1);
}

TEST(MicroClusters, TheLightestBelowThreeTenthsIsEvictedAndMovesOutOfItAreDropped) {
  std::array<std::uint64_t, MicroClusters::kMax> ids;
  MicroClusters micros = Full(ids);
  const EventTime later = 4 * kHalfLife;  // three members weigh 3/16 now
  micros.Advance(later);
  for (std::size_t i = 1; i < ids.size(); ++i) micros.Add(ids[i], micros.Home(ids[i])->centre, later);
  EXPECT_TRUE(micros.Add(9, At(100, 100), later));
  EXPECT_EQ(micros.evicted(), 1u);
  EXPECT_EQ(micros.Home(ids[0]), nullptr);
  const std::int64_t members = micros.members();
  EXPECT_FALSE(micros.Remove(ids[0], At(0, 0), 0));
  EXPECT_FALSE(micros.Add(ids[0], At(0, 0), later)) << "an evicted id must not come alive: others still hold it";
  EXPECT_EQ(micros.members(), members);
  EXPECT_FALSE(micros.Remove(ids[0], At(0, 0), later));
  EXPECT_FALSE(micros.Remove(ids[0], At(-0.1, 0), 0));
  EXPECT_FALSE(micros.Remove(ids[0], At(0.1, 0), 0));
  EXPECT_TRUE(micros.Add(ids[0], At(0, 0), later)) << "nobody holds it any more: a name like any other";
}

TEST(MicroClusters, TheAffineMapEqualsTellingMappedPoints) {
  MicroClusters told(2, kHalfLife), mapped(2, kHalfLife);
  Draws draws(1, 1, 1, Purpose::kSimulation);
  const std::array<double, 2> a = {2.5, 0.4}, b = {-1, 3};
  for (EventTime t = 0; t < 300; ++t) {
    const std::array<double, 2> z = {draws.Normal(), draws.Normal()};
    for (MicroClusters* m : {&told, &mapped}) m->Advance(t);
    told.Add(1 + draws.Below(1), z, t);
    mapped.Add(1, At(a[0] * z[0] + b[0], a[1] * z[1] + b[1]), t);
  }
  told.Map(a, b);
  for (std::size_t j = 0; j < 2; ++j) {
    EXPECT_NEAR(told.clusters()[0].centre[j], mapped.clusters()[0].centre[j], 1e-12);
    EXPECT_NEAR(told.clusters()[0].ss[j] / mapped.clusters()[0].ss[j], 1, 1e-12);
  }
  EXPECT_NEAR(told.Radius2(0), mapped.Radius2(0), 1e-9);
}

TEST(MicroClusters, CoincidentPlacesShareOneClusterWhileFounding) {
  MicroClusters micros(2, kHalfLife);
  micros.Advance(0);
  for (std::uint64_t id = 1; id <= 1'000; ++id) micros.Add(id, At(static_cast<double>(id % 3), 0), 0);
  EXPECT_EQ(micros.clusters().size(), 3u);
  EXPECT_EQ(micros.members(), 1'000);
}

/// Three hundred thousand customers told before any cluster was known, as in a bulk load: an id of its own each.
TEST(MicroClusters, ABulkLoadKeepsTheSnapshotOneRecordAndLeavesWithTheRightSums) {
  constexpr std::uint64_t kCustomers = 300'000;
  MicroClusters micros(2, kHalfLife);
  micros.Advance(0);
  const auto place = [](std::uint64_t id) {
    Draws draws(5, id, 0, Purpose::kSimulation);
    return At(4.0 * static_cast<double>(id % 3) + draws.Normal(), draws.Normal());
  };
  for (std::uint64_t id = 1; id <= kCustomers; ++id) ASSERT_TRUE(micros.Add(id, place(id), 0));
  EXPECT_EQ(micros.members(), static_cast<std::int64_t>(kCustomers));
  EXPECT_LE(micros.ids_held(), MicroClusters::kIdsMax);
  std::string bytes;
  ByteWriter out(bytes);
  micros.Save(out);
  EXPECT_LT(bytes.size(), 400'000u);
  MicroClusters restored(2, kHalfLife);
  ByteReader in(bytes);
  ASSERT_TRUE(restored.Restore(in));
  double n = 0, x = 0;
  for (std::uint64_t id = 1; id <= kCustomers; ++id) {
    if (id % 3 != 0) EXPECT_TRUE(restored.Remove(id, place(id), 0)) << id;
    else x += place(id)[0];
  }
  EXPECT_EQ(restored.members(), static_cast<std::int64_t>(kCustomers / 3));
  double sum = 0;
  for (const MicroClusters::Cluster& c : restored.clusters()) {
    n += c.n;
    sum += c.ls[0];
  }
  EXPECT_NEAR(n, static_cast<double>(kCustomers / 3), 1e-3 * static_cast<double>(kCustomers));
  EXPECT_NEAR(sum / n, x / static_cast<double>(kCustomers / 3), 0.02);
}

TEST(MicroClusters, RestoredFromDamagedBytesIsRefusedNotTrusted) {
  std::array<std::uint64_t, MicroClusters::kMax> ids;
  MicroClusters micros = Full(ids);
  micros.Add(5, At(0.05, 0), 0);
  std::string bytes;
  ByteWriter out(bytes);
  micros.Save(out);
  MicroClusters good(2, kHalfLife);
  ByteReader in(bytes);
  ASSERT_TRUE(good.Restore(in));
  std::string again;
  ByteWriter out_again(again);
  good.Save(out_again);
  EXPECT_EQ(bytes, again);
  for (std::size_t cut = 0; cut < bytes.size(); cut += 37) {
    MicroClusters bad(2, kHalfLife);
    ByteReader shortened(std::string_view(bytes).substr(0, cut));
    EXPECT_FALSE(bad.Restore(shortened)) << cut;
  }
}

}  // namespace
}  // namespace offerstream
