#include "consumers/failpoint.h"

#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "consumers/log.h"

namespace offerstream {
namespace {

enum class Action { kKill, kStop, kError, kDelay };

struct Point {
  Step step = Step::kPoll;
  std::uint64_t n = 1;
  Action action = Action::kKill;
  int delay_ms = 0;
};

std::atomic<std::uint64_t> passages[kSteps];

std::vector<Point> Parse(std::string_view text) {
  std::vector<Point> points;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view one = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    const std::size_t first = one.find(':'), second = one.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    Point point;
    bool known = false;
    for (int i = 0; i < kSteps; ++i) {
      if (Name(static_cast<Step>(i)) == one.substr(0, first)) {
        point.step = static_cast<Step>(i);
        known = true;
      }
    }
    std::from_chars(one.data() + first + 1, one.data() + second, point.n);
    const std::string_view action = one.substr(second + 1);
    if (action == "kill") point.action = Action::kKill;
    else if (action == "stop") point.action = Action::kStop;
    else if (action == "err") point.action = Action::kError;
    else if (action.starts_with("delay=")) {
      point.action = Action::kDelay;
      std::from_chars(action.data() + 6, action.data() + action.size(), point.delay_ms);
    } else known = false;
    if (known) points.push_back(point);
  }
  return points;
}

std::vector<Point>& Points() {
  static std::vector<Point> points = [] {
    const char* text = std::getenv("OFFERSTREAM_FAILPOINT");
    return text == nullptr ? std::vector<Point>{} : Parse(text);
  }();
  return points;
}

}  // namespace

std::string_view Name(Step step) {
  switch (step) {
    case Step::kPoll: return "poll";
    case Step::kBegin: return "begin";
    case Step::kFold: return "fold";
    case Step::kProduce: return "produce";
    case Step::kShare: return "share";
    case Step::kOffsets: return "offsets";
    case Step::kCommit: return "commit";
    case Step::kCommitRequest: return "commit.request";
    case Step::kCommitAnswer: return "commit.answer";
    case Step::kStore: return "store";
    case Step::kStored: return "stored";
    case Step::kLoad: return "load";
    case Step::kRefold: return "refold";
    case Step::kLearnPublish: return "learn.publish";
    case Step::kLearnStore: return "learn.store";
    case Step::kEnd: return "end";
    case Step::kCheckpoint: return "checkpoint";
  }
  return "";
}

void SetFailpoints(std::string_view text) {
  Points() = Parse(text);
  for (std::atomic<std::uint64_t>& n : passages) n = 0;
}

bool PassFailpoint(Step step) {
  const std::vector<Point>& points = Points();
  if (points.empty()) return false;
  const std::uint64_t n = ++passages[static_cast<int>(step)];
  bool failed = false;
  for (const Point& point : points) {
    if (point.step != step || point.n != n) continue;
    switch (point.action) {
      case Action::kKill: std::raise(SIGKILL); break;
      case Action::kStop: std::raise(SIGSTOP); break;
      case Action::kError: failed = true; break;
      case Action::kDelay:
        Log(LogLevel::kInfo, "failpoint " + std::string(Name(step)) + ": waiting");
        std::this_thread::sleep_for(std::chrono::milliseconds(point.delay_ms));
        break;
    }
  }
  return failed;
}

}  // namespace offerstream
