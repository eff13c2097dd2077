#include "state/partition_state.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "models/domain/random.h"
#include "state/customer_slab.h"
#include "state/dirty_tail.h"
#include "state/formats/codecs.h"
#include "state/profile_pool.h"
#include "state/timer_queue.h"

namespace offerstream {
namespace {

// Of the memory bound, LoadAll leaves a tenth for what the first transactions bring.
constexpr std::uint64_t kLoadTenths = 9;
// Slots the eviction hand looks at in one transaction at most: ten times what a transaction can bring in.
constexpr std::uint32_t kEvictionSteps = 200'000;
// Places behind the next timer at which a customer's memory is fetched.
constexpr std::size_t kFetchSlot = 12, kFetchArrays = 8, kFetchExposures = 4;
// Stale timer entries tolerated beside as many live ones before the queue is made anew.
constexpr std::size_t kStaleTimers = 4096;
// How far ahead timers are queued. A look at every customer finds those that have come near; it should come after some events a
// customer, or it would cost more than they do.
constexpr Duration kLeastAhead = 3'600'000, kMostAhead = Duration{28} * 86'400'000;
constexpr std::uint64_t kFewEvents = 4, kManyEvents = 16;

}  // namespace

struct PartitionState::Impl {
  Impl(std::shared_ptr<const CampaignPlan> plan, StateStore& store, std::int32_t partition, std::uint64_t memory_bytes)
      : plan(std::move(plan)), store(store), partition(partition), memory_bytes(memory_bytes) {}

  // A store that fails leaves nothing to do: the broker has the truth and a restart recovers from it.
  [[noreturn]] void EndProcess(const Error& error) {
    if (error.code == Code::kCorrupt) store.MarkDamaged();
    fmt::print(stderr, "offerstream: {} {} partition={} cause={}\n", Sentence(error.code), error.detail, partition,
               ReasonText(error.code));
    (void)std::fflush(stderr);
    ::_exit(75);
  }
  void Require(const Status& status) {
    if (!status) EndProcess(status.error());
  }

  std::uint64_t UsedBytes() const { return slab.used_bytes() + pool.used_bytes() + timers.size() * sizeof(TimerEntry); }

  // Timers.
  std::uint64_t Timed() const { return resident_timers + slab.sleepers(); }
  void QueueTimer(CustomerSlot& slot) {
    const bool timed = slot.next_due != INT64_MAX;
    if (slot.next_due == slot.queued_due && slot.timed == timed) return;
    resident_timers += timed ? 1u : 0u;
    resident_timers -= slot.timed ? 1u : 0u;
    slot.timed = timed;
    const EventTime due = slot.next_due < horizon ? slot.next_due : INT64_MAX;
    if (due == slot.queued_due) return;
    queued += due != INT64_MAX ? 1u : 0u;
    queued -= slot.queued_due != INT64_MAX ? 1u : 0u;
    slot.queued_due = due;
    if (due != INT64_MAX) timers.Push({due, slot.hash, slot.number, false});
    if (timers.size() > 2 * (queued + slab.sleepers()) + kStaleTimers) RebuildTimers();
  }
  void SleepTimer(std::string_view id, IdHash hash, EventTime due) {
    const std::uint32_t sleeper = slab.Sleep(id, hash, due);
    if (due < horizon) timers.Push({due, hash, sleeper, true});
  }
  // What is due later than `horizon` is in no queue: nearly every customer has a timer weeks away, and most of them change
  // before they come. REQUIRES: nothing is asked for beyond `horizon` without this.
  void LookAhead(EventTime limit) {
    if (changes < kFewEvents * slab.live()) ahead = std::min(2 * ahead, kMostAhead);
    if (changes > kManyEvents * slab.live()) ahead = std::max(ahead / 2, kLeastAhead);
    changes = 0;
    const EventTime from = horizon;
    horizon = limit > INT64_MAX - ahead ? INT64_MAX : limit + ahead;
    for (std::uint32_t i = 0; i < slab.capacity(); ++i) {
      CustomerSlot& slot = slab.At(i);
      if (slot.live && slot.queued_due == INT64_MAX && slot.next_due < horizon) QueueTimer(slot);
    }
    for (std::uint32_t i = 0; i < slab.sleeper_capacity(); ++i) {
      const Sleeper& sleeper = slab.SleeperAt(i);
      if (sleeper.due >= from && sleeper.due < horizon) timers.Push({sleeper.due, sleeper.hash, i, true});
    }
  }
  bool Live(const TimerEntry& entry) const {
    if (entry.asleep) {
      const Sleeper& sleeper = slab.SleeperAt(entry.ref);
      return sleeper.due == entry.due && sleeper.hash == entry.hash && sleeper.due != INT64_MAX;
    }
    const CustomerSlot& slot = slab.At(entry.ref);
    return slot.live && slot.hash == entry.hash && slot.queued_due == entry.due && slot.next_due == entry.due;
  }
  void RebuildTimers() {
    std::vector<TimerEntry> entries;
    entries.reserve(queued);
    for (std::uint32_t i = 0; i < slab.capacity(); ++i) {
      const CustomerSlot& slot = slab.At(i);
      if (slot.live && slot.queued_due != INT64_MAX) entries.push_back({slot.queued_due, slot.hash, i, false});
    }
    for (std::uint32_t i = 0; i < slab.sleeper_capacity(); ++i) {
      const Sleeper& sleeper = slab.SleeperAt(i);
      if (sleeper.due < horizon) entries.push_back({sleeper.due, sleeper.hash, i, true});
    }
    timers.Assign(std::move(entries));
    parked.clear();
  }

