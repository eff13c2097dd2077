// The newest value, handed from one thread to another. The only lock between workers.
#pragma once

#include <mutex>
#include <optional>
#include <utility>

namespace offerstream {

/// A newer value replaces one that nobody took. Safe from any thread.
template <typename T>
class Mailbox {
 public:
  /// Replaces what nobody took.
  void Put(T value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
  }
  /// The newest value put since the last Take, or empty.
  std::optional<T> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(value_, std::nullopt);
  }

 private:
  std::mutex mutex_;
  std::optional<T> value_{};   ///< guarded by mutex_
};

}  // namespace offerstream
