#include "metrics/prometheus_exporter.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cassert>
#include <limits>
#include <map>
#include <sstream>
#include <vector>

namespace offerstream {

struct MetricsPage::Impl {
  std::map<std::string_view, prometheus::MetricFamily> families{};
  std::uint64_t left_out = 0;

  prometheus::ClientMetric* Series(std::string_view name, std::initializer_list<std::string_view> labels) {
    const MetricSpec* spec = FindMetric(name);
    assert(spec != nullptr && "metric is not in the catalogue");
    prometheus::MetricFamily& family = families[spec->name];
    if (family.metric.size() >= spec->series_max) {
      ++left_out;
      return nullptr;
    }
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    std::string_view rest = spec->labels;
    for (std::string_view value : labels) {
      assert(!rest.empty() && "more label values than labels");
      const std::size_t comma = rest.find(',');
      metric.label.push_back({std::string(rest.substr(0, comma)), std::string(value)});
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    }
    assert(rest.empty() && "fewer label values than labels");
    return &metric;
  }
};

MetricsPage::MetricsPage() : impl_(std::make_unique<Impl>()) {}
MetricsPage::~MetricsPage() = default;

void MetricsPage::Set(std::string_view name, std::initializer_list<std::string_view> labels, double value) {
  if (prometheus::ClientMetric* metric = impl_->Series(name, labels)) {
    metric->counter.value = value;
    metric->gauge.value = value;
  }
}

void MetricsPage::SetHistogram(std::string_view name, std::span<const double> bounds, double unit,
                               std::span<const std::uint64_t> counts, double sum) {
  prometheus::ClientMetric* metric = impl_->Series(name, {});
  if (metric == nullptr) return;
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    if (i < counts.size()) cumulative += counts[i];
    const double bound = i < bounds.size() ? bounds[i] * unit : std::numeric_limits<double>::infinity();
    metric->histogram.bucket.push_back({cumulative, bound});
  }
  metric->histogram.sample_count = cumulative;
  metric->histogram.sample_sum = sum;
}

std::string MetricsPage::Text() const {
  std::vector<prometheus::MetricFamily> out;
  for (const MetricSpec& spec : MetricCatalogue()) {
    const auto at = impl_->families.find(spec.name);
    if (at == impl_->families.end()) continue;
    prometheus::MetricFamily family = at->second;
    family.name = spec.name;
    family.help = spec.help;
    switch (spec.kind) {
      case MetricKind::kCounter: family.type = prometheus::MetricType::Counter; break;
      case MetricKind::kGauge: family.type = prometheus::MetricType::Gauge; break;
      case MetricKind::kHistogram: family.type = prometheus::MetricType::Histogram; break;
    }
    out.push_back(std::move(family));
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, out);
  if (impl_->left_out > 0) text << "# " << impl_->left_out << " series left out: over their metric's limit\n";
  return text.str();
}

}  // namespace offerstream
