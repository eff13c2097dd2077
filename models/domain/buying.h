// What a customer bought, in the few numbers that tell who stops buying.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory_resource>

#include "models/domain/ids.h"
#include "models/domain/pooled_array.h"

namespace offerstream {

/// What is known of a customer's buying at some date. Purchases of one UTC day are one order.
struct BuyingProfile {
  EventTime first = kNever, last = kNever;
  Money spent = 0;             ///< net of returns
  std::int32_t orders = 0;
  /// Takes a purchase, or something given back, which is no order (its value is not positive). REQUIRES: time >= last.
  void Take(EventTime time, Money value, bool returned) {
    constexpr EventTime kDayMs = 86'400'000;
    const auto day = [](EventTime t) { return t >= 0 ? t / kDayMs : (t - kDayMs + 1) / kDayMs; };
    spent += value;
    if (returned) return;
    if (orders == 0) first = time;
    if (orders == 0 || day(time) > day(last)) ++orders;
    last = std::max(last, time);
  }
};

/// A look at a customer of whom it is not known yet whether it bought again. What was known then, but for the first
/// purchase, which never changes.
struct BuyingLook {
  EventTime time = kNever, last = kNever;
  Money spent = 0;
  std::int32_t orders = 0;
  float buys = 0;              ///< P(buys within the horizon) said then
  bool bought = false;         ///< did so far
};

/// A customer's buying and the looks at it (ChurnSpec).
struct Buying {
  BuyingProfile known{};
  EventTime after = kNever;    ///< the next look is at the first turn after it; kNever: there is none
  EventTime looked = kNever;   ///< when it was looked at last
  PooledArray<BuyingLook> looks{};  ///< whose horizon is not over, by time
  float buys = 0;              ///< said at the last look

  static constexpr bool kMovesByBytes = true;
  Buying() = default;
  /// Its looks draw from the pool.
  explicit Buying(std::pmr::memory_resource* pool) : looks(pool) {}
};

}  // namespace offerstream
