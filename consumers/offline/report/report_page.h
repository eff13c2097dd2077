// The report as a page: one file that needs nothing else, on screen and on paper.
#pragma once

#include <string>

namespace offerstream {

/// The page of a report: the JSON itself, the chart library, our script and style in one HTML document, which asks no
/// network for anything. Tables and charts are drawn from the JSON when it is opened, a section for each field there is.
std::string ReportPage(const std::string& report_json);

}  // namespace offerstream
