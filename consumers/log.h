// The program's log: one line an event, on stderr, never an id of a customer.
#pragma once

#include <string>
#include <string_view>

namespace offerstream {

/// As in the setting log.level.
enum class LogLevel { kDebug, kInfo, kWarn, kError };

/// Level (debug, info, warn, error) and format (text, json) of every later line. Call once, at start.
void SetUpLog(const std::string& level, const std::string& format);
/// Writes one line. Safe from any thread, librdkafka's included.
void Log(LogLevel level, std::string_view message);
/// Flushes; before _exit.
void FlushLog();

}  // namespace offerstream
