// Our own published decisions, read back: what a channel, the simulator or an evaluation needs of one.
#pragma once

#include <cstdint>
#include <string_view>

#include "models/domain/ids.h"

namespace offerstream {

/// What is read of a decision. Views into the record.
struct DecisionText {
  DecisionId decision_id = 0;
  std::string_view customer_id{}, offer_id{}, channel{}, json{};  ///< offer_id empty: no offer
  std::string_view placement{}, arm{}, cause_event_id{};
  EventTime event_time = 0, valid_until = 0;
  double propensity = 0;
  std::uint32_t segment = 0;
};

/// Reads our own one-line form, keys in the published order; false when it is not one.
bool ReadDecision(std::string_view json, DecisionText& out);

}  // namespace offerstream
