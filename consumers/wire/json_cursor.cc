#include "consumers/wire/json_cursor.h"

#include <fmt/format.h>

#include <string>

namespace offerstream {

void JsonCursor::Large(double value) { at_ = fmt::format_to(at_, "{:.9f}", value); }

void JsonCursor::Clamped(EventTime time) {
  std::string text;
  AppendTime(time, text);
  Char('"');
  Text(text);
  Char('"');
}

void JsonCursor::TurnTo(std::int64_t day) {
  std::string text;
  AppendTime(day * 86'400'000, text);
  std::memcpy(day_.text, text.data(), sizeof(day_.text));
  day_.day = day;
}

}  // namespace offerstream
