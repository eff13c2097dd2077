// A posterior covariance: dense, symmetric, updated by rank one. The inner loops of all learning are here.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "models/domain/bytes.h"

namespace offerstream {

/// A symmetric matrix: the lower triangle in rows of 4 x 4 tiles, padded with zeros, so that two models fit where one
/// full one would (4 d (d + 4) bytes). Tiles on the diagonal are whole; their halves stay equal to the bit, because
/// every change is a commutative product. One owner, not thread-safe.
class Covariance {
 public:
  using Doubles = std::vector<double, Eigen::aligned_allocator<double>>;

  Covariance() = default;
  explicit Covariance(std::size_t dimension);

  std::size_t dimension() const { return dimension_; }
  /// The dimension rounded up to whole tiles: a vector given to the functions below has this many doubles, zero past
  /// the dimension.
  std::size_t padded() const { return padded_; }
  double at(std::size_t i, std::size_t j) const { return i >= j ? values_[RowBegin(i) + j] : values_[RowBegin(j) + i]; }
  /// Sets both (i, j) and (j, i).
  void Set(std::size_t i, std::size_t j, double value);

  /// product = this x, summed in an order that depends on the dimension alone. O(d^2).
  void Times(const Doubles& x, Doubles& product) const;
  /// this -= s s'. O(d^2).
  void SubtractOuter(const Doubles& s);
  /// this(i, j) *= f_i f_j, then (i, i) += add_i.
  void ScaleAndAdd(std::span<const double> factor, std::span<const double> add);

  /// The whole matrix, row-major, rounded to float32: what scoring adopts. `out` is replaced.
  void RoundTo(std::vector<float>& out) const;

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
  /// Rows of tile row r have 4 (r + 1) doubles.
  static std::size_t RowBegin(std::size_t i) {
    const std::size_t r = i / 4;
    return 8 * r * (r + 1) + (i % 4) * 4 * (r + 1);
  }

  std::size_t dimension_ = 0, padded_ = 0;
  Doubles values_;
};

}  // namespace offerstream
