// A11-A15 of the design: the streaming segments against k-means over everything at once.
// Seeds: 1 by default (half a minute in a dev build); the design's 10 with OFFERSTREAM_SEEDS=10.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "models/domain/fixed_math.h"
#include "tests/support/retail_invoices.h"
#include "tests/support/segment_world.h"

namespace offerstream {
namespace {

using namespace offerstream::testing;

constexpr EventTime kStart = 470'000 * Duration{3'600'000};
constexpr std::size_t kCustomers = 30'000;
constexpr std::uint32_t kD = 10;

int Seeds() {
  const char* text = std::getenv("OFFERSTREAM_SEEDS");
  return text != nullptr ? std::max(1, std::atoi(text)) : 1;
}

/// S3: half-life 60,000 moves, a macro step each 10,000.
SegmentSettings WorldSettings(std::uint64_t seed) {
  SegmentSettings settings = PlainSettings(kD, seed);
  settings.half_life = 60'000 * ToldCustomers::kStep;
  settings.step_moves = 10'000;
  return settings;
}

struct Stationary {
  double ratio = 0, ari = 0, batch_ari = 0, changed = 0;
  std::size_t k = 0, micros = 0;
};

/// S3 without drift: 120,000 moves, a step each 10,000. `changed`: share of customers whose segment differs between the
/// views before and after a step at the same place, mean over the steps of the second half.
Stationary RunStationary(std::size_t groups, double apart, std::uint64_t seed, bool compare) {
  Draws draws(seed, 3, groups, Purpose::kSimulation);
  Groups world(groups, kD, apart, draws);
  Segmenter segmenter(WorldSettings(seed));
  ToldCustomers told(segmenter, kCustomers);
  std::vector<int> group(kCustomers);
  for (int& g : group) g = world.Draw(draws, groups);
  std::vector<double> raw(kD);
  Stationary result;
  int steps = 0;
  auto before = segmenter.View(0);
  for (std::uint64_t move = 0; move < 120'000; ++move) {
    const std::size_t i = draws.Below(kCustomers);
    world.Place(group[i], draws, raw);
    const std::uint64_t step = segmenter.steps();
    told.Tell(i, raw, kStart + static_cast<Duration>(move) * ToldCustomers::kStep);
    if (segmenter.steps() == step) continue;
    auto after = segmenter.View(0);
    if (move >= 60'000) {
      ++steps;
      const Table old_points = told.Points(*before), new_points = told.Points(*after);
      double differ = 0;
      for (std::size_t p = 0; p < old_points.rows(); ++p) {
        const std::vector<float> a(old_points.row(p), old_points.row(p) + kD), b(new_points.row(p), new_points.row(p) + kD);
        differ += AssignSegment(*before, a).segment != AssignSegment(*after, b).segment;
      }
      result.changed += differ / static_cast<double>(old_points.rows());
    }
    before = after;
  }
  result.changed /= steps;
  const auto view = segmenter.View(0);
  result.k = view->macros.size();
  result.micros = view->micros.size();
  if (!compare) return result;
  std::vector<std::size_t> who;
  const Table points = told.Points(*view, 0, &who);
  std::vector<int> own, truth;
  const double inertia = Inertia(points, Centres(*view), &own);
  for (std::size_t i : who) truth.push_back(group[i]);
  const BatchFit batch = BatchKMeans(points, groups, 10, [&] { return draws.Uniform(); });
  result.ratio = inertia / batch.inertia;
  result.ari = AdjustedRand(own, truth);
  result.batch_ari = AdjustedRand(batch.label, truth);
  return result;
}

TEST(SegmenterAccuracy, A11StationaryGroupsAreFoundAsWellAsByBatchKMeans) {
  for (std::size_t groups : {5u, 8u}) {
    double ratio = 0, ari = 0, batch_ari = 0;
    for (int seed = 1; seed <= Seeds(); ++seed) {
      const Stationary s = RunStationary(groups, 5, static_cast<std::uint64_t>(seed), true);
      std::printf("A11 k %zu seed %d: ratio %.4f ari %.4f batch %.4f k %zu micros %zu changed %.4f\n", groups, seed,
                  s.ratio, s.ari, s.batch_ari, s.k, s.micros, s.changed);
      EXPECT_EQ(s.k, groups) << "seed " << seed;
      ratio += s.ratio / Seeds();
      ari += s.ari / Seeds();
      batch_ari += s.batch_ari / Seeds();
    }
    EXPECT_LE(ratio, 1.02);
    EXPECT_GE(ari, batch_ari - 0.02);
  }
}

/// Whether one segment is the newborn group: it holds 80 % of the group's customers and they are 80 % of it.
bool Found(ToldCustomers& told, const SegmentView& view, std::span<const int> group, int newborn) {
  std::vector<std::size_t> who;
  const Table points = told.Points(view, 0, &who);
  std::map<std::uint32_t, double> inside, all;
  double born = 0;
  for (std::size_t p = 0; p < who.size(); ++p) {
    const std::vector<float> z(points.row(p), points.row(p) + kD);
    const std::uint32_t segment = AssignSegment(view, z).segment;
    all[segment] += 1;
    if (group[who[p]] != newborn) continue;
    inside[segment] += 1;
    born += 1;
  }
  return std::any_of(inside.begin(), inside.end(), [&](const auto& entry) {
    return entry.second >= 0.8 * born && entry.second >= 0.8 * all[entry.first];
  });
}

struct Drifting {
  double worst = 0;  ///< of the ratios at every step from 20,000 moves on
  bool found = false;
  std::size_t k = 0;
};

/// S3 with drift and birth. At a step: inertia of the segments' centres over the customers moved in the last 20,000
/// moves, against batch k-means with as many centres on the same customers.
Drifting RunDrifting(std::uint64_t seed) {
  constexpr std::size_t kGroups = 5;
  constexpr std::uint64_t kMoves = 200'000;
  constexpr double kApart = 5;
  Draws draws(seed, 4, kGroups, Purpose::kSimulation);
  Groups world(kGroups, kD, kApart, draws);
  std::vector<double> drift(kGroups * kD);
  for (std::size_t g = 0; g < kGroups; ++g) {
    double norm = 0;
    for (std::size_t j = 0; j < kD; ++j) norm += (drift[g * kD + j] = draws.Normal()) * drift[g * kD + j];
    for (std::size_t j = 0; j < kD; ++j) drift[g * kD + j] *= 0.4 * kApart / std::sqrt(norm) / kMoves;
  }
  Segmenter segmenter(WorldSettings(seed));
  ToldCustomers told(segmenter, kCustomers);
  std::vector<int> group(kCustomers);
  for (int& g : group) g = world.Draw(draws, kGroups - 1);
  std::vector<double> raw(kD);
  Drifting result;
  for (std::uint64_t move = 0; move < kMoves; ++move) {
    const std::size_t i = draws.Below(kCustomers);
    if (move >= kMoves / 2 && draws.Uniform() < 0.25) group[i] = world.Draw(draws, kGroups);
    for (std::size_t v = 0; v < drift.size(); ++v) world.centre[v] += drift[v];
    world.Place(group[i], draws, raw);
    const std::uint64_t step = segmenter.steps();
    told.Tell(i, raw, kStart + static_cast<Duration>(move) * ToldCustomers::kStep);
    if (segmenter.steps() == step || move < 20'000) continue;
    const auto view = segmenter.View(0);
    const Table points = told.Points(*view, move - 20'000);
    const std::vector<double> centres = Centres(*view);
    const BatchFit cold = BatchKMeans(points, view->macros.size(), 1, [&] { return draws.Uniform(); });
    const BatchFit warm = LloydFrom(points, centres);
    result.worst = std::max(result.worst, Inertia(points, centres) / std::min(cold.inertia, warm.inertia));
  }
  const auto view = segmenter.View(0);
  result.k = view->macros.size();
  result.found = Found(told, *view, group, kGroups - 1);
  return result;
}

TEST(SegmenterAccuracy, A12DriftAndBirthAreFollowedAtEveryStep) {
  double worst = 0, found = 0;
  for (int seed = 1; seed <= Seeds(); ++seed) {
    const Drifting d = RunDrifting(static_cast<std::uint64_t>(seed));
    std::printf("A12 seed %d: worst ratio of any step %.4f, newborn found %d, k %zu\n", seed, d.worst, d.found, d.k);
    worst += d.worst / Seeds();
    found += d.found;
  }
  EXPECT_LE(worst, 1.01);
  EXPECT_EQ(found, Seeds());
}

TEST(SegmenterAccuracy, A13IdsDoNotChangeWithoutCause) {
  double far = 0, near = 0;
  for (int seed = 1; seed <= Seeds(); ++seed) {
    far += RunStationary(5, 5, static_cast<std::uint64_t>(seed), false).changed / Seeds();
    near += RunStationary(5, 3, static_cast<std::uint64_t>(seed), false).changed / Seeds();
  }
  std::printf("A13 changed: 5 sd %.4f, 3 sd %.4f\n", far, near);
  EXPECT_LE(far, 0.005);
  EXPECT_LE(near, 0.03);
}

/// One customer of online_retail as seen so far.
struct Shopper {
  std::size_t index = 0;
  double orders = 0, spend = 0;
  EventTime first = 0, last = 0, told = 0;

  std::vector<double> Place() const {
    const double gap = orders > 1 ? static_cast<double>(last - first) / 86'400'000 / (orders - 1) : 0;
    return {fixed::Log1p(gap), fixed::Log(orders), fixed::Log1p(spend)};
  }
};

/// Minutes since 2010-01-01 of "2010-12-01 08:26:00", as ms of event time.
EventTime Minute(std::string_view text) {
  auto number = [&](std::size_t at, std::size_t n) {
    std::int64_t v = 0;
    for (char c : text.substr(at, n)) v = v * 10 + (c - '0');
    return v;
  };
  static constexpr std::int64_t kBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  const std::int64_t days = (number(0, 4) - 2010) * 365 + kBefore[number(5, 2) - 1] + number(8, 2) - 1;
  return ((days * 24 + number(11, 2)) * 60 + number(14, 2)) * 60'000;
}

struct RetailStep {
  double ratio = 0;  ///< to batch k-means, at every fourth step; else 0
  std::size_t k = 0, customers = 0;
};

/// Feeds every purchase invoice of a known customer as a move to (ln(1 + mean gap), ln orders, ln(1 + spend)); the
/// silent are told again after 28 days, as the decision fold's timer does.
std::vector<RetailStep> RunRetail(GzipLines& lines, std::uint64_t seed) {
  Segmenter segmenter(PlainSettings(3, seed));
  ToldCustomers told(segmenter, 5'000, 250);
  std::map<std::string, Shopper, std::less<>> shoppers;
  std::vector<RetailStep> steps;
  Draws draws(seed, 14, 0, Purpose::kSimulation);
  auto tell = [&](Shopper& s, EventTime at) {
    s.told = at;
    const std::uint64_t step = segmenter.steps();
    told.Tell(s.index, s.Place(), at);
    if (segmenter.steps() == step || shoppers.size() < 1'000) return;
    const auto view = segmenter.View(0);
    const Table points = told.Points(*view);
    steps.push_back({0, view->macros.size(), points.rows()});
    if (steps.size() % 4 != 0) return;
    const BatchFit batch = BatchKMeans(points, view->macros.size(), 5, [&] { return draws.Uniform(); });
    steps.back().ratio = Inertia(points, Centres(*view)) / batch.inertia;
  };
  EventTime day = 0;
  EachInvoice(lines, [&](std::string_view customer, double amount, std::string_view date) {
    const EventTime time = Minute(date);
    if (time / 86'400'000 > day) {
      day = time / 86'400'000;
      for (auto& [name, s] : shoppers) {
        if (time - s.told >= 28 * Duration{86'400'000}) tell(s, time);
      }
    }
    Shopper& s = shoppers.try_emplace(std::string(customer), Shopper{.index = shoppers.size()}).first->second;
    if (s.orders == 0) s.first = time;
    s.orders += 1;
    s.spend += amount;
    s.last = time;
    tell(s, time);
  });
  return steps;
}

TEST(SegmenterAccuracy, A14OnlineRetailStaysCloseToBatchKMeans) {
  const std::string path = OFFERSTREAM_SOURCE_DIR "/../shared/data/online_retail/online_retail.csv.gz";
  double close = 0;
  for (int seed = 1; seed <= Seeds(); ++seed) {
    GzipLines lines(path);
    if (!lines.ok()) GTEST_SKIP() << "online_retail is not there: " << path;
    const std::vector<RetailStep> steps = RunRetail(lines, static_cast<std::uint64_t>(seed));
    ASSERT_GE(steps.size(), 50u);
    std::map<std::size_t, double> seen;  // k -> steps, once half of the customers are known
    double ratio = 0, settled = 0;
    const auto compared = static_cast<double>(steps.size() / 4);
    for (const RetailStep& s : steps) {
      ratio += s.ratio / compared;
      if (s.customers < 2'000) continue;
      settled += 1;
      seen[s.k] += 1;
    }
    double best = 0;  // the share within 1 of the k that has most steps around it
    std::string ks;
    for (const auto& [k, count] : seen) {
      double around = 0;
      for (std::size_t near : {k - 1, k, k + 1}) around += seen.contains(near) ? seen.at(near) : 0;
      best = std::max(best, around / settled);
      ks += " " + std::to_string(k) + ":" + std::to_string(static_cast<int>(count));
    }
    std::printf("A14 seed %d: %zu steps, mean ratio %.4f, steps at each k%s, within 1 %.2f\n", seed, steps.size(), ratio,
                ks.c_str(), best);
    EXPECT_LE(ratio, 1.05);
    close += best / Seeds();
  }
  EXPECT_GE(close, 0.9);
}

TEST(SegmenterAccuracy, A15AfterAMillionMovesTheSumsEqualARecomputation) {
  constexpr std::size_t kPeople = 20'000;
  constexpr std::uint32_t kDim = 5;
  constexpr Duration kHalfLife = 100'000;  // in steps of 1: ten half-lives
  MicroClusters micros(kDim, kHalfLife);
  Draws draws(15, 15, 0, Purpose::kSimulation);
  struct Place {
    std::uint64_t id = 0;
    EventTime t = 0;
    std::array<double, kDim> z{};
  };
  std::vector<Place> places(kPeople);
  std::vector<std::uint64_t> known;
  for (EventTime t = 1; t <= 1'000'000; ++t) {
    Place& p = places[draws.Below(kPeople)];
    micros.Advance(t);
    if (p.id != 0) micros.Remove(p.id, p.z, p.t);
    // As a fold with an old snapshot would: the nearest of the clusters known some time ago, now and then a founder.
    if (t % 5'000 == 1) {
      known.clear();
      for (const auto& c : micros.clusters()) known.push_back(c.id);
    }
    const bool founder = known.size() < 100 || draws.Uniform() < 0.001;
    p.id = founder ? H64({static_cast<std::uint64_t>(t)}) : known[draws.Below(known.size())];
    p.t = t;
    for (double& v : p.z) v = draws.Normal();
    micros.Add(p.id, p.z, t);
  }
  // Everything that is still counted, summed anew per cluster with weights relative to now.
  struct Sums {
    double n = 0;
    std::array<double, kDim> ls{}, ss{};
    std::int64_t members = 0;
  };
  std::map<std::uint64_t, Sums> again;
  double n = 0, n_again = 0, worst = 0;
  for (const Place& p : places) {
    const MicroClusters::Cluster* home = micros.Home(p.id);
    if (home == nullptr) continue;
    Sums& sums = again[home->id];
    const double g = micros.Freshness(p.t);
    ++sums.members;
    sums.n += g;
    n_again += g;
    for (std::size_t j = 0; j < kDim; ++j) {
      sums.ls[j] += g * p.z[j];
      sums.ss[j] += g * p.z[j] * p.z[j];
    }
  }
  for (const auto& c : micros.clusters()) n += c.n;
  for (const auto& c : micros.clusters()) {
    const Sums& sums = again[c.id];
    ASSERT_EQ(sums.members, c.members);
    worst = std::max(worst, std::abs(c.n / n - sums.n / n_again));
    for (std::size_t j = 0; j < kDim; ++j) {
      worst = std::max(worst, std::abs(c.ls[j] / n - sums.ls[j] / n_again));
      worst = std::max(worst, std::abs(c.ss[j] / n - sums.ss[j] / n_again));
    }
  }
  EXPECT_LE(worst, 1e-9);
  std::printf("A15: %ld customers in %zu clusters, %lu merged, %lu evicted, worst difference %.1e\n", micros.members(),
              micros.clusters().size(), micros.merged(), micros.evicted(), worst);
}

}  // namespace
}  // namespace offerstream
