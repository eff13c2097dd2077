// The decision fold's side of segmenter.h: standardise, assign, find the micro-cluster.
#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "models/learning/segmenter.h"

namespace offerstream {
namespace {

double Distance2(std::span<const double> centre, std::span<const float> z) {
  double sum = 0;
  for (std::size_t j = 0; j < z.size(); ++j) {
    const double off = centre[j] - static_cast<double>(z[j]);
    sum += off * off;
  }
  return sum;
}

}  // namespace

void Standardise(const SegmentView& view, std::span<const double> raw, std::span<float> z) {
  assert(raw.size() == view.dimension && z.size() == view.dimension);
  for (std::size_t j = 0; j < raw.size(); ++j) {
    z[j] = 0;
    if (!std::isfinite(raw[j])) continue;
    const double inside = std::min(std::max(raw[j], view.low[j]), view.high[j]);
    z[j] = static_cast<float>((inside - view.centre[j]) / view.scale[j]);
  }
}

SegmentPlace AssignSegment(const SegmentView& view, std::span<const float> z) {
  SegmentPlace place;
  if (z.size() != view.dimension) return place;
  double nearest = std::numeric_limits<double>::infinity(), second = nearest;
  for (const SegmentView::Macro& macro : view.macros) {
    const double distance2 = Distance2(macro.centre, z);
    if (distance2 < nearest) {
      second = nearest;
      nearest = distance2;
      place.segment = macro.id;
      place.slot = macro.slot;
    } else if (distance2 < second) {
      second = distance2;
    }
  }
  if (place.segment == 0) return place;
  place.margin = second > 0 ? 1 - std::sqrt(nearest / second) : 0;  // a single one: nearest / infinity = 0
  return place;
}

std::uint64_t NearestMicro(const SegmentView& view, std::span<const float> z) {
  if (z.size() != view.dimension) return 0;
  double nearest = std::numeric_limits<double>::infinity();
  const SegmentView::Micro* found = nullptr;
  for (const SegmentView::Micro& micro : view.micros) {
    const double distance2 = Distance2(micro.centre, z);
    if (distance2 < nearest) {
      nearest = distance2;
      found = &micro;
    }
  }
  return found != nullptr && nearest <= 4 * found->radius2 ? found->id : 0;
}

}  // namespace offerstream
