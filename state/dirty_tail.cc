#include "state/dirty_tail.h"

#include <algorithm>
#include <cassert>

namespace offerstream {

void DirtyTail::Unlink(CustomerSlot& slot) {
  (slot.dirty_previous == kNoRef ? head_ : slab_.At(slot.dirty_previous).dirty_next) = slot.dirty_next;
  (slot.dirty_next == kNoRef ? last_ : slab_.At(slot.dirty_next).dirty_previous) = slot.dirty_previous;
  slot.dirty_previous = slot.dirty_next = kNoRef;
  --dirty_;
}

void DirtyTail::Link(CustomerSlot& slot) {
  std::uint32_t after = last_;
  while (after != kNoRef && slab_.At(after).first_dirty > slot.first_dirty) after = slab_.At(after).dirty_previous;
  slot.dirty_previous = after;
  slot.dirty_next = after == kNoRef ? head_ : slab_.At(after).dirty_next;
  (after == kNoRef ? head_ : slab_.At(after).dirty_next) = slot.number;
  (slot.dirty_next == kNoRef ? last_ : slab_.At(slot.dirty_next).dirty_previous) = slot.number;
  ++dirty_;
}

void DirtyTail::Mark(CustomerSlot& slot, TxnSeq seq) {
  if (slot.first_dirty == 0) {
    slot.first_dirty = seq;
    Link(slot);
  } else if (slot.shared && seq > share_seq_ && slot.changed_after == 0) {
    slot.changed_after = static_cast<std::uint32_t>(seq - share_seq_);
  }
}

void DirtyTail::Note(const FoldPosition& position, std::uint64_t events) {
  if (!transactions_.empty() && transactions_.back().position.seq == position.seq) {
    transactions_.pop_back();
    events_ = transactions_.empty() ? floor_events_ : transactions_.back().events_until;
  }
  assert(position.seq > (transactions_.empty() ? floor_.seq : transactions_.back().position.seq));
  events_ += events;
  transactions_.push_back({position, events_});
}

void DirtyTail::SetFloor(const FoldPosition& floor) {
  floor_ = floor;
  transactions_.clear();
  floor_events_ = events_;
}

std::uint64_t DirtyTail::EventsBefore(TxnSeq seq) const {
  const auto first = std::partition_point(transactions_.begin(), transactions_.end(),
                                          [&](const Transaction& t) { return t.position.seq < seq; });
  return first == transactions_.begin() ? floor_events_ : std::prev(first)->events_until;
}

const std::vector<std::uint32_t>& DirtyTail::Choose(const ShareRequest& request, TxnSeq seq, bool all) {
  chosen_.clear();
  share_seq_ = seq;
  const auto take = [&](CustomerSlot& slot) {
    slot.shared = true;
    slot.changed_after = 0;
    chosen_.push_back(slot.number);
  };
  for (std::uint32_t number : erased_) {
    CustomerSlot& slot = slab_.At(number);
    if (slot.live && slot.gone && slot.first_dirty != 0) take(slot);
  }
  const std::uint64_t limit = request.tail_events_max;
  all = all || request.all || limit == 0;
  // So many a transaction keep pace with the tail's length, whatever came in bursts.
  const std::uint64_t pace = all ? 0 : (dirty_ * request.txn_events + limit - 1) / limit;
  for (std::uint32_t number = head_; number != kNoRef && chosen_.size() < request.rows_max;) {
    CustomerSlot& slot = slab_.At(number);
    number = slot.dirty_next;
    if (!all && chosen_.size() >= pace && events_ - EventsBefore(slot.first_dirty) <= limit) break;
    if (!slot.gone) take(slot);
  }
  return chosen_;
}

FoldPosition DirtyTail::FloorAfter(const FoldPosition& position, std::size_t taken) const {
  std::vector<std::uint32_t> written(chosen_.begin(), chosen_.begin() + static_cast<std::ptrdiff_t>(taken));
  std::sort(written.begin(), written.end());
  std::uint32_t number = head_;
  while (number != kNoRef && std::binary_search(written.begin(), written.end(), number)) number = slab_.At(number).dirty_next;
  if (number == kNoRef) return position;
  const TxnSeq first = slab_.At(number).first_dirty;
  const auto next = std::partition_point(transactions_.begin(), transactions_.end(),
                                         [&](const Transaction& t) { return t.position.seq < first; });
  return next == transactions_.begin() ? floor_ : std::prev(next)->position;
}

void DirtyTail::Written(CustomerSlot& slot, TxnSeq as_of) {
  assert(slot.live && slot.first_dirty != 0 && slot.shared && share_seq_ == as_of);
  Unlink(slot);
  slot.as_of = as_of;
  slot.shared = false;
  slot.first_dirty = slot.changed_after == 0 ? 0 : as_of + slot.changed_after;
  slot.changed_after = 0;
  if (slot.first_dirty != 0) Link(slot);
}

void DirtyTail::Advance(const FoldPosition& floor) {
  assert(floor.seq >= floor_.seq);
  while (!transactions_.empty() && transactions_.front().position.seq <= floor.seq) {
    floor_events_ = transactions_.front().events_until;
    transactions_.pop_front();
  }
  floor_ = floor;
  std::erase_if(erased_, [&](std::uint32_t number) {
    CustomerSlot& slot = slab_.At(number);
    slot.erasure_listed = slot.live && slot.gone && slot.first_dirty != 0;
    return !slot.erasure_listed;
  });
}

}  // namespace offerstream
