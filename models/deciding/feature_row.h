// x of one candidate and where it is not zero: most features are one of many levels, and what is zero costs nothing.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include "models/domain/campaign_plan.h"

namespace offerstream {

/// A dense vector of features with the ordered positions of its non-zeros. Plain values; one owner. No allocation.
class FeatureRow {
 public:
  FeatureRow() = default;
  /// The row of a dense vector.
  explicit FeatureRow(std::span<const float> x) { SetFrom(0, x); }

  /// Replaces everything from position `begin` on. O(values). REQUIRES: begin <= size().
  void SetFrom(std::size_t begin, std::span<const float> values) {
    assert(begin <= size_ && begin + values.size() <= kFeaturesMax);
    while (used_count_ > 0 && used_[used_count_ - 1] >= begin) --used_count_;
    for (std::size_t i = begin + values.size(); i < size_; ++i) x_[i] = 0;
    size_ = begin + values.size();
    std::size_t count = used_count_;
    for (std::size_t i = 0; i < values.size(); ++i) {
      x_[begin + i] = values[i];
      used_[count] = static_cast<std::uint16_t>(begin + i);
      count += values[i] != 0;
    }
    used_count_ = count;
  }

  std::size_t size() const { return size_; }
  float operator[](std::size_t i) const { return x_[i]; }
  /// All features.
  std::span<const float> dense() const { return {x_.data(), size_}; }
  /// The same, followed by zeros up to a multiple of eight.
  const float* padded() const { return x_.data(); }
  /// Positions that are not zero, ascending.
  std::span<const std::uint16_t> used() const { return {used_.data(), used_count_}; }

 private:
  static_assert(kFeaturesMax % 8 == 0);
  alignas(32) std::array<float, kFeaturesMax> x_{};
  std::array<std::uint16_t, kFeaturesMax + 1> used_{};
  std::size_t size_ = 0, used_count_ = 0;
};

}  // namespace offerstream
