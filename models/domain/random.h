// Counter-based randomness and keyed hashing: a draw depends on what it is for, never on what ran before.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "models/domain/ids.h"

namespace offerstream {

/// SipHash-2-4 (Aumasson, Bernstein 2012) with an explicit 128-bit key. O(bytes), about 20 ns for an id. Thread-safe.
std::uint64_t SipHash24(std::uint64_t key0, std::uint64_t key1, std::span<const std::byte> bytes);
/// H64: SipHash-2-4 under the project key; the same on every machine and in every version (stored formats rely on it).
IdHash H64(std::string_view text);
/// H64 of numbers, as little-endian 8-byte words.
IdHash H64(std::initializer_list<std::uint64_t> words);

/// What a draw is for. Numbers are part of the published definition of a draw: add at the end, never renumber.
enum class Purpose : std::uint32_t {
  kOffer = 0,
  kCap = 1,
  kBootstrap = 2,
  kKMeans = 3,
  kRace = 4,
  kSimulation = 5,
  kTie = 6,
};

/// Philox4x32-10 (Salmon et al. 2011): 128-bit counter, 64-bit key, ten rounds. Thread-safe.
std::array<std::uint32_t, 4> Philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// A stream of draws for one purpose: key = seed XOR subject, counter = (event low, event high, purpose, index).
/// `subject` is the customer's hash (the model id's where there is no customer). Two streams with equal arguments give
/// equal draws. Cheap to construct; not shared between threads.
class Draws {
 public:
  Draws(std::uint64_t seed, IdHash subject, IdHash event, Purpose purpose);

  /// The next 64 random bits.
  std::uint64_t Bits();
  /// Uniform in [0, 1): (bits >> 11) * 2^-53.
  double Uniform();
  /// Uniform in (0, 1): never 0, for logarithms.
  double UniformOpen();
  /// Standard normal by the Box-Muller transform; two uniforms a draw (no state carried over).
  double Normal();
  /// Uniform integer in [0, bound). REQUIRES: bound > 0. Bias below bound * 2^-64.
  std::uint64_t Below(std::uint64_t bound);

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int left_ = 0;
};

}  // namespace offerstream
