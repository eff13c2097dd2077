// A25: what a configuration would have earned, told from the log of another one, against what it earns when it is run.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "consumers/config/embedded_files.h"
#include "consumers/offline/backtest.h"
#include "consumers/offline/backtest_report.h"
#include "consumers/offline/closed_loop.h"

namespace offerstream {
namespace {

int Runs(int fallback) {
  const char* text = std::getenv("OFFERSTREAM_SEEDS");
  const int wanted = text == nullptr ? 0 : std::atoi(text);
  return wanted > 0 ? wanted : fallback;
}

std::unique_ptr<Config> Bank(const std::map<std::string, std::string>& set) {
  return ParseConfig(std::string(EmbeddedFile("deploy/demo/offerstream.yaml")), "demo", set).config;
}

// Four quiet days, then customers who ask about every second day: what one decision does to the next is small.
constexpr double kDays = 34;
MarketOptions Market(std::uint64_t seed, std::size_t customers) {
  MarketOptions market;
  market.seed = seed;
  market.customers = customers;
  market.days = kDays;
  market.quiet_days = 4;
  market.campaigns_per_week = 0;
  market.visits_per_day = 0.4;
  return market;
}

struct Log {
  std::vector<std::string> events{};
  DecisionLog decisions{};
};

void Play(const Config& config, const MarketOptions& market, Log& log) {
  LoopLog write;
  write.event = [&log](const MarketRecord& record) { log.events.emplace_back(record.value); };
  write.decision = [&log](std::string_view json) { log.decisions.Add(json); };
  auto loop = ClosedLoop::Make(config, market, std::move(write));
  ASSERT_TRUE(loop.has_value());
  while ((*loop)->Step()) {
  }
  log.decisions.Seal();
}

BacktestReport Evaluate(const Config& base, const std::vector<NamedPolicy>& policies, const Log& log, std::size_t replicates,
                        std::vector<double> bounds = {}) {
  const LoadedMapping mapping = LoadMapping(base.events[0].mapping);
  BacktestOptions options;
  options.replicates = replicates;
  options.since = MarketOptions{}.start + static_cast<EventTime>(kDays / 2 * 86'400'000);   // by then policies that learn have
  options.bounds = std::move(bounds);
  Backtest backtest(base.plan, mapping.mapping, policies, &log.decisions, options);
  for (const std::string& event : log.events) {
    Record record;
    record.value = event;
    backtest.Apply(record);
  }
  return backtest.Finish();
}

// B's value a decision: B itself in the simulator, other seeds, averaged.
double TrueValue(const Config& b, std::size_t customers, int worlds) {
  double sum = 0;
  for (int w = 0; w < worlds; ++w) {
    Log log;
    Play(b, Market(1'000'000 + static_cast<std::uint64_t>(w), customers), log);
    sum += Evaluate(b, {}, log, 0).log.value;
  }
  return sum / worlds;
}

// What the log's configuration excludes it says nothing about; so it shows what is expected to lose as well.
const std::map<std::string, std::string> kLogging = {
    {"explore.policy", "epsilon_greedy"}, {"explore.epsilon", "0.5"}, {"decide.threshold", "-1000"}};

struct Case {
  const char* name;
  std::map<std::string, std::string> set;
};

// Every configuration without the arms: their decisions are not the policy's.
std::unique_ptr<Config> BankOf(std::map<std::string, std::string> set) {
  set["experiment.random"] = "0";
  return Bank(set);
}

// Whether B's true value lies in the interval that A's log gives, over runs; two fixed policies and one that learns.
TEST(OffPolicy, A25ARunsOwnLogTellsWhatAnotherConfigurationWouldEarn) {
  const int runs = Runs(4);
  const std::size_t customers = 800;
  const auto a = BankOf(kLogging);
  ASSERT_NE(a, nullptr);
  const Case cases[] = {
      // Fixed ones exclude nothing by what was learned, else their value would differ from log to log.
      {"uniform", {{"explore.policy", "uniform"}, {"decide.threshold", "-1000"}}},
      {"savings first", {{"explore.policy", "epsilon_greedy"}, {"explore.epsilon", "0.7"}, {"learning.adopt", "never"}, {"decide.threshold", "-1000"},
                         {"offers", "[{id: savings-plus, product: savings, value: 40, lever: 2}, {id: gold-card, product: credit-card, value: 40}, "
                                    "{id: home-loan, product: mortgage, value: 40}, {id: travel-insurance, product: insurance, value: 40}]"}}},
      {"learning", {{"explore.policy", "epsilon_greedy"}, {"explore.epsilon", "0.2"}}},
  };
  std::vector<NamedPolicy> policies;
  std::vector<double> truth;
  for (const Case& c : cases) {
    const auto b = BankOf(c.set);
    ASSERT_NE(b, nullptr) << c.name;
    policies.push_back({c.name, b->plan});
    truth.push_back(TrueValue(*b, customers, std::max(6, runs / 3)));
  }
  std::vector<int> inside(policies.size()), weighed(policies.size());
  for (int run = 0; run < runs; ++run) {
    Log log;
    Play(*a, Market(static_cast<std::uint64_t>(run) + 1, customers), log);
    const BacktestReport report = Evaluate(*a, policies, log, 1'000);
    for (std::size_t p = 0; p < policies.size(); ++p) {
      const OffPolicyResult& r = report.policies[p].result;
      EXPECT_TRUE(r.supported) << policies[p].name << ' ' << r.refusal;
      const Interval& interval = r.of(OffPolicyMethod::kSndr).bootstrap;
      inside[p] += interval.low <= truth[p] && truth[p] <= interval.high;
      weighed[p] += static_cast<int>(r.n);
      std::printf("A25 run %d %s: %.4f [%.4f, %.4f], true %.4f, log %.4f, n %lld, ess %.0f, mean w %.3f\n", run + 1, policies[p].name.c_str(),
                  r.of(OffPolicyMethod::kSndr).value, interval.low, interval.high, truth[p], r.logged_value, static_cast<long long>(r.n),
                  r.ess, r.mean_weight);
    }
  }
  for (std::size_t p = 0; p < policies.size(); ++p) {
    std::printf("A25 %s: true value %.4f inside the interval in %d of %d runs, %d decisions a run\n", policies[p].name.c_str(), truth[p],
                inside[p], runs, weighed[p] / runs);
    EXPECT_GE(inside[p] * 100, (runs < 100 ? 70 : 93) * runs) << policies[p].name;   // few runs: no share can be told
  }
}

TEST(OffPolicy, RejectionReplayAcceptsItsShareAndAgreesWithTheWeights) {
  const auto a = BankOf(kLogging), b = BankOf({{"explore.policy", "uniform"}});
  ASSERT_TRUE(a != nullptr && b != nullptr);
  Log log;
  Play(*a, Market(5, 400), log);
  const std::vector<NamedPolicy> policies = {{"uniform", b->plan}};
  const OffPolicyResult weights = Evaluate(*a, policies, log, 0).policies[0].result;
  const BacktestReport second = Evaluate(*a, policies, log, 0, {weights.max_weight});
  ASSERT_TRUE(second.policies[0].rejection.has_value());
  const RejectionResult& r = *second.policies[0].rejection;
  EXPECT_EQ(r.clipped, 0);   // a fixed policy weighs the same in both passes
  const double share = static_cast<double>(r.accepted) / static_cast<double>(weights.n);
  EXPECT_NEAR(share, weights.mean_weight / weights.max_weight, .05);
  const Interval& other = weights.of(OffPolicyMethod::kSndr).normal;
  EXPECT_LT(std::max(r.normal.low, other.low), std::min(r.normal.high, other.high));
}

}  // namespace
}  // namespace offerstream
