// A16, A17, A18 on S4: caps of 18 cells with planted answers, confounded by who is shown more.
#include <cmath>
#include <cstdio>

#include <gtest/gtest.h>

#include "models/domain/numeric_path.h"
#include "models/domain/random.h"
#include "models/learning/cap_curve.h"
#include "tests/accuracy/bank_rows.h"

namespace offerstream {
namespace {

constexpr double kValue = 60, kUnsubscribeValue = 150;
constexpr std::uint32_t kSegments = 6, kChannels = 3, kCells = kSegments * kChannels;

double Logistic(double z) { return 1 / (1 + std::exp(-z)); }

struct Planted {
  double level = 0, slope = 0, cost = 0;
  bool plateau = false;
  int cap = 0;

  double Eta(int n) const {
    if (plateau) return n > 5 ? 2.2 * slope * std::log(n / 5.0) : 0.0;
    return slope * std::log(n);
  }
  // Value before the cost, averaged over the cell's customers.
  double Gross(int n) const {
    double p = 0, mass = 0;
    for (double g = -5; g <= 5; g += 0.05) {
      const double weight = std::exp(-0.5 * g * g);
      p += weight * Logistic(level + 0.8 * g + Eta(n));
      mass += weight;
    }
    return kValue * p / mass - kUnsubscribeValue * Logistic(-7 + 0.18 * (n - 1));
  }
  // What showing everyone n impressions earns a customer.
  double Earned(int impressions) const {
    double sum = 0;
    for (int n = 1; n <= impressions; ++n) sum += Gross(n) - cost;
    return sum;
  }
};

struct World {
  bool plateau = false, confounded = true, offset = true;
  int customers = 3000;
  std::uint64_t seed = 1;
};

struct Outcome {
  int within = 0, cells = 0, in_range = 0;
  double regret = 0;
};

std::shared_ptr<CampaignPlan> PlanOf(const std::vector<Planted>& cells) {
  auto plan = std::make_shared<CampaignPlan>();
  plan->outcomes.resize(1);
  plan->outcomes[0].id = "click";
  plan->offers.resize(1);
  plan->offers[0].goal = OutcomeIndex(std::size_t{0});
  for (std::size_t i = 0; i < cells.size(); ++i) {  // every cell has its own cost, so its own channel
    ChannelSpec channel;
    channel.id = "c" + std::to_string(i);
    channel.cost = cells[i].cost;
    channel.unsubscribe_value = kUnsubscribeValue;
    plan->channels.push_back(channel);
  }
  plan->Index();
  return plan;
}

int Poisson(Draws& draws, double mean) {
  const double least = std::exp(-mean);
  double product = draws.UniformOpen();
  int n = 0;
  for (; product > least; ++n) product *= draws.UniformOpen();
  return n;
}

std::vector<Planted> Plant(const World& world, Draws& draws) {
  std::vector<Planted> cells(kCells);
  for (Planted& cell : cells) {
    cell.plateau = world.plateau;
    cell.level = -3.2 + 0.25 * draws.Normal();
    cell.slope = -0.45 + 0.08 * draws.Normal();
    cell.cap = 8 + static_cast<int>(draws.Below(5));
    cell.cost = 0.5 * (cell.Gross(cell.cap) + cell.Gross(cell.cap + 1));
  }
  return cells;
}

void Show(const World& world, const std::vector<Planted>& cells, Draws& draws, CapCurve& curve) {
  Observation row;
  row.kind = ObservationKind::kCapRow;
  row.outcome = 0;
  row.value = static_cast<Money>(kValue * 100);
  const int total = world.customers * static_cast<int>(kCells);
  for (int i = 0; i < total; ++i) {
    const std::uint32_t at = static_cast<std::uint32_t>(i) % kCells;
    const Planted& cell = cells[at];
    const double g = draws.Normal(), o = cell.level + 0.8 * g;
    const double known = o + 0.2 * draws.Normal();
    int shown = std::min(20, 1 + Poisson(draws, 5 * (world.confounded ? std::exp(0.6 * g) : 1.0)));
    row.lottery = draws.Uniform() < 0.1;
    if (row.lottery) shown = 7 + static_cast<int>(draws.Below(9));
    for (int n = 1; n <= shown; ++n) {
      row.time = static_cast<EventTime>(i) * 28 * 86'400'000LL / total;
      row.segment = at / kChannels;
      row.channel = static_cast<std::uint16_t>(at);
      row.n = static_cast<std::uint32_t>(n);
      row.served_logit = world.offset ? known : cell.level;
      row.y = draws.Uniform() < Logistic(o + cell.Eta(n)) ? 1.0F : 0.0F;
      row.unsubscribed = draws.Uniform() < Logistic(-7 + 0.18 * (n - 1));
      ASSERT_TRUE(curve.Apply(row));
      if (row.unsubscribed) break;
    }
  }
}

void Judge(const std::vector<Planted>& cells, const CapCurve& curve, Outcome& outcome) {
  const CapView view = curve.View();
  for (std::uint32_t i = 0; i < kCells; ++i) {
    const CapCell* cell = view.Find(i / kChannels, ChannelIndex(i));
    ASSERT_NE(cell, nullptr);
    ++outcome.cells;
    outcome.within += std::abs(static_cast<int>(cell->limit) - cells[i].cap) <= 1;
    outcome.in_range += cell->limit >= 7 && cell->limit <= 13;
    const double best = cells[i].Earned(cells[i].cap);
    outcome.regret += (best - cells[i].Earned(cell->limit)) / best;
  }
}

Outcome Simulate(World world, int seeds) {
  FixNumericPath();
  Outcome outcome;
  for (int seed = 1; seed <= seeds; ++seed) {
    Draws draws(static_cast<std::uint64_t>(seed), 4, world.plateau, Purpose::kSimulation);
    const std::vector<Planted> cells = Plant(world, draws);
    CapCurve curve(PlanOf(cells));
    Show(world, cells, draws, curve);
    Judge(cells, curve, outcome);
  }
  outcome.regret /= outcome.cells;
  std::printf("S4 %s, %s, %d a cell%s: within one %.3f, regret %.4f, in 7..13 %.3f\n",
              world.plateau ? "plateau" : "ln", world.confounded ? "confounded" : "unconfounded", world.customers,
              world.offset ? "" : ", no offset", static_cast<double>(outcome.within) / outcome.cells, outcome.regret,
              static_cast<double>(outcome.in_range) / outcome.cells);
  return outcome;
}

double Within(const Outcome& outcome) { return static_cast<double>(outcome.within) / outcome.cells; }

TEST(Caps, A16ConfoundedCellsOf3000CustomersFindTheirCap) {
  for (bool plateau : {false, true}) {
    const Outcome outcome = Simulate({.plateau = plateau}, accuracy::Seeds(2));
    EXPECT_GE(Within(outcome), .88);
    EXPECT_LE(outcome.regret, .01);
  }
}

TEST(Caps, A16CellsOf10000CustomersFindItAlmostAlways) {
  for (bool plateau : {false, true}) {
    const Outcome outcome = Simulate({.plateau = plateau, .customers = 10'000}, accuracy::Seeds(1));
    EXPECT_GE(Within(outcome), .95);
    EXPECT_EQ(outcome.in_range, outcome.cells);
  }
}

TEST(Caps, A17UnconfoundedCellsFindTheirCap) {
  for (bool plateau : {false, true}) {
    EXPECT_GE(Within(Simulate({.plateau = plateau, .confounded = false}, accuracy::Seeds(2))), .80);
    EXPECT_GE(Within(Simulate({.plateau = plateau, .confounded = false, .customers = 10'000}, accuracy::Seeds(1))), .95);
  }
}

TEST(Caps, A18WithoutTheCustomersOwnLogitTheCapIsWrong) {
  for (bool plateau : {false, true}) {
    const Outcome outcome = Simulate({.plateau = plateau, .offset = false}, accuracy::Seeds(2));
    EXPECT_TRUE(Within(outcome) < .88 || outcome.regret > .01);
  }
}

}  // namespace
}  // namespace offerstream
