// The whole engine against what a marketing team could run instead, on the same simulated bank: what the decisions were
// worth by the planted truth (V p_n - c - U u_n of everything shown), with confounded history, delayed answers, impressions
// that wear out, unsubscribes, and tastes that turn half-way. OFFERSTREAM_SEEDS=20 for the stated figures.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "consumers/config/embedded_files.h"
#include "consumers/offline/closed_loop.h"
#include "models/domain/random.h"
#include "tests/simulation/rivals.h"

namespace offerstream {
namespace {

constexpr std::size_t kCustomers = 1'000;
constexpr double kDays = 70, kLearnedFromDay = 11;

MarketOptions Market(std::uint64_t seed) {
  MarketOptions market = DemoMarket(seed, kCustomers, kDays);
  market.drift = true;
  return market;
}

void Replace(std::string& text, std::string_view from, std::string_view to) {
  std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  for (; at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
}

/// The demo's configuration without its holdout (no rival has to measure itself), with changes.
LoadedConfig With(std::vector<std::pair<std::string_view, std::string_view>> changes) {
  std::string text(EmbeddedFile("deploy/demo/offerstream.yaml"));
  Replace(text, "holdout: 0.05", "holdout: 0");
  for (const auto& [from, to] : changes) Replace(text, from, to);
  return ParseConfig(text, "deploy/demo/offerstream.yaml", {});
}

double Engine(const LoadedConfig& loaded, std::uint64_t seed, bool frozen) {
  EXPECT_NE(loaded.config, nullptr) << (loaded.errors.empty() ? "" : loaded.errors[0].Text());
  auto loop = ClosedLoop::Make(*loaded.config, Market(seed));
  EXPECT_TRUE(loop.has_value());
  const EventTime from = Market(seed).start + static_cast<EventTime>(kLearnedFromDay * 86'400'000);
  bool learns = true;
  while ((*loop)->Step()) {
    if (frozen && learns && (*loop)->now() >= from) {
      (*loop)->Freeze();
      learns = false;
    }
  }
  return (*loop)->market().earnings().net();
}

template <typename Make>
double Of(Make make, std::uint64_t seed) {
  SimulatedMarket market(Market(seed));
  const auto rival = make(market);
  MarketRecord record;
  std::uint64_t serial = 0;
  while (market.Next(record)) {
    rival->See(record);
    if (!record.request) continue;
    const auto choice = rival->Decide(record);
    if (!choice) continue;
    market.Show(record.customer_id, H64({seed, ++serial}), choice->offer, choice->channel, record.time,
                record.time + 86'400'000);
  }
  return market.earnings().net();
}

int Seeds() {
  const char* text = std::getenv("OFFERSTREAM_SEEDS");
  return text == nullptr ? 1 : std::max(1, std::atoi(text));
}

TEST(Contest, TheEngineEarnsMoreThanRulesAndNightlyBoostingAndEachPartPays) {
  const LoadedConfig whole = With({});
  const LoadedConfig without_caps =
      With({{"start: 10, max: 20, learn: true", "start: 20, max: 20, learn: false"}, {"cap_lottery: 0.1", "cap_lottery: 0"}});
  const LoadedConfig without_exploration =
      With({{"policy: inverse_gap, cap_lottery: 0.1", "policy: greedy, lottery: 0, cap_lottery: 0"}, {"random: 0.01", "random: 0"}});
  const char* const names[] = {"oracle", "engine", "engine without caps", "engine without exploration",
                               "engine frozen at the start", "nightly boosting, static caps", "rules, static caps"};
  constexpr std::size_t kPolicies = std::size(names), kEngine = 1, kFirstRival = 5;
  std::array<double, kPolicies> sum{};
  std::array<int, kPolicies> beaten{};
  const int seeds = Seeds();
  for (int s = 1; s <= seeds; ++s) {
    const auto seed = static_cast<std::uint64_t>(s);
    const std::array<double, kPolicies> net = {
        Of(Oracle, seed),         Engine(whole, seed, false),         Engine(without_caps, seed, false),
        Engine(without_exploration, seed, false), Engine(whole, seed, true), Of(NightlyBoosting, seed),
        Of(RulesWithStaticCaps, seed)};
    std::string line = fmt::format("seed {:2}:", s);
    for (std::size_t p = 0; p < kPolicies; ++p) {
      sum[p] += net[p];
      beaten[p] += net[kEngine] > net[p] ? 1 : 0;
      line += fmt::format(" {:8.0f}", net[p]);
    }
    fmt::print("{}\n", line);
    std::fflush(stdout);
  }
  for (std::size_t p = 0; p < kPolicies; ++p) {
    fmt::print("{:32} mean net value {:9.1f}  regret {:6.3f}  the engine earned more on {} of {} seeds\n", names[p],
               sum[p] / seeds, 1 - sum[p] / sum[0], beaten[p], seeds);
  }
  for (std::size_t p = kFirstRival; p < kPolicies; ++p) {
    EXPECT_GE(beaten[p], (9 * seeds + 9) / 10) << names[p];
    EXPECT_GE(sum[kEngine], 1.1 * sum[p]) << names[p];
  }
}

}  // namespace
}  // namespace offerstream
