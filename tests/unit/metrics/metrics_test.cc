#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <set>

#include "metrics/health.h"
#include "metrics/metric_catalogue.h"
#include "metrics/prometheus_exporter.h"

namespace offerstream {
namespace {

TEST(MetricCatalogue, NamesAreUniqueAndCarryTheirUnit) {
  std::set<std::string_view> names;
  for (const MetricSpec& m : MetricCatalogue()) {
    EXPECT_TRUE(names.insert(m.name).second) << m.name;
    EXPECT_EQ(m.kind == MetricKind::kCounter, m.name.ends_with("_total")) << m.name;
    EXPECT_FALSE(m.help.empty()) << m.name;
    EXPECT_EQ(m.help.back(), '.') << m.name;
  }
}

TEST(MetricCatalogue, ReadmeShowsTheCatalogue) {
  std::ifstream in(OFFERSTREAM_SOURCE_DIR "/metrics/README.md");
  const std::string readme((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_NE(readme.find("<!-- metrics:begin -->\n" + MetricTable() + "<!-- metrics:end -->"), std::string::npos)
      << "put this between the marks of metrics/README.md:\n" << MetricTable();
}

TEST(MetricsPage, RendersFamiliesInCatalogueOrderWithLabels) {
  MetricsPage page;
  page.Set("offerstream_decisions_total", {"policy", "offer"}, 7);
  page.Set("offerstream_events_total", {"click"}, 3);
  const std::string text = page.Text();
  EXPECT_NE(text.find("offerstream_events_total{kind=\"click\"} 3"), std::string::npos) << text;
  EXPECT_LT(text.find("offerstream_events_total"), text.find("offerstream_decisions_total"));
}

TEST(MetricsPage, HistogramIsCumulativeAndEndsAtInfinity) {
  const double bounds_ms[] = {1, 50};
  const std::uint64_t counts[] = {1, 1, 1};
  MetricsPage page;
  page.SetHistogram("offerstream_event_to_decision_seconds", bounds_ms, 1e-3, counts, 500.041);
  const std::string text = page.Text();
  EXPECT_NE(text.find("le=\"0.001\"} 1"), std::string::npos) << text;
  EXPECT_NE(text.find("le=\"0.05\"} 2"), std::string::npos) << text;
  EXPECT_NE(text.find("le=\"+Inf\"} 3"), std::string::npos) << text;
}

TEST(MetricsPage, SeriesPastTheLimitAreLeftOutAndSaid) {
  MetricsPage page;
  page.Set("offerstream_ready", 1);
  page.Set("offerstream_ready", 1);
  EXPECT_NE(page.Text().find("1 series left out"), std::string::npos);
}

TEST(MetricsPageDeathTest, NameOutsideTheCatalogueStops) {
  MetricsPage page;
  EXPECT_DEATH(page.Set("offerstream_unheard_of", 1), "catalogue");
}

TEST(MetricsPage, PromtoolAcceptsEveryMetric) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "promtool is not installed";
  MetricsPage page;
  for (const MetricSpec& m : MetricCatalogue()) {
    if (m.kind == MetricKind::kHistogram) {
      page.SetHistogram(m.name, std::vector<double>{1}, 1, std::vector<std::uint64_t>{2, 3}, 9);
    } else if (m.labels.empty()) {
      page.Set(m.name, 1);
    } else if (m.labels.find(',') == std::string_view::npos) {
      page.Set(m.name, {"a"}, 1);
    } else {
      page.Set(m.name, {"a", "b"}, 1);
    }
  }
  const std::string path = testing::TempDir() + "metrics.txt";
  std::ofstream(path) << page.Text();
  EXPECT_EQ(std::system(("promtool check metrics < " + path).c_str()), 0);
}

TEST(Health, UnavailableTellsItsReasons) {
  EXPECT_EQ(HealthJson(true, {"ignored"}), "{\"status\":\"ok\"}\n");
  EXPECT_EQ(HealthJson(false, {"partition 3 \"restoring\""}),
            "{\"status\":\"unavailable\",\"reasons\":[\"partition 3 \\\"restoring\\\"\"]}\n");
}

}  // namespace
}  // namespace offerstream
