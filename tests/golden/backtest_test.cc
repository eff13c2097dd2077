// `offerstream backtest` as a user runs it: on the open-bandit log, on a log of our own, and on what cannot be evaluated.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/temporary_directory.h"

namespace offerstream {
namespace {

const std::string kSource = OFFERSTREAM_SOURCE_DIR;
const std::string kStudy = kSource + "/deploy/studies/open-bandit/offerstream.yaml";
const std::string kDemo = kSource + "/deploy/demo/offerstream.yaml";

std::string Bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

// The number after `key` behind `after` in a JSON text; NaN when it is not there.
double NumberAt(const std::string& json, const std::string& after, const std::string& key) {
  const auto from = after.empty() ? 0 : json.find(after);
  if (from == std::string::npos) return NAN;
  const auto at = json.find("\"" + key + "\": ", from);
  return at == std::string::npos ? NAN : std::atof(json.c_str() + at + key.size() + 4);
}

class BacktestTest : public ::testing::Test {
 protected:
  std::filesystem::path In(const std::string& name) const { return std::filesystem::path(directory_.path()) / name; }
  // Runs the program; exit code, with stdout and stderr in members.
  int Run(const std::string& arguments) {
    const std::string line = std::string(OFFERSTREAM_BINARY) + " " + arguments + " >" + In("out").string() + " 2>" + In("err").string();
    const int status = std::system(line.c_str());
    out = Bytes(In("out"));
    err = Bytes(In("err"));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }
  // The demonstration's bank without the arm `random`, whose propensities are not the policy's.
  std::string Bank() const {
    std::string text = Bytes(kDemo);
    const std::string arm = "random: 0.01";
    text.replace(text.find(arm), arm.size(), "random: 0");
    Write("bank.yaml", text);
    return In("bank.yaml").string();
  }
  int Simulate() {
    return Run("simulate --decide " + Bank() + " --customers 70 --days 20 --seed 3 --out " + In("events").string() + " --decisions " +
               In("decisions").string());
  }
  void Write(const std::string& name, const std::string& text) const { std::ofstream(In(name)) << text; }

  std::string out{}, err{};

