// Durations, sizes and numbers as people write them in configuration files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "models/domain/ids.h"

namespace offerstream {

/// "90s", "10m", "6h", "7d", "100ms", "0": a whole number and a unit. False on anything else or past 100 years.
bool ParseDuration(std::string_view text, Duration& out);
/// The shortest form that ParseDuration reads back ("90s", "7d", "0s").
std::string DurationText(Duration duration);

/// "64MiB", "2GiB", "512KiB", "100B", "1000": binary units only. False on anything else or above 2^62.
bool ParseSize(std::string_view text, std::uint64_t& out);

/// A finite decimal number; the whole text must match (no blanks, no hexadecimal, no infinity). Locale-free.
bool ParseNumber(std::string_view text, double& out);
/// A whole number in int64; the whole text must match.
bool ParseInteger(std::string_view text, std::int64_t& out);

}  // namespace offerstream
