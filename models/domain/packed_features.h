// Features of decision time as they wait with an exposure: most are 0 or 1, so only the others are kept as numbers.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <span>
#include <vector>

#include "models/domain/pooled_array.h"

namespace offerstream {

/// A vector of floats by its bits: two words of marks (not +0.0; 1.0) for each 32 of them, then the numbers that are
/// neither. 64 features of a usual schema take 80 bytes of the pool instead of 264. Not thread-safe.
class PackedFeatures {
 public:
  static constexpr bool kMovesByBytes = true;

  PackedFeatures() = default;
  explicit PackedFeatures(std::pmr::memory_resource* pool) : words_(pool) {}

  /// Takes a copy of `x`.
  void Assign(std::span<const float> x);
  /// How many features, zeros included.
  std::size_t size() const { return words_.empty() ? 0 : words_.data()[0]; }
  /// Appends all features, bit for bit as they were given.
  void AppendTo(std::vector<float>& out) const {
    const std::size_t n = size(), groups = (n + kGroup - 1) / kGroup, begin = out.size();
    if (n == 0) return;
    out.resize(begin + n);
    const std::uint32_t* const words = words_.data();
    const std::uint32_t* next = words + 1 + 2 * groups;
    for (std::size_t g = 0; g < groups; ++g) {
      float* const to = out.data() + begin + g * kGroup;
      const std::uint32_t one = words[2 + 2 * g];
      for (std::uint32_t left = one; left != 0; left &= left - 1) to[std::countr_zero(left)] = 1.0f;
      for (std::uint32_t left = words[1 + 2 * g] & ~one; left != 0; left &= left - 1) {
        to[std::countr_zero(left)] = std::bit_cast<float>(*next++);
      }
    }
  }
  /// Calls `tell(index, value)` for all that are not +0.0, in order.
  template <typename Tell>
  void ForEachNonzero(Tell&& tell) const {
    const std::size_t n = size(), groups = (n + kGroup - 1) / kGroup;
    if (n == 0) return;
    const std::uint32_t* const words = words_.data();
    const std::uint32_t* next = words + 1 + 2 * groups;
    for (std::size_t g = 0; g < groups; ++g) {
      const std::uint32_t one = words[2 + 2 * g];
      for (std::uint32_t left = words[1 + 2 * g]; left != 0; left &= left - 1) {
        const int at = std::countr_zero(left);
        const float value = (one >> at & 1) != 0 ? 1.0f : std::bit_cast<float>(*next++);
        tell(g * kGroup + static_cast<std::size_t>(at), value);
      }
    }
  }
  /// How many are not +0.0.
  std::size_t nonzeros() const {
    std::size_t count = 0;
    for (std::size_t g = 0; g < (size() + kGroup - 1) / kGroup; ++g) {
      count += static_cast<std::size_t>(std::popcount(words_.data()[1 + 2 * g]));
    }
    return count;
  }
  /// All of them, for tests and other places where time does not matter.
  std::vector<float> Dense() const {
    std::vector<float> x;
    AppendTo(x);
    return x;
  }
  /// The memory behind it, for a prefetch; empty when there are no features.
  const PooledArray<std::uint32_t>& words() const { return words_; }

 private:
  static constexpr std::size_t kGroup = 32;

  PooledArray<std::uint32_t> words_{};
};

}  // namespace offerstream
