// One commit's share of changed rows: the same bytes for the changelog and for the disk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "state/marks.h"

namespace offerstream {

/// A row to write: the customer's id and its encoded profile; an empty value is a tombstone (erased).
/// In the changelog a tombstone of an erased customer is a null value with header as_of.
struct StateRow {
  std::uint32_t id_begin = 0, id_size = 0, value_begin = 0, value_size = 0;
  TxnSeq as_of = 0;
  std::uint32_t slot = 0;     ///< where the profile lives in memory (PartitionState's own use)
};

/// Rows in key order over one arena. Reused: Clear() keeps capacity.
struct StateBatch {
  std::vector<StateRow> rows{};
  std::string arena{};

  std::string_view Id(const StateRow& r) const { return std::string_view(arena).substr(r.id_begin, r.id_size); }
  std::string_view Value(const StateRow& r) const { return std::string_view(arena).substr(r.value_begin, r.value_size); }
  /// Drops all keys; keeps the memory.
  void Clear() {
    rows.clear();
    arena.clear();
  }
};

}  // namespace offerstream
