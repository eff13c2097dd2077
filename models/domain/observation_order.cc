#include "models/domain/observation_order.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace offerstream {

void ObservationOrder::Grow() {
  table_.assign(std::max<std::size_t>(128, 2 * table_.size()), 0);
  for (std::uint32_t g = 0; g < groups_.size(); ++g) {
    std::size_t at = groups_[g].model & (table_.size() - 1);
    while (table_[at] != 0) at = (at + 1) & (table_.size() - 1);
    table_[at] = g + 1;
  }
}

std::uint32_t ObservationOrder::GroupOf(IdHash model) {
  const std::size_t mask = table_.size() - 1;
  std::size_t at = model & mask;   // a hash already
  for (; table_[at] != 0; at = (at + 1) & mask) {
    if (groups_[table_[at] - 1].model == model) return table_[at] - 1;
  }
  groups_.push_back({model, 0});
  const auto group = static_cast<std::uint32_t>(groups_.size() - 1);
  table_[at] = group + 1;
  if (4 * groups_.size() > table_.size()) Grow();
  return group;
}

std::span<const std::uint32_t> ObservationOrder::Of(std::span<const Observation> rows) {
  groups_.clear();
  std::fill(table_.begin(), table_.end(), 0u);
  if (table_.empty()) Grow();
  group_.resize(rows.size());
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const std::uint32_t group = GroupOf(rows[r].model);
    group_[r] = group;
    ++groups_[group].rows;
  }
  ascending_.resize(groups_.size());
  std::iota(ascending_.begin(), ascending_.end(), 0u);
  std::sort(ascending_.begin(), ascending_.end(),
            [&](std::uint32_t x, std::uint32_t y) { return groups_[x].model < groups_[y].model; });
  std::uint32_t begin = 0;
  for (const std::uint32_t group : ascending_) begin += std::exchange(groups_[group].rows, begin);
  order_.resize(rows.size());
  for (std::uint32_t r = 0; r < rows.size(); ++r) order_[groups_[group_[r]].rows++] = r;
  return order_;
}

}  // namespace offerstream
