// Writing JSON into memory that is known to be large enough: no growth check per piece, digits in pairs.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "consumers/wire/padded_texts.h"
#include "models/domain/event_time.h"
#include "models/domain/ids.h"

namespace offerstream {

/// The most bytes one number takes: nine decimals of the largest double.
inline constexpr std::size_t kJsonNumberBytes = 336;
/// The most bytes of a quoted time.
inline constexpr std::size_t kJsonTimeBytes = 32;

/// "00" to "99".
inline constexpr auto kDigitPairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

/// The date part of a time, kept while the day does not change.
struct JsonDay {
  std::int64_t day = INT64_MIN;
  char text[11] = {};  ///< "2026-03-01T"
};

/// A place in a buffer; moves on as it writes. REQUIRES: the caller has room for all that is written.
class JsonCursor {
 public:
  /// Writes from `at` on. `day` outlives the cursor.
  JsonCursor(char* at, JsonDay& day) : at_(at), day_(day) {}
  /// Where the next byte goes.
  char* at() const { return at_; }

  /// The bytes as they are.
  void Text(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  /// A text of a PaddedTexts. REQUIRES: room for kCopyStep bytes more.
  void Part(std::string_view part) {
    for (std::size_t i = 0; i < part.size(); i += kCopyStep) std::memcpy(at_ + i, part.data() + i, kCopyStep);
    at_ += part.size();
  }
  /// One byte.
  void Char(char c) { *at_++ = c; }

  /// Takes the last byte back.
  void Back() { --at_; }

  /// Decimal digits.
  void Unsigned(std::uint64_t value) {
    char digits[20];
    char* from = digits + sizeof(digits);
    for (; value >= 100; value /= 100) std::memcpy(from -= 2, &kDigitPairs[2 * (value % 100)], 2);
    if (value >= 10)
      std::memcpy(from -= 2, &kDigitPairs[2 * value], 2);
    else
      *--from = static_cast<char>('0' + value);
    Text({from, static_cast<std::size_t>(digits + sizeof(digits) - from)});
  }
  /// Decimal digits, with a minus below 0.
  void Integer(std::int64_t value) {
    if (value < 0) Char('-');
    Unsigned(value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value));
  }

  /// Nine fixed decimals, rounded half to even: twice as fast as the shortest digits, and every record alike. JSON
  /// knows no infinity: what is not finite is null.
  void Fixed(double value) {
    if (!std::isfinite(value)) return Text("null");
    // Beyond, the scaled number is no exact integer of a double any more.
    if (std::abs(value) >= 9e6) return Large(value);
    const double scaled = std::nearbyint(value * 1e9);
    const auto whole = static_cast<std::uint64_t>(std::abs(scaled));
    if (scaled < 0) Char('-');
    const std::uint64_t units = whole / 1'000'000'000;
    if (units < 10)
      Char(static_cast<char>('0' + units));
    else
      Unsigned(units);
    auto rest = static_cast<std::uint32_t>(whole % 1'000'000'000);
    at_[0] = '.';
    for (int i = 8; i > 0; i -= 2, rest /= 100) std::memcpy(at_ + i, &kDigitPairs[2 * (rest % 100)], 2);
    at_[1] = static_cast<char>('0' + rest);
    at_ += 10;
  }

  /// As Fixed, with `2 * Pairs` decimals: for what nobody computes with.
  template <unsigned Pairs>
  void Short(double value) {
    constexpr std::uint32_t kUnit = Pairs == 2 ? 10'000 : 1'000'000;
    static_assert(Pairs == 2 || Pairs == 3);
    if (!(std::abs(value) < 4e3)) return Fixed(value);   // the scaled number must fit into 32 bits
    const double scaled = std::nearbyint(value * kUnit);
    const auto whole = static_cast<std::uint32_t>(std::abs(scaled));
    if (scaled < 0) Char('-');
    const std::uint32_t units = whole / kUnit;
    if (units < 10)
      Char(static_cast<char>('0' + units));
    else
      Unsigned(units);
    std::uint32_t rest = whole % kUnit;
    at_[0] = '.';
    for (int i = 2 * static_cast<int>(Pairs) - 1; i > 0; i -= 2, rest /= 100) {
      std::memcpy(at_ + i, &kDigitPairs[2 * (rest % 100)], 2);
    }
    at_ += 1 + 2 * Pairs;
  }

  /// 16 lower-case hexadecimal digits.
  void Hex16(std::uint64_t value) {
    static constexpr char kHex[] = "0123456789abcdef";
    for (int i = 15; i >= 0; --i, value >>= 4) at_[i] = kHex[value & 15];
    at_ += 16;
  }

  /// "2026-03-01T10:00:00.123Z" in quotes; null when there is no such time.
  void QuotedTime(EventTime time) {
    if (time == kNever || time == INT64_MAX) return Text("null");
    constexpr std::int64_t kDay = 86'400'000;
    if (time < 0 || time > kEventTimeMax) return Clamped(time);
    const std::int64_t day = time / kDay;
    if (day != day_.day) TurnTo(day);
    auto rest = static_cast<std::uint32_t>(time - day * kDay);
    at_[0] = '"';
    std::memcpy(at_ + 1, day_.text, sizeof(day_.text));
    const auto pair = [this](std::size_t at, std::uint32_t value) {
      std::memcpy(at_ + at, &kDigitPairs[2 * value], 2);
    };
    pair(12, rest / 3'600'000);
    at_[14] = ':';
    pair(15, rest / 60'000 % 60);
    at_[17] = ':';
    pair(18, rest / 1000 % 60);
    at_[20] = '.';
    rest %= 1000;
    at_[21] = static_cast<char>('0' + rest / 100);
    pair(22, rest % 100);
    std::memcpy(at_ + 24, "Z\"", 2);
    at_ += 26;
  }

  /// As a JSON text with its quotes: at most 6 bytes for each and 2 more.
  void Quoted(std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    Char('"');
    for (const char each : text) {
      const auto c = static_cast<unsigned char>(each);
      if (c >= 0x20 && c != '"' && c != '\\') {
        Char(each);
      } else if (c == '"' || c == '\\') {
        Char('\\');
        Char(each);
      } else {
        Text("\\u00");
        Char(kHex[c >> 4]);
        Char(kHex[c & 15]);
      }
    }
    Char('"');
  }

 private:
  void Large(double value);
  void Clamped(EventTime time);
  void TurnTo(std::int64_t day);

  char* at_;
  JsonDay& day_;
};

}  // namespace offerstream
