// The fields a mapping wants, as a tree walked once along a record, and the table of what was found.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "consumers/wire/event_mapping.h"

namespace offerstream {

/// A fixed set of short texts -> small numbers, found in a few nanoseconds. Filled once, then only read (any thread).
class TextTable {
 public:
  static constexpr std::uint16_t kNone = 0xffff;

  /// Adds a text; the first value of a text stays. REQUIRES: value != kNone.
  void Add(std::string_view text, std::uint16_t value);
  /// Its value, or kNone.
  std::uint16_t Find(std::string_view text) const {
    if (cells_.empty()) return kNone;
    for (std::size_t i = Hash(text) & mask_;; i = (i + 1) & mask_) {
      const Cell& cell = cells_[i];
      if (cell.value == kNone) return kNone;
      if (cell.text.size() == text.size() && std::memcmp(cell.text.data(), text.data(), text.size()) == 0)
        return cell.value;
    }
  }
  std::size_t size() const { return size_; }

 private:
  struct Cell {
    std::string text{};
    std::uint16_t value = kNone;
  };
  // Length, first and last eight bytes: enough for names people give, and no loop.
  static std::size_t Hash(std::string_view text) {
    std::uint64_t first = 0, last = 0;
    const std::size_t n = text.size();
    if (n >= 8) {
      std::memcpy(&first, text.data(), 8);
      std::memcpy(&last, text.data() + n - 8, 8);
    } else {
      for (std::size_t i = 0; i < n; ++i) first = first << 8 | static_cast<unsigned char>(text[i]);
    }
    std::uint64_t h = (first ^ n * 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;
    h = (h ^ (h >> 29) ^ last) * 0x94d049bb133111ebull;
    return static_cast<std::size_t>(h ^ (h >> 32));
  }
  std::vector<Cell> cells_{};
  std::size_t mask_ = 0, size_ = 0;
};

/// What a wanted field held. Texts are views into the decoder's buffers, valid until the next record.
struct FieldValue {
  enum class Type : std::uint8_t { kAbsent, kNull, kText, kNumber, kBool, kContainer };
  Type type = Type::kAbsent;
  std::string_view text{};  ///< kText: unescaped; kNumber: as written; kBool: "true" or "false"
  bool Usable() const { return type != Type::kAbsent && type != Type::kNull; }
};

/// The tree of all wanted paths; slots are positions in the table of values.
class PathTree {
 public:
  static constexpr std::uint16_t kNone = 0xffff;
  static constexpr std::uint16_t kEventRoot = 0, kEnvelopeRoot = 1;

  /// What lies below a key: a value to take, a node to go on from, or both.
  struct Child {
    std::uint16_t slot = kNone;  ///< where its value goes
    std::uint16_t node = kNone;  ///< where its own fields are looked up
  };

  PathTree() : nodes_(2) {}
  /// The slot of a path, the same for the same path.
  std::uint16_t Add(const FieldPath& path);
  /// Makes the envelope's `key` lead to the event's root (CloudEvents' data).
  void LinkEventRoot(std::string_view key);
  /// The child of a node by key, or null.
  const Child* Find(std::uint16_t node, std::string_view key) const {
    const Node& at = nodes_[node];
    const std::uint16_t child = at.keys.Find(key);
    return child == TextTable::kNone ? nullptr : &at.children[child];
  }
  std::size_t slots() const { return slots_; }

 private:
  struct Node {
    TextTable keys{};
    std::vector<Child> children{};
  };
  Child& ChildOf(std::uint16_t node, std::string_view key);
  std::vector<Node> nodes_;
  std::map<FieldPath, std::uint16_t> known_{};
  std::size_t slots_ = 0;
};

/// Values of one record by slot. Clear is O(1).
class FieldTable {
 public:
  explicit FieldTable(std::size_t slots) : cells_(slots) {}
  void Clear() { ++round_; }
  void Set(std::uint16_t slot, const FieldValue& value) { cells_[slot] = {value, round_}; }
  /// Absent when nothing was set since Clear.
  const FieldValue& At(std::uint16_t slot) const {
    const Cell& cell = cells_[slot];
    return cell.round == round_ ? cell.value : kAbsent;
  }

 private:
  static constexpr FieldValue kAbsent{};
  struct Cell {
    FieldValue value{};
    std::uint64_t round = 0;
  };
  std::vector<Cell> cells_;
  std::uint64_t round_ = 1;
};

}  // namespace offerstream
