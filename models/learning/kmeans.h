// Weighted k-means and the measures that judge a number of clusters. Formulas and papers: segments.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "models/domain/random.h"

namespace offerstream {

/// Points with weights, laid out in blocks of kLane points (feature by feature) so that distances to a centre vectorise.
/// One owner; not thread-safe while adding.
class PointSet {
 public:
  static constexpr std::size_t kLane = 8;

  /// REQUIRES: dimension > 0.
  explicit PointSet(std::size_t dimension);
  void Reserve(std::size_t points);
  /// REQUIRES: z.size() == dimension(), all finite, weight >= 0.
  void Add(std::span<const double> z, double weight = 1);

  std::size_t size() const { return weights_.size(); }
  /// size() rounded up to whole blocks; the length DistancesTo writes.
  std::size_t padded_size() const { return (size() + kLane - 1) / kLane * kLane; }
  std::size_t dimension() const { return dimension_; }
  double weight(std::size_t i) const { return weights_[i]; }
  double total_weight() const { return total_weight_; }
  /// Coordinate j of point i.
  double at(std::size_t i, std::size_t j) const { return values_[(i / kLane * dimension_ + j) * kLane + i % kLane]; }
  /// The kLane values of feature j in a block.
  const double* Lane(std::size_t block, std::size_t j) const { return &values_[(block * dimension_ + j) * kLane]; }
  /// Copies point i to `z`.
  void Get(std::size_t i, std::span<double> z) const;
  /// Squared Euclidean distances of all points to `centre`. REQUIRES: out.size() >= padded_size(); values past size()
  /// are meaningless. O(size * dimension).
  void DistancesTo(std::span<const double> centre, std::span<double> out) const;

 private:
  std::size_t dimension_;
  double total_weight_ = 0;
  std::vector<double> values_, weights_;
};

/// A partition of a PointSet: k centres (row-major, k x dimension), each point's nearest centre, and
/// inertia = sum of weight * squared distance.
struct Clustering {
  std::size_t k = 0;
  std::vector<double> centres{};
  std::vector<std::uint32_t> label{};
  double inertia = 0;
};

/// Assigns every point to its nearest centre (ties to the lower index). REQUIRES: centres.size() = k * dimension, k > 0.
Clustering AssignAll(const PointSet& points, std::span<const double> centres);

/// Lloyd 1982: assign, then move each centre to its weighted mean, until nothing changes or `iterations` are done; the
/// result's labels and inertia belong to its centres. A centre left without points moves to the point that costs most.
Clustering Lloyd(const PointSet& points, std::vector<double> centres, int iterations);

/// Greedy k-means++ seeding (Arthur, Vassilvitskii 2007): each next seed is the best of 2 + log2(k) draws with
/// probability proportional to weight * squared distance. REQUIRES: points.size() > 0. O(k log k * size * dimension).
std::vector<double> SeedPlusPlus(const PointSet& points, std::size_t k, Draws& draws);

/// The lowest inertia of `restarts` seedings, each followed by at most `iterations` Lloyd steps.
Clustering KMeans(const PointSet& points, std::size_t k, int restarts, int iterations, Draws& draws);

/// Prediction strength (Tibshirani, Walther 2005): for each cluster of `test` the share of its pairs of points that
/// the centres of `train` put together as well; the least of them. A cluster of one point counts as 0. In [0, 1].
double PredictionStrength(const Clustering& train, const PointSet& test_points, const Clustering& test);

/// Prediction strength for k = 1..k_max, at index k (index 0 is unused, index 1 is 1): both halves are clustered apart
/// and each judges the other; the worse of the two (a cut that holds by luck rarely holds both ways).
std::vector<double> PredictionStrengths(const PointSet& half_a, const PointSet& half_b, std::size_t k_max, Draws& draws);

/// Mean silhouette (Rousseeuw 1987), Euclidean; 0 for points alone in their cluster. O(size^2 * dimension).
double Silhouette(const PointSet& points, const Clustering& clustering);

/// The k (from 1) whose inertia lies farthest below the chord from the first to the last, both axes scaled to [0, 1].
/// `inertia[i]` belongs to k = i + 1. 1 when there is no bend.
std::size_t Elbow(std::span<const double> inertia);

/// Bayesian information criterion of k spherical Gaussians with one common variance (Pelleg, Moore 2000, as cost):
/// n d ln(inertia / (n d)) - 2 n sum share ln share + (k - 1 + k d + 1) ln n; lower is better.
double Bic(const PointSet& points, const Clustering& clustering);

}  // namespace offerstream
