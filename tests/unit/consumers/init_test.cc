#include "consumers/commands/init.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "consumers/config/config.h"
#include "consumers/wire/mapping_check.h"

namespace offerstream {
namespace {

namespace fs = std::filesystem;

class InitTest : public ::testing::Test {
 protected:
  InitTest() : folder_(fs::path(::testing::TempDir()) / ("offerstream-init-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~InitTest() override { fs::remove_all(folder_); }
  std::string Table(const std::string& text) {
    std::ofstream(folder_ / "table", std::ios::binary) << text;
    return (folder_ / "table").string();
  }
  fs::path folder_;
};

TEST_F(InitTest, ADraftOfATableWithTypesGapsAndAnAnswerIsSoundAndPassesItsTest) {
  std::string csv = "client id;joined;income;job;vip;note;answer\n";
  for (int i = 0; i < 60; ++i) {
    csv += "c" + std::to_string(i) + ";2026-01-0" + std::to_string(1 + i % 9) + " 10:00:00;" +
           (i % 7 == 0 ? "" : std::to_string(1000 + i)) + ";" + (i % 2 == 0 ? "clerk" : "cook, chef") + ";" +
           (i % 3 == 0 ? "yes" : "no") + ";text number " + std::to_string(i) + ";" + (i % 10 == 0 ? "Yes" : "No") +
           "\n";
  }
  ASSERT_EQ(RunInit({Table(csv), folder_.string(), false}), 0);
  const LoadedConfig loaded = LoadConfig((folder_ / "offerstream.yaml").string());
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
  ASSERT_NE(loaded.config, nullptr);
  std::string names;
  for (const FeatureSpec& feature : loaded.config->plan->features.features) names += feature.name + " ";
  EXPECT_EQ(names, "bias income income:missing job=clerk job=cook, chef vip ");
  const LoadedMapping mapping = LoadMapping(loaded.config->events[0].mapping);
  ASSERT_NE(mapping.mapping, nullptr);
  EXPECT_EQ(TestMapping(mapping.mapping, loaded.config->plan).passed, 1u);
  EXPECT_EQ(mapping.mapping->csv_form.delimiter, ';');
  EXPECT_EQ(mapping.mapping->main.outcomes.at("conversion").is, "Yes");
  EXPECT_EQ(mapping.mapping->main.fields[static_cast<std::size_t>(Field::kTime)].format, "%Y-%m-%d %H:%M:%S");
}

TEST_F(InitTest, JsonLinesAreReadToTheirLeaves) {
  std::string lines;
  for (int i = 0; i < 30; ++i) {
    lines += "{\"user\":{\"id\":\"u" + std::to_string(i % 5) +
             "\"},\"at\":\"2026-01-01T00:00:" + std::to_string(10 + i) + "Z\",\"amount\":" + std::to_string(i) +
             ".5}\n";
  }
  ASSERT_EQ(RunInit({Table(lines), folder_.string(), false}), 0);
  const LoadedMapping mapping = LoadMapping((folder_ / "mapping.yaml").string());
  ASSERT_NE(mapping.mapping, nullptr);
  EXPECT_EQ(mapping.mapping->main.fields[static_cast<std::size_t>(Field::kCustomerId)].from[0].keys,
            (std::vector<std::string>{"user", "id"}));
  EXPECT_EQ(mapping.mapping->main.fields[static_cast<std::size_t>(Field::kKind)].constant, "transaction");
}

TEST_F(InitTest, NothingIsOverwrittenWithoutForceAndNoTableIsAnError) {
  const std::string table = Table("a,b\n1,2\n3,4\n");
  ASSERT_EQ(RunInit({table, folder_.string(), false}), 0);
  EXPECT_EQ(RunInit({table, folder_.string(), false}), 2);
  EXPECT_EQ(RunInit({table, folder_.string(), true}), 0);
  EXPECT_EQ(RunInit({"/nowhere/table.csv", folder_.string(), true}), 1);
  EXPECT_EQ(RunInit({Table(""), folder_.string(), true}), 1);
}

TEST_F(InitTest, WhatIsKnownOnlyAfterwardsIsLeftOutAndTold) {
  std::string csv = "age,duration,completed_at,hint,constant,bought\n";
  for (int i = 0; i < 400; ++i) {
    const bool yes = i % 4 == 0;
    csv += std::to_string(20 + i % 50) + "," + std::to_string((yes ? 300 : 100) + i * 7 % 240) + "," + (yes ? std::to_string(i) : "") + "," +
           std::to_string((yes ? 9 : 5) + i % 11) + ",7," + (yes ? "1" : "0") + "\n";
  }
  ::testing::internal::CaptureStdout();
  ASSERT_EQ(RunInit({Table(csv), folder_.string(), false}), 0);
  const std::string told = ::testing::internal::GetCapturedStdout();
  const LoadedConfig loaded = LoadConfig((folder_ / "offerstream.yaml").string());
  ASSERT_NE(loaded.config, nullptr);
  std::string names;
  for (const FeatureSpec& feature : loaded.config->plan->features.features) names += feature.name + " ";
  EXPECT_EQ(names, "bias age hint ");
  EXPECT_NE(told.find("look at: duration: alone it ranks the answers with AUC"), std::string::npos) << told;
  EXPECT_NE(told.find("look at: completed_at: there only when the answer is yes"), std::string::npos) << told;
  EXPECT_NE(told.find("look at: hint: alone it ranks"), std::string::npos) << told;
  std::ifstream file(folder_ / "offerstream.yaml");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_NE(text.find("left out: constant (always the same)"), std::string::npos) << text;
}

TEST_F(InitTest, ATableWithoutAnAnswerAndWithDatesOutOfOrderSaysSo) {
  std::string csv = "customer_id,day,amount\n";
  for (int i = 0; i < 90; ++i) {
    csv += "c" + std::to_string(i % 9) + ",2026-0" + std::to_string(1 + i % 3) + "-0" + std::to_string(1 + i % 9) + "," + std::to_string(i) + ".5\n";
  }
  ::testing::internal::CaptureStdout();
  ASSERT_EQ(RunInit({Table(csv), folder_.string(), false}), 0);
  const std::string told = ::testing::internal::GetCapturedStdout();
  EXPECT_NE(told.find("look at: no column looks like an answer: rows are read as transaction"), std::string::npos) << told;
  EXPECT_NE(told.find("look at: day: "), std::string::npos) << told;
  EXPECT_NE(told.find("of 90 rows are earlier than one before them"), std::string::npos) << told;
}

TEST_F(InitTest, ACategoryOfTenThousandLevelsIsLeftOutOfTheDraft) {
  std::string csv = "town,age,bought\n";
  for (int i = 0; i < 10'000; ++i) csv += "town" + std::to_string(i) + "," + std::to_string(20 + i % 50) + "," + (i % 5 == 0 ? "1" : "0") + "\n";
  ASSERT_EQ(RunInit({Table(csv), folder_.string(), false}), 0);
  const LoadedConfig loaded = LoadConfig((folder_ / "offerstream.yaml").string());
  ASSERT_NE(loaded.config, nullptr);
  EXPECT_EQ(loaded.config->plan->features.size(), 2u);
  std::ifstream file(folder_ / "offerstream.yaml");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_NE(text.find("left out: town (more than 20 different texts)"), std::string::npos) << text;
}

}  // namespace
}  // namespace offerstream
