// Decisions and caps as plain values; consumers/wire writes them as JSON.
#pragma once

#include <cstdint>
#include <vector>

#include "models/domain/event.h"
#include "models/domain/ids.h"

namespace offerstream {

/// Experiment arm of a customer. Values are stored.
enum class Arm : std::uint8_t { kPolicy = 0, kHoldout = 1, kRandom = 2 };
std::string_view Name(Arm arm);

/// Stages of exclusion, in the order they are tried; the first that excludes is the one recorded.
enum class Stage : std::uint8_t {
  kSchedule, kConsent, kEligibility, kOwnership, kCap, kCooldown, kBudget, kHoldout, kArbitration, kThreshold,
};
inline constexpr std::size_t kStages = 10;
std::string_view Name(Stage stage);

/// Why a candidate was excluded. Several reasons may share a stage.
enum class ExclusionReason : std::uint8_t {
  kNotStarted, kEnded, kNoConsent, kUnsubscribed, kNotEligible, kAlreadyOwned, kCapReached, kCooldown, kBudgetSpent,
  kHoldout, kBelowThreshold,
};
inline constexpr std::size_t kExclusionReasons = 11;
std::string_view Name(ExclusionReason reason);

/// Why a decision carries no offer.
enum class NoOfferReason : std::uint8_t { kNone, kNoEligibleOffer, kAllCapped, kHoldout, kBelowThreshold, kNoConsent };
std::string_view Name(NoOfferReason reason);

/// Where a cap limit came from. Values are stored.
enum class CapSource : std::uint8_t { kConfigured = 0, kLearned = 1, kLottery = 2 };
std::string_view Name(CapSource source);

/// One offer x channel that was scored.
struct Candidate {
  OfferIndex offer{};
  ChannelIndex channel{};
  double propensity = 0;      ///< probability with which it would have been drawn; sums to 1 over the candidates
  double score = 0;           ///< P V L - (1 + price) cost - U u_n, major units
  double score_sd = 0;
  double probability = 0;     ///< calibrated probability of the goal
  double probability_se = 0;
  double logit = 0;           ///< moderated, uncalibrated logit of the goal model
};

/// One offer x channel that was not.
struct Exclusion {
  OfferIndex offer{};
  ChannelIndex channel{};
  Stage stage = Stage::kSchedule;
  ExclusionReason reason = ExclusionReason::kNotStarted;
  EventTime until = kNever;   ///< when it may be back; kNever = unknown or never
};

/// One reason for the chosen offer: contribution m_j (x_j - mean x_j) in logits.
struct Contribution {
  std::uint16_t feature = 0;  ///< index into the schema
  double contribution = 0;
  double sign_probability = 0;
  std::uint32_t segment = 0;  ///< of a segment's feature: id of the segment that has its slot; 0: none has, or another feature
};

/// Impressions of a customer on a channel against the limit that holds.
struct CapState {
  ChannelIndex channel{};
  std::uint16_t limit = 0, used = 0;
  CapSource source = CapSource::kConfigured;
  EventTime resets_at = kNever;  ///< when the oldest counted impression leaves the window; kNever when none counts
  Duration window = 0;
};

/// The identity of the decision that an event at `cause` gets on a placement: H64(H64(topic), partition, offset,
/// placement + 256 * part), never 0. The one place that says so. `topic_hash`: H64 of the input's topic name (files: of
/// the mapping's topic), so that an id does not depend on the order of inputs in the configuration. Thread-safe.
DecisionId DecisionIdOf(IdHash topic_hash, const Cause& cause, PlacementIndex placement);

/// A decision, offer or none. Reused between events: Clear() keeps capacity.
struct Decision {
  DecisionId id = 0;
  Cause cause{};
  std::string_view customer_id{}, cause_event_id{};   ///< views into the event
  EventTime event_time = 0, valid_until = 0;
  PlacementIndex placement{};
  Arm arm = Arm::kPolicy;
  bool has_offer = false, explored = false;
  NoOfferReason reason = NoOfferReason::kNone;
  std::uint16_t chosen = 0;               ///< index into candidates when has_offer
  double price = 0;                       ///< shadow price of the budget (0 without one)
  std::vector<Candidate> candidates{};      ///< in offer, channel order
  std::vector<Exclusion> excluded{};        ///< in offer, channel order
  std::vector<Contribution> explain{};      ///< the three largest
  std::vector<float> features{};            ///< x of the chosen candidate
  CapState cap{};                         ///< of the chosen channel
  std::uint32_t segment = 0;
  std::uint64_t segment_version = 0;
  double segment_margin = 0;
  std::uint64_t model_version = 0;        ///< of the chosen offer's goal model; 0 = prior
  std::uint32_t plan_epoch = 1;

  /// Back to an empty decision; keeps the lists' memory.
  void Clear();
};

/// A change of the cap that holds for a customer on a channel (topic `caps`).
struct CapChange {
  std::string_view customer_id{};           ///< view into the profile's id; valid until the batch ends
  CapState state{};
  bool capped = false;
  bool tombstone = false;                 ///< nothing capped and no impression counted any more
  std::uint32_t segment = 0;
  double next_impression_value = 0;       ///< Net(used + 1) of the learned curve; 0 when not learned
  EventTime time = 0;
};

}  // namespace offerstream
