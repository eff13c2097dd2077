#include "models/learning/kmeans.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr std::size_t kLane = PointSet::kLane;
/// Restarts and Lloyd steps for each half and k of a prediction strength.
constexpr int kStrengthRestarts = 4;
constexpr int kStrengthIterations = 20;

/// Squared distances of one block to one centre. Constant trip counts: vectorised in every optimised build.
inline void BlockDistances(const PointSet& points, std::size_t block, const double* centre, double* out) {
  double sum[kLane] = {};
  for (std::size_t j = 0; j < points.dimension(); ++j) {
    const double* x = points.Lane(block, j);
    const double c = centre[j];
    for (std::size_t l = 0; l < kLane; ++l) {
      const double difference = x[l] - c;
      sum[l] += difference * difference;
    }
  }
  for (std::size_t l = 0; l < kLane; ++l) out[l] = sum[l];
}

/// Labels and distances to the nearest centre of one block's points.
inline void BlockNearest(const PointSet& points, std::size_t block, std::span<const double> centres, std::size_t k,
                         double* distance, double* label) {
  for (std::size_t l = 0; l < kLane; ++l) {
    distance[l] = std::numeric_limits<double>::infinity();
    label[l] = 0;
  }
  double next[kLane];
  for (std::size_t c = 0; c < k; ++c) {
    BlockDistances(points, block, &centres[c * points.dimension()], next);
    const double name = static_cast<double>(c);
    for (std::size_t l = 0; l < kLane; ++l) {
      const bool nearer = next[l] < distance[l];
      label[l] = nearer ? name : label[l];
      distance[l] = nearer ? next[l] : distance[l];
    }
  }
}

/// One assignment pass: fills label and inertia; returns how many labels changed and the point that costs most.
struct Pass {
  std::size_t changed = 0;
  std::size_t costliest = 0;
};

Pass Reassign(const PointSet& points, Clustering& c) {
  Pass pass;
  double most = -1, inertia = 0;
  double distance[kLane], label[kLane];
  for (std::size_t i = 0; i < points.size(); i += kLane) {
    BlockNearest(points, i / kLane, c.centres, c.k, distance, label);
    const std::size_t in_block = std::min(kLane, points.size() - i);
    for (std::size_t l = 0; l < in_block; ++l) {
      const auto nearest = static_cast<std::uint32_t>(label[l]);
      pass.changed += nearest != c.label[i + l];
      c.label[i + l] = nearest;
      const double cost = points.weight(i + l) * distance[l];
      inertia += cost;
      if (cost > most) {
        most = cost;
        pass.costliest = i + l;
      }
    }
  }
  c.inertia = inertia;
  return pass;
}

/// Moves every centre to its weighted mean; an empty one to `spare`.
void Recentre(const PointSet& points, Clustering& c, std::size_t spare) {
  const std::size_t d = points.dimension();
  std::vector<double> sum(c.k * d, 0.0), weight(c.k, 0.0);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double w = points.weight(i);
    double* into = &sum[c.label[i] * d];
    for (std::size_t j = 0; j < d; ++j) into[j] += w * points.at(i, j);
    weight[c.label[i]] += w;
  }
  bool spare_used = false;
  for (std::size_t k = 0; k < c.k; ++k) {
    if (weight[k] > 0) {
      for (std::size_t j = 0; j < d; ++j) c.centres[k * d + j] = sum[k * d + j] / weight[k];
    } else if (!spare_used) {
      points.Get(spare, std::span(c.centres).subspan(k * d, d));
      spare_used = true;
    }
  }
}

}  // namespace

PointSet::PointSet(std::size_t dimension) : dimension_(dimension) { assert(dimension > 0); }

void PointSet::Reserve(std::size_t points) {
  weights_.reserve(points);
  values_.reserve((points + kLane - 1) / kLane * kLane * dimension_);
}

