// Parts that several formats share: times with short forms for "never", deltas, sparse feature vectors, dictionaries of
// plan hashes. Grammar in FORMAT.md, "Parts".
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "models/domain/bytes.h"
#include "models/domain/ids.h"

namespace offerstream {

/// A decoder refuses vectors of features longer than this: a damaged size must not allocate memory.
inline constexpr std::size_t kPackedFeaturesMax = 4096;

/// A time: 0 = kNever, 1 = INT64_MAX ("no timer"), else zigzag + 2. Covers all 64-bit values.
template <typename Writer>
inline void PutTime(Writer& out, EventTime t) {
  if (t == kNever) return out.Varint(0);
  if (t == INT64_MAX) return out.Varint(1);
  out.Varint(((static_cast<std::uint64_t>(t) << 1) ^ static_cast<std::uint64_t>(t >> 63)) + 2);
}
inline EventTime GetTime(ByteReader& in) {
  const std::uint64_t code = in.Varint();
  if (code == 0) return kNever;
  if (code == 1) return INT64_MAX;
  const std::uint64_t zigzag = code - 2;
  return static_cast<std::int64_t>(zigzag >> 1) ^ -static_cast<std::int64_t>(zigzag & 1);
}

/// A number as its difference from the one before; wraps, so every pair of values round-trips.
template <typename Writer>
inline void PutDelta(Writer& out, std::uint64_t v, std::uint64_t& previous) {
  out.ZigZag(static_cast<std::int64_t>(v - previous));
  previous = v;
}
inline std::uint64_t GetDelta(ByteReader& in, std::uint64_t& previous) {
  return previous += static_cast<std::uint64_t>(in.ZigZag());
}

/// True when the number is +0.0 by its bits (-0.0 is kept).
inline bool IsZero(double v) { return std::bit_cast<std::uint64_t>(v) == 0; }

/// Features as non-zeros: dense size, number of non-zeros, then for each (gap << 1 | is one) and, unless it is one, the
/// float. Gap = positions skipped since the last non-zero. A one-hot entry costs one byte.
template <typename Writer>
inline void PutFeatures(Writer& out, std::span<const float> x) {
  // Which are zero and which are one, eight at a time, as bits: most are zero and cost nothing below.
  constexpr std::size_t kWord = 64;
  assert(x.size() <= kPackedFeaturesMax);
  std::array<std::uint64_t, kPackedFeaturesMax / kWord> used, ones;
  const std::size_t words = (x.size() + kWord - 1) / kWord;
  std::size_t nonzeros = 0;
  for (std::size_t w = 0; w < words; ++w) {
    const std::size_t begin = w * kWord, end = std::min(x.size(), begin + kWord);
    std::uint64_t u = 0, o = 0;
    std::size_t i = begin;
    for (; i + 8 <= end; i += 8) {
      const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.data() + i));
      const __m256i zero = _mm256_cmpeq_epi32(bits, _mm256_setzero_si256());
      const __m256i one = _mm256_cmpeq_epi32(bits, _mm256_set1_epi32(0x3f800000));
      u |= std::uint64_t{static_cast<std::uint8_t>(~_mm256_movemask_ps(_mm256_castsi256_ps(zero)))} << (i - begin);
      o |= std::uint64_t{static_cast<std::uint8_t>(_mm256_movemask_ps(_mm256_castsi256_ps(one)))} << (i - begin);
    }
    for (; i < end; ++i) {
      u |= std::uint64_t{std::bit_cast<std::uint32_t>(x[i]) != 0} << (i - begin);
      o |= std::uint64_t{x[i] == 1.0f} << (i - begin);
    }
    used[w] = u;
    ones[w] = o;
    nonzeros += static_cast<std::size_t>(std::popcount(u));
  }
  out.Varint(x.size());
  out.Varint(nonzeros);
  // Collected on the stack: a growth check for each byte would cost more than the bytes.
  char bytes[512];
  std::size_t n = 0, next = 0;
  for (std::size_t w = 0; w < words; ++w) {
    for (std::uint64_t u = used[w]; u != 0; u &= u - 1) {
      const auto bit = static_cast<std::size_t>(std::countr_zero(u));
      const std::size_t i = w * kWord + bit, one = ones[w] >> bit & 1, head = (i - next) << 1 | one;
      next = i + 1;
      if (n + 5 > sizeof(bytes) || head >= 0x80) {
        out.Bytes(bytes, n);
        n = 0;
      }
      if (head >= 0x80) out.Varint(head);
      else bytes[n++] = static_cast<char>(head);
      std::memcpy(bytes + n, &x[i], sizeof(float));   // without a branch: overwritten when it is one
      n += one != 0 ? 0 : sizeof(float);
    }
  }
  out.Bytes(bytes, n);
}
/// Appends the dense features to `out`. On damage the reader fails; `out` may have grown by zeros.
template <typename Vector>
void GetFeatures(ByteReader& in, Vector& out) {
  const std::uint64_t size = in.Varint(), nonzeros = in.Varint();
  if (!in.ok() || size > kPackedFeaturesMax || nonzeros > size) return in.Fail();
  const std::size_t begin = out.size();
  out.resize(begin + size);
  std::size_t next = 0;
  for (std::uint64_t i = 0; i < nonzeros; ++i) {
    const std::uint64_t head = in.Varint();
    if (!in.ok() || (head >> 1) >= size - next) return in.Fail();
    const std::size_t at = next + static_cast<std::size_t>(head >> 1);
    out[begin + at] = (head & 1) ? 1.0f : in.F32();
    next = at + 1;
  }
}

/// Plan indices that a record mentions, in plan order, written once as hashes; the record then says one byte each.
/// kDictionaryNone stands for "not named, or not in the plan".
inline constexpr std::uint8_t kDictionaryNone = 0xff;

}  // namespace offerstream
