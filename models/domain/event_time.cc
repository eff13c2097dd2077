#include "models/domain/event_time.h"

#include <date/date.h>

#include <algorithm>
#include <locale>
#include <sstream>

namespace offerstream {

namespace {

constexpr EventTime kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr EventTime kYearZero = -62'167'219'200'000;

// Reads exactly `digits` decimal digits at `at`; -1 when one is missing.
inline int Digits(std::string_view text, std::size_t at, std::size_t digits) {
  if (at + digits > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + digits; ++i) {
    const unsigned digit = static_cast<unsigned char>(text[i]) - '0';
    if (digit > 9) return -1;
    value = value * 10 + static_cast<int>(digit);
  }
  return value;
}

unsigned DaysInMonth(int year, int month) {
  constexpr unsigned kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

// "2026-03-01" at the start of text -> days since the epoch.
bool ParseDate(std::string_view text, std::int64_t& days) {
  const int year = Digits(text, 0, 4), month = Digits(text, 5, 2), day = Digits(text, 8, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1 || text[4] != '-' || text[7] != '-') return false;
  if (static_cast<unsigned>(day) > DaysInMonth(year, month)) return false;
  days = DaysFromCivil(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  return true;
}

// "Z", "z" or "+hh:mm" must be the whole rest of the text; `offset` in ms east of UTC.
bool ParseZone(std::string_view text, std::size_t at, EventTime& offset) {
  if (at >= text.size()) return false;
  if (text[at] == 'Z' || text[at] == 'z') {
    offset = 0;
    return at + 1 == text.size();
  }
  if ((text[at] != '+' && text[at] != '-') || at + 6 != text.size() || text[at + 3] != ':') return false;
  const int hours = Digits(text, at + 1, 2), minutes = Digits(text, at + 4, 2);
  // No place on earth is further than 14 hours from UTC.
  if (hours < 0 || minutes < 0 || minutes > 59 || hours * 60 + minutes > 14 * 60) return false;
  offset = (hours * kHour + minutes * kMinute) * (text[at] == '-' ? -1 : 1);
  return true;
}

void AppendDigits(std::int64_t value, int digits, std::string& out) {
  char text[8];
  for (int i = digits - 1; i >= 0; --i, value /= 10) text[i] = static_cast<char>('0' + value % 10);
  out.append(text, static_cast<std::size_t>(digits));
}

}  // namespace

std::int64_t DaysFromCivil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const unsigned year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + static_cast<std::int64_t>(day_of_era) - 719468;
}

bool ParseRfc3339(std::string_view text, EventTime& out) {
  if (text.size() < 20) return false;
  std::int64_t days = 0;
  if (!ParseDate(text, days)) return false;
  if (text[10] != 'T' && text[10] != 't' && text[10] != ' ') return false;
  const int hour = Digits(text, 11, 2), minute = Digits(text, 14, 2), second = Digits(text, 17, 2);
  if (text[13] != ':' || text[16] != ':') return false;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return false;
  std::size_t at = 19;
  int fraction = 0;
  if (text[at] == '.') {
    std::size_t digits = 0;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digits) {
      if (digits < 3) fraction = fraction * 10 + (text[at] - '0');
    }
    if (digits == 0) return false;
    for (; digits < 3; ++digits) fraction *= 10;
  }
  EventTime offset = 0;
  if (!ParseZone(text, at, offset)) return false;
  const EventTime local = days * kDay + hour * kHour + minute * kMinute + second * kSecond + fraction;
  // A leap second happens only at the end of a day of UTC.
  if (second == 60 && (local - fraction - offset) % kDay != 0) return false;
  out = local - offset;
  return true;
}

bool ParseByFormat(std::string_view text, const std::string& format, EventTime& out) {
  std::istringstream in{std::string(text)};
  in.imbue(std::locale::classic());
  date::sys_time<std::chrono::milliseconds> time;
  in >> date::parse(format, time);
  if (in.fail() || in.peek() != std::istringstream::traits_type::eof()) return false;
  out = time.time_since_epoch().count();
  return true;
}

bool ParseDateOrTime(std::string_view text, EventTime& out) {
  std::int64_t days = 0;
  if (text.size() != 10) return ParseRfc3339(text, out);
  if (!ParseDate(text, days)) return false;
  out = days * kDay;
  return true;
}

void AppendTime(EventTime time, std::string& out) {
  time = std::clamp(time, kYearZero, kEventTimeMax);
  std::int64_t days = time / kDay, rest = time % kDay;
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  // civil_from_days of the same source.
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const std::int64_t day_of_era = days - era * 146097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted = (5 * day_of_year + 2) / 153;
  const std::int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  AppendDigits(year_of_era + era * 400 + (month <= 2), 4, out);
  out += '-';
  AppendDigits(month, 2, out);
  out += '-';
  AppendDigits(day_of_year - (153 * shifted + 2) / 5 + 1, 2, out);
  out += 'T';
  AppendDigits(rest / kHour, 2, out);
  out += ':';
  AppendDigits(rest / kMinute % 60, 2, out);
  out += ':';
  AppendDigits(rest / kSecond % 60, 2, out);
  out += '.';
  AppendDigits(rest % kSecond, 3, out);
  out += 'Z';
}

std::string FormatTime(EventTime time) {
  std::string out;
  AppendTime(time, out);
  return out;
}

}  // namespace offerstream
