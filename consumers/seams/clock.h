// Clocks as a seam: read only by the loops, never by a fold.
#pragma once

#include <chrono>
#include <cstdint>

namespace offerstream {

/// Safe from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Milliseconds that only grow; for intervals.
  virtual std::int64_t SteadyMs() const = 0;
  /// Milliseconds since 1970; for record timestamps, metrics and the idle clock's differences.
  virtual std::int64_t WallMs() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  std::int64_t SteadyMs() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  std::int64_t WallMs() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace offerstream
