// One scrape: plain numbers in, Prometheus text out. Nothing is registered and nothing is shared with the hot path.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "metrics/metric_catalogue.h"

namespace offerstream {

/// Collects the series of one scrape and renders them. REQUIRES: names of the catalogue, as many label values as the
/// metric has labels. Series past a metric's `series_max` are left out and counted in the last line's comment.
class MetricsPage {
 public:
  MetricsPage();
  ~MetricsPage();
  /// Sets a counter or gauge.
  void Set(std::string_view name, std::initializer_list<std::string_view> labels, double value);
  void Set(std::string_view name, double value) { Set(name, {}, value); }
  /// A histogram from plain counts per bucket (the last count: above the last bound). Bounds are multiplied by
  /// `unit` to reach the metric's base unit; missing counts are 0.
  void SetHistogram(std::string_view name, std::span<const double> bounds, double unit,
                    std::span<const std::uint64_t> counts, double sum);
  /// Text exposition format 0.0.4; families in catalogue order, families without series left out.
  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace offerstream
