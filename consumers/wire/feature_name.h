// Features as people are told them: the segments in their names by id.
#pragma once

#include <string>
#include <string_view>

#include "models/model_view.h"

namespace offerstream {

/// How a segment's feature begins in the schema (a slot, which stands for another segment once its own has ended) and as
/// people read it (an id, which never means another segment).
inline constexpr std::string_view kSlotFeature = "segment_slot=", kSegmentFeature = "segment=";

/// `segment_slot=2*channel=push` of the schema as `segment=7*channel=push` when segment 7 has slot 2 in `segments`; every
/// other name, and a slot nobody has (or no view, null), as it is. Thread-safe.
std::string FeatureName(std::string_view feature, const SegmentView* segments);

}  // namespace offerstream
