// An observation: one labelled example on its way from a decision fold to the owner of a model.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "models/domain/ids.h"

namespace offerstream {

/// Values are stored; add at the end, never renumber.
enum class ObservationKind : std::uint8_t {
  kInterval = 1,  ///< a label interval closed unconverted (y = 0), or a conversion (y = 1)
  kMature = 2,    ///< the outcome's window closed: the final label
  kCapRow = 3,    ///< an impression's place in its window and what came of it
  kMove = 4,      ///< a customer's coordinates changed
  kLiftRow = 5,   ///< a customer's outcome since enrolment, by arm
  kBirth = 6,     ///< sibling prior of a model nobody has published yet; features = m0[d], variance[d], F[kLabelCutsMax]
  kCost = 7,      ///< a campaign's cost that belongs to no customer
  kSpend = 8,     ///< a budget's holder (segment) in a period (exposure): decisions (n), impressions (to), spent (value) and
                  ///< given back (delay) since the last one, Micros; wants more (instant); features = score per cost
  kPreference = 9,  ///< a customer acted (n: AffinityAction) on a product of a category (exposure: its hash)
  kChurnRow = 10,   ///< a customer looked at did (y) or did not buy within the horizon; features = ChurnModel::Describe then;
                    ///< probability: of buying, as said then. This kind and those after it: records of version 2
  kChurnLook = 11,  ///< a customer was looked at: probability of buying; value: what it spends a year; n: orders
  kBasket = 12,     ///< a customer bought an item (exposure: its hash); n: 1 when an order began; y: 1 when it had bought it in the
                    ///< 30 days before; features = the other items of those days, kItemFloats each (AppendItem)
};

/// A customer's segment coordinates as last told to the segment owner.
struct Coordinates {
  std::uint64_t micro = 0;      ///< micro-cluster (or founder) id; 0 = never told
  EventTime time = kNever;
  std::vector<float> z{};         ///< standardised, winsorised; the dimension of the segment epoch
  std::uint32_t epoch = 0;      ///< segment epoch of z
};

/// Where a customer was told to be among the segments, and where it is from now on.
struct MovePlaces {
  Coordinates old_place{};       ///< as told before (micro 0: the first time)
  Coordinates new_place{};
};

/// All kinds share one flat record; a kind uses the fields its comment names, the others stay at their defaults.
struct Observation {
  IdHash model = 0;              ///< H64 of the model id: "offer/outcome", "caps", "segments", "lift", "lift/campaign", "preferences", "churn", "items"
  EventTime time = kNever;       ///< event time of the label (when the interval or window closed, or the conversion came)
  std::uint64_t exposure = 0;    ///< Interval, Mature, CapRow: exposure id; LiftRow: bit per offer of the campaign converted on
  std::uint32_t x_begin = 0;     ///< Interval, Mature: features of decision time, in the batch's arena; Birth: the prior
  std::uint32_t x_size = 0;
  Duration from = 0, to = 0;     ///< Interval: ages since the impression; to = kWholeWindow: instant label, no offset
  Duration delay = 0;            ///< Mature and Interval with y = 1: age of the conversion
  Money value = 0;               ///< Mature: revenue; CapRow: value of the offer's goal (rows of its goal outcome; others 0); LiftRow: revenue
  double served_logit = 0;       ///< Mature: the model's moderated logit at decision time; CapRow: calibrated logit o_i at n = 1
  double probability = 0;        ///< Mature: the calibrated probability said at decision time
  double propensity = 0;         ///< Mature: of the choice that led here (0 = unknown); LiftRow: planned share of its arm
  float y = 0;                   ///< the label: 0 or 1
  std::uint32_t n = 0;           ///< Mature, CapRow: ordinal of the impression in its window; LiftRow: visits
  std::uint32_t segment = 0;     ///< stable segment id at decision time (0 = none); LiftRow: allocation epoch
  std::uint16_t channel = 0xffff;///< plan index of the channel (stored as its hash)
  std::uint16_t outcome = 0xffff;///< CapRow: plan index of the outcome
  ObservationKind kind = ObservationKind::kInterval;
  std::uint8_t arm = 0;          ///< Mature, LiftRow: Arm
  bool lottery = false;          ///< CapRow: the cap was drawn
  bool unsubscribed = false;     ///< CapRow: unsubscribe or complaint answered this impression
  bool instant = false;          ///< history with a known answer
  bool held = false;             ///< Interval with y = 1: told at the interval's end, not when it happened
  double pre_value = 0;          ///< LiftRow: spend before enrolment
  double cost = 0;               ///< LiftRow: of reaching the customer, major units; Cost: the amount; Spend: spent
  IdHash customer = 0;           ///< Move: H64 of the customer id (keyed, no personal data)
  const MovePlaces* places = nullptr;  ///< Move: owned by the row's batch, see ObservationBatch::Move
};

// Tens of thousands wait in a transaction: they are written, ordered and dropped without a look at what they hold.
static_assert(std::is_trivially_destructible_v<Observation> && sizeof(Observation) <= 144);

/// Interval.to of a label known at once (nothing can still be pending).
inline constexpr Duration kWholeWindow = INT64_MAX;

/// Observations of one transaction in emission order; features live in one arena. Reused: Clear() keeps capacity.
class ObservationBatch {
 public:
  std::vector<Observation> rows{};
  std::vector<float> arena{};

  ObservationBatch() = default;
  ObservationBatch(ObservationBatch&&) = default;
  ObservationBatch& operator=(ObservationBatch&&) = default;

  /// The row's slice of the arena; valid until the batch changes.
  std::span<const float> Features(const Observation& row) const {
    return std::span<const float>(arena).subspan(row.x_begin, row.x_size);
  }
  /// Places for a Move; what they held before is still there, so that their memory is used again.
  MovePlaces& Move(Observation& row) {
    if (moves_used_ == moves_.size()) moves_.emplace_back();
    MovePlaces& places = moves_[moves_used_++];
    row.places = &places;
    return places;
  }
  /// Drops all rows; keeps the memory.
  void Clear() {
    rows.clear();
    arena.clear();
    moves_used_ = 0;
  }

 private:
  std::deque<MovePlaces> moves_{};   // rows point at them: they stay where they are
  std::size_t moves_used_ = 0;
};

}  // namespace offerstream
