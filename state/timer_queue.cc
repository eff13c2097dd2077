#include "state/timer_queue.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <tuple>

namespace offerstream {
namespace {

// Objects and not functions: they are called some twenty times an event, and a function's address is not inlined.
struct IsEarlier {
  bool operator()(const TimerEntry& a, const TimerEntry& b) const {
    if (a.due != b.due) return a.due < b.due;
    return std::tie(a.hash, a.asleep, a.ref) < std::tie(b.hash, b.asleep, b.ref);
  }
};
// std heaps keep the largest on top; the earliest is wanted there.
struct IsLater {
  bool operator()(const TimerEntry& a, const TimerEntry& b) const { return IsEarlier{}(b, a); }
};

constexpr int kBucketBits = 20;   // 2^20 ms: 17 minutes
constexpr int kPieceBits = 6;     // a bucket is sorted in 64 pieces of 16 seconds, each small enough for the first cache

bool Tied(const TimerEntry& a, const TimerEntry& b) { return a.due == b.due && a.hash == b.hash; }

}  // namespace

bool TimerQueue::TopIsLate() const {
  return !late_.empty() && (next_ == run_.size() || IsEarlier{}(late_.front(), run_[next_]));
}

void TimerQueue::Push(const TimerEntry& entry) {
  if (entry.due < end_) {
    late_.push_back(entry);
    std::push_heap(late_.begin(), late_.end(), IsLater{});
  } else {
    PutAside(entry);
    Settle();
  }
}

void TimerQueue::PutAside(const TimerEntry& entry) {
  buckets_[entry.due >> kBucketBits].push_back(entry);
  ++waiting_;
}

// Nothing is left that is due soon: the earliest bucket is next. Its memory becomes the run's and the run's is given back.
void TimerQueue::Settle() {
  if (!empty() || buckets_.empty()) return;
  const auto first = buckets_.begin();
  end_ = first->first >= INT64_MAX >> kBucketBits ? INT64_MAX : (first->first + 1) << kBucketBits;
  run_ = std::move(first->second);
  next_ = 0;
  waiting_ -= run_.size();
  buckets_.erase(first);
  SortRun();
}

void TimerQueue::SortRun() {
  const auto piece = [](const TimerEntry& entry) {
    return static_cast<std::size_t>(entry.due >> (kBucketBits - kPieceBits)) & ((1u << kPieceBits) - 1);
  };
  std::array<std::size_t, (1u << kPieceBits) + 1> begin{};
  for (const TimerEntry& entry : run_) ++begin[piece(entry) + 1];
  for (std::size_t p = 1; p < begin.size(); ++p) begin[p] += begin[p - 1];
  scratch_.resize(run_.size());
  auto at = begin;
  for (const TimerEntry& entry : run_) scratch_[at[piece(entry)]++] = entry;
  run_.swap(scratch_);
  for (std::size_t p = 0; p + 1 < begin.size(); ++p) {
    std::sort(run_.begin() + static_cast<std::ptrdiff_t>(begin[p]), run_.begin() + static_cast<std::ptrdiff_t>(begin[p + 1]),
              IsEarlier{});
  }
}

TimerEntry TimerQueue::Pop() {
  assert(!empty());
  if (!TopIsLate()) {
    const TimerEntry entry = run_[next_++];
    Settle();
    return entry;
  }
  std::pop_heap(late_.begin(), late_.end(), IsLater{});
  const TimerEntry entry = late_.back();
  late_.pop_back();
  Settle();
  return entry;
}

void TimerQueue::Assign(std::vector<TimerEntry> entries) {
  run_.clear();
  next_ = 0;
  late_.clear();
  buckets_.clear();
  waiting_ = 0;
  end_ = INT64_MIN;
  for (const TimerEntry& entry : entries) PutAside(entry);
  Settle();
}

bool TimerQueue::TopIsTied() const {
  if (!TopIsLate()) {
    return (next_ + 1 < run_.size() && Tied(run_[next_ + 1], run_[next_])) ||
           (!late_.empty() && Tied(late_.front(), run_[next_]));
  }
  // Equal keys lie together at the root of a heap: looking at its children is enough.
  for (std::size_t child = 1; child <= 2 && child < late_.size(); ++child) {
    if (Tied(late_[child], late_.front())) return true;
  }
  return next_ < run_.size() && Tied(run_[next_], late_.front());
}

}  // namespace offerstream
