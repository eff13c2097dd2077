#include "state/timer_queue.h"

#include <algorithm>
#include <cassert>
#include <tuple>

namespace offerstream {
namespace {

// std heaps keep the largest on top; the earliest is wanted there. An object and not a function: it is compared some
// fifty times an event, and a function's address is not inlined.
struct IsLater {
  bool operator()(const TimerEntry& a, const TimerEntry& b) const {
    if (a.due != b.due) return a.due > b.due;
    return std::tie(a.hash, a.asleep, a.ref) > std::tie(b.hash, b.asleep, b.ref);
  }
};
constexpr IsLater Later{};

}  // namespace

void TimerQueue::Push(const TimerEntry& entry) {
  heap_.push_back(entry);
  std::push_heap(heap_.begin(), heap_.end(), Later);
}

TimerEntry TimerQueue::Pop() {
  assert(!heap_.empty());
  std::pop_heap(heap_.begin(), heap_.end(), Later);
  const TimerEntry entry = heap_.back();
  heap_.pop_back();
  return entry;
}

void TimerQueue::Assign(std::vector<TimerEntry> entries) {
  heap_ = std::move(entries);
  std::make_heap(heap_.begin(), heap_.end(), Later);
}

bool TimerQueue::TopIsTied() const {
  // Equal keys lie together at the root of a heap: looking at its children is enough.
  for (std::size_t child = 1; child <= 2 && child < heap_.size(); ++child) {
    if (heap_[child].due == top().due && heap_[child].hash == top().hash) return true;
  }
  return false;
}

}  // namespace offerstream
