// A23: the open-bandit figures. A24: coverage of the intervals in S11.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "models/domain/fixed_math.h"
#include "models/domain/random.h"
#include "models/evaluating/off_policy_estimator.h"
#include "tests/accuracy/bank_rows.h"

namespace offerstream::accuracy {
namespace {

std::string BanditLog(const std::string& page) {
  const char* root = std::getenv("OFFERSTREAM_DATA");
  const std::string data = root != nullptr ? root : std::string(OFFERSTREAM_SOURCE_DIR) + "/../shared/data";
  return data + "/obd/bts/" + page + ".csv.gz";
}

// Uniform over `items` against the Thompson sampling that was logged: w = (1 / items) / propensity, reward = click.
OffPolicyResult Uniform(const std::string& path, double items) {
  OffPolicyEstimator estimator(1, 0);
  std::FILE* pipe = popen(("gzip -dc '" + path + "'").c_str(), "r");
  std::array<char, 8192> line{};
  for (std::uint64_t row = 0; pipe != nullptr && std::fgets(line.data(), line.size(), pipe) != nullptr; ++row) {
    if (row == 0) continue;   // the header
    std::array<std::string, 6> cells;   // number, time, item, position, click, propensity
    std::size_t at = 0;
    for (const char* c = line.data(); *c != 0 && at < cells.size(); ++c) {
      if (*c == ',') ++at;
      else cells[at] += *c;
    }
    estimator.Add({.unit = row, .weight = 1 / items / std::atof(cells[5].c_str()), .reward = std::atof(cells[4].c_str())});
  }
  if (pipe != nullptr) pclose(pipe);
  return estimator.Result();
}

TEST(OffPolicyAccuracy, A23UniformOnTheMensPageEarnsThePublishedFigures) {
  const std::string path = BanditLog("men");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const OffPolicyResult r = Uniform(path, 34);
  EXPECT_EQ(r.n, 10'000);
  EXPECT_NEAR(r.of(OffPolicyMethod::kIps).value, .0030086263, 1e-9);
  EXPECT_NEAR(r.of(OffPolicyMethod::kSnips).value, .0031894232, 1e-9);
  EXPECT_NEAR(r.ess, 655.7, .05);
}

TEST(OffPolicyAccuracy, A23UniformOnTheWomensPageIsRefused) {
  const std::string path = BanditLog("women");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const OffPolicyResult r = Uniform(path, 46);
  EXPECT_NEAR(r.of(OffPolicyMethod::kIps).value, .0074375775, 1e-9);
  EXPECT_NEAR(r.of(OffPolicyMethod::kSnips).value, .0023730461, 1e-9);
  EXPECT_NEAR(r.ess, 2.08, .005);
  EXPECT_NEAR(r.mean_weight, 3.13, .005);
  EXPECT_FALSE(r.supported);
  EXPECT_NE(r.refusal.find("effective sample size"), std::string::npos) << r.refusal;
}

// S11: five arms with p between .05 and .15, logged with .95 softmax(.7 N) + .01, evaluated softmax(N); q is what a model
// would say that has seen the rows before.
struct World {
  std::array<double, 5> p{}, logged{}, evaluated{};
  double value = 0;
};

World MakeWorld(Draws& draws) {
  World world;
  double logged = 0, evaluated = 0;
  for (std::size_t a = 0; a < 5; ++a) {
    world.p[a] = .05 + .1 * draws.Uniform();
    world.logged[a] = fixed::Exp(.7 * draws.Normal());
    world.evaluated[a] = fixed::Exp(draws.Normal());
    logged += world.logged[a];
    evaluated += world.evaluated[a];
  }
  for (std::size_t a = 0; a < 5; ++a) {
    world.logged[a] = .95 * world.logged[a] / logged + .01;
    world.evaluated[a] /= evaluated;
    world.value += world.evaluated[a] * world.p[a];
  }
  return world;
}

struct Covered {
  int snips = 0, dr = 0, bernstein = 0, bootstrap = 0;
};

void Simulate(std::uint64_t seed, std::size_t replicates, Covered& covered) {
  Draws draws(seed, 24, 0, Purpose::kSimulation);
  const World world = MakeWorld(draws);
  OffPolicyEstimator estimator(seed, replicates);
  std::array<double, 5> seen{}, won{};
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    std::size_t a = 0;
    for (double u = draws.Uniform(); a < 4 && u >= world.logged[a]; ++a) u -= world.logged[a];
    const double reward = draws.Uniform() < world.p[a] ? 1 : 0;
    const auto q = [&](std::size_t k) { return (won[k] + 1) / (seen[k] + 10); };
    OffPolicyRow row{.unit = i, .weight = world.evaluated[a] / world.logged[a], .reward = reward, .predicted = q(a)};
    for (std::size_t k = 0; k < 5; ++k) row.expected += world.evaluated[k] * q(k);
    estimator.Add(row);
    seen[a] += 1;
    won[a] += reward;
  }
  const OffPolicyResult r = estimator.Result();
  const auto holds = [&](const Interval& interval) { return interval.low <= world.value && world.value <= interval.high ? 1 : 0; };
  covered.snips += holds(r.of(OffPolicyMethod::kSnips).normal);
  covered.dr += holds(r.of(OffPolicyMethod::kDr).normal);
  covered.bernstein += holds(r.bernstein);
  covered.bootstrap += holds(r.of(OffPolicyMethod::kDr).bootstrap);
}

TEST(OffPolicyAccuracy, A24IntervalsCoverTheTrueValue) {
  const int runs = 1'000;   // a second; fewer say nothing of a share
  Covered covered;
  for (int run = 0; run < runs; ++run) Simulate(static_cast<std::uint64_t>(run) + 1, 0, covered);
  const auto share = [&](int hits) { return static_cast<double>(hits) / runs; };
  std::printf("A24: snips %.3f, dr %.3f, bernstein %.3f of %d runs\n", share(covered.snips), share(covered.dr), share(covered.bernstein), runs);
  EXPECT_GE(share(covered.snips), .93);
  EXPECT_LE(share(covered.snips), .97);
  EXPECT_GE(share(covered.dr), .93);
  EXPECT_LE(share(covered.dr), .97);
  EXPECT_GE(share(covered.bernstein), .95);
}

TEST(OffPolicyAccuracy, A24TheBootstrapCoversAsTheNormalIntervalDoes) {
  const int runs = std::max(100, Seeds(100));
  Covered covered;
  for (int run = 0; run < runs; ++run) Simulate(static_cast<std::uint64_t>(run) + 1, 400, covered);
  std::printf("A24: bootstrap of dr %.3f of %d runs\n", static_cast<double>(covered.bootstrap) / runs, runs);
  EXPECT_GE(covered.bootstrap, .89 * runs);   // 100 runs: three standard errors below .95
  EXPECT_LE(covered.bootstrap, runs);
}

}  // namespace
}  // namespace offerstream::accuracy
