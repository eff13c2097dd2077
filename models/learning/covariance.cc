#include "models/learning/covariance.h"

#include <immintrin.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include <Eigen/Cholesky>

namespace offerstream {
namespace {

// Explicit four-wide vectors with fused multiply-add: the same rounding in every build type.
constexpr std::size_t kLane = 4;
constexpr std::size_t kDimensionMax = 1024;

}  // namespace

Covariance::Covariance(std::size_t dimension)
    : dimension_(dimension), stride_((dimension + kLane - 1) / kLane * kLane), values_(stride_ * stride_, 0.0) {
  assert(dimension <= kDimensionMax);
}

void Covariance::Set(std::size_t i, std::size_t j, double value) {
  values_[i * stride_ + j] = value;
  values_[j * stride_ + i] = value;
}

void Covariance::Times(const Doubles& x, Doubles& product) const {
  assert(x.size() == stride_ && product.size() == stride_);
  std::uint16_t nonzero[kDimensionMax];
  std::size_t count = 0;
  for (std::size_t j = 0; j < dimension_; ++j) {
    nonzero[count] = static_cast<std::uint16_t>(j);
    count += x[j] != 0.0;
  }
  double* u = product.data();
  std::fill(product.begin(), product.end(), 0.0);
  std::size_t k = 0;
  for (; k + 4 <= count; k += 4) {
    const double* a = &values_[nonzero[k] * stride_];
    const double* b = &values_[nonzero[k + 1] * stride_];
    const double* c = &values_[nonzero[k + 2] * stride_];
    const double* d = &values_[nonzero[k + 3] * stride_];
    const __m256d xa = _mm256_set1_pd(x[nonzero[k]]), xb = _mm256_set1_pd(x[nonzero[k + 1]]);
    const __m256d xc = _mm256_set1_pd(x[nonzero[k + 2]]), xd = _mm256_set1_pd(x[nonzero[k + 3]]);
    for (std::size_t i = 0; i < stride_; i += kLane) {
      __m256d sum = _mm256_fmadd_pd(_mm256_load_pd(a + i), xa, _mm256_load_pd(u + i));
      sum = _mm256_fmadd_pd(_mm256_load_pd(b + i), xb, sum);
      sum = _mm256_fmadd_pd(_mm256_load_pd(c + i), xc, sum);
      _mm256_store_pd(u + i, _mm256_fmadd_pd(_mm256_load_pd(d + i), xd, sum));
    }
  }
  for (; k < count; ++k) {
    const double* a = &values_[nonzero[k] * stride_];
    const __m256d xa = _mm256_set1_pd(x[nonzero[k]]);
    for (std::size_t i = 0; i < stride_; i += kLane) {
      _mm256_store_pd(u + i, _mm256_fmadd_pd(_mm256_load_pd(a + i), xa, _mm256_load_pd(u + i)));
    }
  }
}

void Covariance::SubtractOuter(const Doubles& s) {
  assert(s.size() == stride_);
  const double* v = s.data();
  for (std::size_t j = 0; j < stride_; j += 4) {
    double* a = &values_[j * stride_];
    double* b = a + stride_;
    double* c = b + stride_;
    double* d = c + stride_;
    const __m256d sa = _mm256_set1_pd(v[j]), sb = _mm256_set1_pd(v[j + 1]);
    const __m256d sc = _mm256_set1_pd(v[j + 2]), sd = _mm256_set1_pd(v[j + 3]);
    for (std::size_t i = 0; i < stride_; i += kLane) {
      const __m256d si = _mm256_load_pd(v + i);
      _mm256_store_pd(a + i, _mm256_fnmadd_pd(sa, si, _mm256_load_pd(a + i)));
      _mm256_store_pd(b + i, _mm256_fnmadd_pd(sb, si, _mm256_load_pd(b + i)));
      _mm256_store_pd(c + i, _mm256_fnmadd_pd(sc, si, _mm256_load_pd(c + i)));
      _mm256_store_pd(d + i, _mm256_fnmadd_pd(sd, si, _mm256_load_pd(d + i)));
    }
  }
}

void Covariance::ScaleAndAdd(std::span<const double> factor, std::span<const double> add) {
  for (std::size_t i = 0; i < dimension_; ++i) {
    double* row = &values_[i * stride_];
    for (std::size_t j = 0; j < dimension_; ++j) row[j] *= factor[i] * factor[j];
    row[i] += add[i];
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
    bytes.append(reinterpret_cast<const char*>(&values_[i * stride_]), (i + 1) * sizeof(double));
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
