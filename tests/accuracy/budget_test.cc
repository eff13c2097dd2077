// A21 on S6: a budget is spent as planned, never exceeded, on nearly the best that could be bought.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "models/domain/fixed_math.h"
#include "models/domain/numeric_path.h"
#include "models/domain/random.h"
#include "models/learning/budget_pacer.h"
#include "tests/accuracy/bank_rows.h"

namespace offerstream {
namespace {

constexpr int kDecisions = 50'000, kBatch = 200, kBefore = 500;
enum class World { kEven, kSinus, kStep };

struct Chance {
  double value = 0, cost = 0;
};

std::vector<Chance> Market(World world, std::uint64_t run) {
  Draws draws(run, static_cast<std::uint64_t>(world), 6, Purpose::kSimulation);
  std::vector<Chance> all;
  for (int t = 0; t < kDecisions; ++t) {
    Chance c{fixed::Exp(.8 * draws.Normal()), .5 + draws.Uniform()};
    if (world == World::kSinus) c.value *= 1 + .5 * fixed::SinTurn(std::fmod(4.0 * t / kDecisions, 1.0));
    if (world == World::kStep && t >= kDecisions / 2) c.value *= 1.6;
    all.push_back(c);
  }
  return all;
}

// Knapsack: the best value per cost until the money is gone.
double Optimum(std::vector<Chance> all, double budget) {
  std::sort(all.begin(), all.end(), [](const Chance& a, const Chance& b) { return a.value * b.cost > b.value * a.cost; });
  double value = 0;
  for (const Chance& c : all) {
    if (budget < c.cost) return value + c.value * budget / c.cost;
    budget -= c.cost;
    value += c.value;
  }
  return value;
}

struct Outcome {
  double spent = 0, off_plan = 0, value = 0;   // shares of budget, budget, optimum
};

Outcome Pace(World world, double share, std::uint64_t run) {
  const std::vector<Chance> market = Market(world, run);
  const double total = std::accumulate(market.begin(), market.end(), 0.0, [](double s, const Chance& c) { return s + c.cost; });
  const double budget = share * total, mean_cost = total / kDecisions;
  // What is known of the market before the budget opens: 500 decisions of its first hours.
  Draws draws(run, 1, 60, Purpose::kSimulation);
  std::vector<double> ratios;
  for (int i = 0; i < kBefore; ++i) ratios.push_back(fixed::Exp(.8 * draws.Normal()) / (.5 + draws.Uniform()));
  BudgetPacer pacer;
  pacer.Start(ratios, budget / (kDecisions * mean_cost));
  Outcome outcome;
  double spent = 0, value = 0, batch = 0;
  for (int t = 0; t < kDecisions; ++t) {
    const Chance& c = market[static_cast<std::size_t>(t)];
    if (c.value > pacer.price() * c.cost && spent + c.cost <= budget) {
      spent += c.cost;
      batch += c.cost;
      value += c.value;
    }
    if ((t + 1) % kBatch != 0) continue;
    const double left = kDecisions - (t + 1 - kBatch);
    pacer.Update(kBatch * std::min((budget - spent + batch) / left, 3 * budget / kDecisions), batch, mean_cost, budget);
    batch = 0;
    outcome.off_plan = std::max(outcome.off_plan, std::abs(spent / budget - (t + 1.0) / kDecisions));
  }
  outcome.spent = spent / budget;
  outcome.value = value / Optimum(market, budget);
  return outcome;
}

TEST(Budget, A21IsSpentAsPlannedAndOnTheBest) {
  FixNumericPath();
  const int runs = accuracy::Seeds(10);
  const struct {
    World world;
    const char* name;
    double least;
  } worlds[] = {{World::kEven, "even", .99}, {World::kSinus, "sinus", .90}, {World::kStep, "step", .94}};
  for (const auto& w : worlds) {
    Outcome mean;
    double most = 0;
    for (const double share : {.05, .1, .3}) {
      for (int run = 0; run < runs; ++run) {
        const Outcome o = Pace(w.world, share, static_cast<std::uint64_t>(run));
        mean.spent += o.spent / (3 * runs);
        mean.off_plan += o.off_plan / (3 * runs);
        mean.value += o.value / (3 * runs);
        most = std::max(most, o.spent);
      }
    }
    std::printf("A21 %s: spent %.4f (most %.6f), off plan %.4f, value / optimum %.4f\n", w.name, mean.spent, most,
                mean.off_plan, mean.value);
    EXPECT_GE(mean.spent, .995);
    EXPECT_LE(most, 1);
    EXPECT_LE(mean.off_plan, .02);
    EXPECT_GE(mean.value, w.least);
  }
}

}  // namespace
}  // namespace offerstream
