// A26: every figure of the Hillstrom test to 1e-6, from the file through mapping, fold, observations and estimator.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/temporary_directory.h"

namespace offerstream {
namespace {

std::filesystem::path Data() {
  const char* root = std::getenv("OFFERSTREAM_DATA");
  return root != nullptr ? root : std::string(OFFERSTREAM_SOURCE_DIR) + "/../shared/data";
}

// The number after the names, each searched behind the one before.
double NumberAt(const std::string& json, std::initializer_list<std::string> names) {
  std::size_t at = 0;
  for (const std::string& name : names) {
    at = json.find(name, at);
    if (at == std::string::npos) return NAN;
    at += name.size();
  }
  return std::strtod(json.c_str() + at, nullptr);
}

struct Figure {
  const char *campaign, *measure;
  double control, difference, low, high;
};

TEST(Hillstrom, A26EveryFigureThroughTheStreamingPath) {
  const std::filesystem::path file = Data() / "hillstrom" / "hillstrom.csv.gz";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not there";
  const TemporaryDirectory directory;
  const std::string report = directory.path() + "/report.json";
  const std::string source = OFFERSTREAM_SOURCE_DIR;
  const std::string command = std::string(OFFERSTREAM_BINARY) + " replay -c " + source +
                              "/deploy/studies/hillstrom/offerstream.yaml --report " + report + " " + file.string() +
                              " >/dev/null 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::stringstream text;
  text << std::ifstream(report).rdbuf();
  const std::string json = text.str();
  const Figure figures[] = {
      {"mens", "visit", .106167277, .076589564, .069953345, .083225782},
      {"mens", "conversion", .005726087, .006805007, .005000129, .008609884},
      {"mens", "revenue", .652789355, .769827156, .485149129, 1.054505183},
      {"womens", "visit", .106167277, .045233107, .038893677, .051572536},
      {"womens", "conversion", .005726087, .003111058, .001498640, .004723475},
      {"womens", "revenue", .652789355, .424412216, .168964507, .679859925},
  };
  for (const Figure& f : figures) {
    const std::string campaign = std::string("\"campaign_id\":\"") + f.campaign + "\",\"experiment\"";
    const auto read = [&](const char* name) {
      return NumberAt(json, {campaign, std::string("\"") + f.measure + "\":{\"plain\"", std::string("\"") + name + "\":"});
    };
    EXPECT_NEAR(read("control"), f.control, 1e-6) << f.campaign << ' ' << f.measure;
    EXPECT_NEAR(read("difference"), f.difference, 1e-6) << f.campaign << ' ' << f.measure;
    EXPECT_NEAR(read("low"), f.low, 1e-6) << f.campaign << ' ' << f.measure;
    EXPECT_NEAR(read("high"), f.high, 1e-6) << f.campaign << ' ' << f.measure;
    EXPECT_GT(NumberAt(json, {campaign, "\"srm_p\":"}), 1e-3);
  }
  EXPECT_EQ(NumberAt(json, {"\"mens\",\"experiment\"", "\"customers\":"}), 21'307);
  EXPECT_EQ(NumberAt(json, {"\"mens\",\"experiment\"", "\"arm\":\"holdout\",\"customers\":"}), 21'306);
  EXPECT_EQ(NumberAt(json, {"\"womens\",\"experiment\"", "\"customers\":"}), 21'387);
  EXPECT_EQ(NumberAt(json, {"\"womens\",\"experiment\"", "\"visited\":"}), 3'238);
  EXPECT_EQ(NumberAt(json, {"\"mens\",\"experiment\"", "\"converted\":"}), 267);
}

}  // namespace
}  // namespace offerstream
