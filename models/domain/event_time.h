// Event time as text: RFC 3339 in and out, other forms by a declared format. Inside it is int64 milliseconds.
#pragma once

#include <string>
#include <string_view>

#include "models/domain/ids.h"

namespace offerstream {

/// Last instant a record may name: 9999-12-31T23:59:59.999Z. The first is the epoch, 1970-01-01T00:00:00Z.
inline constexpr EventTime kEventTimeMax = 253'402'300'799'999;

/// Parses RFC 3339 ("2026-03-01T10:00:00.123Z", also with a space, any number of fraction digits and an offset). The
/// zone is required. A leap second counts as the second after it. Digits below milliseconds are cut off. False when the
/// text is anything else; `out` is then untouched. About 10 ns; no allocation. Thread-safe.
bool ParseRfc3339(std::string_view text, EventTime& out);

/// Parses by a strftime-like format (date library: %Y %m %d %H %M %S %z %b ...); without %z the time is UTC. The whole
/// text must match. Slow (about 1 us, allocates): for files whose times have a form of their own.
bool ParseByFormat(std::string_view text, const std::string& format, EventTime& out);

/// A date ("2026-01-01", midnight UTC) or an RFC 3339 time: what configuration files write.
bool ParseDateOrTime(std::string_view text, EventTime& out);

/// Appends "2026-03-01T10:00:00.123Z" (always milliseconds, always UTC). Times outside year 0..9999 are clamped.
void AppendTime(EventTime time, std::string& out);
/// The same as a new string.
std::string FormatTime(EventTime time);

/// Days since 1970-01-01 of a proleptic Gregorian date. Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms".
std::int64_t DaysFromCivil(std::int64_t year, unsigned month, unsigned day);

}  // namespace offerstream
