// Ends the process when a worker makes no progress: the guard against calls that never return.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace offerstream {

/// Counts its own one-second ticks, so that a stopped and continued process does not fire it. A watched number that did
/// not change for 60 ticks: one log line, exit 75 (a restart is safe). One thread of its own; stops when destroyed.
class Watchdog {
 public:
  /// A worker by name and a number that changes whenever it gets on; safe from any thread.
  struct Watched {
    std::string name{};
    std::function<std::uint64_t()> progress{};
  };
  explicit Watchdog(std::vector<Watched> watched);
  ~Watchdog();
  /// False when a worker has been silent for half the time.
  bool alive() const { return alive_.load(); }

 private:
  void Run();

  std::vector<Watched> watched_;
  std::atomic<bool> stop_{false}, alive_{true};
  std::thread thread_;
};

}  // namespace offerstream
