#include "consumers/position_text.h"

#include <charconv>

#include <fmt/format.h>

namespace offerstream {
namespace {

constexpr std::string_view kProfilePrefix = "p|", kPlanPrefix = "plan|", kClaimPrefix = "claim|";
constexpr std::size_t kLogIdDigits = 32;

}  // namespace

std::string WritePositionText(TxnSeq seq, const LogId& log_id) {
  return fmt::format("{} {:016x}{:016x}", seq, log_id.high, log_id.low);
}

std::optional<PositionText> ReadPositionText(std::string_view text) {
  PositionText position;
  const char* const end = text.data() + text.size();
  const auto seq = std::from_chars(text.data(), end, position.seq);
  if (seq.ec != std::errc{} || end - seq.ptr != static_cast<std::ptrdiff_t>(1 + kLogIdDigits) || *seq.ptr != ' ') return {};
  const char* const id = seq.ptr + 1;
  if (std::from_chars(id, id + 16, position.log_id.high, 16).ptr != id + 16) return {};
  if (std::from_chars(id + 16, end, position.log_id.low, 16).ptr != end) return {};
  return position;
}

std::string ProfileKey(std::string_view customer_id) { return std::string(kProfilePrefix).append(customer_id); }

std::string_view CustomerOfKey(std::string_view key) {
  return key.starts_with(kProfilePrefix) ? key.substr(kProfilePrefix.size()) : std::string_view{};
}

std::string PlanKey(std::uint32_t epoch) { return fmt::format("{}{}", kPlanPrefix, epoch); }

std::uint32_t EpochOfKey(std::string_view key) {
  std::uint32_t epoch = 0;
  if (key.starts_with(kPlanPrefix)) std::from_chars(key.data() + kPlanPrefix.size(), key.data() + key.size(), epoch);
  return epoch;
}

std::string ClaimKey(std::uint32_t epoch, std::uint64_t text_hash) { return fmt::format("{}{}|{:016x}", kClaimPrefix, epoch, text_hash); }

std::uint32_t EpochOfClaim(std::string_view key) {
  std::uint32_t epoch = 0;
  if (key.starts_with(kClaimPrefix)) std::from_chars(key.data() + kClaimPrefix.size(), key.data() + key.size(), epoch);
  return epoch;
}

}  // namespace offerstream
