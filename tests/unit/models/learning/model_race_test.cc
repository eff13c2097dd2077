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
  ModelRace swinging(kDimension, RaceSpec{}), calm(kDimension, RaceSpec{});
  Feed(swinging, 2'000, 12, 1);
  Feed(calm, 5'000, 1'000'000, 2);
  EXPECT_GT(swinging.pace(), 1);
  EXPECT_LT(calm.pace(), 1);
  EXPECT_GE(swinging.changes(), 1);
}

TEST(ModelRace, TheLeaderAlwaysRacesItsTwoNeighbours) {
  ModelRace race(kDimension, RaceSpec{});
  EXPECT_EQ(race.variants(), 3u);
  Feed(race, 2'000, 12, 1);
  EXPECT_EQ(race.variants(), 3u);
  race.Configure(RaceSpec::None(), {});
  EXPECT_EQ(race.variants(), 1u);
  EXPECT_EQ(race.pace(), 1);
  race.Configure(RaceSpec{}, {});
  EXPECT_EQ(race.variants(), 3u);
}

TEST(ModelRace, AModelWhoseRaceWouldNotFitIntoARecordDoesNotRace) {
  EXPECT_EQ(ModelRace(ModelRace::kDimensionMax, RaceSpec{}).variants(), 3u);
  EXPECT_LT(4 * 4 * ModelRace::kDimensionMax * (ModelRace::kDimensionMax + 8), 900'000u);
  EXPECT_EQ(ModelRace(ModelRace::kDimensionMax + 1, RaceSpec{}).variants(), 1u);
}

TEST(ModelRace, WithoutARaceItIsThePlainModelBitForBit) {
  ModelRace race(kDimension, RaceSpec::None());
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
  ModelRace race(kDimension, RaceSpec{});
  Feed(race, 500, 12, 3);
  const std::string bytes = Bytes(race);
  ByteReader in(bytes);
  ModelRace restored = ModelRace::RestoreServed(FeatureGroups(kDimension), in, 3);
  restored.RestoreOthers(in, 3);
  ASSERT_TRUE(in.ok());
  EXPECT_TRUE(in.AtEnd());
  Feed(race, 1'500, 12, 4);
  Feed(restored, 1'500, 12, 4);
  EXPECT_EQ(Bytes(race), Bytes(restored));
  for (std::size_t cut = 0; cut < bytes.size(); cut += 7) {
    ByteReader torn(std::string_view(bytes).substr(0, cut));
    ModelRace broken = ModelRace::RestoreServed(FeatureGroups(kDimension), torn, 3);
    broken.RestoreOthers(torn, 3);
    EXPECT_FALSE(torn.ok()) << cut;
  }
}

// Bias, two numbers, a bend of the first as a curve's feature, and 16 cells of a cross of both.
FeatureGroups Groups() {
  FeatureGroups groups(20);
  groups.set[3] = kCurveFeatures;
  for (std::size_t j = 4; j < 20; ++j) groups.set[j] = kCrossFeatures;
  return groups;
}

std::array<float, 20> RowOf(Draws& draws) {
  const double a = draws.Normal(), b = draws.Normal();
  std::array<float, 20> x{1, static_cast<float>(a), static_cast<float>(b), static_cast<float>(a * a - 1)};
  const auto quarter = [](double v) { return v < -.67 ? 0u : v < 0 ? 1u : v < .67 ? 2u : 3u; };
  x[4 + 4 * quarter(a) + quarter(b)] = 1;
  return x;
}

// `bend` and `cross` are the world's.
void FeedRows(ModelRace& race, int labels, double bend, double cross, std::uint64_t seed) {
  Draws draws(seed, 6, 6, Purpose::kSimulation);
  for (int i = 0; i < labels; ++i) {
    const std::array<float, 20> x = RowOf(draws);
    const double a = static_cast<double>(x[1]), b = static_cast<double>(x[2]);
    const double z = -1 + .4 * b + bend * (a * a - 1) + (a * b > 0 ? cross : -cross);
    race.Learn(x, draws.Uniform() < fixed::Logistic(z) ? 1 : 0, {});
    if (i % 60 == 59) race.Drift(1, HalfLives{});
  }
}

const RaceSpec kEverything{true, true, false, {kPlainFeatures, kCurveFeatures, kCrossFeatures, kCurveFeatures | kCrossFeatures}};

TEST(ModelRace, CurvesAreServedWhereTheWorldBendsAndNotWhereItIsStraight) {
  const RaceSpec spec{true, false, false, {kPlainFeatures, kCurveFeatures}};
  ModelRace bent(Groups(), spec), straight(Groups(), spec);
  EXPECT_EQ(bent.features(), kPlainFeatures);
  EXPECT_EQ(bent.variants(), 4u);
  FeedRows(bent, 8'000, .8, 0, 1);
  FeedRows(straight, 8'000, 0, 0, 1);
  EXPECT_EQ(bent.features(), kCurveFeatures);
  EXPECT_EQ(straight.features(), kPlainFeatures);
}

TEST(ModelRace, ACrossTakesPartOnlyOnceErrorsDifferBetweenItsCells) {
  const RaceSpec spec{true, false, false, {kPlainFeatures, kCrossFeatures}};
  ModelRace crossed(Groups(), spec), plain(Groups(), spec);
  EXPECT_EQ(crossed.variants(), 3u) << "until then it would be the plain one twice";
  FeedRows(crossed, 10'000, 0, .8, 2);
  FeedRows(plain, 10'000, 0, 0, 2);
  EXPECT_EQ(crossed.admitted(), 1);
  EXPECT_EQ(crossed.features(), kCrossFeatures);
  EXPECT_EQ(plain.admitted(), 0);
  EXPECT_EQ(plain.variants(), 3u);
}

TEST(ModelRace, WideSlopesAreServedByAWidePrior) {
  constexpr std::size_t kMany = 40;
  ModelRace race(kMany, {false, true, false, {kPlainFeatures}});
  EXPECT_EQ(race.variants(), 3u);
  Draws draws(5, 7, 7, Purpose::kSimulation);
  std::array<double, kMany> slope{};
  for (double& s : slope) s = .9 * draws.Normal();
  for (int i = 0; i < 6'000; ++i) {
    std::array<float, kMany> x{1};
    double z = -1;
    for (std::size_t j = 1; j < kMany; ++j) {
      x[j] = static_cast<float>(draws.Normal());
      z += slope[j] * static_cast<double>(x[j]);
    }
    race.Learn(x, draws.Uniform() < fixed::Logistic(z) ? 1 : 0, {});
    if (i % 30 == 29) race.Drift(2, HalfLives{});
  }
  EXPECT_EQ(race.width(), 3);
  EXPECT_EQ(race.variants(), 2u) << "nothing is wider";
}

// What decisions score by is one model over all features, whichever variant leads and when all are pooled.
TEST(ModelRace, TheWrittenModelSaysWhatTheRacePredicts) {
  for (const bool pool : {false, true}) {
    RaceSpec spec = kEverything;
    spec.pool = pool;
    ModelRace race(Groups(), spec);
    FeedRows(race, 4'000, .8, .8, 3);
    std::vector<double> mean;
    std::vector<float> covariance;
    race.Write(mean, covariance);
    ASSERT_EQ(covariance.size(), 400u);
    Draws draws(9, 9, 9, Purpose::kSimulation);
    for (int i = 0; i < 20; ++i) {
      const std::array<float, 20> x = RowOf(draws);
      double z = 0, v = 0;
      for (std::size_t a = 0; a < 20; ++a) {
        z += mean[a] * static_cast<double>(x[a]);
        for (std::size_t b = 0; b < 20; ++b) v += static_cast<double>(covariance[a * 20 + b] * x[a] * x[b]);
      }
      const ResponseModel::Prediction said = race.Predict(x);
      EXPECT_NEAR(said.logit, z, 1e-9);
      EXPECT_NEAR(said.variance, v, 1e-5);
    }
  }
}

TEST(ModelRace, WithEverythingOnItContinuesFromItsBytesPastALeadChangeAndARestart) {
  for (const bool pool : {false, true}) {
    RaceSpec spec = kEverything;
    spec.pool = pool;
    ModelRace race(Groups(), spec);
    FeedRows(race, 49'500, .3, .3, 4);
    EXPECT_GE(race.changes(), 1);
    const std::string bytes = Bytes(race);
    ByteReader in(bytes);
    ModelRace restored = ModelRace::RestoreServed(Groups(), in, 3);
    EXPECT_TRUE(!pool || in.AtEnd()) << "a pool is served with all its members";
    restored.RestoreOthers(in, 3);
    ASSERT_TRUE(in.ok() && in.AtEnd());
    restored.Configure(spec, {});
    FeedRows(race, 2'000, .3, .3, 5);
    FeedRows(restored, 2'000, .3, .3, 5);
    EXPECT_EQ(Bytes(race), Bytes(restored));
    for (std::size_t cut = 0; cut < bytes.size(); cut += bytes.size() / 50 + 1) {
      ByteReader torn(std::string_view(bytes).substr(0, cut));
      ModelRace broken = ModelRace::RestoreServed(Groups(), torn, 3);
      broken.RestoreOthers(torn, 3);
      EXPECT_FALSE(torn.ok()) << cut;
    }
  }
}

TEST(ModelRace, FeaturesNoLongerWantedLeaveTheirMeanInTheLevel) {
  const RaceSpec curves{true, false, false, {kCurveFeatures}};
  ModelRace race(Groups(), curves);
  FeedRows(race, 4'000, .8, 0, 6);
  std::vector<double> mean;
  std::vector<float> covariance, x(20);
  x[0] = 1;
  x[3] = .5F;
  const double before = race.Predict(x).logit;
  std::vector<double> means(20);
  means[3] = .5;
  race.Configure(RaceSpec{}, means);
  EXPECT_EQ(race.features(), kPlainFeatures);
  EXPECT_EQ(race.served().dimension(), 3u);
  EXPECT_NEAR(race.Predict(x).logit, before, 1e-9);
  EXPECT_EQ(race.variants(), 3u);
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
