#include "consumers/offline/report/report_page.h"

#include <gtest/gtest.h>

#include "consumers/offline/report/page_files.h"

namespace offerstream {
namespace {

std::size_t Count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

TEST(ReportPage, HoldsTheReportStyleScriptsAndChartLibraryInOneFile) {
  const std::string page = ReportPage("{\"about\": {\"app\": \"x\"}}");
  EXPECT_NE(page.find("{\"about\": {\"app\": \"x\"}}"), std::string::npos);
  EXPECT_NE(page.find("Licensed to the Apache Software Foundation"), std::string::npos);
  EXPECT_NE(page.find("Report.start();"), std::string::npos);
  EXPECT_EQ(Count(page, "</script>"), 3u);
  for (const auto& [name, bytes] : PageFiles()) EXPECT_FALSE(bytes.empty()) << name;
}

TEST(ReportPage, NoTextOfTheReportEndsItsElement) {
  const std::string page = ReportPage("{\"files\": [\"</script><script>alert(1)</script><!--\"]}");
  EXPECT_EQ(Count(page, "</script>"), 3u);
  EXPECT_NE(page.find("\\u003c/script>\\u003cscript>alert(1)"), std::string::npos);
}

TEST(ReportPage, ItsOwnFilesNameNothingElsewhere) {
  for (const auto& [name, bytes] : PageFiles()) {
    if (name == "echarts.min.js") continue;
    for (const std::string_view word : {"http:", "https:", "import(", "fetch(", "XMLHttpRequest", "innerHTML"}) {
      EXPECT_EQ(bytes.find(word), std::string_view::npos) << name << ": " << word;
    }
  }
}

}  // namespace
}  // namespace offerstream
