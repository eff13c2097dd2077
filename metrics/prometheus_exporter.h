// One scrape: plain numbers in, Prometheus text out. Nothing is registered and nothing is shared with the hot path.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metric_catalogue.h"

namespace offerstream {

/// Plain histogram of durations over DurationBuckets(): one writer thread, copied as a whole to the scrape.
struct DurationHistogram {
  std::vector<std::uint64_t> counts = std::vector<std::uint64_t>(DurationBuckets().size() + 1);  ///< last: +Inf
  double sum_seconds = 0;

  /// Adds one duration, or another worker's counts. O(buckets).
  void Observe(double seconds);
  void Merge(const DurationHistogram& other);
};

/// Collects the series of one scrape and renders them. REQUIRES: names of the catalogue, as many label values as the
/// metric has labels. Series past a metric's `series_max` are left out and counted in the last line's comment.
class MetricsPage {
 public:
  MetricsPage();
  ~MetricsPage();
  /// Sets a counter or gauge.
  void Set(std::string_view name, std::initializer_list<std::string_view> labels, double value);
  void Set(std::string_view name, double value) { Set(name, {}, value); }
  void Set(std::string_view name, const DurationHistogram& histogram);
  /// Text exposition format 0.0.4; families in catalogue order, families without series left out.
  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace offerstream
