// The files of the report's page, compiled in (CMakeLists.txt, "page of the report").
#pragma once

#include <span>
#include <string_view>
#include <utility>

namespace offerstream {

/// (name, bytes) by name: those of consumers/offline/report/page/ and "echarts.min.js".
std::span<const std::pair<std::string_view, std::string_view>> PageFiles();

}  // namespace offerstream
