// The small arrays of a customer, from the partition's pool: eight bytes in their owner and eight before the elements.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <memory_resource>
#include <type_traits>
#include <utility>

namespace offerstream {

/// A std::pmr::vector for owners there are millions of: 16 bytes beside the elements instead of 32, 8 when empty, and an
/// eighth of room to grow instead of a whole. The owner holds one word, the block's address and the size, so a prefetch
/// knows both without touching the block; the block begins with a word of the pool's address and the capacity. An array
/// without a block holds the pool's address itself. Addresses have 48 bits on the machines we ship for; asserted.
/// Erasing gives memory back: the block with the last element, its larger half once that is free. Elements that own
/// memory themselves are made with the array's pool and change place by their bytes, which for hundreds of blocks saves as
/// many cache misses; they say so by kMovesByBytes. Copies draw from the default resource, as those of pmr containers
/// do; assigned values stay in the pool of the one assigned to. Pointers hold until the next change of size. Not
/// thread-safe.
template <typename T>
class PooledArray {
  static constexpr std::uint64_t kSizeMask = 0xffff, kNoBlock = 1u << 16;
  static constexpr std::size_t kHeadBytes = sizeof(std::uint64_t);

 public:
  using value_type = T;
  using iterator = T*;
  using const_iterator = const T*;
  using reference = T&;
  using const_reference = const T&;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;

  /// More elements than this break an invariant: decoders check counts first.
  static constexpr std::size_t kSizeMax = kSizeMask;

  /// It refers to nothing inside itself, and what it refers to does not refer back.
  static constexpr bool kMovesByBytes = true;

  PooledArray() : PooledArray(std::pmr::get_default_resource()) {}
  /// Empty. The pool outlives the array.
  explicit PooledArray(std::pmr::memory_resource* pool) : word_(Shifted(pool) | kNoBlock) {}
  PooledArray(std::initializer_list<T> values) : PooledArray() { assign(values.begin(), values.end()); }
  PooledArray(const PooledArray& other) : PooledArray() { assign(other.begin(), other.end()); }
  PooledArray(PooledArray&& other) noexcept : word_(other.word_) { other.word_ = Shifted(pool()) | kNoBlock; }
  PooledArray& operator=(const PooledArray& other) {
    if (this != &other) assign(other.begin(), other.end());
    return *this;
  }
  PooledArray& operator=(PooledArray&& other) {
    if (this == &other) return *this;
    if (pool() != other.pool()) {
      assign(std::make_move_iterator(other.begin()), std::make_move_iterator(other.end()));
      return *this;
    }
    clear();
    std::swap(word_, other.word_);
    return *this;
  }
  ~PooledArray() { clear(); }

  std::size_t size() const { return word_ & kSizeMask; }
  bool empty() const { return size() == 0; }
  std::size_t capacity() const { return HasBlock() ? Head() & kSizeMask : 0; }
  /// Where its memory comes from.
  std::pmr::memory_resource* pool() const {
    return reinterpret_cast<std::pmr::memory_resource*>((HasBlock() ? Head() : word_ ^ kNoBlock) >> 16);
  }

  /// Null without a block.
  T* data() { return HasBlock() ? reinterpret_cast<T*>(Block() + kHeadBytes) : nullptr; }
  const T* data() const { return HasBlock() ? reinterpret_cast<const T*>(Block() + kHeadBytes) : nullptr; }
  iterator begin() { return data(); }
  iterator end() { return data() + size(); }
  const_iterator begin() const { return data(); }
  const_iterator end() const { return data() + size(); }
  std::reverse_iterator<iterator> rbegin() { return std::reverse_iterator(end()); }
  std::reverse_iterator<iterator> rend() { return std::reverse_iterator(begin()); }
  std::reverse_iterator<const_iterator> rbegin() const { return std::reverse_iterator(end()); }
  std::reverse_iterator<const_iterator> rend() const { return std::reverse_iterator(begin()); }
  T& operator[](std::size_t i) {
    assert(i < size());
    return data()[i];
  }
  const T& operator[](std::size_t i) const {
    assert(i < size());
    return data()[i];
  }
  T& back() { return (*this)[size() - 1]; }
  const T& back() const { return (*this)[size() - 1]; }

