#include "consumers/config/quantity_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <utility>

namespace offerstream {

namespace {

constexpr std::pair<std::string_view, Duration> kDurationUnits[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
constexpr std::pair<std::string_view, std::uint64_t> kSizeUnits[] = {
    {"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}, {"TiB", 1ull << 40}};
constexpr Duration kDurationMax = 100LL * 365 * 86'400'000;

// Splits "64MiB" into 64 and "MiB".
bool SplitUnit(std::string_view text, std::uint64_t& number, std::string_view& unit) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return false;
  unit = text.substr(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

bool ParseDuration(std::string_view text, Duration& out) {
  std::uint64_t number = 0;
  std::string_view unit;
  if (!SplitUnit(text, number, unit)) return false;
  if (unit.empty() && number == 0) {
    out = 0;
    return true;
  }
  for (const auto& [name, factor] : kDurationUnits) {
    if (unit != name) continue;
    if (number > static_cast<std::uint64_t>(kDurationMax / factor)) return false;
    out = static_cast<Duration>(number) * factor;
    return true;
  }
  return false;
}

std::string DurationText(Duration duration) {
  for (auto i = std::size(kDurationUnits); i-- > 1;) {
    const auto& [name, factor] = kDurationUnits[i];
    if (duration != 0 && duration % factor == 0) return fmt::format("{}{}", duration / factor, name);
  }
  return duration == 0 ? "0s" : fmt::format("{}ms", duration);
}

bool ParseSize(std::string_view text, std::uint64_t& out) {
  std::uint64_t number = 0;
  std::string_view unit;
  if (!SplitUnit(text, number, unit)) return false;
  if (unit.empty()) unit = "B";
  for (const auto& [name, factor] : kSizeUnits) {
    if (unit != name) continue;
    if (number > (1ull << 62) / factor) return false;
    out = number * factor;
    return true;
  }
  return false;
}

bool ParseNumber(std::string_view text, double& out) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || !std::isfinite(value)) return false;
  out = value;
  return true;
}

bool ParseInteger(std::string_view text, std::int64_t& out) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return false;
  out = value;
  return true;
}

}  // namespace offerstream
