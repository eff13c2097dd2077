// A customer's id: in place when it is short.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <string_view>
#include <utility>

namespace offerstream {

/// A text of 16 bytes: up to 15 characters in place, where a look-up finds them without another cache miss; longer ones
/// in a block of a pool. Copies draw from the default resource. Not thread-safe.
class PooledText {
 public:
  PooledText() = default;
  PooledText(const PooledText& other) { Assign(other.view()); }
  PooledText(PooledText&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  PooledText& operator=(const PooledText& other) {
    if (this != &other) Assign(other.view());
    return *this;
  }
  PooledText& operator=(PooledText&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  PooledText& operator=(std::string_view text) {
    Assign(text);
    return *this;
  }
  ~PooledText() { Release(); }

  /// Takes a copy of `text`, which is not of this object; `pool` outlives it.
  void Assign(std::string_view text, std::pmr::memory_resource* pool = std::pmr::get_default_resource()) {
    Release();
    if (text.size() < bytes_.size()) {
      bytes_.back() = static_cast<char>(text.size());
      text.copy(bytes_.data(), text.size());
      return;
    }
    const Head head{pool, text.size()};
    auto* const block = static_cast<char*>(pool->allocate(sizeof(Head) + text.size(), alignof(Head)));
    std::memcpy(block, &head, sizeof(Head));
    text.copy(block + sizeof(Head), text.size());
    std::memcpy(bytes_.data(), &block, sizeof(block));
    bytes_.back() = kLong;
  }

  /// Valid until the text or its owner changes or moves.
  std::string_view view() const {
    if (bytes_.back() != kLong) return {bytes_.data(), static_cast<std::size_t>(bytes_.back())};
    return {Block() + sizeof(Head), HeadOf(Block()).size};
  }
  operator std::string_view() const { return view(); }
  std::size_t size() const { return view().size(); }
  friend bool operator==(const PooledText& a, std::string_view b) { return a.view() == b; }

 private:
  struct Head {
    std::pmr::memory_resource* pool;
    std::size_t size;
  };
  static constexpr char kLong = 0x7f;

  char* Block() const {
    char* block = nullptr;
    std::memcpy(&block, bytes_.data(), sizeof(block));
    return block;
  }
  static Head HeadOf(const char* block) {
    Head head;
    std::memcpy(&head, block, sizeof(Head));
    return head;
  }
  void Release() {
    if (bytes_.back() == kLong) {
      const Head head = HeadOf(Block());
      head.pool->deallocate(Block(), sizeof(Head) + head.size, alignof(Head));
    }
    bytes_.back() = 0;
  }

  alignas(8) std::array<char, 16> bytes_{};   // the last one: characters in place, or kLong
};

}  // namespace offerstream
