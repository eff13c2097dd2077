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

constexpr int kBucketBits = 20;   // 2^20 ms: 17 minutes

}  // namespace

void TimerQueue::Push(const TimerEntry& entry) {
  if (entry.due < end_) {
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), Later);
  } else {
    PutAside(entry);
    Settle();
  }
}

void TimerQueue::PutAside(const TimerEntry& entry) {
  buckets_[entry.due >> kBucketBits].push_back(entry);
  ++waiting_;
}

// The heap ran empty: the earliest bucket is next. Its memory goes to the heap and the heap's is given back.
void TimerQueue::Settle() {
  if (!heap_.empty() || buckets_.empty()) return;
  const auto first = buckets_.begin();
  end_ = first->first >= INT64_MAX >> kBucketBits ? INT64_MAX : (first->first + 1) << kBucketBits;
  heap_ = std::move(first->second);
  waiting_ -= heap_.size();
  buckets_.erase(first);
  std::make_heap(heap_.begin(), heap_.end(), Later);
}

TimerEntry TimerQueue::Pop() {
  assert(!heap_.empty());
  std::pop_heap(heap_.begin(), heap_.end(), Later);
  const TimerEntry entry = heap_.back();
  heap_.pop_back();
  Settle();
  return entry;
}

void TimerQueue::Assign(std::vector<TimerEntry> entries) {
  heap_.clear();
  buckets_.clear();
  waiting_ = 0;
  end_ = INT64_MIN;
  for (const TimerEntry& entry : entries) PutAside(entry);
  Settle();
}

bool TimerQueue::TopIsTied() const {
  // Equal keys lie together at the root of a heap: looking at its children is enough.
  for (std::size_t child = 1; child <= 2 && child < heap_.size(); ++child) {
    if (heap_[child].due == top().due && heap_[child].hash == top().hash) return true;
  }
  return false;
}

}  // namespace offerstream
