#include "consumers/watchdog.h"

#include <unistd.h>

#include <chrono>
#include <utility>

#include "consumers/log.h"

namespace offerstream {
namespace {

constexpr int kTicksMax = 60;
constexpr int kStepsPerTick = 10;

}  // namespace

Watchdog::Watchdog(std::vector<Watched> watched) : watched_(std::move(watched)), thread_([this] { Run(); }) {}

Watchdog::~Watchdog() {
  stop_ = true;
  thread_.join();
}

void Watchdog::Run() {
  std::vector<std::pair<std::uint64_t, int>> seen(watched_.size());
  while (!stop_) {
    for (int i = 0; i < kStepsPerTick && !stop_; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1000 / kStepsPerTick));
    bool alive = true;
    for (std::size_t i = 0; i < watched_.size(); ++i) {
      const std::uint64_t now = watched_[i].progress();
      seen[i].second = now == seen[i].first ? seen[i].second + 1 : 0;
      seen[i].first = now;
      alive = alive && seen[i].second < kTicksMax / 2;
      if (seen[i].second < kTicksMax || stop_) continue;
      Log(LogLevel::kError, "cause=watchdog " + watched_[i].name + " made no progress for 60 s; stopping, a restart is safe");
      FlushLog();
      _exit(75);
    }
    alive_ = alive;
  }
}

}  // namespace offerstream
