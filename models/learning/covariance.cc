#include "models/learning/covariance.h"

#include <immintrin.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include <Eigen/Cholesky>

namespace offerstream {
namespace {

// Explicit four-wide vectors with fused multiply-add: the same rounding in every build type.
constexpr std::size_t kLane = 4;
constexpr std::size_t kDimensionMax = 1024;

using Lanes = __m256d;

// (sum a, sum b, sum c, sum d), each as (0 + 1) + (2 + 3).
Lanes HorizontalSums(Lanes a, Lanes b, Lanes c, Lanes d) {
  const Lanes ab = _mm256_hadd_pd(a, b), cd = _mm256_hadd_pd(c, d);
  return _mm256_add_pd(_mm256_permute2f128_pd(ab, cd, 0x20), _mm256_permute2f128_pd(ab, cd, 0x31));
}

}  // namespace

Covariance::Covariance(std::size_t dimension)
    : dimension_(dimension), padded_((dimension + kLane - 1) / kLane * kLane), values_(RowBegin(padded_), 0.0) {
  assert(dimension <= kDimensionMax);
}

void Covariance::Set(std::size_t i, std::size_t j, double value) {
  if (i < j) std::swap(i, j);
  values_[RowBegin(i) + j] = value;
  if (i / kLane == j / kLane) values_[RowBegin(j) + i] = value;  // a tile on the diagonal has both halves
}

// A tile below the diagonal is used twice: as it stands for its rows, transposed for its columns.
void Covariance::Times(const Doubles& x, Doubles& product) const {
  assert(x.size() == padded_ && product.size() == padded_);
  double* u = product.data();
  for (std::size_t i = 0; i < padded_; i += kLane) {
    const double* a = &values_[RowBegin(i)];
    const double *b = a + i + kLane, *c = b + i + kLane, *d = c + i + kLane;
    const Lanes xa = _mm256_set1_pd(x[i]), xb = _mm256_set1_pd(x[i + 1]);
    const Lanes xc = _mm256_set1_pd(x[i + 2]), xd = _mm256_set1_pd(x[i + 3]);
    Lanes sa = _mm256_setzero_pd(), sb = sa, sc = sa, sd = sa;
    for (std::size_t j = 0; j < i; j += kLane) {
      const Lanes ta = _mm256_load_pd(a + j), tb = _mm256_load_pd(b + j);
      const Lanes tc = _mm256_load_pd(c + j), td = _mm256_load_pd(d + j), xj = _mm256_load_pd(&x[j]);
      const Lanes first = _mm256_fmadd_pd(tb, xb, _mm256_fmadd_pd(ta, xa, _mm256_load_pd(u + j)));
      _mm256_store_pd(u + j, _mm256_fmadd_pd(td, xd, _mm256_fmadd_pd(tc, xc, first)));
      sa = _mm256_fmadd_pd(ta, xj, sa);
      sb = _mm256_fmadd_pd(tb, xj, sb);
      sc = _mm256_fmadd_pd(tc, xj, sc);
      sd = _mm256_fmadd_pd(td, xj, sd);
    }
    Lanes own = HorizontalSums(sa, sb, sc, sd);
    own = _mm256_fmadd_pd(_mm256_load_pd(b + i), xb, _mm256_fmadd_pd(_mm256_load_pd(a + i), xa, own));
    own = _mm256_fmadd_pd(_mm256_load_pd(d + i), xd, _mm256_fmadd_pd(_mm256_load_pd(c + i), xc, own));
    _mm256_store_pd(u + i, own);
  }
}

void Covariance::SubtractOuter(const Doubles& s) {
  assert(s.size() == padded_);
  const double* v = s.data();
  for (std::size_t i = 0; i < padded_; i += kLane) {
    double* a = &values_[RowBegin(i)];
    double *b = a + i + kLane, *c = b + i + kLane, *d = c + i + kLane;
    const Lanes va = _mm256_set1_pd(v[i]), vb = _mm256_set1_pd(v[i + 1]);
    const Lanes vc = _mm256_set1_pd(v[i + 2]), vd = _mm256_set1_pd(v[i + 3]);
    for (std::size_t j = 0; j <= i; j += kLane) {
      const Lanes vj = _mm256_load_pd(v + j);
      _mm256_store_pd(a + j, _mm256_fnmadd_pd(va, vj, _mm256_load_pd(a + j)));
      _mm256_store_pd(b + j, _mm256_fnmadd_pd(vb, vj, _mm256_load_pd(b + j)));
      _mm256_store_pd(c + j, _mm256_fnmadd_pd(vc, vj, _mm256_load_pd(c + j)));
      _mm256_store_pd(d + j, _mm256_fnmadd_pd(vd, vj, _mm256_load_pd(d + j)));
    }
  }
}

void Covariance::ScaleAndAdd(std::span<const double> factor, std::span<const double> add) {
  for (std::size_t i = 0; i < dimension_; ++i) {
    double* row = &values_[RowBegin(i)];
    const std::size_t end = std::min(dimension_, (i / kLane + 1) * kLane);
    for (std::size_t j = 0; j < end; ++j) row[j] *= factor[i] * factor[j];
    row[i] += add[i];
  }
}

void Covariance::RoundTo(std::vector<float>& out) const {
  out.resize(dimension_ * dimension_);
  for (std::size_t i = 0; i < dimension_; ++i) {
    const double* row = &values_[RowBegin(i)];
    float* to = &out[i * dimension_];
    for (std::size_t j = 0; j <= i; ++j) to[j] = static_cast<float>(row[j]);
    for (std::size_t j = 0; j < i; ++j) out[j * dimension_ + i] = to[j];
  }
}

bool Covariance::PositiveDefinite() const {
  Eigen::MatrixXd full(dimension_, dimension_);
  for (std::size_t i = 0; i < dimension_; ++i) {
    for (std::size_t j = 0; j < dimension_; ++j) {
      if (!std::isfinite(at(i, j))) return false;
      full(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = at(i, j);
    }
  }
  return Eigen::LLT<Eigen::MatrixXd>(full).info() == Eigen::Success;
}

void Covariance::Mend(std::span<const double> most) {
  for (std::size_t i = 0; i < dimension_; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!std::isfinite(at(i, j))) Set(i, j, 0.0);
    }
    const double own = at(i, i);
    Set(i, i, std::isfinite(own) ? std::clamp(own, 1e-9, most[i]) : most[i]);
  }
  for (int round = 0; round < 40 && !PositiveDefinite(); ++round) {
    for (std::size_t i = 0; i < dimension_; ++i) {
      for (std::size_t j = 0; j < i; ++j) Set(i, j, round == 39 ? 0.0 : 0.9 * at(i, j));
    }
  }
}

void Covariance::Save(ByteWriter& out) const {
  std::string& bytes = out.buffer();
  for (std::size_t i = 0; i < dimension_; ++i) {
    bytes.append(reinterpret_cast<const char*>(&values_[RowBegin(i)]), (i + 1) * sizeof(double));
  }
}

Covariance Covariance::Restore(std::size_t dimension, ByteReader& in) {
  const std::size_t triangle = dimension * (dimension + 1) / 2;
  if (dimension > kDimensionMax || in.left() < triangle * sizeof(double)) {
    in.Fail();
    return {};
  }
  Covariance restored(dimension);
  for (std::size_t i = 0; i < dimension; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      const double value = in.F64();
      if (!std::isfinite(value) || (i == j && !(value > 0))) in.Fail();
      restored.Set(i, j, value);
    }
  }
  return restored;
}

}  // namespace offerstream
