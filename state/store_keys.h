// Keys of the store on disk (FORMAT.md, "Keys"): partition first, numbers big endian, so that one partition is one range.
#pragma once

#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>

#include "models/domain/ids.h"

namespace offerstream {

/// Second part of a key in the family `meta`, after the partition.
inline constexpr char kDecisionMeta = 'D', kGone = 'G', kLearnerFloor = 'L', kPlan = 'P', kPurgeDue = 'E';
/// Plans, and the mark that files hold what was erased, belong to no partition.
inline constexpr std::int32_t kNoPartition = 0xffff;

/// Appends a number so that keys sort by it.
template <typename T>
void PutBigEndian(std::string& key, T v) {
  for (int shift = static_cast<int>(sizeof(T) - 1) * 8; shift >= 0; shift -= 8) key.push_back(static_cast<char>(v >> shift));
}
/// The number these bytes are.
inline std::uint64_t GetBigEndian(std::string_view bytes) {
  std::uint64_t v = 0;
  for (char c : bytes) v = v << 8 | static_cast<unsigned char>(c);
  return v;
}
/// Partition, then `rest`.
inline std::string PartitionKey(std::int32_t partition, std::string_view rest = {}) {
  assert(partition >= 0 && partition <= kNoPartition);
  std::string key;
  PutBigEndian(key, static_cast<std::uint16_t>(partition));
  return key.append(rest);
}
/// A key of the family `meta`.
inline std::string MetaKey(std::int32_t partition, char kind) { return PartitionKey(partition, std::string_view(&kind, 1)); }
/// Says that there is a tombstone.
inline std::string GoneKey(std::int32_t partition, TxnSeq as_of, std::string_view id) {
  std::string key = MetaKey(partition, kGone);
  PutBigEndian(key, as_of);
  return key.append(id);
}
/// The first key after all that begin with `prefix`. REQUIRES: prefix is not all 0xff.
inline std::string AfterPrefix(std::string prefix) {
  while (static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  ++prefix.back();
  return prefix;
}

}  // namespace offerstream
