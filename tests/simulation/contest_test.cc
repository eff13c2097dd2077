// The whole engine against what a marketing team could run instead, on the same simulated bank: what the decisions were
// worth by the planted truth (V p_n - c - U u_n of everything shown), with confounded history, delayed answers, impressions
// that wear out, unsubscribes, a budget, and tastes that turn half-way. OFFERSTREAM_SEEDS=20 for the stated figures;
// OFFERSTREAM_FIRST_SEED=101 for the seeds that defaults may be chosen on (README).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "consumers/config/embedded_files.h"
#include "consumers/offline/closed_loop.h"
#include "models/domain/random.h"
#include "tests/simulation/rivals.h"

namespace offerstream {
namespace {

constexpr std::size_t kCustomers = 500;
constexpr double kDays = 70, kDecidedFromDay = 11;
constexpr EventTime kDayLength = 86'400'000;
// What reaches two in three visits in the channel that costs most on the average.
constexpr double kMoneyPerCustomer = 16;
constexpr double kOraclePrices[] = {.5, 1, 2, 4};

MarketOptions Market(std::uint64_t seed) {
  MarketOptions market = DemoMarket(seed, kCustomers, kDays);
  market.drift = true;
  return market;
}

Purse Money(const MarketOptions& market) {
  const auto from = static_cast<EventTime>(kDecidedFromDay) * kDayLength;
  return {kMoneyPerCustomer * kCustomers, market.start + from, static_cast<EventTime>(kDays) * kDayLength - from};
}

void Replace(std::string& text, std::string_view from, std::string_view to) {
  std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  for (; at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
}

/// The demo's configuration with the budget and without its holdout (no rival has to measure itself), with changes.
LoadedConfig With(std::vector<std::pair<std::string_view, std::string_view>> changes) {
  std::string text(EmbeddedFile("deploy/demo/offerstream.yaml"));
  Replace(text, "holdout: 0.05", "holdout: 0");
  Replace(text, ", value: 40 }", ", value: 40, budget: all }");
  Replace(text, "outcomes:  ",
          fmt::format("budgets: [ {{ id: all, amount: {}, period: {}d, starts: 2026-01-12, pace: even }} ]\noutcomes:  ",
                      kMoneyPerCustomer * kCustomers, kDays - kDecidedFromDay));
  for (const auto& [from, to] : changes) Replace(text, from, to);
  return ParseConfig(text, "deploy/demo/offerstream.yaml", {});
}

double Engine(const LoadedConfig& loaded, std::uint64_t seed, bool frozen = false) {
  EXPECT_NE(loaded.config, nullptr) << (loaded.errors.empty() ? "" : loaded.errors[0].Text());
  if (loaded.config == nullptr) return 0;
  auto loop = ClosedLoop::Make(*loaded.config, Market(seed));
  EXPECT_TRUE(loop.has_value());
  const EventTime from = Money(Market(seed)).starts;
  bool learns = true;
  while ((*loop)->Step()) {
    if (frozen && learns && (*loop)->now() >= from) {
      (*loop)->Freeze();
      learns = false;
    }
  }
  EXPECT_LE((*loop)->market().earnings().cost, kMoneyPerCustomer * kCustomers);
  return (*loop)->market().earnings().net();
}

template <typename Make>
double Of(Make make, std::uint64_t seed) {
  SimulatedMarket market(Market(seed));
  const auto rival = make(market, Money(Market(seed)));
  MarketRecord record;
  std::uint64_t serial = 0;
  while (market.Next(record)) {
    rival->See(record);
    if (!record.request) continue;
    const auto choice = rival->Decide(record);
    if (!choice) continue;
    market.Show(record.customer_id, H64({seed, ++serial}), choice->offer, choice->channel, record.time,
                record.time + kDayLength);
  }
  return market.earnings().net();
}

double BestOracle(std::uint64_t seed) {
  double best = -HUGE_VAL;
  for (const double price : kOraclePrices) {
    const auto make = [price](const SimulatedMarket& m, const Purse& purse) { return Oracle(m, purse, price); };
    best = std::max(best, Of(make, seed));
  }
  return best;
}

int Number(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::max(1, std::atoi(text));
}

/// What the engine earned more, seed by seed.
struct Ahead {
  double sum = 0, squares = 0, earned = 0;
  int seeds = 0, wins = 0;
  void Add(double engine, double other) {
    sum += engine - other;
    squares += (engine - other) * (engine - other);
    earned += other;
    ++seeds;
    wins += engine > other;
  }
  double mean() const { return sum / seeds; }
  /// Of the mean, 95 %; t of 20 seeds.
  double half_width() const {
    if (seeds < 2) return HUGE_VAL;
    return 2.093 * std::sqrt(std::max(0.0, squares / seeds - mean() * mean()) / (seeds - 1));
  }
};

TEST(Contest, TheEngineEarnsMoreThanRulesAndNightlyBoostingAndEachPartPays) {
  const LoadedConfig whole = With({});
  const LoadedConfig without_caps =
      With({{"start: 10, max: 20, learn: true", "start: 20, max: 20, learn: false"}, {"cap_lottery: 0.1", "cap_lottery: 0"}});
  const LoadedConfig without_exploration =
      With({{"policy: inverse_gap, cap_lottery: 0.1", "policy: greedy, lottery: 0, cap_lottery: 0"}, {"random: 0.01", "random: 0"}});
  const char* const names[] = {"engine", "oracle", "rules, static caps", "nightly boosting, static caps",
                               "engine, no caps", "engine, no exploration", "engine, not learning online"};
  constexpr std::size_t kPolicies = std::size(names), kOracle = 1, kRules = 2, kBoosting = 3, kNotLearning = 6;
  std::array<Ahead, kPolicies> ahead{};
  const int seeds = Number("OFFERSTREAM_SEEDS", 1), first = Number("OFFERSTREAM_FIRST_SEED", 1);
  for (int s = first; s < first + seeds; ++s) {
    const auto seed = static_cast<std::uint64_t>(s);
    const std::array<double, kPolicies> net = {Engine(whole, seed), BestOracle(seed), Of(RulesWithStaticCaps, seed),
                                               Of(NightlyBoosting, seed), Engine(without_caps, seed),
                                               Engine(without_exploration, seed), Engine(whole, seed, true)};
    std::string line = fmt::format("seed {:2}:", s);
    for (std::size_t p = 0; p < kPolicies; ++p) {
      ahead[p].Add(net[0], net[p]);
      line += fmt::format(" {:8.0f}", net[p]);
    }
    fmt::print("{}\n", line);
    std::fflush(stdout);
  }
  for (std::size_t p = 0; p < kPolicies; ++p) {
    const Ahead& a = ahead[p];
    fmt::print("{:30} mean {:8.0f}  regret {:5.2f}  engine ahead on {:2} of {} by {:7.0f} +- {:.0f}\n", names[p],
               a.earned / seeds, 1 - a.earned / ahead[kOracle].earned, a.wins, seeds, a.mean(), a.half_width());
  }
  for (const std::size_t p : {kRules, kBoosting, kNotLearning}) {
    EXPECT_GE(ahead[p].wins, (9 * seeds + 9) / 10) << names[p];
    EXPECT_GE(ahead[0].earned, 1.1 * ahead[p].earned) << names[p];
  }
}

}  // namespace
}  // namespace offerstream
