#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace offerstream {
namespace {

const std::string kSource = OFFERSTREAM_SOURCE_DIR;

// Runs the program; its exit code.
int RunProgram(const std::string& arguments) {
  const int status =
      std::system((std::string(OFFERSTREAM_BINARY) + " " + arguments + " 2>/dev/null >/dev/null").c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

std::string Bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

class ReplayTest : public ::testing::Test {
 protected:
  std::filesystem::path In(const std::string& name) const { return std::filesystem::path(directory_.path()) / name; }
  int Simulate(const std::string& name, const std::string& more) const {
    return RunProgram("simulate --customers 200 --days 16 --seed 3 --keyed --out " + In(name).string() + " " + more);
  }
  int Replay(const std::string& input, const std::string& tag, const std::string& more) const {
    return RunProgram("replay -c " + kSource + "/deploy/demo/offerstream.yaml --decisions " + In("d" + tag).string() +
                      " --caps " + In("c" + tag).string() + " --models " + In("m" + tag).string() + " --predictions " +
                      In("p" + tag).string() + " " + more + " " + In(input).string());
  }

 private:
  TemporaryDirectory directory_{};
};

TEST_F(ReplayTest, GivesTheSameBytesTwiceAndForAnyNumberOfShardsAndObservationPartitions) {
  ASSERT_EQ(Simulate("events", "--dirt 0.02"), 0);
  ASSERT_EQ(Replay("events", "11", ""), 0);
  ASSERT_EQ(Replay("events", "again", ""), 0);
  ASSERT_EQ(Replay("events", "44", "--shards 4 --observation-partitions 4"), 0);
  ASSERT_EQ(Replay("events", "31", "--shards 3"), 0);
  EXPECT_GT(Bytes(In("d11")).size(), 100'000u);
  EXPECT_GT(Bytes(In("p11")).size(), 100'000u);
  for (const std::string tag : {"again", "44", "31"}) {
    for (const std::string file : {"d", "c", "m", "p"})
      EXPECT_EQ(Bytes(In(file + "11")), Bytes(In(file + tag))) << file << tag;
  }
}

TEST_F(ReplayTest, BudgetsAreHeldAndGiveTheSameBytesForAnyNumberOfShards) {
  // The offers of the demo, paid from one budget.
  std::string config = Bytes(kSource + "/deploy/demo/offerstream.yaml");
  for (std::size_t at = 0; (at = config.find("value: 40", at)) != std::string::npos; at += 20) config.insert(at, "budget: b, ");
  config += "\nbudgets: [ { id: b, amount: 30, period: 7d } ]\n";
  std::ofstream(In("paid.yaml")) << config;
  ASSERT_EQ(Simulate("events", ""), 0);
  for (const std::string tag : {"1", "4"}) {
    ASSERT_EQ(RunProgram("replay -c " + In("paid.yaml").string() + " --shards " + tag + " --observation-partitions " + tag + " --decisions " +
                         In("d" + tag).string() + " --models " + In("m" + tag).string() + " --report " + In("r" + tag).string() + " " +
                         In("events").string()), 0);
  }
  EXPECT_EQ(Bytes(In("d1")), Bytes(In("d4")));
  EXPECT_EQ(Bytes(In("m1")), Bytes(In("m4")));
  std::map<std::string, double> spent;   // by week of the year, as periods begin on Thursdays since 1970
  std::ifstream decisions(In("d1"));
  std::size_t refused = 0, priced = 0;
  for (std::string line; std::getline(decisions, line);) {
    refused += line.find("\"stage\":\"budget\"") != std::string::npos ? 1 : 0;
    const auto cost = line.find("\"cost\":"), price = line.find("\"price\":"), time = line.find("\"event_time\":\"");
    if (line.find("\"offer\":{") == std::string::npos || cost == std::string::npos) continue;
    priced += std::strtod(line.c_str() + price + 8, nullptr) > 0 ? 1 : 0;
    std::tm date{};
    strptime(line.c_str() + time + 14, "%Y-%m-%dT%H:%M:%S", &date);
    spent[std::to_string(timegm(&date) / (7 * 86'400))] += std::strtod(line.c_str() + cost + 7, nullptr);
  }
  ASSERT_GE(spent.size(), 2u);
  for (const auto& [week, sum] : spent) EXPECT_LE(sum, 30 + 1e-6) << week;
  EXPECT_GT(priced, 100u);
  EXPECT_GT(refused + priced, 100u);
}

TEST_F(ReplayTest, RefusesAMissingFileAndABrokenConfigurationWithTheirExitCodes) {
  EXPECT_EQ(Replay("not-there", "x", ""), 1);
  ASSERT_EQ(Simulate("events", "--events 10"), 0);
  EXPECT_EQ(RunProgram("replay -c " + In("events").string() + " " + In("events").string()), 3);
  EXPECT_EQ(RunProgram("replay"), 2);
}

// Curves, crosses, prior variances and half-lives race; decisions score by whichever leads, or by the pool.
TEST_F(ReplayTest, WithEverythingRacingGivesTheSameBytesForAnyNumberOfShards) {
  ASSERT_EQ(Simulate("events", ""), 0);
  const std::string all =
      " --set features.max=250 --set 'learning.variants.features=[linear,all]' --set learning.variants.variances=true"
      " --set 'features.crosses=[[segment, channel],[age, deposits]]' --set learning.variants.serve=";
  for (const std::string serve : {"leader", "pool"}) {
    for (const std::string shards : {"1", "4"}) {
      ASSERT_EQ(Replay("events", serve + shards, all + serve + " --shards " + shards + " --observation-partitions " + shards), 0);
    }
    EXPECT_EQ(Bytes(In("d" + serve + "1")), Bytes(In("d" + serve + "4")));
    EXPECT_EQ(Bytes(In("m" + serve + "1")), Bytes(In("m" + serve + "4")));
  }
  EXPECT_NE(Bytes(In("dleader1")), Bytes(In("dpool1")));
}

// Seven weeks: most buyers are looked at, and of many the horizon is over; what was said of them is a feature of decisions.
TEST_F(ReplayTest, LookingForSignsOfLeavingGivesTheSameBytesForAnyNumberOfShards) {
  ASSERT_EQ(RunProgram("simulate --customers 150 --days 49 --seed 3 --keyed --out " + In("events").string()), 0);
  const std::string churn = "--set churn.horizon=7d --set features.churn=true --set features.max=80";
  for (const std::string shards : {"1", "4"}) {
    ASSERT_EQ(Replay("events", shards, churn + " --shards " + shards + " --observation-partitions " + shards), 0);
  }
  for (const std::string file : {"d", "c", "m", "p"}) EXPECT_EQ(Bytes(In(file + "1")), Bytes(In(file + "4"))) << file;
  EXPECT_NE(Bytes(In("m1")).find("\"id\":\"churn\""), std::string::npos);
}

struct Label {
  double p = 0;
  bool y = false;
};

std::vector<Label> Labels(const std::filesystem::path& path, const std::string& model, std::size_t skip) {
  std::ifstream file(path);
  std::vector<Label> all;
  for (std::string line; std::getline(file, line);) {
    if (line.find("\"model\":\"" + model + "\"") == std::string::npos) continue;
    const auto p = line.find("\"p\":"), y = line.find("\"y\":");
    all.push_back({std::stod(line.substr(p + 4)), line[y + 4] == '1'});
  }
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(skip, all.size())));
  return all;
}

// Mann-Whitney, ties count half.
double Auc(std::vector<Label> labels) {
  std::sort(labels.begin(), labels.end(), [](const Label& a, const Label& b) { return a.p < b.p; });
  double ranks = 0, positives = 0;
  for (std::size_t i = 0; i < labels.size();) {
    std::size_t end = i;
    while (end < labels.size() && labels[end].p == labels[i].p) ++end;
    const double rank = (static_cast<double>(i) + static_cast<double>(end) + 1) / 2;
    for (; i < end; ++i) {
      ranks += labels[i].y ? rank : 0;
      positives += labels[i].y ? 1 : 0;
    }
  }
  const double negatives = static_cast<double>(labels.size()) - positives;
  return (ranks - positives * (positives + 1) / 2) / (positives * negatives);
}

TEST_F(ReplayTest, BankMarketingReachesItsFiguresWithDefaultLearning) {
  const std::string data = kSource + "/../shared/data/bank_marketing/bank-additional-full.csv.gz";
  if (!std::filesystem::exists(data)) GTEST_SKIP() << data << " is not there";
  ASSERT_EQ(RunProgram("replay -c " + kSource + "/deploy/studies/bank-marketing/offerstream.yaml --predictions " +
                       In("p").string() + " " + data),
            0);
  const std::vector<Label> labels = Labels(In("p"), "term-deposit/conversion", 2'000);
  ASSERT_EQ(labels.size(), 39'188u);
  double loss = 0, said = 0, came = 0;
  for (const Label& label : labels) {
    const double p = std::clamp(label.y ? label.p : 1 - label.p, 1e-6, 1 - 1e-6);
    loss -= std::log(p);
    said += label.p;
    came += label.y ? 1 : 0;
  }
  EXPECT_GE(Auc(labels), 0.793);
  EXPECT_LE(loss / static_cast<double>(labels.size()), 0.284);
  EXPECT_GE(said / came, 0.95);
  EXPECT_LE(said / came, 1.05);
}

}  // namespace
}  // namespace offerstream
