// The normalised event: what the decoder makes of a record and all that the decision fold sees of it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "models/domain/ids.h"

namespace offerstream {

/// Order is the order in CONTRACT tables; numbers are local to the program (triggers use them as bits).
enum class EventKind : std::uint8_t {
  kImpression, kClick, kConversion, kTransaction, kEngagement, kDelivery, kUnsubscribe, kComplaint, kProfile,
  kRequest, kCampaignCost, kDelete, kIgnore,
};
inline constexpr std::size_t kEventKinds = 13;
/// "impression", "click", … as in configuration, metrics and mapping files.
std::string_view Name(EventKind kind);

/// Where an event was read: identifies it for ever (input = position of the topic in the configuration).
struct Cause {
  std::uint16_t input = 0;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::uint16_t part = 0;   ///< position among the events of one record (a mapping may emit several)
  friend auto operator<=>(const Cause&, const Cause&) = default;
};

/// An attribute's value: a number, a text (as hash), a truth value, or unset (a trait set to null).
struct AttributeValue {
  enum class Type : std::uint8_t { kUnset, kNumber, kText, kBool };
  Type type = Type::kUnset;
  double number = 0;    ///< kNumber; kBool: 0 or 1
  IdHash text = 0;      ///< kText
};

/// One declared attribute on an event (undeclared ones are dropped at decode).
struct AttributeUpdate {
  AttributeIndex attribute{};
  AttributeValue value{};
};

enum class Direction : std::uint8_t { kNone, kIn, kOut };  ///< of a transaction: deposit or withdrawal

/// Views point into the decoder's buffers and live until the next batch is decoded. Ids are already resolved against
/// the plan: an offer or channel the plan does not know has index kNone but keeps its hash.
struct Event {
  EventKind kind = EventKind::kIgnore;
  bool transactional = false;       ///< service message: never capped, never trained on
  bool failed = false;              ///< delivery that failed
  Direction direction = Direction::kNone;
  EventTime time = 0;
  std::string_view event_id{}, customer_id{};
  IdHash event_hash = 0, customer_hash = 0;  ///< H64 of the two ids
  DecisionId decision_id = 0;       ///< 0 = none named
  OfferIndex offer{};
  ChannelIndex channel{};
  ProductIndex product{};
  PlacementIndex placement{};       ///< kNone: every placement (a request without one)
  CampaignIndex campaign{};         ///< as named by the event
  std::uint8_t arm = kNoArm;        ///< an experiment of others: the arm (Arm) the customer was put in for `campaign`
  static constexpr std::uint8_t kNoArm = 0xff;
  IdHash offer_hash = 0, product_hash = 0;
  double propensity = 0;            ///< logged propensity of a foreign policy; 0 = none
  bool has_value = false;
  Money value = 0;
  double quantity = 1, cost = 0;
  std::span<const AttributeUpdate> attributes{};
  std::uint8_t outcomes_known = 0;  ///< history: bit per OutcomeIndex whose answer is known
  std::uint8_t outcomes_yes = 0;    ///< … and is yes
  Cause cause{};
};

}  // namespace offerstream
