#include "state/timer_queue.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "models/domain/random.h"

namespace offerstream {
namespace {

using Key = std::tuple<EventTime, IdHash, bool, std::uint32_t>;
Key KeyOf(const TimerEntry& e) { return {e.due, e.hash, e.asleep, e.ref}; }

TEST(TimerQueue, GivesWhatASortedSetGivesWhereverEntriesFall) {
  Draws draws(1, 2, 3, Purpose::kSimulation);
  TimerQueue queue;
  std::multiset<Key> expected;
  EventTime now = 1'772'323'200'000;
  for (std::uint32_t i = 0; i < 60'000; ++i) {
    // Now, within the bucket at hand, hours ahead, never; sometimes tied, sometimes in the past.
    const std::uint64_t where = draws.Below(20);
    const EventTime due = where == 0 ? INT64_MAX - 1
                          : where < 8 ? now + static_cast<EventTime>(draws.Below(40'000))
                          : where < 10 ? now - static_cast<EventTime>(draws.Below(5'000'000))
                                       : now + static_cast<EventTime>(draws.Below(40'000'000));
    const TimerEntry entry{due, draws.Below(4), i, draws.Below(5) == 0};
    queue.Push(entry);
    expected.insert(KeyOf(entry));
    for (std::uint64_t pops = draws.Below(3); pops > 0 && !queue.empty(); --pops) {
      ASSERT_EQ(KeyOf(queue.top()), *expected.begin());
      auto second = std::next(expected.begin());
      const bool tied = second != expected.end() && std::get<0>(*second) == queue.top().due &&
                        std::get<1>(*second) == queue.top().hash;
      ASSERT_EQ(queue.TopIsTied(), tied);
      const TimerEntry popped = queue.Pop();
      ASSERT_EQ(KeyOf(popped), *expected.begin());
      expected.erase(expected.begin());
      if (popped.due < INT64_MAX - 1) now = std::max(now, popped.due);
    }
    ASSERT_EQ(queue.size(), expected.size());
    ASSERT_EQ(queue.empty(), expected.empty());
  }
  std::vector<TimerEntry> all;
  for (const Key& key : expected) all.push_back({std::get<0>(key), std::get<1>(key), std::get<3>(key), std::get<2>(key)});
  queue.Assign(all);
  for (const Key& key : expected) ASSERT_EQ(KeyOf(queue.Pop()), key);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace offerstream
