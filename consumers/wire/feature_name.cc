#include "consumers/wire/feature_name.h"

#include <fmt/format.h>

#include <charconv>

namespace offerstream {

std::string FeatureName(std::string_view feature, const SegmentView* segments) {
  if (segments == nullptr || !feature.starts_with(kSlotFeature)) return std::string(feature);
  const std::string_view after = feature.substr(kSlotFeature.size());
  std::size_t slot = 0;
  const auto parsed = std::from_chars(after.data(), after.data() + after.size(), slot);
  const std::uint32_t id = parsed.ec == std::errc{} ? segments->InSlot(slot) : 0;
  if (id == 0) return std::string(feature);
  return fmt::format("{}{}{}", kSegmentFeature, id, after.substr(static_cast<std::size_t>(parsed.ptr - after.data())));
}

}  // namespace offerstream
