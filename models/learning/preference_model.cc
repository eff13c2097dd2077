#include "models/learning/preference_model.h"

#include <algorithm>

namespace offerstream {

void PreferenceModel::Apply(const Observation& row) {
  if (row.n > static_cast<std::uint32_t>(AffinityAction::kPurchase) || row.time == kNever) {
    ++rejected_;
    return;
  }
  ++rows_;
  newest_ = std::max(newest_, row.time);
  const auto action = static_cast<AffinityAction>(row.n);
  everybody_.Take(row.exposure, action, row.time);
  if (row.segment == 0) return;
  segments_[row.segment].Take(row.exposure, action, row.time);
  if (segments_.size() > kSegmentsMost) segments_.erase(segments_.begin());
}

PreferenceView PreferenceModel::View() const {
  PreferenceView view;
  const auto add = [&](std::uint32_t segment, const CategoryShares& shares) {
    view.segments.push_back({segment, shares.Total(newest_), shares.Largest(shares.size())});
  };
  if (rows_ > 0) add(0, everybody_);
  for (const auto& [segment, shares] : segments_) add(segment, shares);
  return view;
}

void PreferenceModel::Save(ByteWriter& out) const {
  out.I64(rows_);
  out.I64(rejected_);
  out.I64(newest_);
  everybody_.Save(out);
  out.Varint(segments_.size());
  for (const auto& [segment, shares] : segments_) {
    out.U32(segment);
    shares.Save(out);
  }
}

void PreferenceModel::Restore(ByteReader& in) {
  *this = {};
  rows_ = in.I64();
  rejected_ = in.I64();
  newest_ = in.I64();
  everybody_.Restore(in);
  const std::size_t count = in.Count(20);
  if (count > kSegmentsMost) in.Fail();
  for (std::size_t i = 0; i < count && in.ok(); ++i) segments_[in.U32()].Restore(in);
  if (segments_.size() != count) in.Fail();
  if (!in.ok()) *this = {};
}

}  // namespace offerstream
