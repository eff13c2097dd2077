// A posterior covariance: dense, symmetric, updated by rank one. The inner loops of all learning are here.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "models/domain/bytes.h"

namespace offerstream {

/// A symmetric matrix whose rows are padded with zeros to whole vectors. Both halves are stored and stay equal to the
/// bit, because every change is a commutative product. One owner, not thread-safe.
class Covariance {
 public:
  using Doubles = std::vector<double, Eigen::aligned_allocator<double>>;

  Covariance() = default;
  explicit Covariance(std::size_t dimension);

  std::size_t dimension() const { return dimension_; }
  /// Doubles a row occupies; a vector given to the functions below has this many, zero past the dimension.
  std::size_t stride() const { return stride_; }
  double at(std::size_t i, std::size_t j) const { return values_[i * stride_ + j]; }
  /// Sets both (i, j) and (j, i).
  void Set(std::size_t i, std::size_t j, double value);

  /// product = this x. Columns where x is zero are passed over (one-hot features are mostly zero), the others are added
  /// in order of index, four at a time. O(d * nonzeros); .2 us at d = 64.
  void Times(const Doubles& x, Doubles& product) const;
  /// this -= s s'. O(d^2); .3 us at d = 64.
  void SubtractOuter(const Doubles& s);
  /// this(i, j) *= f_i f_j, then (i, i) += add_i.
  void ScaleAndAdd(std::span<const double> factor, std::span<const double> add);

  /// Whether a Cholesky factor exists and every value is finite. O(d^3).
  bool PositiveDefinite() const;
  /// Shrinks what is off the diagonal, and limits the diagonal to [1e-9, most_i], until PositiveDefinite(). A function
  /// of this state alone, so a restored model mends itself in the same way.
  void Mend(std::span<const double> most);

  /// The lower triangle by rows: 4 d (d + 1) bytes.
  void Save(ByteWriter& out) const;
  /// Fails the reader on a value that is not finite or a diagonal that is not positive.
  static Covariance Restore(std::size_t dimension, ByteReader& in);

 private:
  std::size_t dimension_ = 0, stride_ = 0;
  Doubles values_;
};

}  // namespace offerstream
