// What a customer bought of late: what goes together is learned from it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "models/domain/ids.h"

namespace offerstream {

/// An item and when the customer last bought it.
struct RecentItem {
  IdHash item = 0;
  EventTime time = kNever;
};

/// So many of a customer's newest distinct items are remembered, …
inline constexpr std::size_t kRecentItemsMost = 50;
/// … and two are bought together when no more than this lies between them.
inline constexpr Duration kTogetherWithin = Duration{30} * 86'400'000;

/// The item becomes the newest, last in `items` (a vector or the like). True when it was not bought in the 30 days before.
template <typename Items>
bool TakeRecent(Items& items, IdHash item, EventTime time) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const RecentItem& i) { return i.item == item; });
  const bool fresh = found == items.end() || time - found->time > kTogetherWithin;
  if (found != items.end()) items.erase(found);
  if (items.size() == kRecentItemsMost) items.erase(items.begin());
  items.push_back({item, time});
  return fresh;
}

/// An item among the features of an observation: its hash as three whole numbers that a float holds exactly.
inline constexpr std::size_t kItemFloats = 3;
inline void AppendItem(std::vector<float>& to, IdHash item) {
  to.push_back(static_cast<float>(item >> 42));
  to.push_back(static_cast<float>(item >> 21 & 0x1fffff));
  to.push_back(static_cast<float>(item & 0x1fffff));
}
/// The item again; false when the three are no such numbers.
inline bool ReadItem(std::span<const float, kItemFloats> from, IdHash& item) {
  item = 0;
  for (std::size_t i = 0; i < kItemFloats; ++i) {
    const float most = i == 0 ? 4'194'303.0f : 2'097'151.0f;   // 22, 21 and 21 bits
    if (!(from[i] >= 0 && from[i] <= most) || from[i] != std::floor(from[i])) return false;
    item = item << 21 | static_cast<IdHash>(from[i]);
  }
  return true;
}

}  // namespace offerstream