  /// Room for `n` elements in all, exactly.
  void reserve(std::size_t n) {
    if (n > capacity()) Move(n);
  }
  /// Destroys all elements and gives the block back.
  void clear() {
    if (!HasBlock()) return;
    std::destroy(begin(), end());
    Release();
  }
  /// A new last element: a default one without arguments.
  template <typename... Args>
  T& emplace_back(Args&&... args) {
    if constexpr (sizeof...(Args) == 0) {
      Grow(1);
      return Added(Default());
    } else {
      T value(std::forward<Args>(args)...);   // before growing: an argument may lie in this array
      Grow(1);
      return Added(std::move(value));
    }
  }
  void push_back(const T& value) { emplace_back(value); }
  void push_back(T&& value) { emplace_back(std::move(value)); }
  /// New ones are default elements.
  void resize(std::size_t n) { resize(n, Default()); }
  void resize(std::size_t n, const T& value) {
    if (n < size()) erase(begin() + n, end());
    reserve(n);
    if constexpr (std::is_trivially_copyable_v<T>) {
      std::uninitialized_fill(end(), begin() + n, value);
      word_ += n - size();
    } else {
      while (size() < n) Added(Copy(value));
    }
  }
  /// REQUIRES: the range is not of this array.
  template <typename Iterator>
  void assign(Iterator first, Iterator last) {
    clear();
    const auto n = static_cast<std::size_t>(std::distance(first, last));
    reserve(n);
    for (; first != last; ++first) Added(Copy(*first));
  }
  /// Inserts before `at`; returns its place.
  iterator insert(const_iterator at, T value) {
    T* const place = Open(static_cast<std::size_t>(at - begin()), 1);
    return std::construct_at(place, std::move(value));
  }
  /// … so many copies of it. REQUIRES: `value` is not of this array.
  iterator insert(const_iterator at, std::size_t count, const T& value) {
    T* const place = Open(static_cast<std::size_t>(at - begin()), count);
    for (std::size_t i = 0; i < count; ++i) std::construct_at(place + i, Copy(value));
    return place;
  }
  /// Removes [first, last); returns the place after them.
  iterator erase(const_iterator first, const_iterator last) {
    const std::ptrdiff_t index = first - begin();
    T* const from = begin() + index;
    T* const to = from + (last - first);
    std::destroy(from, to);
    MoveBytes(to, end(), from);
    Lost(static_cast<std::size_t>(to - from));
    return begin() + index;
  }
  iterator erase(const_iterator at) { return erase(at, at + 1); }
  /// Removes the elements for which `gone` holds; keeps the order of the others. How many went.
  template <typename Predicate>
  std::size_t EraseIf(Predicate gone) {
    T* kept = begin();
    for (T* at = begin(); at != end(); ++at) {
      if (gone(*at)) {
        std::destroy_at(at);
      } else if (kept++ != at) {
        MoveBytes(at, at + 1, kept - 1);
      }
    }
    const auto count = static_cast<std::size_t>(end() - kept);
    Lost(count);
    return count;
  }
  /// No more room than the elements need.
  void shrink_to_fit() {
    if (size() < capacity()) Shrink(size());
  }

  friend bool operator==(const PooledArray& a, const PooledArray& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  static std::uint64_t Shifted(const void* pointer) {
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    assert(address >> 48 == 0 && address % 8 == 0);
    return std::uint64_t{address} << 16;
  }
  static std::size_t Bytes(std::size_t capacity) { return (kHeadBytes + capacity * sizeof(T) + 7) / 8 * 8; }

  bool HasBlock() const { return (word_ & kNoBlock) == 0; }
  std::byte* Block() const { return reinterpret_cast<std::byte*>(word_ >> 16); }
  std::uint64_t Head() const { return *reinterpret_cast<const std::uint64_t*>(Block()); }

  T Default() const {
    if constexpr (std::is_constructible_v<T, std::pmr::memory_resource*>) return T(pool());
    else return T{};
  }
  template <typename U>
  T Copy(U&& value) const {
    T made = Default();
    made = std::forward<U>(value);
    return made;
  }
  T& Added(T&& value) {
    T* at = std::construct_at(end(), std::move(value));
    ++word_;
    return *at;
  }
  static void MoveBytes(const T* first, const T* last, T* to) {
    static_assert(alignof(T) <= 8);
    if constexpr (!std::is_trivially_copyable_v<T>) static_assert(T::kMovesByBytes);
    if (first != last) std::memmove(static_cast<void*>(to), first, static_cast<std::size_t>(last - first) * sizeof(T));
  }
  // A gap of `count` elements at `index`; they count as there already.
  T* Open(std::size_t index, std::size_t count) {
    Grow(count);
    T* const place = begin() + index;
    MoveBytes(place, end(), place + count);
    word_ += count;
    return place;
  }
  void Lost(std::size_t count) {
    word_ -= count;
    if (count > 0 && size() < (capacity() + 1) / 2) Shrink(size() + size() / 8);
  }
  void Shrink(std::size_t room) {
    if (empty()) {
      if (HasBlock()) Release();
    } else {
      Move(room);
    }
  }
  void Grow(std::size_t more) {
    const std::size_t wanted = size() + more;
    if (wanted > capacity()) Move(std::max(wanted, std::min(size() + size() / 8, kSizeMax)));
  }
  // Into a block of at least `room` elements.
  void Move(std::size_t room) {
    std::pmr::memory_resource* const from = pool();
    const std::size_t n = size(), bytes = Bytes(room);
    const std::size_t capacity = std::min((bytes - kHeadBytes) / sizeof(T), kSizeMax);
    assert(n <= room && room <= kSizeMax);
    auto* block = static_cast<std::byte*>(from->allocate(bytes, 8));
    *std::construct_at(reinterpret_cast<std::uint64_t*>(block)) = Shifted(from) | capacity;
    T* const to = reinterpret_cast<T*>(block + kHeadBytes);
    MoveBytes(begin(), end(), to);
    if (HasBlock()) Release();
    word_ = Shifted(block) | n;
  }
  // The block goes; its elements are gone already.
  void Release() {
    std::pmr::memory_resource* const to = pool();
    to->deallocate(Block(), Bytes(capacity()), 8);
    word_ = Shifted(to) | kNoBlock;
  }

  std::uint64_t word_;
};

}  // namespace offerstream
