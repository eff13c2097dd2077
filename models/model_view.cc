#include "models/model_view.h"

#include <algorithm>
#include <utility>

namespace offerstream {

const CapCell* CapView::Find(std::uint32_t segment, ChannelIndex channel) const {
  const auto key = std::pair(segment, channel);
  const auto found = std::lower_bound(cells.begin(), cells.end(), key, [](const CapCell& cell, const auto& wanted) {
    return std::pair(cell.segment, cell.channel) < wanted;
  });
  return found != cells.end() && std::pair(found->segment, found->channel) == key ? &*found : nullptr;
}

std::uint32_t SegmentView::InSlot(std::size_t slot) const {
  for (const Macro& macro : macros) {
    if (macro.slot == slot) return macro.id;
  }
  return 0;
}

const BudgetView::Period* BudgetView::Find(EventTime begin) const {
  for (const Period& period : periods) {
    if (period.begin == begin) return &period;
  }
  return nullptr;
}

const ItemsView::Item* ItemsView::Find(IdHash item) const {
  const auto found = std::lower_bound(items.begin(), items.end(), item, [](const Item& i, IdHash wanted) { return i.item < wanted; });
  return found != items.end() && found->item == item ? &*found : nullptr;
}

std::string_view Name(LiftVerdict verdict) {
  switch (verdict) {
    case LiftVerdict::kNothingYet: return "nothing_yet";
    case LiftVerdict::kUndecided: return "undecided";
    case LiftVerdict::kHelps: return "helps";
    case LiftVerdict::kHarms: return "harms";
    case LiftVerdict::kBrokenSplit: return "broken_split";
  }
  return "";
}

}  // namespace offerstream