void PointSet::Add(std::span<const double> z, double weight) {
  assert(z.size() == dimension_ && weight >= 0);
  const std::size_t i = weights_.size();
  if (i % kLane == 0) values_.resize(values_.size() + kLane * dimension_, 0.0);
  for (std::size_t j = 0; j < dimension_; ++j) values_[(i / kLane * dimension_ + j) * kLane + i % kLane] = z[j];
  weights_.push_back(weight);
  total_weight_ += weight;
}

void PointSet::Get(std::size_t i, std::span<double> z) const {
  for (std::size_t j = 0; j < dimension_; ++j) z[j] = at(i, j);
}

void PointSet::DistancesTo(std::span<const double> centre, std::span<double> out) const {
  assert(centre.size() == dimension_ && out.size() >= padded_size());
  for (std::size_t i = 0; i < size(); i += kLane) BlockDistances(*this, i / kLane, centre.data(), &out[i]);
}

Clustering AssignAll(const PointSet& points, std::span<const double> centres) {
  Clustering c;
  c.k = centres.size() / points.dimension();
  assert(c.k > 0);
  c.centres.assign(centres.begin(), centres.end());
  c.label.assign(points.size(), 0);
  Reassign(points, c);
  return c;
}

Clustering Lloyd(const PointSet& points, std::vector<double> centres, int iterations) {
  Clustering c;
  c.k = centres.size() / points.dimension();
  assert(c.k > 0);
  c.centres = std::move(centres);
  c.label.assign(points.size(), std::numeric_limits<std::uint32_t>::max());
  Pass pass = Reassign(points, c);
  for (int i = 0; i < iterations && pass.changed > 0; ++i) {
    Recentre(points, c, pass.costliest);
    pass = Reassign(points, c);
  }
  return c;
}

std::vector<double> SeedPlusPlus(const PointSet& points, std::size_t k, Draws& draws) {
  assert(points.size() > 0 && k > 0);
  const std::size_t d = points.dimension(), n = points.size(), padded = points.padded_size();
  const int candidates = 1 + static_cast<int>(std::bit_width(k));  // 2 + floor(log2 k)
  std::vector<double> centres(k * d), cost(n), distance(padded), best(n), least(n, 0);
  const auto draw = [&](const std::vector<double>& mass, double total) {
    double at = draws.Uniform() * total;
    std::size_t i = 0;
    for (; i + 1 < n; ++i) {
      at -= mass[i];
      if (at < 0) break;
    }
    return i;
  };
  for (std::size_t i = 0; i < n; ++i) cost[i] = points.weight(i);
  points.Get(draw(cost, points.total_weight()), std::span(centres).first(d));
  points.DistancesTo(std::span(centres).first(d), distance);
  for (std::size_t i = 0; i < n; ++i) least[i] = distance[i];
  std::vector<double> candidate(d);
  for (std::size_t c = 1; c < k; ++c) {
    double total = 0;
    for (std::size_t i = 0; i < n; ++i) total += cost[i] = points.weight(i) * least[i];
    double best_potential = std::numeric_limits<double>::infinity();
    for (int trial = 0; trial < candidates; ++trial) {
      points.Get(draw(cost, total), candidate);
      points.DistancesTo(candidate, distance);
      double potential = 0;
      for (std::size_t i = 0; i < n; ++i) {
        distance[i] = std::min(distance[i], least[i]);
        potential += points.weight(i) * distance[i];
      }
      if (potential < best_potential) {
        best_potential = potential;
        std::copy(distance.begin(), distance.begin() + static_cast<std::ptrdiff_t>(n), best.begin());
        std::copy(candidate.begin(), candidate.end(), centres.begin() + static_cast<std::ptrdiff_t>(c * d));
      }
    }
    least = best;
  }
  return centres;
}

Clustering KMeans(const PointSet& points, std::size_t k, int restarts, int iterations, Draws& draws) {
  Clustering best;
  for (int r = 0; r < restarts; ++r) {
    Clustering c = Lloyd(points, SeedPlusPlus(points, k, draws), iterations);
    if (r == 0 || c.inertia < best.inertia) best = std::move(c);
  }
  return best;
}

