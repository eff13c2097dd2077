// The closed list of metrics: a name that is not here cannot be exported. README's table is made from it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace offerstream {

/// Prometheus' types; a gauge may fall.
enum class MetricKind : std::uint8_t { kCounter, kGauge, kHistogram };

/// One metric family. `labels` is a comma-separated list in order; `series_max` bounds how many series it may have
/// (so that memory of the scraper is bounded); `alert` names the alert that watches it, if any.
struct MetricSpec {
  std::string_view name{};
  MetricKind kind = MetricKind::kGauge;
  std::string_view labels{};
  std::uint32_t series_max = 1;
  std::string_view alert{};
  std::string_view help{};
};

/// All metrics, in the order they are printed. Names carry base units and, for counters, `_total`.
std::span<const MetricSpec> MetricCatalogue();
/// The metric of this name, or null.
const MetricSpec* FindMetric(std::string_view name);
/// The catalogue as a Markdown table, for the README of metrics/.
std::string MetricTable();

}  // namespace offerstream
