#include "metrics/health.h"

#include <fmt/format.h>

namespace offerstream {

std::string JsonText(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

std::string HealthJson(bool ok, const std::vector<std::string>& reasons) {
  if (ok) return "{\"status\":\"ok\"}\n";
  std::string out = "{\"status\":\"unavailable\",\"reasons\":[";
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    if (i > 0) out += ",";
    out += JsonText(reasons[i]);
  }
  return out + "]}\n";
}

}  // namespace offerstream
