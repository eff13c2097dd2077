// Facts: all that Change takes from outside the customer's own events. Written to the journal by offset, so recovery
// applies what was decided and never decides again.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/domain/bytes.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/decision.h"
#include "models/domain/ids.h"
#include "models/domain/observation.h"

namespace offerstream {

/// What the models said when an exposure was made, per outcome.
struct ServedLabel {
  double logit = 0, probability = 0, cap_logit = 0;
  std::uint8_t mask = 0xff;
  bool hold = false;
};

/// A decision as Change sees it (offer none: only the placement's clock moves).
struct DecisionFact {
  DecisionId id = 0;
  PlacementIndex placement{};
  bool has_offer = false;
  OfferIndex offer{};
  ChannelIndex channel{};
  double propensity = 0;
  Arm arm = Arm::kPolicy;
  std::uint32_t segment = 0;
  std::uint8_t segment_slot = 0xff;   ///< 0xff: no segment
  bool lottery = false;
  std::array<ServedLabel, kOutcomesMax> served{};
};

/// A cap limit that holds for the customer from this event on.
struct CapFact {
  ChannelIndex channel{};
  std::uint16_t limit = 0;
  CapSource source = CapSource::kConfigured;
};

/// Byte form of coordinates; round-trips bit for bit. Load: false on damage.
void SaveCoordinates(const Coordinates& place, ByteWriter& out);
bool LoadCoordinates(ByteReader& in, Coordinates& place);

/// Facts of one event; empty for most.
struct EventFacts {
  std::vector<DecisionFact> decisions{};  ///< by placement
  std::vector<CapFact> caps{};
  bool has_impression = false;          ///< `impression` is set: an impression no decision of ours explains
  DecisionFact impression{};              ///< what the models said of it
  bool has_move = false;
  Coordinates move{};

  bool empty() const { return decisions.empty() && caps.empty() && !has_impression && !has_move; }
  /// No facts; keeps the lists' memory.
  void Clear();
  /// Byte form, indices as hashes of the plan's ids. Round-trips bit for bit.
  void Save(const CampaignPlan& plan, ByteWriter& out) const;
  /// False on damage. Ids the plan no longer knows become kNone.
  bool Load(const CampaignPlan& plan, ByteReader& in);
};

}  // namespace offerstream