 private:
  TemporaryDirectory directory_{};
};

const std::string kHeader = "timestamp,item_id,position,click,propensity_score,user_feature_0,user_feature_1,user_feature_2,user_feature_3\n";
std::string BanditRow(int second, const std::string& propensity) {
  char time[64];
  std::snprintf(time, sizeof(time), "2019-11-24 00:%02d:%02d.000000+00:00", second / 60, second % 60);
  return std::string(time) + ",14,3," + (second % 7 == 0 ? "1" : "0") + "," + propensity + ",a,b,c,d\n";
}

TEST_F(BacktestTest, A23TheCommandGivesThePublishedOpenBanditFigures) {
  const std::string data = kSource + "/../shared/data/obd/bts/";
  if (!std::filesystem::exists(data + "men.csv.gz")) GTEST_SKIP() << data << " is not there";
  ASSERT_EQ(Run("backtest -c " + kStudy + " --policy uniform=" + kSource + "/deploy/studies/open-bandit/uniform-men.yaml --replicates 200 --json " +
                data + "men.csv.gz"), 0) << err;
  EXPECT_EQ(NumberAt(out, "", "weighed"), 10'000);
  EXPECT_NEAR(NumberAt(out, "\"ips\"", "value"), .0030086263, 1e-9);
  EXPECT_NEAR(NumberAt(out, "\"snips\"", "value"), .0031894232, 1e-9);
  EXPECT_NEAR(NumberAt(out, "policies", "ess"), 655.7, .05);
  ASSERT_EQ(Run("backtest -c " + kStudy + " --policy uniform=" + kStudy + ",explore.policy=uniform --replicates 200 --gate --json " + data +
                "women.csv.gz"), 4) << err;
  EXPECT_NEAR(NumberAt(out, "\"ips\"", "value"), .0074375775, 1e-9);
  EXPECT_NEAR(NumberAt(out, "\"snips\"", "value"), .0023730461, 1e-9);
  EXPECT_NEAR(NumberAt(out, "policies", "ess"), 2.08, .005);
  EXPECT_NEAR(NumberAt(out, "policies", "mean_weight"), 3.13, .005);
  EXPECT_NE(out.find("\"verdict\": \"no verdict\""), std::string::npos);
  EXPECT_NE(out.find("effective sample size"), std::string::npos);
}

TEST_F(BacktestTest, TheSameConfigurationOnItsOwnLogGivesWeightsNearOneAndNoDifference) {
  ASSERT_EQ(Simulate(), 0) << err;
  ASSERT_EQ(Run("backtest -c " + Bank() + " --policy same=" + Bank() + " --decisions " + In("decisions").string() + " --replicates 200 --gate --json " +
                In("events").string()), 0) << err << out;
  EXPECT_GT(NumberAt(out, "", "weighed"), 300);
  EXPECT_GT(NumberAt(out, "", "holdout"), 0);
  EXPECT_EQ(NumberAt(out, "", "unmet"), 0);
  // Nearly one: a follower asks its models about customers in the holdout, too, so a new offer's prior is told earlier.
  EXPECT_NEAR(NumberAt(out, "policies", "mean_weight"), 1, .01);
  EXPECT_LT(NumberAt(out, "policies", "max_weight"), 1.3);
  const double logged = NumberAt(out, "\"log\"", "value");
  EXPECT_NEAR(NumberAt(out, "\"snips\"", "value"), logged, .02 * std::abs(logged));
  EXPECT_NE(out.find("no difference shown"), std::string::npos);
}

TEST_F(BacktestTest, OwnLogsInTextWithRejectionReplayAndTheSameOutputTwice) {
  ASSERT_EQ(Simulate(), 0) << err;
  const std::string command = "backtest -c " + Bank() + " --policy random=" + Bank() + ",explore.policy=uniform --policy rarely=" + Bank() +
                              ",decide.threshold=1.5 --decisions " + In("decisions").string() + " --replicates 200 --rejection --report " +
                              In("report").string() + " --html " + In("page").string() + " " + In("events").string();
  ASSERT_EQ(Run(command), 0) << err;
  const std::string first = out;
  EXPECT_NE(first.find("random"), std::string::npos);
  EXPECT_NE(first.find("rejection"), std::string::npos);
  EXPECT_NE(first.find("accepted"), std::string::npos);
  const std::string report = Bytes(In("report"));
  EXPECT_NE(report.find("\"rejection\": {\"value\""), std::string::npos);
  EXPECT_GT(NumberAt(report, "\"rarely\"", "declined"), 0);
  EXPECT_NE(Bytes(In("page")).find("What other configurations would have earned"), std::string::npos);
  ASSERT_EQ(Run(command), 0);
  EXPECT_EQ(first, out);
}

// The challengers of the first model that has any, as its JSON; boosting is the last.
std::string ChallengersIn(const std::string& report) {
  const auto from = report.find("\"challengers\""), last = report.find("\"boosting\"", from);
  return last == std::string::npos ? "" : report.substr(from, report.find("]}", last) - from);
}

TEST_F(BacktestTest, ChallengersOfALogAreThoseOfItsReplay) {
  std::string rows = kHeader;
  for (int i = 0; i < 900; ++i) rows += BanditRow(i, "0.02");
  Write("log.csv", rows);
  const std::string challengers = " --challenger random-forest,boosting --challenger-every 200 ";
  ASSERT_EQ(Run("replay -c " + kStudy + challengers + "--report " + In("replay.json").string() + " " + In("log.csv").string()), 0) << err;
  ASSERT_EQ(Run("backtest -c " + kStudy + " --policy uniform=" + kStudy + ",explore.policy=uniform --replicates 0" + challengers + "--report " +
                In("report.json").string() + " --html " + In("page").string() + " " + In("log.csv").string()), 0) << err;
  const std::string found = ChallengersIn(Bytes(In("report.json")));
  EXPECT_NE(found.find("random-forest"), std::string::npos);
  EXPECT_NE(found.find("boosting"), std::string::npos);
  EXPECT_NE(found.find("log_loss_behind_online"), std::string::npos);
  EXPECT_EQ(found, ChallengersIn(Bytes(In("replay.json"))));   // the same labels in the same order, the same schedule
  EXPECT_NE(out.find("behind online by"), std::string::npos) << out;
  EXPECT_NE(Bytes(In("page")).find("log_loss_behind_online"), std::string::npos);
}

TEST_F(BacktestTest, ChallengersOfOurOwnLogStandBesideItsModelsAndChangeNoEstimate) {
  ASSERT_EQ(Simulate(), 0) << err;
  const std::string command = "backtest -c " + Bank() + " --policy random=" + Bank() + ",explore.policy=uniform --decisions " +
                              In("decisions").string() + " --replicates 200 " + In("events").string();
  ASSERT_EQ(Run(command), 0) << err;
  const std::string plain = out;
  ASSERT_EQ(Run(command + " --challenger boosting --challenger-every 100"), 0) << err;
  EXPECT_EQ(out.substr(0, plain.size()), plain);
  const std::string table = out.substr(plain.size());
  EXPECT_NE(table.find("savings-plus/conversion "), std::string::npos) << table;
  EXPECT_NE(table.find("boosting"), std::string::npos);
  EXPECT_EQ(table.find("random-forest"), std::string::npos);
  EXPECT_EQ(Run(command + " --challenger trees"), 2);
}

TEST_F(BacktestTest, LogsThatCannotBeEvaluatedAreRefusedWithTheReason) {
  Write("empty.csv", kHeader);
  const std::string command = "backtest -c " + kStudy + " --policy u=" + kStudy + ",explore.policy=uniform ";
  EXPECT_EQ(Run(command + In("empty.csv").string()), 1);
  EXPECT_NE(err.find("the log is empty"), std::string::npos) << err;
  std::string without = kHeader, zero = kHeader, two = kHeader, mixed = kHeader;
  for (int i = 0; i < 20; ++i) {
    without += BanditRow(i, "");
    zero += BanditRow(i, "0");
    two += BanditRow(i, "1.5");
    mixed += BanditRow(i, i < 5 ? "0" : "0.02");
  }
  Write("without.csv", without);
  EXPECT_EQ(Run(command + In("without.csv").string()), 1);
  EXPECT_NE(err.find("no propensities"), std::string::npos) << err;
  for (const std::string& text : {zero, two}) {
    Write("bad.csv", text);
    EXPECT_EQ(Run(command + In("bad.csv").string()), 1);
    EXPECT_NE(err.find("propensity must lie in (0, 1]"), std::string::npos) << err;
  }
  Write("mixed.csv", mixed);
  EXPECT_EQ(Run(command + "--replicates 0 --json " + In("mixed.csv").string()), 0) << err;
  EXPECT_EQ(NumberAt(out, "", "weighed"), 15);
  EXPECT_NE(err.find("rejected 5 records: schema: propensity must lie in (0, 1]"), std::string::npos) << err;
  EXPECT_EQ(Run(command + In("not-there.csv").string()), 1);
}

TEST_F(BacktestTest, WrongArgumentsAreRefusedBeforeAnythingIsRead) {
  const std::string file = In("events.csv").string();
  Write("events.csv", kHeader + BanditRow(1, "0.02"));
  EXPECT_EQ(Run("backtest -c " + kStudy + " --policy a=" + kStudy + " --policy a=" + kStudy + " " + file), 2);
  EXPECT_NE(err.find("two policies are named 'a'"), std::string::npos) << err;
  EXPECT_EQ(Run("backtest -c " + kStudy + " " + file), 2);
  EXPECT_EQ(Run("backtest -c " + kStudy + " --policy justaname " + file), 2);
  EXPECT_EQ(Run("backtest -c " + kStudy + " --since yesterday --policy a=" + kStudy + " " + file), 2);
  EXPECT_EQ(Run("backtest -c " + kStudy + " --policy a=" + kStudy + ",explore.polizy=uniform " + file), 3);
  EXPECT_NE(err.find("polizy"), std::string::npos) << err;
  EXPECT_EQ(Run("backtest -c " + kStudy + " --policy a=" + kStudy + ",currency=USD " + file), 3);
  EXPECT_NE(err.find("counts in USD"), std::string::npos) << err;
  EXPECT_EQ(Run("backtest -c " + kStudy + " --policy a=" + In("none.yaml").string() + " " + file), 3);
  Write("nothing", "not a decision\n");
  EXPECT_EQ(Run("backtest -c " + kStudy + " --policy a=" + kStudy + " --decisions " + In("nothing").string() + " " + file), 1);
  EXPECT_NE(err.find("no decision is in"), std::string::npos) << err;
}

}  // namespace
}  // namespace offerstream
