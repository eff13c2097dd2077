// A running 64-bit digest of what a fold did; compared between a live run, its recovery and its replay.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "models/domain/random.h"

namespace offerstream {

/// Order-sensitive digest over numbers and texts: h <- H64(h, word). Not cryptographic; a difference means two folds
/// parted. Taken over the doubles' bits, never over text made from them. Copyable; one owner.
class Digest {
 public:
  void Add(std::uint64_t word) { state_ = H64({state_, word}); }
  void Add(std::int64_t word) { Add(static_cast<std::uint64_t>(word)); }
  void Add(double number) { Add(std::bit_cast<std::uint64_t>(number)); }
  void Add(std::string_view text) { Add(H64(text)); }
  std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = 0;
};

}  // namespace offerstream
