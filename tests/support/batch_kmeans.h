// The reference the streaming segments are held against: k-means over all points at once, and agreement of partitions.
// Written apart from models/learning/kmeans so that an error there cannot excuse itself.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace offerstream::testing {

/// Points row by row (n x d).
struct Table {
  std::size_t d = 0;
  std::vector<double> values{};
  std::size_t rows() const { return values.size() / d; }
  const double* row(std::size_t i) const { return &values[i * d]; }
};

struct BatchFit {
  std::vector<double> centres{};  ///< k x d
  std::vector<int> label{};
  double inertia = 0;
};

/// Sum of squared distances of all points to the nearest of the centres; fills `label` when given.
inline double Inertia(const Table& t, std::span<const double> centres, std::vector<int>* label = nullptr) {
  const std::size_t k = centres.size() / t.d;
  double sum = 0;
  if (label != nullptr) label->assign(t.rows(), 0);
  for (std::size_t i = 0; i < t.rows(); ++i) {
    double best = 1e300;
    for (std::size_t c = 0; c < k; ++c) {
      double d2 = 0;
      for (std::size_t j = 0; j < t.d; ++j) d2 += (t.row(i)[j] - centres[c * t.d + j]) * (t.row(i)[j] - centres[c * t.d + j]);
      if (d2 < best) {
        best = d2;
        if (label != nullptr) (*label)[i] = static_cast<int>(c);
      }
    }
    sum += best;
  }
  return sum;
}

/// Lloyd from the given centres until the inertia no longer falls by 1e-6 of itself.
inline BatchFit LloydFrom(const Table& t, std::vector<double> centres) {
  const std::size_t k = centres.size() / t.d;
  BatchFit fit{std::move(centres), {}, 0};
  double last = Inertia(t, fit.centres, &fit.label);
  for (int step = 0; step < 100; ++step) {
    std::vector<double> sum(k * t.d, 0), n(k, 0);
    for (std::size_t i = 0; i < t.rows(); ++i) {
      const auto c = static_cast<std::size_t>(fit.label[i]);
      n[c] += 1;
      for (std::size_t j = 0; j < t.d; ++j) sum[c * t.d + j] += t.row(i)[j];
    }
    for (std::size_t c = 0; c < k; ++c) {
      for (std::size_t j = 0; n[c] > 0 && j < t.d; ++j) fit.centres[c * t.d + j] = sum[c * t.d + j] / n[c];
    }
    fit.inertia = Inertia(t, fit.centres, &fit.label);
    if (fit.inertia > last * (1 - 1e-6)) break;
    last = fit.inertia;
  }
  return fit;
}

/// k-means++ seeding and Lloyd, the best of `restarts`; `uniform()` gives numbers in [0, 1).
template <typename Uniform>
BatchFit BatchKMeans(const Table& t, std::size_t k, int restarts, Uniform&& uniform) {
  BatchFit best;
  for (int r = 0; r < restarts; ++r) {
    std::vector<double> centres, nearest(t.rows(), 1e300);
    auto add = [&](std::size_t i) { centres.insert(centres.end(), t.row(i), t.row(i) + t.d); };
    add(static_cast<std::size_t>(uniform() * static_cast<double>(t.rows())));
    while (centres.size() < k * t.d) {
      const double* last = &centres[centres.size() - t.d];
      double total = 0;
      for (std::size_t i = 0; i < t.rows(); ++i) {
        double d2 = 0;
        for (std::size_t j = 0; j < t.d; ++j) d2 += (t.row(i)[j] - last[j]) * (t.row(i)[j] - last[j]);
        if (d2 < nearest[i]) nearest[i] = d2;
        total += nearest[i];
      }
      double at = uniform() * total;
      std::size_t i = 0;
      while (i + 1 < t.rows() && (at -= nearest[i]) >= 0) ++i;
      add(i);
    }
    BatchFit fit = LloydFrom(t, std::move(centres));
    if (r == 0 || fit.inertia < best.inertia) best = std::move(fit);
  }
  return best;
}

/// Adjusted Rand index (Hubert, Arabie 1985) of two labellings with labels from 0.
inline double AdjustedRand(std::span<const int> a, std::span<const int> b) {
  std::size_t ka = 0, kb = 0;
  for (int v : a) ka = std::max(ka, static_cast<std::size_t>(v) + 1);
  for (int v : b) kb = std::max(kb, static_cast<std::size_t>(v) + 1);
  std::vector<double> both(ka * kb, 0), in_a(ka, 0), in_b(kb, 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    both[static_cast<std::size_t>(a[i]) * kb + static_cast<std::size_t>(b[i])] += 1;
    in_a[static_cast<std::size_t>(a[i])] += 1;
    in_b[static_cast<std::size_t>(b[i])] += 1;
  }
  auto pairs = [](std::span<const double> counts) {
    double sum = 0;
    for (double n : counts) sum += n * (n - 1) / 2;
    return sum;
  };
  const double n = static_cast<double>(a.size()), all = n * (n - 1) / 2;
  const double expected = pairs(in_a) * pairs(in_b) / all, most = (pairs(in_a) + pairs(in_b)) / 2;
  return most == expected ? 1 : (pairs(both) - expected) / (most - expected);
}

}  // namespace offerstream::testing
