#include "models/learning/item_learner.h"

#include <algorithm>

namespace offerstream {
namespace {

constexpr double kUntoldLeast = 20, kUntoldShare = 0.05;

}  // namespace

void ItemLearner::Apply(const Observation& row, std::span<const float> x) {
  bool sound = row.exposure != 0 && row.time != kNever && row.n <= 1 && (row.y == 0 || row.y == 1) && x.size() % kItemFloats == 0 &&
               x.size() <= kItemFloats * kRecentItemsMost;
  earlier_.clear();
  for (std::size_t i = 0; sound && i < x.size(); i += kItemFloats) {
    sound = ReadItem(std::span<const float, kItemFloats>(x.subspan(i, kItemFloats)), earlier_.emplace_back());
  }
  if (!sound) {
    ++rejected_;
    return;
  }
  ++purchases_;
  ++untold_;
  items_.Learn(earlier_, row.y == 1, row.exposure, row.time, row.n == 1);
}

ItemsView ItemLearner::View() const {
  ItemsView view;
  view.purchases = purchases_;
  view.refused = items_.refused();
  for (std::size_t i = 0; i < items_.items(); ++i) {
    ItemsView::Item& item = view.items.emplace_back();
    item.item = items_.item(i);
    item.bought = items_.bought(item.item);
    for (const ItemSimilarity::Similar& s : items_.Now(item.item)) item.similar.push_back({s.item, s.similarity, s.together});
  }
  std::sort(view.items.begin(), view.items.end(), [](const ItemsView::Item& a, const ItemsView::Item& b) { return a.item < b.item; });
  return view;
}

bool ItemLearner::Due() const {
  if (static_cast<double>(untold_) < kUntoldLeast) return false;
  double bought = 0;
  for (std::size_t i = 0; i < items_.items(); ++i) bought += items_.bought(items_.item(i));
  return static_cast<double>(untold_) >= kUntoldShare * bought;
}

void ItemLearner::Save(ByteWriter& out) const {
  out.I64(purchases_);
  out.I64(rejected_);
  items_.Save(out);
}

void ItemLearner::Restore(ByteReader& in) {
  *this = ItemLearner();
  purchases_ = in.I64();
  rejected_ = in.I64();
  items_.Restore(in);
  if (!in.ok()) *this = ItemLearner();
}

}  // namespace offerstream
