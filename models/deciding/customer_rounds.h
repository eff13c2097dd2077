// When a customer's turn is in work that is done for everybody every so often.
#pragma once

#include "models/domain/ids.h"

namespace offerstream {

/// The first time after `after` at which the customer has its turn: event time congruent to its hash modulo `every`. Turns
/// follow from the hash alone, so nothing is stored for them and customers are spread evenly. REQUIRES: every > 0.
/// Thread-safe.
inline EventTime NextTurn(IdHash customer, EventTime after, Duration every) {
  const auto offset = static_cast<EventTime>(customer % static_cast<std::uint64_t>(every));
  const EventTime since = (after - offset) % every;   // the last turn was so long ago; below 0: the next is so near
  return after - since + (since < 0 ? 0 : every);
}

}  // namespace offerstream
