#include "consumers/log.h"

#include <memory>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace offerstream {
namespace {

spdlog::logger& Logger() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = spdlog::stderr_color_mt("offerstream");
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::warn);
    return made;
  }();
  return *logger;
}

std::string JsonText(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else {
      out += c;
    }
  }
  return out;
}

bool json_lines = false;

}  // namespace

void SetUpLog(const std::string& level, const std::string& format) {
  Logger().set_level(spdlog::level::from_str(level));
  json_lines = format == "json";
  if (json_lines) {
    Logger().set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%v"})",
                         spdlog::pattern_time_type::utc);
  }
}

void Log(LogLevel level, std::string_view message) {
  const std::string text = json_lines ? JsonText(message) : std::string(message);
  switch (level) {
    case LogLevel::kDebug: Logger().debug("{}", text); return;
    case LogLevel::kInfo: Logger().info("{}", text); return;
    case LogLevel::kWarn: Logger().warn("{}", text); return;
    case LogLevel::kError: Logger().error("{}", text); return;
  }
}

void FlushLog() { Logger().flush(); }

}  // namespace offerstream