double PredictionStrength(const Clustering& train, const PointSet& test_points, const Clustering& test) {
  const Clustering judged = AssignAll(test_points, train.centres);
  std::vector<std::size_t> together(test.k * train.k, 0), size(test.k, 0);
  for (std::size_t i = 0; i < test_points.size(); ++i) {
    ++together[test.label[i] * train.k + judged.label[i]];
    ++size[test.label[i]];
  }
  double strength = 1;
  for (std::size_t c = 0; c < test.k; ++c) {
    if (size[c] < 2) return 0;
    double pairs = 0;
    for (std::size_t t = 0; t < train.k; ++t) {
      const auto n = static_cast<double>(together[c * train.k + t]);
      pairs += n * (n - 1);
    }
    const auto n = static_cast<double>(size[c]);
    strength = std::min(strength, pairs / (n * (n - 1)));
  }
  return strength;
}

std::vector<double> PredictionStrengths(const PointSet& half_a, const PointSet& half_b, std::size_t k_max,
                                        Draws& draws) {
  std::vector<double> strength(k_max + 1, 0.0);
  if (k_max >= 1) strength[1] = 1;
  for (std::size_t k = 2; k <= k_max; ++k) {
    if (half_a.size() <= k || half_b.size() <= k) continue;
    const Clustering a = KMeans(half_a, k, kStrengthRestarts, kStrengthIterations, draws);
    const Clustering b = KMeans(half_b, k, kStrengthRestarts, kStrengthIterations, draws);
    strength[k] = std::min(PredictionStrength(a, half_b, b), PredictionStrength(b, half_a, a));
  }
  return strength;
}

double Silhouette(const PointSet& points, const Clustering& clustering) {
  const std::size_t n = points.size(), k = clustering.k;
  if (n == 0 || k < 2) return 0;
  std::vector<double> size(k, 0.0), to(k), distance(points.padded_size()), z(points.dimension());
  for (std::uint32_t label : clustering.label) size[label] += 1;
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t own = clustering.label[i];
    if (size[own] < 2) continue;
    points.Get(i, z);
    points.DistancesTo(z, distance);
    std::fill(to.begin(), to.end(), 0.0);
    for (std::size_t j = 0; j < n; ++j) to[clustering.label[j]] += std::sqrt(distance[j]);
    double other = std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < k; ++c) {
      if (c != own && size[c] > 0) other = std::min(other, to[c] / size[c]);
    }
    const double within = to[own] / (size[own] - 1);
    const double larger = std::max(within, other);
    if (larger > 0 && std::isfinite(other)) sum += (other - within) / larger;
  }
  return sum / static_cast<double>(n);
}

std::size_t Elbow(std::span<const double> inertia) {
  if (inertia.size() < 3 || !(inertia.front() > inertia.back())) return 1;
  const double span = inertia.front() - inertia.back();
  std::size_t elbow = 1;
  double farthest = 1e-9;
  for (std::size_t i = 1; i + 1 < inertia.size(); ++i) {
    const double x = static_cast<double>(i) / static_cast<double>(inertia.size() - 1);
    const double below = 1 - x - (inertia[i] - inertia.back()) / span;
    if (below > farthest) {
      farthest = below;
      elbow = i + 1;
    }
  }
  return elbow;
}

double Bic(const PointSet& points, const Clustering& clustering) {
  const auto n = static_cast<double>(points.size()), d = static_cast<double>(points.dimension());
  const auto k = static_cast<double>(clustering.k);
  if (points.size() == 0) return 0;
  std::vector<double> size(clustering.k, 0.0);
  for (std::uint32_t label : clustering.label) size[label] += 1;
  double entropy = 0;
  for (double s : size) {
    if (s > 0) entropy += s * fixed::Log(s / n);
  }
  const double variance = std::max(clustering.inertia / (n * d), 1e-300);
  return n * d * fixed::Log(variance) - 2 * entropy + (k - 1 + k * d + 1) * fixed::Log(n);
}

}  // namespace offerstream
