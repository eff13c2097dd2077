// What is known of one customer: the unit of memory, of dirtiness and of recovery.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <span>

#include "models/domain/buying.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/channel_table.h"
#include "models/domain/decayed_sums.h"
#include "models/domain/event.h"
#include "models/domain/ids.h"
#include "models/domain/observation.h"
#include "models/domain/packed_features.h"
#include "models/domain/pooled_array.h"
#include "models/domain/pooled_text.h"
#include "models/domain/recent_items.h"

namespace offerstream {

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
  EventTime decided = kNever, shown = kNever, valid_until = kNever;
  EventTime next_due = INT64_MAX;    ///< its earliest timer
  double propensity = 0;
  PooledArray<PendingLabel> labels{};  ///< by outcome of the plan
  PackedFeatures x{};
  std::uint32_t segment = 0;
  OfferIndex offer{};
  ChannelIndex channel{};
  std::uint16_t ordinal = 0;         ///< n in the cap window when shown
  std::uint8_t arm = 0;
  bool lottery = false, unsubscribed = false, foreign = false;

  static constexpr bool kMovesByBytes = true;
  Exposure() = default;
  /// Its labels and features draw from the pool.
  explicit Exposure(std::pmr::memory_resource* pool) : labels(pool), x(pool) {}
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

/// One declared attribute with its last value, in ten bytes: the type says what the 64 bits are.
class AttributeSlot {
 public:
  AttributeSlot() = default;
  AttributeSlot(AttributeIndex attribute, const AttributeValue& value)
      : index_(attribute.value & kIndexMask), type_(static_cast<std::uint16_t>(value.type) & 3) {
    if (value.type == AttributeValue::Type::kText) std::memcpy(bits_.data(), &value.text, sizeof(bits_));
    else std::memcpy(bits_.data(), &value.number, sizeof(bits_));
  }
  AttributeIndex attribute() const { return AttributeIndex(index_ == kIndexMask ? AttributeIndex::kNone : index_); }
  /// As it came.
  AttributeValue value() const {
    AttributeValue value;
    value.type = static_cast<AttributeValue::Type>(type_);
    if (value.type == AttributeValue::Type::kText) std::memcpy(&value.text, bits_.data(), sizeof(bits_));
    else std::memcpy(&value.number, bits_.data(), sizeof(bits_));
    return value;
  }

 private:
  static constexpr std::uint16_t kIndexMask = 0x3fff;
  static_assert(kAttributesMax + kChannelsMax < kIndexMask);

  std::uint16_t index_ : 14 = kIndexMask;
  std::uint16_t type_ : 2 = 0;
  std::array<std::uint16_t, 4> bits_{};   // in quarters: a whole one would align the slot to eight
};

/// What the customer's actions on products of a category weigh, as of `touched` (affinity.h).
struct CategoryWeight {
  EventTime touched = kNever;
  float amount = 0;
  CategoryIndex category{};
};

/// What only some plans keep of a customer, each empty unless the plan asks for it.
struct Habits {
  PooledArray<CategoryWeight> affinity{};   ///< ordered by category (features.affinity)
  PooledArray<Buying> buying{};             ///< one, once something was bought (churn)
  PooledArray<RecentItem> recent{};         ///< bought in the last 30 days, newest last (items)

  static constexpr bool kMovesByBytes = true;
  Habits() = default;
  /// They draw from the pool.
  explicit Habits(std::pmr::memory_resource* pool) : affinity(pool), buying(pool), recent(pool) {}
};

/// Arm not known any more (rows of the first version): the hash of the current plan says.
inline constexpr std::uint8_t kArmUnknown = 0xff;

/// An experiment the customer is in until the horizon: a campaign's, or the programme's (campaign not known).
struct Enrolment {
  EventTime at = kNever;
  Money value = 0;                   ///< revenue since
  double pre_value = 0;              ///< decayed value at enrolment, major units
  double cost = 0;                   ///< of its impressions since, major units
  std::uint32_t allocation = 0;      ///< planned shares it was enrolled under (Experiment)
  std::uint16_t conversions = 0, visits = 0;
  CampaignIndex campaign{};
  std::uint8_t arm = kArmUnknown;    ///< Arm; kept until the horizon whatever the plan says
};

/// Named limits of one customer; past them the oldest entry goes and `truncated` counts it.
inline constexpr std::size_t kExposuresMax = 512;
inline constexpr std::size_t kSeenEventsMax = 4096;
inline constexpr std::size_t kOwnedProductsMax = 64;
/// Impressions remembered for cap windows, over all channels.
inline constexpr std::size_t kRecentImpressionsMax = 512;

/// An impression in memory of a cap window, packed: time in ms << 8 | channel index.
using PackedImpression = std::uint64_t;

/// Where a customer was last told to be among the segments (Coordinates of an observation).
struct ToldPlace {
  std::uint64_t micro = 0;           ///< micro-cluster (or founder) id; 0 = never told
  EventTime time = kNever;
  PooledArray<float> z{};
  std::uint32_t epoch = 0;           ///< segment epoch of z

