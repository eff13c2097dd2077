// The normalised event as mapping files name it, and the limits of a record: shared by mapping and decoder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "models/domain/ids.h"

namespace offerstream {

// Named limits of one record; past them it is a bad record.
inline constexpr std::size_t kRecordBytesMax = 1u << 20;  ///< value: too_large
inline constexpr std::size_t kIdBytesMax = 128;           ///< event and customer id: too_large
inline constexpr std::size_t kTextBytesMax = 1024;        ///< any other text that is used: schema
inline constexpr std::size_t kJsonDepthMax = 1000;        ///< nesting: decode
/// An event's time may be so far ahead of its record's own timestamp; beyond: timestamp_future.
inline constexpr Duration kFutureTolerance = 5 * 60'000;
/// Largest amount of money, minor units (90 million million).
inline constexpr std::int64_t kMoneyMax = 9'000'000'000'000'000;

/// A field a mapping can fill.
enum class Field : std::uint8_t {
  kEventId,
  kTime,
  kCustomerId,
  kKind,
  kChannel,
  kCampaignId,
  kOfferId,
  kPlacement,
  kProductId,
  kCategory,
  kDecisionId,
  kPropensity,
  kValue,
  kCurrency,
  kDirection,
  kQuantity,
  kCost,
  kTransactional,
  kArm,
};
inline constexpr std::size_t kFields = 19;
/// Names in mapping files, by Field.
inline constexpr std::array<std::string_view, kFields> kFieldNames = {
    "event_id", "time",      "customer_id", "kind",     "channel",     "campaign_id",
    "offer_id", "placement", "product_id",  "category", "decision_id", "propensity",
    "value",    "currency",  "direction",   "quantity", "cost",        "transactional",
    "arm"};

}  // namespace offerstream
