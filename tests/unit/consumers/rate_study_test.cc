#include "consumers/offline/rate_study.h"

#include <gtest/gtest.h>

#include "consumers/config/config.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

std::shared_ptr<const CampaignPlan> Plan() {
  const LoadedConfig loaded = ParseConfig(
      "version: 1\nevents: [ { topic: t, mapping: segment } ]\nchannels: { phone: {} }\noffers: [ { id: o } ]\nfeatures:\n  attributes:\n"
      "    - { name: age, center: 40, scale: 10 }\n    - { name: job, type: category, levels: [cook, clerk] }\n    - { name: vip, type: bool }\n"
      "    - { name: same, center: 5, scale: 1, missing: false }\n  profile: []\n  time: false\n  segment: false\n  ordinal: false\nsegments: { features: [] }\n",
      "c.yaml");
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
  return loaded.config->plan;
}

const RateStudy::Feature* Find(const std::vector<RateStudy::Feature>& all, const std::string& name) {
  for (const RateStudy::Feature& feature : all) {
    if (feature.name == name) return &feature;
  }
  return nullptr;
}

// bias, age, age:missing, job=cook, job=clerk, vip, same
TEST(RateStudy, CountsAreKeptByValueInTheUnitsOfTheTable) {
  RateStudy study(Plan());
  for (int i = 0; i < 200; ++i) {
    const bool missing = i % 10 == 0;
    const float age = static_cast<float>((20 + i % 5 - 40.0) / 10);
    study.Add(std::vector<float>{1, missing ? 0 : age, missing ? 1.0F : 0.0F, i % 3 == 0 ? 1.0F : 0.0F, i % 3 == 1 ? 1.0F : 0.0F, i % 2 == 0 ? 1.0F : 0.0F, 0}, i % 3 == 0);
  }
  const auto found = study.Find();
  const RateStudy::Feature* age = Find(found, "age");
  ASSERT_NE(age, nullptr);
  ASSERT_EQ(age->parts.size(), 6u);   // five values and the unknown
  EXPECT_EQ(age->parts[1].from, 21);
  EXPECT_EQ(age->parts[1].count.n, 40);
  EXPECT_EQ(age->parts[5].level, "missing");
  EXPECT_EQ(age->parts[5].count.n, 20);
  const RateStudy::Feature* job = Find(found, "job");
  ASSERT_NE(job, nullptr);
  EXPECT_EQ(job->parts[0].level, "cook");
  EXPECT_EQ(job->parts[0].count.yes, job->parts[0].count.n);
  EXPECT_EQ(job->parts[2].level, "other");
  EXPECT_EQ(job->degrees, 2u);
  EXPECT_NEAR(job->chi_square, 200, 1e-9);   // told by the job entirely
  EXPECT_LT(job->p, 1e-30);
  EXPECT_GT(Find(found, "vip")->p, .3);
  EXPECT_EQ(Find(found, "same"), nullptr) << "a constant says nothing";
}

TEST(RateStudy, ManyValuesBecomeTenPartsOfAboutEqualSizeWhoseEndsAreTheTables) {
  RateStudy study(Plan());
  Draws draws(3, 1, 1, Purpose::kSimulation);
  double least = 1e9, most = -1e9;
  for (int i = 0; i < 30'000; ++i) {
    const float z = static_cast<float>(draws.Normal());
    least = std::min(least, 40 + 10 * static_cast<double>(z));
    most = std::max(most, 40 + 10 * static_cast<double>(z));
    study.Add(std::vector<float>{1, z, 0, 0, 0, 0, 0}, draws.Uniform() < .2);
  }
  const auto found = study.Find();
  const RateStudy::Feature& age = *Find(found, "age");
  ASSERT_EQ(age.parts.size(), 10u);
  std::int64_t n = 0;
  for (const RateStudy::Part& part : age.parts) {
    EXPECT_NEAR(static_cast<double>(part.count.n), 3'000, 150);
    n += part.count.n;
  }
  EXPECT_EQ(n, 30'000);
  EXPECT_NEAR(age.parts.front().from, least, 1e-3);
  EXPECT_NEAR(age.parts.back().to, most, 1e-3);
  EXPECT_GT(age.p, 1e-3);
}

TEST(ValueCounts, MoreValuesThanAreKeptApartStillCountEverybody) {
  ValueCounts counts;
  for (int i = 0; i < 20'000; ++i) counts.Add(static_cast<float>(i) * .001F, i % 2 == 0);
  EXPECT_LE(counts.values().size(), ValueCounts::kKept);
  EXPECT_GE(counts.values().size(), ValueCounts::kKept / 4);
  std::int64_t n = 0, yes = 0;
  for (const auto& [value, cell] : counts.values()) {
    EXPECT_LE(cell.least, cell.most);
    n += cell.count.n;
    yes += cell.count.yes;
  }
  EXPECT_EQ(n, 20'000);
  EXPECT_EQ(yes, 10'000);
}

}  // namespace
}  // namespace offerstream
