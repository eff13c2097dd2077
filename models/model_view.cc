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

}  // namespace offerstream