  explicit ToldPlace(std::pmr::memory_resource* pool) : z(pool) {}
  /// Takes over what was told.
  void Tell(const Coordinates& told);
  /// The same as an observation carries it.
  void TellTo(Coordinates& told) const {
    told.micro = micro;
    told.time = time;
    told.z.assign(z.begin(), z.end());
    told.epoch = epoch;
  }
  Coordinates Told() const { return {micro, time, {z.begin(), z.end()}, epoch}; }
};

/// Profile, open exposures and everything the decision fold remembers of a customer. Whatever has no fixed size draws
/// from the partition's pool, and what is not known takes no memory. Changed only by Change (customer_change.h). Indices
/// are of the current plan; the stored row uses hashes. Equality of two profiles = equality of their stored rows
/// without as_of.
struct CustomerProfile {
  PooledText id{};
  IdHash hash = 0;
  TxnSeq as_of = 0;                  ///< the transactions this state includes (set when written or loaded)
  TxnSeq first_dirty = 0;            ///< seq of the first unwritten change; 0 = clean
  EventTime next_due = INT64_MAX;    ///< earliest timer of any kind
  ChannelTable channels;
  PooledArray<PackedImpression> impressions;   ///< ordered
  PooledArray<SeenEvent> seen;                 ///< in arrival order
  PooledArray<Exposure> exposures;             ///< in order of creation
  PooledArray<EventTime> last_decision;        ///< by PlacementIndex as far as one was made; see LastDecision
  PooledArray<AttributeSlot> attributes;       ///< ordered by attribute index
  PooledArray<OwnedProduct> owned;             ///< ordered by product hash
  PooledArray<Enrolment> enrolments;           ///< open ones; the programme's first
  PooledArray<Habits> habits;                  ///< at most one: what a plan does not ask for takes eight bytes in all
  EventTime first_seen = kNever, last_event = kNever;
  EventTime last_transaction = kNever, last_click = kNever;
  std::uint64_t enrolled_in = 0;     ///< bit per campaign of the plan it has ever been enrolled in; kInProgramme
  DecayedSums orders{}, value{}, deposits{}, withdrawals{}, engagement{};
  [[no_unique_address]] ToldPlace place;   // what follows fills its last word
  std::uint32_t truncated = 0;

  /// `pool` outlives the profile.
  explicit CustomerProfile(std::pmr::memory_resource* pool);
  CustomerProfile() : CustomerProfile(std::pmr::get_default_resource()) {}

  /// In enrolled_in: had a first decision, so it has been enrolled in the programme.
  static constexpr std::uint64_t kInProgramme = std::uint64_t{1} << kCampaignsMax;
  /// The programme's open enrolment; null when there is none.
  const Enrolment* Programme() const {
    return enrolments.empty() || enrolments[0].campaign.known() ? nullptr : enrolments.data();
  }
  /// The weights of categories; empty when there are none.
  std::span<const CategoryWeight> Affinity() const {
    return habits.empty() ? std::span<const CategoryWeight>{} : std::span(habits[0].affinity.begin(), habits[0].affinity.end());
  }
  /// What it bought; null when nothing is kept of that. Holds until habits change.
  const Buying* Bought() const { return habits.empty() || habits[0].buying.empty() ? nullptr : habits[0].buying.data(); }
  Buying* Bought() { return habits.empty() || habits[0].buying.empty() ? nullptr : habits[0].buying.data(); }
  /// What it bought of late (TakeRecent); empty when nothing is kept of that.
  std::span<const RecentItem> Recent() const {
    return habits.empty() ? std::span<const RecentItem>{} : std::span(habits[0].recent.begin(), habits[0].recent.end());
  }
  /// Its habits, from now on at hand. Hold until the next call on another array of them.
  Habits& KeepHabits() { return habits.empty() ? habits.emplace_back() : habits[0]; }
  /// When the placement last had a decision; kNever.
  EventTime LastDecision(PlacementIndex placement) const {
    return placement.value < last_decision.size() ? last_decision[placement.value] : kNever;
  }
  /// Notes one. REQUIRES: placement.value < kPlacementsMax.
  void SetLastDecision(PlacementIndex placement, EventTime time) {
    if (placement.value >= last_decision.size()) last_decision.resize(placement.value + std::size_t{1}, kNever);
    last_decision[placement.value] = time;
  }
};

}  // namespace offerstream
