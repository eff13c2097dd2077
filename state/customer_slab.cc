#include "state/customer_slab.h"

#include <boost/unordered/unordered_flat_set.hpp>
#include <cassert>
#include <new>

#include "models/domain/prefetch.h"
#include "state/memory_chunk.h"

namespace offerstream {
namespace {

constexpr std::size_t kSlotsPerChunk = kChunkBytes / sizeof(CustomerSlot);
static_assert(sizeof(CustomerSlot) == 384, "six cache lines: see what grew, and offerstream bench for what it costs");
// The index holds slots and sleepers alike; this bit tells them apart.
constexpr std::uint32_t kSleeperBit = 1u << 31;

struct Key {
  std::string_view id;
  IdHash hash;
};

// The lines of an array with the word before it, as far as it fills a few; of a longer one the end, where what is new
// stands.
template <typename T>
void PrefetchAll(const PooledArray<T>& array) {
  constexpr std::uintptr_t kLine = 64, kBytesMax = 512;
  if (array.empty()) return;
  const auto begin = reinterpret_cast<std::uintptr_t>(array.data()) - sizeof(std::uint64_t);
  const auto end = reinterpret_cast<std::uintptr_t>(array.data() + array.size());
  for (std::uintptr_t line = (end - begin > kBytesMax ? end - kBytesMax : begin) & ~(kLine - 1); line < end; line += kLine) {
    PrefetchLine(reinterpret_cast<const void*>(line));
  }
}

}  // namespace

struct CustomerSlab::Impl {
  // Hash and equality look through the reference at the customer: the index itself stores four bytes.
  struct HashOf {
    using is_transparent = void;
    using is_avalanching = void;  // SipHash is: no second mixing
    const Impl* impl;
    std::size_t operator()(std::uint32_t ref) const { return impl->HashAt(ref); }
    std::size_t operator()(const Key& key) const { return key.hash; }
  };
  struct SameCustomer {
    using is_transparent = void;
    const Impl* impl;
    bool operator()(std::uint32_t a, std::uint32_t b) const { return a == b; }
    bool operator()(const Key& key, std::uint32_t ref) const { return impl->Is(ref, key); }
    bool operator()(std::uint32_t ref, const Key& key) const { return impl->Is(ref, key); }
  };

  explicit Impl(std::pmr::memory_resource& pool) : pool(pool), index(0, HashOf{this}, SameCustomer{this}) {}
  ~Impl() {
    for (std::uint32_t i = 0; i < next_slot; ++i) Slot(i).~CustomerSlot();
  }

  std::byte* Place(std::uint32_t i) const {
    return chunks[i / kSlotsPerChunk].get() + (i % kSlotsPerChunk) * sizeof(CustomerSlot);
  }
  CustomerSlot& Slot(std::uint32_t i) const { return *std::launder(reinterpret_cast<CustomerSlot*>(Place(i))); }
  IdHash HashAt(std::uint32_t ref) const { return (ref & kSleeperBit) ? sleepers[ref ^ kSleeperBit].hash : Slot(ref).hash; }
  bool Is(std::uint32_t ref, const Key& key) const {
    if (ref & kSleeperBit) {
      const Sleeper& s = sleepers[ref ^ kSleeperBit];
      return s.hash == key.hash && s.id == key.id;
    }
    const CustomerSlot& slot = Slot(ref);
    return slot.hash == key.hash && slot.id.view() == key.id;
  }

  void AddChunk() {
    // The first chunk stays on small pages: a partition with few customers should not cost 2 MiB.
    chunks.push_back(NewMemoryChunk(!chunks.empty()));
  }

