// The seam of off-policy evaluation: a fold that follows a log decides where the log decided, says what it would have
// drawn, and then goes on with what the log chose.
#pragma once

#include <span>

#include "models/domain/decision.h"
#include "models/domain/event.h"
#include "models/domain/ids.h"

namespace offerstream {

/// A choice somebody else made for a customer, with the probability it was drawn with.
struct LoggedChoice {
  std::uint64_t id = 0;         ///< decision id; of a foreign impression the hash of its event id
  PlacementIndex placement{};
  bool has_offer = false;       ///< false: the log decided for no offer
  OfferIndex offer{};           ///< of the following plan; kNone: the plan does not know it
  ChannelIndex channel{};
  double propensity = 0;        ///< (0, 1] with an offer
  Arm arm = Arm::kPolicy;
  bool foreign = false;         ///< the event is the impression itself: its channel was given, only the offer was drawn
};

/// What was logged, and who is told what the following plan would have done. Called by the fold, on its thread.
class FollowedLog {
 public:
  virtual ~FollowedLog() = default;
  /// The decisions logged at this event, in order; valid until the next call. Empty for most events.
  virtual std::span<const LoggedChoice> ChoicesAt(const Event& event) = 0;
  /// What the plan would have done there: candidates with propensities, or none (has_offer false). Its own draw
  /// (`chosen`) counts for nothing. True: the fold goes on with the logged choice and learns from what comes of it;
  /// false: the choice is counted as an impression when it is shown, and not learned from.
  virtual bool WouldHave(const Event& event, const LoggedChoice& choice, const Decision& decision) = 0;
};

}  // namespace offerstream