  // Customers. Every removal of a slot goes through here, so the count of timers stays right.
  void FreeSlot(CustomerSlot& slot) {
    resident_timers -= slot.timed ? 1u : 0u;
    queued -= slot.queued_due != INT64_MAX ? 1u : 0u;
    slab.Free(slot);
  }
  CustomerSlot& Insert(std::string_view id, IdHash hash, std::string_view row) {
    const Result<RowPeek> peek = PeekProfile(row);
    if (!peek) EndProcess(peek.error());
    CustomerSlot& slot = slab.New(id, hash);
    slot.touched = true;
    if (peek->gone) {
      slot.gone = true;
      slot.as_of = peek->as_of;
      return slot;
    }
    Require(DecodeProfile(*plan, row, slot));
    QueueTimer(slot);
    return slot;
  }
  bool KnownAbsent(std::string_view id, IdHash hash) const {
    if (complete || absent.empty()) return complete;
    const auto before = [&](const std::pair<IdHash, std::string>& entry, const std::pair<IdHash, std::string_view>& key) {
      return std::pair<IdHash, std::string_view>(entry.first, entry.second) < key;
    };
    const auto at = std::lower_bound(absent.begin(), absent.end(), std::pair(hash, id), before);
    return at != absent.end() && at->first == hash && at->second == id;
  }
  // The customer in memory, loaded if need be; null when there is neither row nor slot.
  CustomerSlot* Resident(std::string_view id, IdHash hash) {
    const CustomerRef ref = slab.Find(id, hash);
    if (ref.slot != kNoRef) {
      ++hits;
      CustomerSlot& slot = slab.At(ref.slot);
      slot.touched = true;
      return &slot;
    }
    if (ref.sleeper == kNoRef && KnownAbsent(id, hash)) return nullptr;
    ++misses;
    const std::string name(id);  // `id` may point into the sleeper
    Require(store.Load(partition, name, value));
    if (ref.sleeper != kNoRef) slab.Wake(ref.sleeper);
    return value.empty() ? nullptr : &Insert(name, hash, value);
  }
  CustomerProfile& Opened(CustomerSlot& slot, TxnSeq seq) {
    if (slot.as_of >= seq) return slot;  // recovery: the row includes this transaction
    slot.gone = false;
    dirty.Mark(slot, seq);
    return slot;
  }

  // Takes the earliest timers that are equal in due time and hash out of the queue into `tied`, without stale ones and
  // repeats, ordered by id. More than one only when two ids share a 64-bit hash.
  void PopTied() {
    tied.assign(1, timers.Pop());
    while (!timers.empty() && timers.top().due == tied[0].due && timers.top().hash == tied[0].hash) tied.push_back(timers.Pop());
    std::erase_if(tied, [&](const TimerEntry& e) { return !Live(e); });
    if (tied.size() < 2) return;
    const auto id = [&](const TimerEntry& e) {
      return e.asleep ? std::string_view(slab.SleeperAt(e.ref).id) : std::string_view(slab.At(e.ref).id);
    };
    std::sort(tied.begin(), tied.end(), [&](const TimerEntry& x, const TimerEntry& y) { return id(x) < id(y); });
    const auto same = [](const TimerEntry& x, const TimerEntry& y) { return x.ref == y.ref && x.asleep == y.asleep; };
    tied.erase(std::unique(tied.begin(), tied.end(), same), tied.end());
  }
  // Every entry that goes brings the ones some places behind closer: their slots, then what these point to, then what
  // that points to, come from memory while others are worked on.
  void FetchAhead() const {
    if (const TimerEntry* far = timers.Ahead(kFetchSlot); far != nullptr && !far->asleep) slab.PrefetchSlot(far->ref);
    if (const TimerEntry* near = timers.Ahead(kFetchArrays); near != nullptr && !near->asleep && Live(*near)) {
      slab.PrefetchTimed(near->ref);
    }
    if (const TimerEntry* next = timers.Ahead(kFetchExposures); next != nullptr && !next->asleep && Live(*next)) {
      slab.PrefetchExposures(next->ref, next->due);
    }
  }
  // The slot of a timer that `PopTied` took out; loads a sleeper, whose own entry is void from then on.
  CustomerSlot& SlotOf(const TimerEntry& entry) {
    if (!entry.asleep) return slab.At(entry.ref);
    const Sleeper& sleeper = slab.SleeperAt(entry.ref);
    CustomerSlot* slot = Resident(sleeper.id, sleeper.hash);
    if (slot == nullptr) EndProcess(Error{Code::kCorrupt, 0, "a customer with a timer has no row"});
    return *slot;
  }

