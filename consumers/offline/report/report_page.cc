#include "consumers/offline/report/report_page.h"

#include <string_view>

#include "consumers/offline/report/page_files.h"

namespace offerstream {
namespace {

std::string_view File(std::string_view name) {
  for (const auto& [file, bytes] : PageFiles()) {
    if (file == name) return bytes;
  }
  return {};
}

/// Our scripts in the order of their names: what sections share first (00-), then one file a section.
std::string Scripts() {
  std::string all;
  for (const auto& [file, bytes] : PageFiles()) {
    if (file.ends_with(".js") && file != "echarts.min.js") all.append(bytes).append("\n");
  }
  return all;
}

/// JSON inside a script element: no text of it may end the element or open a comment.
std::string Harmless(std::string_view json) {
  std::string out;
  out.reserve(json.size() + json.size() / 64);
  for (const char c : json) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace

std::string ReportPage(const std::string& report_json) {
  const std::string_view frame = File("page.html");
  std::string out;
  std::size_t at = 0;
  // The frame names its parts as <!--name-->; each stands once.
  const std::pair<std::string_view, std::string> parts[] = {{"<!--style-->", std::string(File("style.css"))},
                                                            {"<!--report-->", Harmless(report_json)},
                                                            {"<!--charts-->", std::string(File("echarts.min.js"))},
                                                            {"<!--scripts-->", Scripts()}};
  for (const auto& [mark, text] : parts) {
    const std::size_t place = frame.find(mark, at);
    if (place == std::string_view::npos) continue;
    out.append(frame, at, place - at).append(text);
    at = place + mark.size();
  }
  return out.append(frame.substr(at));
}

}  // namespace offerstream
