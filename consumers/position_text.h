// The text beside a committed offset: "<seq> <log id>". It makes the committed position of a partition atomic, the outcome
// of a transaction without input decidable, and a reset by hand visible.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "state/marks.h"

namespace offerstream {

/// A parsed position text.
struct PositionText {
  TxnSeq seq = 0;
  LogId log_id{};
};
/// "17 0123456789abcdef0123456789abcdef".
std::string WritePositionText(TxnSeq seq, const LogId& log_id);
/// Empty for anything else.
std::optional<PositionText> ReadPositionText(std::string_view text);

// Keys of the profiles topic.
/// Of a customer's row.
std::string ProfileKey(std::string_view customer_id);
/// The customer of a row's key; empty for other keys.
std::string_view CustomerOfKey(std::string_view key);
inline constexpr std::string_view kMetaKey = "meta";
/// Of a plan text: "plan|<epoch>".
std::string PlanKey(std::uint32_t epoch);
/// The epoch of a plan's key; 0 for other keys.
std::uint32_t EpochOfKey(std::string_view key);
/// Of a claim to an epoch's number, by the hash of the plan's text: the first of partition 0 has it. "claim|<epoch>|<hash>".
std::string ClaimKey(std::uint32_t epoch, std::uint64_t text_hash);
/// The epoch claimed; 0 for other keys.
std::uint32_t EpochOfClaim(std::string_view key);

}  // namespace offerstream
