// What is known of one customer: the unit of memory, of dirtiness and of recovery.
#pragma once

#include <array>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <vector>

#include "models/domain/campaign_plan.h"
#include "models/domain/decision.h"
#include "models/domain/event.h"
#include "models/domain/ids.h"
#include "models/domain/observation.h"

namespace offerstream {

/// Several half-lives of one decayed sum share the time of the last touch: S <- S 2^(-dt/H) + amount.
struct DecayedSums {
  double d7 = 0, d30 = 0, d90 = 0;   ///< half-lives 7, 30, 90 days
  EventTime touched = kNever;
};

/// A customer's word on one channel. Values are stored; never renumber.
enum class Consent : std::uint8_t { kUnknown = 0, kIn = 1, kOut = 2, kUnsubscribed = 3 };

/// Per channel of the plan (same index).
struct ChannelProfile {
  DecayedSums impressions{}, clicks{};
  double conversions_d30 = 0;        ///< touched with `clicks`
  EventTime last_impression = kNever, last_click = kNever;
  Consent consent = Consent::kUnknown;
  CapSource published_source = CapSource::kConfigured;
  std::uint16_t published_limit = 0; ///< last cap told on `caps`; 0 = nothing told or tombstone
  bool published_capped = false;
};

/// An exposure's outcome still open (or closed).
struct PendingLabel {
  Duration last_cut = 0;             ///< age up to which it is known to be unconverted
  std::uint8_t next_cut = 0;         ///< index into the cuts below W; kLabelClosed when the window closed or never opened
  std::uint8_t mask = 0xff;          ///< bit per cut: 0 = merged into the next
  bool converted = false;
  bool hold = false;                 ///< hold rule: y = 1 waits for its interval's end
  Duration delay = 0;                ///< of the conversion
  Money value = 0;
  double logit = 0;                  ///< moderated logit served
  double probability = 0;            ///< calibrated probability served
  double cap_logit = 0;              ///< calibrated logit with the impression ordinal at 1
};
inline constexpr std::uint8_t kLabelClosed = 0xff;

/// An offer decided for or shown to a customer whose outcomes are open. Features are those of decision time.
struct Exposure {
  std::uint64_t id = 0;              ///< decision id, or H64 of the impression event for foreign ones
  OfferIndex offer{};
  ChannelIndex channel{};
  EventTime decided = kNever, shown = kNever, valid_until = kNever;
  EventTime next_due = INT64_MAX;    ///< its earliest timer
  double propensity = 0;
  std::uint16_t ordinal = 0;         ///< n in the cap window when shown
  std::uint32_t segment = 0;
  std::uint8_t arm = 0;
  bool lottery = false, unsubscribed = false, foreign = false;
  std::array<PendingLabel, kOutcomesMax> labels{};
  std::pmr::vector<float> x{};

  using allocator_type = std::pmr::polymorphic_allocator<>;
  Exposure() = default;
  explicit Exposure(const allocator_type& a) : x(a) {}
  Exposure(const Exposure& o, const allocator_type& a) : Exposure(a) { *this = o; }
  Exposure(Exposure&& o, const allocator_type& a) : Exposure(a) { *this = std::move(o); }
  Exposure(const Exposure&) = default;
  Exposure(Exposure&&) noexcept = default;
  Exposure& operator=(const Exposure&) = default;
  Exposure& operator=(Exposure&&) = default;
  bool Shown() const { return shown != kNever; }
};

/// An event id seen, for dropping repeats within the horizon.
struct SeenEvent {
  IdHash hash = 0;
  EventTime time = 0;
};

/// Product ownership.
struct OwnedProduct {
  IdHash product = 0;                ///< by hash: survives plan epochs
  EventTime since = 0;
};

/// One declared attribute with its last value.
struct AttributeSlot {
  AttributeIndex attribute{};
  AttributeValue value{};
};

/// Named limits of one customer; past them the oldest entry goes and `truncated` counts it.
inline constexpr std::size_t kExposuresMax = 512;
inline constexpr std::size_t kSeenEventsMax = 4096;
inline constexpr std::size_t kOwnedProductsMax = 64;
/// Impressions remembered for cap windows, over all channels.
inline constexpr std::size_t kRecentImpressionsMax = 512;

/// An impression in memory of a cap window, packed: time in ms << 8 | channel index.
using PackedImpression = std::uint64_t;

/// Profile, open exposures and everything the decision fold remembers of a customer. All vectors draw from the
/// partition's pool. Changed only by Change (customer_change.h). Indices are of the current plan; the stored row uses
/// hashes. Equality of two profiles = equality of their stored rows without as_of.
struct CustomerProfile {
  using allocator_type = std::pmr::polymorphic_allocator<>;

  std::pmr::string id{};
  IdHash hash = 0;
  TxnSeq as_of = 0;                  ///< the transactions this state includes (set when written or loaded)
  TxnSeq first_dirty = 0;            ///< seq of the first unwritten change; 0 = clean
  EventTime next_due = INT64_MAX;    ///< earliest timer of any kind
  EventTime first_seen = kNever, last_event = kNever;
  EventTime last_transaction = kNever, last_click = kNever;
  EventTime enrolled = kNever;       ///< first decision trigger: lift horizon runs from here
  bool lift_open = false;            ///< the lift row of the enrolment is still due
  std::uint32_t lift_conversions = 0;
  Money lift_value = 0;
  double pre_value = 0;              ///< decayed value at enrolment, major units
  DecayedSums orders{}, value{}, deposits{}, withdrawals{}, engagement{};
  Coordinates place{};
  std::uint32_t truncated = 0;
  std::pmr::vector<ChannelProfile> channels{};        ///< by ChannelIndex; resized to the plan's channels
  std::array<EventTime, kPlacementsMax> last_decision{}; ///< by PlacementIndex; kNever at birth
  std::pmr::vector<AttributeSlot> attributes{};       ///< ordered by attribute index
  std::pmr::vector<OwnedProduct> owned{};             ///< ordered by product hash
  std::pmr::vector<PackedImpression> impressions{};   ///< ordered
  std::pmr::vector<SeenEvent> seen{};                 ///< in arrival order
  std::pmr::vector<Exposure> exposures{};             ///< in order of creation

  explicit CustomerProfile(const allocator_type& a);
  CustomerProfile() : CustomerProfile(allocator_type{}) {}
};

}  // namespace offerstream
