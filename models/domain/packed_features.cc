#include "models/domain/packed_features.h"

#include <immintrin.h>

#include <algorithm>

namespace offerstream {
namespace {

struct Marks {
  std::uint32_t any = 0, one = 0;   ///< bit per float: not +0.0; 1.0
};

// Of up to 32 floats, eight at a time.
Marks MarksOf(const float* x, std::size_t n) {
  constexpr std::uint32_t kOne = std::bit_cast<std::uint32_t>(1.0f);
  Marks marks;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i));
    const __m256i zero = _mm256_cmpeq_epi32(bits, _mm256_setzero_si256());
    const __m256i one = _mm256_cmpeq_epi32(bits, _mm256_set1_epi32(static_cast<int>(kOne)));
    const auto mask = [](__m256i lanes) { return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(lanes))); };
    marks.any |= (mask(zero) ^ 0xffu) << i;
    marks.one |= mask(one) << i;
  }
  for (; i < n; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(x[i]);
    marks.any |= std::uint32_t{bits != 0} << i;
    marks.one |= std::uint32_t{bits == kOne} << i;
  }
  return marks;
}

}  // namespace

void PackedFeatures::Assign(std::span<const float> x) {
  words_.clear();
  if (x.empty()) return;
  std::size_t numbers = 0;
  for (std::size_t i = 0; i < x.size(); i += kGroup) {
    const Marks marks = MarksOf(x.data() + i, std::min(kGroup, x.size() - i));
    numbers += static_cast<std::size_t>(std::popcount(marks.any & ~marks.one));
  }
  const std::size_t groups = (x.size() + kGroup - 1) / kGroup;
  words_.resize(1 + 2 * groups + numbers);
  std::uint32_t* const words = words_.data();
  std::uint32_t* next = words + 1 + 2 * groups;
  words[0] = static_cast<std::uint32_t>(x.size());
  for (std::size_t g = 0; g < groups; ++g) {
    const float* const from = x.data() + g * kGroup;
    const Marks marks = MarksOf(from, std::min(kGroup, x.size() - g * kGroup));
    words[1 + 2 * g] = marks.any;
    words[2 + 2 * g] = marks.one;
    for (std::uint32_t left = marks.any & ~marks.one; left != 0; left &= left - 1) {
      *next++ = std::bit_cast<std::uint32_t>(from[std::countr_zero(left)]);
    }
  }
}

}  // namespace offerstream