  bool Evict(CustomerSlot& slot) {
    if (!slot.live || slot.first_dirty != 0) return false;
    if (slot.touched) {
      slot.touched = false;
      return false;
    }
    const std::string id(slot.id);
    const IdHash hash = slot.hash;
    const EventTime due = slot.next_due;
    FreeSlot(slot);
    if (due != INT64_MAX) SleepTimer(id, hash, due);
    complete = false;
    return true;
  }

  std::shared_ptr<const CampaignPlan> plan;
  StateStore& store;
  const std::int32_t partition;
  const std::uint64_t memory_bytes;
  ProfilePool pool{};
  CustomerSlab slab{pool};
  DirtyTail dirty{slab};
  TimerQueue timers{};
  std::vector<TimerEntry> parked{};   // due, but their rows are ahead of the transaction being re-folded
  TxnSeq parked_seq = 0;
  std::vector<TimerEntry> tied{};
  std::uint64_t resident_timers = 0, queued = 0;   // slots that have a timer; those whose timer has an entry
  EventTime horizon = INT64_MIN;      // timers due before it have an entry
  Duration ahead = kLeastAhead;
  std::uint64_t changes = 0;          // rescheduled since the last look ahead
  bool complete = false;              // every stored customer is in memory: absence needs no look into the store
  std::vector<std::pair<IdHash, std::string>> absent{};  // looked up by Prefetch and not found
  std::uint32_t hand = 0;
  std::uint64_t hits = 0, misses = 0;
  std::string value{};
  std::vector<std::pair<std::string_view, IdHash>> wanted{};
  std::vector<std::uint32_t> near{};  // slots of the customers being prefetched
};

PartitionState::PartitionState(std::shared_ptr<const CampaignPlan> plan, StateStore& store, std::int32_t partition,
                               std::uint64_t memory_bytes)
    : impl_(std::make_unique<Impl>(std::move(plan), store, partition, memory_bytes)) {}

PartitionState::~PartitionState() = default;

CustomerProfile& PartitionState::Open(std::string_view id, IdHash hash, TxnSeq seq) {
  CustomerSlot* slot = impl_->Resident(id, hash);
  if (slot == nullptr) {
    slot = &impl_->slab.New(id, hash);
    slot->touched = true;
  }
  return impl_->Opened(*slot, seq);
}

const CustomerProfile* PartitionState::Find(std::string_view id, IdHash hash) {
  const CustomerSlot* slot = impl_->Resident(id, hash);
  return slot == nullptr || slot->gone ? nullptr : slot;
}

void PartitionState::Erase(CustomerProfile& profile, TxnSeq seq) {
  auto& slot = static_cast<CustomerSlot&>(profile);
  assert(slot.live && seq > slot.as_of);
  impl_->dirty.Mark(slot, seq);
  CustomerProfile empty{&impl_->pool};
  empty.id = std::move(slot.id);
  empty.hash = slot.hash;
  empty.as_of = slot.as_of;
  empty.first_dirty = slot.first_dirty;
  profile = std::move(empty);
  impl_->QueueTimer(slot);
  slot.gone = true;
  impl_->dirty.MarkErased(slot);
}

void PartitionState::Reschedule(CustomerProfile& profile) {
  ++impl_->changes;
  impl_->QueueTimer(static_cast<CustomerSlot&>(profile));
}

CustomerProfile* PartitionState::NextDue(EventTime limit, TxnSeq seq) {
  Impl& i = *impl_;
  if (limit >= i.horizon) i.LookAhead(limit);
  if (seq > i.parked_seq) {
    for (const TimerEntry& entry : std::exchange(i.parked, {})) i.timers.Push(entry);
    i.parked_seq = seq;
  }
  CustomerSlot* due = nullptr;
  while (due == nullptr && !i.timers.empty() && i.timers.top().due <= limit) {
    // Nearly always the top is a customer's alone: it stays where it is, or goes because it is stale.
    const TimerEntry top = i.timers.top();
    if (!top.asleep && !i.timers.TopIsTied()) {
      if (!i.Live(top)) {
        (void)i.timers.Pop();
        i.FetchAhead();
        continue;
      }
      CustomerSlot& slot = i.slab.At(top.ref);
      if (slot.as_of < seq) {
        due = &slot;
        break;
      }
    }
    i.PopTied();
    for (const TimerEntry& entry : i.tied) {
      CustomerSlot& slot = i.SlotOf(entry);
      const TimerEntry again{entry.due, entry.hash, slot.number, false};
      if (due == nullptr && slot.as_of >= seq) {
        i.parked.push_back(again);
      } else {
        // It stays queued until Reschedule says otherwise: the entry is void as soon as next_due differs.
        i.timers.Push(again);
        if (due == nullptr) due = &slot;
      }
    }
  }
  if (due == nullptr) return nullptr;
  due->touched = true;
  return &i.Opened(*due, seq);
}

void PartitionState::Prefetch(std::span<const std::string_view> ids, std::span<const IdHash> hashes) {
  Impl& i = *impl_;
  std::vector<std::pair<std::string_view, IdHash>>& wanted = i.wanted;
  wanted.clear();
  i.near.clear();
  for (std::size_t at = 0; at < ids.size(); ++at) {
    const std::uint32_t slot = i.slab.Prefetch(ids[at], hashes[at]);
    if (slot != kNoRef) {
      i.near.push_back(slot);
    } else if (!i.KnownAbsent(ids[at], hashes[at])) {
      wanted.emplace_back(ids[at], hashes[at]);
    }
  }
  for (std::uint32_t slot : i.near) i.slab.PrefetchArrays(slot);
  for (std::uint32_t slot : i.near) i.slab.PrefetchExposures(slot, INT64_MAX);
  if (wanted.empty()) return;
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  std::vector<std::string_view> keys;
  for (const auto& [id, hash] : wanted) keys.push_back(id);
  std::vector<bool> found(keys.size());
  i.misses += keys.size();
  i.Require(i.store.LoadMany(i.partition, keys, [&](std::size_t at, std::string_view row) {
    found[at] = true;
    const CustomerRef ref = i.slab.Find(keys[at], wanted[at].second);
    if (ref.sleeper != kNoRef) i.slab.Wake(ref.sleeper);
    i.Insert(keys[at], wanted[at].second, row);
  }));
  for (std::size_t at = 0; at < keys.size(); ++at) {
    if (!found[at]) i.absent.emplace_back(wanted[at].second, std::string(keys[at]));
  }
  std::sort(i.absent.begin(), i.absent.end());
}

Status PartitionState::LoadAll() {
  Impl& i = *impl_;
  assert(i.slab.live() == 0);
  bool all = true;
  Status outcome;
  const Status scanned = i.store.Scan(i.partition, [&](std::string_view id, std::string_view row) {
    const IdHash hash = H64(id);
    const Result<RowPeek> peek = PeekProfile(row);
    if (!peek) {
      outcome = Fail(peek.error().code, fmt::format("row of a customer in partition {}: {}", i.partition, peek.error().detail));
      return false;
    }
    if (i.UsedBytes() < i.memory_bytes / 10 * kLoadTenths) {
      i.Insert(id, hash, row);
    } else {
      all = false;
      if (peek->next_due != INT64_MAX) i.SleepTimer(id, hash, peek->next_due);
    }
    return true;
  });
  if (!scanned) return scanned;
  if (!outcome) return outcome;
  i.complete = all;
  return {};
}

void PartitionState::TakeShare(const ShareRequest& request, const FoldPosition& position, StateBatch& batch,
                               PartitionMeta& meta) {
  Impl& i = *impl_;
  batch.Clear();
  i.dirty.Note(position, request.txn_events);
  // Dirty customers cannot leave memory: when they hold more than half of it, everything is written.
  const std::uint64_t dirty_bytes = i.slab.live() == 0 ? 0 : i.UsedBytes() / i.slab.live() * i.dirty.dirty();
  const auto& chosen = i.dirty.Choose(request, position.seq, dirty_bytes > i.memory_bytes / 2);
  std::size_t taken = 0;
  for (std::uint32_t number : chosen) {
    if (taken > 0 && batch.arena.size() >= request.bytes_max) break;
    const CustomerSlot& slot = i.slab.At(number);
    StateRow row;
    row.slot = number;
    row.as_of = position.seq;
    row.id_begin = static_cast<std::uint32_t>(batch.arena.size());
    row.id_size = static_cast<std::uint32_t>(slot.id.size());
    batch.arena.append(slot.id.view());
    row.value_begin = static_cast<std::uint32_t>(batch.arena.size());
    if (!slot.gone) EncodeProfile(*i.plan, slot, position.seq, batch.arena);
    row.value_size = static_cast<std::uint32_t>(batch.arena.size()) - row.value_begin;
    batch.rows.push_back(row);
    ++taken;
  }
  meta.committed = position;
  meta.floor = i.dirty.FloorAfter(position, taken);
  std::sort(batch.rows.begin(), batch.rows.end(),
            [&](const StateRow& x, const StateRow& y) { return batch.Id(x) < batch.Id(y); });
}

void PartitionState::ShareWritten(const StateBatch& batch, const PartitionMeta& meta) {
  Impl& i = *impl_;
  for (const StateRow& row : batch.rows) {
    CustomerSlot& slot = i.slab.At(row.slot);
    assert(std::string_view(slot.id) == batch.Id(row));
    i.dirty.Written(slot, row.as_of);
    // What the store remembers of an erased customer is enough; later transactions need no more of it.
    if (slot.gone && slot.first_dirty == 0) i.FreeSlot(slot);
  }
  i.dirty.Advance(meta.floor);
}

void PartitionState::EndTransaction() {
  Impl& i = *impl_;
  i.absent.clear();
  const std::uint32_t slots = i.slab.capacity();
  std::uint32_t steps = std::min(2 * slots, kEvictionSteps);
  for (; steps > 0 && i.slab.live() > i.dirty.dirty() && i.UsedBytes() > i.memory_bytes; --steps) {
    if (i.hand >= slots) i.hand = 0;
    i.Evict(i.slab.At(i.hand++));
  }
}

void PartitionState::SetFloor(const FoldPosition& floor) { impl_->dirty.SetFloor(floor); }
const FoldPosition& PartitionState::floor() const { return impl_->dirty.floor(); }
void PartitionState::Refolded(const FoldPosition& position, std::uint64_t events) { impl_->dirty.Note(position, events); }

Status PartitionState::Dump(const std::function<void(std::string_view id, std::string_view row)>& row) {
  Impl& i = *impl_;
  std::vector<const CustomerSlot*> resident;
  for (std::uint32_t at = 0; at < i.slab.capacity(); ++at) {
    if (const CustomerSlot& slot = i.slab.At(at); slot.live) resident.push_back(&slot);
  }
  std::sort(resident.begin(), resident.end(), [](const CustomerSlot* x, const CustomerSlot* y) { return x->id.view() < y->id.view(); });
  std::string bytes;
  const auto tell = [&](std::string_view id, const CustomerProfile& profile) {
    bytes.clear();
    EncodeProfile(*i.plan, profile, 0, bytes);
    row(id, ProfileBody(bytes));
  };
  auto next = resident.begin();
  const auto tell_resident = [&] {
    if (!(*next)->gone) tell((*next)->id, **next);
    ++next;
  };
  Status outcome;
  const Status scanned = i.store.Scan(i.partition, [&](std::string_view id, std::string_view value) {
    while (next != resident.end() && (*next)->id.view() < id) tell_resident();
    if (next != resident.end() && (*next)->id.view() == id) {
      tell_resident();
      return true;
    }
    const Result<RowPeek> peek = PeekProfile(value);
    if (peek && peek->gone) return true;
    // Through the plan of today, so that a row written under an older one looks as it will when it is next loaded.
    CustomerProfile profile;
    outcome = DecodeProfile(*i.plan, value, profile);
    if (outcome) tell(id, profile);
    return outcome.has_value();
  });
  if (!scanned) return scanned;
  if (!outcome) return outcome;
  while (next != resident.end()) tell_resident();
  return {};
}

PartitionState::Sizes PartitionState::sizes() const {
  Sizes sizes;
  sizes.cached = impl_->slab.live();
  sizes.dirty = impl_->dirty.dirty();
  sizes.timers = impl_->Timed();
  sizes.resident_bytes = impl_->UsedBytes();
  sizes.tail_events = impl_->dirty.tail_events();
  sizes.hits = impl_->hits;
  sizes.misses = impl_->misses;
  return sizes;
}

}  // namespace offerstream
