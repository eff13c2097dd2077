#include "models/learning/model_race.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "models/domain/fixed_math.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr std::size_t kDimension = 3;

std::string Bytes(const ModelRace& race) {
  std::string bytes;
  ByteWriter out(bytes);
  race.SaveServed(out);
  race.SaveOthers(out);
  return bytes;
}

// Labels of a level that swings between -1 and -4 every `swing` hours; 20 labels an hour.
void Feed(ModelRace& race, int hours, int swing, std::uint64_t seed) {
  Draws draws(seed, 5, 5, Purpose::kSimulation);
  for (int hour = 0; hour < hours; ++hour) {
    for (int i = 0; i < 20; ++i) {
      const std::array<float, kDimension> x = {1, static_cast<float>(draws.Normal()), static_cast<float>(draws.Normal())};
      const double z = (hour / swing % 2 == 0 ? -1.0 : -4.0) + .5 * static_cast<double>(x[1]);
      race.Learn(x, draws.Uniform() < fixed::Logistic(z) ? 1 : 0, {});
    }
    race.Drift(1, HalfLives{});
  }
}

TEST(ModelRace, AWorldThatSwingsWithinADayIsServedByAFasterPaceAndACalmOneByASlowerPace) {
  ModelRace swinging(kDimension, true), calm(kDimension, true);
  Feed(swinging, 2'000, 12, 1);
  Feed(calm, 5'000, 1'000'000, 2);
  EXPECT_GT(swinging.pace(), 1);
  EXPECT_LT(calm.pace(), 1);
  EXPECT_GE(swinging.changes(), 1);
}

TEST(ModelRace, TheLeaderAlwaysRacesItsTwoNeighbours) {
  ModelRace race(kDimension, true);
  EXPECT_EQ(race.variants(), 3u);
  Feed(race, 2'000, 12, 1);
  EXPECT_EQ(race.variants(), 3u);
  race.Configure(false);
  EXPECT_EQ(race.variants(), 1u);
  EXPECT_EQ(race.pace(), 1);
  race.Configure(true);
  EXPECT_EQ(race.variants(), 3u);
}

TEST(ModelRace, AModelWhoseRaceWouldNotFitIntoARecordDoesNotRace) {
  EXPECT_EQ(ModelRace(ModelRace::kDimensionMax, true).variants(), 3u);
  EXPECT_LT(4 * 4 * ModelRace::kDimensionMax * (ModelRace::kDimensionMax + 8), 900'000u);
  EXPECT_EQ(ModelRace(ModelRace::kDimensionMax + 1, true).variants(), 1u);
}

TEST(ModelRace, WithoutARaceItIsThePlainModelBitForBit) {
  ModelRace race(kDimension, false);
  ResponseModel plain(kDimension);
  Draws draws(4, 4, 4, Purpose::kSimulation);
  for (int i = 0; i < 3'000; ++i) {
    const std::array<float, kDimension> x = {1, static_cast<float>(draws.Normal()), static_cast<float>(draws.Normal())};
    const double y = draws.Uniform() < .1 ? 1 : 0;
    race.Learn(x, y, {});
    plain.Learn(x, y, 1, 0);
    if (i % 20 == 0) race.Drift(1, HalfLives{});
    if (i % 20 == 0) plain.Drift(1, HalfLives{});
  }
  std::string a, b;
  ByteWriter out_a(a), out_b(b);
  race.served().Save(out_a);
  plain.Save(out_b);
  EXPECT_EQ(a, b);
}

TEST(ModelRace, ContinuesFromItsBytesAndRefusesDamage) {
  ModelRace race(kDimension, true);
  Feed(race, 500, 12, 3);
  const std::string bytes = Bytes(race);
  ByteReader in(bytes);
  ModelRace restored = ModelRace::RestoreServed(kDimension, in);
  restored.RestoreOthers(in);
  ASSERT_TRUE(in.ok());
  EXPECT_TRUE(in.AtEnd());
  Feed(race, 1'500, 12, 4);
  Feed(restored, 1'500, 12, 4);
  EXPECT_EQ(Bytes(race), Bytes(restored));
  for (std::size_t cut = 0; cut < bytes.size(); cut += 7) {
    ByteReader torn(std::string_view(bytes).substr(0, cut));
    ModelRace broken = ModelRace::RestoreServed(kDimension, torn);
    broken.RestoreOthers(torn);
    EXPECT_FALSE(torn.ok()) << cut;
  }
}

TEST(LabelInterval, ItsPiecesMakeUpTheOutcomeForFrequentOutcomesToo) {
  const double p = .3, z = fixed::Logit(p), cut = .6;   // F at the cut
  const LabelInterval first{fixed::Log(cut), cut, true}, second{fixed::Log(1 - cut), 1, true};
  const double before = fixed::Logistic(z + first.Offset(z)), after = fixed::Logistic(z + second.Offset(z));
  EXPECT_NEAR(before, p * cut, 1e-12);
  EXPECT_NEAR(before + (1 - before) * after, p, 1e-12);
  EXPECT_EQ(LabelInterval{}.Offset(z), 0);
}

}  // namespace
}  // namespace offerstream
