#include "models/deciding/exploration.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "models/domain/fixed_math.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr std::size_t kNodes = 16;

struct Quadrature {
  std::array<double, kNodes> node{}, weight{};   // for the standard normal density; weights sum to 1
};

// Gauss-Hermite nodes of the probabilists' polynomials by Newton's method between sign changes; weights n!/(n He)^2.
Quadrature MakeQuadrature() {
  const auto hermite = [](double x, double& before) {   // He_16(x), He_15(x)
    double p0 = 1, p1 = x;
    for (std::size_t n = 1; n < kNodes; ++n) {
      const double p2 = x * p1 - static_cast<double>(n) * p0;
      p0 = p1;
      p1 = p2;
    }
    before = p0;
    return p1;
  };
  double factorial = 1;
  for (std::size_t n = 2; n <= kNodes; ++n) factorial *= static_cast<double>(n);
  Quadrature q;
  std::size_t found = 0;
  double before = 0, left = hermite(-8, before);
  for (int step = 1; step <= 1600 && found < kNodes; ++step) {
    double low = -8 + .01 * (step - 1), high = -8 + .01 * step;
    const double right = hermite(high, before);
    if ((left < 0) != (right < 0)) {
      for (int i = 0; i < 60; ++i) {
        const double mid = .5 * (low + high), value = hermite(mid, before);
        ((value < 0) == (left < 0) ? low : high) = mid;
      }
      q.node[found] = .5 * (low + high);
      hermite(q.node[found], before);
      q.weight[found] = factorial / (static_cast<double>(kNodes * kNodes) * before * before);
      ++found;
    }
    left = right;
  }
  assert(found == kNodes);
  return q;
}

void FillBest(std::span<Candidate> candidates, std::size_t best) {
  double others = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) others += i == best ? 0.0 : candidates[i].propensity;
  candidates[best].propensity = std::max(0.0, 1 - others);
}

void Thompson(std::span<Candidate> candidates, std::vector<double>& weights) {
  static const Quadrature quadrature = MakeQuadrature();
  weights.assign(candidates.size(), 0.0);
  double total = 0;
  for (std::size_t a = 0; a < candidates.size(); ++a) {
    const Candidate& own = candidates[a];
    for (std::size_t k = 0; k < kNodes; ++k) {
      const double t = own.score + own.score_sd * quadrature.node[k];
      double wins = quadrature.weight[k];
      for (std::size_t b = 0; b < candidates.size() && wins > 0; ++b) {
        if (b == a) continue;
        const double gap = t - candidates[b].score, sd = candidates[b].score_sd;
        wins *= sd > 0 ? FastNormalCdf(gap / sd) : gap > 0 ? 1.0 : gap == 0 ? .5 : 0.0;
      }
      weights[a] += wins;
    }
    total += weights[a];
  }
  const double k = static_cast<double>(candidates.size());
  for (std::size_t a = 0; a < candidates.size(); ++a) {
    candidates[a].propensity = total > 0 ? weights[a] / total : 1 / k;
  }
}

void AddLottery(std::span<Candidate> candidates, double epsilon) {
  const double share = epsilon / static_cast<double>(candidates.size());
  for (Candidate& c : candidates) c.propensity = (1 - epsilon) * c.propensity + share;
}

}  // namespace

double FastNormalCdf(double x) {
  const double a = (x < 0 ? -x : x) * 0.70710678118654752440;
  const double t = 1 / (1 + 0.3275911 * a);
  const double poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const double tail = .5 * poly * fixed::Exp(-a * a);
  return x < 0 ? tail : 1 - tail;
}

std::size_t BestOf(std::span<const Candidate> candidates, const CampaignPlan& plan, std::uint64_t tie) {
  std::size_t best = 0;
  const auto key = [&](const Candidate& c) {
    return H64({tie, plan.offers[c.offer.value].hash, plan.channels[c.channel.value].hash});
  };
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    if (candidates[i].score > candidates[best].score ||
        (candidates[i].score == candidates[best].score && key(candidates[i]) > key(candidates[best]))) {
      best = i;
    }
  }
  return best;
}

void AssignPropensities(const ExploreSpec& spec, const CampaignPlan& plan, std::span<Candidate> candidates,
                        std::size_t best, std::int64_t most_labels, ExplorationScratch& scratch) {
  assert(!candidates.empty() && best < candidates.size());
  const double k = static_cast<double>(candidates.size());
  const Candidate& top = candidates[best];
  switch (spec.policy) {
    case ExplorePolicy::kInverseGap:
      for (Candidate& c : candidates) {
        const auto i = static_cast<std::size_t>(&c - candidates.data());
        const double shared = i < scratch.difference.size() ? scratch.difference[i] : -1;
        const double gap = top.score - c.score;
        const double spread = shared >= 0 ? shared : top.score_sd * top.score_sd + c.score_sd * c.score_sd;
        const double r2 = spread > 0 ? gap * gap / spread : gap > 0 ? HUGE_VAL : 0.0;
        c.propensity = 1 / (k * (1 + spec.kappa * r2));
      }
      FillBest(candidates, best);
      AddLottery(candidates, spec.lottery);
      break;
    case ExplorePolicy::kSquareCb: {
      double v_max = 0;
      for (const Candidate& c : candidates) {
        const OfferSpec& offer = plan.offers[c.offer.value];
        v_max = std::max(v_max, offer.value * offer.lever);
      }
      const double gamma = spec.gamma0 * std::sqrt(static_cast<double>(std::max<std::int64_t>(1, most_labels)));
      for (Candidate& c : candidates) {
        c.propensity = 1 / (k + (v_max > 0 ? gamma * (top.score - c.score) / v_max : 0.0));
      }
      FillBest(candidates, best);
      AddLottery(candidates, spec.lottery);
      break;
    }
    case ExplorePolicy::kEpsilonGreedy:
    case ExplorePolicy::kGreedy:
      for (Candidate& c : candidates) c.propensity = 0;
      FillBest(candidates, best);
      if (spec.policy == ExplorePolicy::kEpsilonGreedy) AddLottery(candidates, spec.epsilon);
      break;
    case ExplorePolicy::kThompson:
      Thompson(candidates, scratch.weights);
      AddLottery(candidates, spec.lottery);
      break;
  }
}

void AssignUniform(std::span<Candidate> candidates) {
  for (Candidate& c : candidates) c.propensity = 1 / static_cast<double>(candidates.size());
}

std::size_t DrawFrom(std::span<const Candidate> candidates, double u) {
  double sum = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].propensity <= 0) continue;
    sum += candidates[i].propensity;
    last = i;
    if (u < sum) break;
  }
  assert(candidates[last].propensity > 0);
  return last;   // rounding may leave the sum just below u: the last possible one
}

}  // namespace offerstream