  std::pmr::memory_resource& pool;
  std::vector<MemoryChunk> chunks{};
  std::uint32_t next_slot = 0;
  std::vector<std::uint32_t> free_slots{};
  std::vector<Sleeper> sleepers{};
  std::vector<std::uint32_t> free_sleepers{};
  boost::unordered_flat_set<std::uint32_t, HashOf, SameCustomer> index;
};

CustomerSlab::CustomerSlab(std::pmr::memory_resource& pool) : impl_(std::make_unique<Impl>(pool)) {}
CustomerSlab::~CustomerSlab() = default;

CustomerRef CustomerSlab::Find(std::string_view id, IdHash hash) const {
  const auto found = impl_->index.find(Key{id, hash});
  CustomerRef ref;
  if (found == impl_->index.end()) return ref;
  if (*found & kSleeperBit) {
    ref.sleeper = *found ^ kSleeperBit;
  } else {
    ref.slot = *found;
  }
  return ref;
}

std::uint32_t CustomerSlab::Prefetch(std::string_view id, IdHash hash) const {
  const CustomerRef ref = Find(id, hash);  // touches the lines of id and hash
  if (ref.slot == kNoRef) return kNoRef;
  PrefetchSlot(ref.slot);
  return ref.slot;
}

void CustomerSlab::PrefetchSlot(std::uint32_t slot) const {
  const auto* bytes = reinterpret_cast<const char*>(&impl_->Slot(slot));
  for (std::size_t line = 0; line < sizeof(CustomerSlot); line += 64) PrefetchLine(bytes + line);
}

void CustomerSlab::PrefetchArrays(std::uint32_t slot) const {
  const CustomerSlot& s = impl_->Slot(slot);
  PrefetchAll(s.channels.words());
  PrefetchAll(s.attributes);
  PrefetchAll(s.impressions);
  PrefetchAll(s.exposures);
  PrefetchAll(s.enrolments);
  PrefetchAll(s.last_decision);
  PrefetchAll(s.owned);
  PrefetchAll(s.place.z);
  PrefetchAll(s.seen);
}

void CustomerSlab::PrefetchTimed(std::uint32_t slot) const {
  const CustomerSlot& s = impl_->Slot(slot);
  PrefetchAll(s.channels.words());
  PrefetchAll(s.impressions);
  PrefetchAll(s.exposures);
  PrefetchAll(s.enrolments);
}

void CustomerSlab::PrefetchExposures(std::uint32_t slot, EventTime due) const {
  constexpr std::size_t kExposures = 4;
  std::size_t left = kExposures;
  const CustomerSlot& s = impl_->Slot(slot);
  for (auto e = s.exposures.rbegin(); e != s.exposures.rend() && left > 0; ++e) {
    if (e->next_due > due) continue;
    PrefetchAll(e->labels);
    PrefetchAll(e->x.words());
    --left;
  }
}

CustomerSlot& CustomerSlab::New(std::string_view id, IdHash hash) {
  std::uint32_t number = 0;
  if (!impl_->free_slots.empty()) {
    number = impl_->free_slots.back();
    impl_->free_slots.pop_back();
    impl_->Slot(number).~CustomerSlot();
  } else {
    number = impl_->next_slot;
    assert(number < kSleeperBit);
    if (number / kSlotsPerChunk == impl_->chunks.size()) impl_->AddChunk();
    ++impl_->next_slot;
  }
  auto* slot = new (impl_->Place(number)) CustomerSlot(&impl_->pool);
  slot->number = number;
  slot->live = true;
  slot->hash = hash;
  slot->id.Assign(id, &impl_->pool);
  impl_->index.insert(number);
  return *slot;
}

void CustomerSlab::Free(CustomerSlot& slot) {
  assert(slot.live && slot.first_dirty == 0);
  const std::uint32_t number = slot.number;
  impl_->index.erase(impl_->index.find(Key{slot.id, slot.hash}));
  // An empty profile takes its place, so its arrays return to the pool now and the slot stays readable as "not live".
  slot.~CustomerSlot();
  new (&slot) CustomerSlot(&impl_->pool);
  slot.number = number;
  impl_->free_slots.push_back(number);
}

CustomerSlot& CustomerSlab::At(std::uint32_t slot) { return impl_->Slot(slot); }
const CustomerSlot& CustomerSlab::At(std::uint32_t slot) const { return impl_->Slot(slot); }

std::uint32_t CustomerSlab::Sleep(std::string_view id, IdHash hash, EventTime due) {
  std::uint32_t number = 0;
  if (!impl_->free_sleepers.empty()) {
    number = impl_->free_sleepers.back();
    impl_->free_sleepers.pop_back();
  } else {
    number = static_cast<std::uint32_t>(impl_->sleepers.size());
    impl_->sleepers.emplace_back();
  }
  Sleeper& s = impl_->sleepers[number];
  s.id = id;
  s.hash = hash;
  s.due = due;
  impl_->index.insert(number | kSleeperBit);
  return number;
}

void CustomerSlab::Wake(std::uint32_t sleeper) {
  Sleeper& s = impl_->sleepers[sleeper];
  impl_->index.erase(impl_->index.find(Key{s.id, s.hash}));
  s = Sleeper{};
  impl_->free_sleepers.push_back(sleeper);
}

const Sleeper& CustomerSlab::SleeperAt(std::uint32_t sleeper) const { return impl_->sleepers[sleeper]; }
std::uint32_t CustomerSlab::capacity() const { return impl_->next_slot; }
std::uint32_t CustomerSlab::sleeper_capacity() const { return static_cast<std::uint32_t>(impl_->sleepers.size()); }
std::uint64_t CustomerSlab::live() const { return impl_->next_slot - impl_->free_slots.size(); }
std::uint64_t CustomerSlab::sleepers() const { return impl_->sleepers.size() - impl_->free_sleepers.size(); }
std::uint64_t CustomerSlab::used_bytes() const {
  // The index keeps at most 7/8 full groups of 15 with 16 bytes of metadata: about 5.1 bytes a bucket.
  return live() * sizeof(CustomerSlot) + sleepers() * sizeof(Sleeper) + impl_->index.bucket_count() * 6;
}

}  // namespace offerstream
