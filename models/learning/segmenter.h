// Who is alike: segments of customers, learned from their moves, with ids that stay.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "models/domain/bytes.h"
#include "models/domain/ids.h"
#include "models/domain/observation.h"
#include "models/domain/status.h"
#include "models/learning/kmeans.h"
#include "models/learning/micro_clusters.h"
#include "models/learning/segment_identity.h"
#include "models/model_view.h"

namespace offerstream {

// ---- What decision folds call (pure; thread-safe on a view that no longer changes) ----------------------------------

/// z_j = (raw_j clamped to [low_j, high_j] - centre_j) / scale_j. A missing (not finite) number becomes 0, the centre.
/// REQUIRES: raw.size() == z.size() == view.dimension.
void Standardise(const SegmentView& view, std::span<const double> raw, std::span<float> z);

/// A customer's segment: id (0: nothing learned yet), one-hot slot, and margin = 1 - d1/d2 in [0, 1] between the nearest
/// and the second nearest centre (1 when there is only one).
struct SegmentPlace {
  std::uint32_t segment = 0;
  std::uint8_t slot = 0;
  double margin = 0;
};

/// The segment with the nearest centre; ties to the lower id. z of view.epoch; another dimension gives segment 0.
SegmentPlace AssignSegment(const SegmentView& view, std::span<const float> z);

/// The id of the nearest micro-cluster if z lies within two of its radii, else 0: the caller then founds
/// H64(customer, event). z of view.epoch. About 1 us at 150 clusters and d = 5.
std::uint64_t NearestMicro(const SegmentView& view, std::span<const float> z);

// ---- What the learning fold owns --------------------------------------------------------------------------------------

/// What a segmenter is told once; `centre` and `scale` (> 0) are the first epoch's, in raw units.
struct SegmentSettings {
  std::uint32_t dimension = 0;
  std::vector<double> centre{}, scale{};
  std::uint32_t k = 0;                          ///< 0: chosen among 2..12 by prediction strength (1 if none is sound)
  Duration half_life = Duration{30} * 86'400'000;
  std::uint64_t seed = 0;
  std::uint32_t step_moves = 5'000;             ///< moves between macro steps
};

/// What an analyst asks about the present partition. Indices: [i] belongs to k = i + 1.
struct SegmentDiagnostics {
  std::vector<double> inertia{};              ///< k = 1..12, over the reservoir
  std::vector<double> bic{};                  ///< lower is better
  std::vector<double> silhouette{};           ///< on at most 2,000 customers; [0] is 0
  std::vector<double> prediction_strength{};  ///< smoothed over votes; of one look where there was no vote
  std::size_t elbow = 1;
  std::vector<std::pair<std::uint32_t, std::int64_t>> sizes{};  ///< segment id -> customers in the reservoir
  std::int64_t customers = 0;                 ///< counted in micro-clusters
  std::size_t micro_clusters = 0;
  std::uint64_t moves = 0, refused = 0;       ///< learned; not finite, wrong dimension or unknown epoch
  std::uint64_t dropped = 0;                  ///< moves whose old or new cluster had been evicted
  std::uint64_t steps = 0;
};

/// Learns segments from customers' moves: micro-clusters with exact retraction, a macro step over them and over a fair
/// reservoir of customers, stable identity, epochs of standardisation (formulas and papers: segments.md).
/// The population is customers, not events: a customer counts once, where it was last told.
/// One owner, not thread-safe; the same moves in the same order give the same bits. Learn about 2 us at d = 5, a macro
/// step some 5 ms, one that votes on k some 100 ms.
class Segmenter {
 public:
  static constexpr std::size_t kReservoir = 4'096;       ///< customers of smallest hash
  static constexpr std::size_t kMostSegments = SegmentView::kSlots;
  static constexpr std::size_t kOneSegmentBelow = 500;   ///< customers
  static constexpr std::uint32_t kMostDimensions = 64;

  /// REQUIRES: 1 <= dimension <= kMostDimensions; centre and scale of that size, finite, scale > 0; k <= 12;
  /// half_life > 0; step_moves > 0.
  explicit Segmenter(SegmentSettings settings);

  /// Moves one customer from `old_place` (micro 0: the first time) to `new_place` (micro 0: forget the customer).
  /// A place with a wrong dimension, a number that is not finite or an unknown epoch is refused and counted.
  /// REQUIRES: called in the order of the log.
  void Learn(IdHash customer, const Coordinates& old_place, const Coordinates& new_place);

  /// What decision folds may adopt; before anything is learned: the settings' epoch with wide limits and no segments.
  std::shared_ptr<SegmentView> View(std::uint64_t version) const;

  /// Everything, so that Restore continues bit for bit.
  void Save(ByteWriter& out) const;
  /// Fails with kCorrupt on any damage, with kConfiguration when saved under another dimension.
  static Result<Segmenter> Restore(SegmentSettings settings, ByteReader& in);

  /// Computes inertia, silhouette and so on over the reservoir: about a second. Changes nothing.
  SegmentDiagnostics Diagnose() const;
  /// Takes the events since the last call (the newest 256).
  std::vector<SegmentEvent> DrainEvents();
  /// Those kept now; takes none.
  const std::vector<SegmentEvent>& events() const { return events_; }
  const std::vector<Segment>& segments() const { return segments_; }
  const MicroClusters& micro_clusters() const { return micros_; }
  std::uint64_t steps() const { return step_; }
  /// Moves learned, and moves refused.
  std::uint64_t moves() const { return moves_; }
  std::uint64_t refused() const { return refused_; }

 private:
  /// One standardisation; epochs_[i] has number first_epoch_ + i.
  struct Epoch {
    std::vector<double> centre{}, scale{}, low{}, high{};
  };
  /// A reservoir customer's latest place.
  struct Resident {
    EventTime time = kNever;
    std::uint32_t epoch = 0;
    std::uint32_t segment = 0;  ///< at the last macro step; 0: not there yet
    std::vector<float> z{};
  };

  /// Decayed weight of the reservoir at or beyond a feature's limits.
  struct AtLimits {
    double low = 0, high = 0, total = 0;
  };

  std::uint32_t epoch() const { return first_epoch_ + static_cast<std::uint32_t>(epochs_.size()) - 1; }
  bool Sound(const Coordinates& place) const;
  void ToCurrent(std::span<const float> z, std::uint32_t epoch, std::span<double> out) const;
  void UpdateReservoir(IdHash customer, const Coordinates& place);
  void StepIfDue();
  void MacroStep();
  PointSet ReservoirPoints() const;
  std::vector<double> StrengthsOf(const PointSet& points, Draws& draws) const;   // [k]
  void VoteOnK(const PointSet& points, Draws& draws);
  Clustering FitMacro(const PointSet& points, std::uint32_t k, Draws& draws) const;
  void Identify(const PointSet& points, const Clustering& fit);
  double Raw(const Resident& resident, std::size_t j) const;
  AtLimits CountAtLimits(std::size_t j) const;
  bool EpochIsStale(std::span<const double> mean, std::span<const double> sd) const;
  void RenewEpoch();
  Epoch NextEpoch(std::span<const double> mean, std::span<const double> sd) const;
  void AdoptEpoch(Epoch next);
  void SaveReservoir(ByteWriter& out) const;
  void SaveSegments(ByteWriter& out) const;
  bool RestoreEpochs(ByteReader& in);
  bool RestoreReservoir(ByteReader& in);
  bool RestoreSegments(ByteReader& in);

  SegmentSettings settings_;
  std::uint32_t first_epoch_ = 1;
  std::vector<Epoch> epochs_{};
  MicroClusters micros_;
  std::map<IdHash, Resident> reservoir_{};
  std::vector<Segment> segments_{};     ///< by id
  SegmentIdentity identity_{};
  std::vector<SegmentEvent> events_{};
  std::uint32_t k_ = 0;                 ///< in force; 0: not chosen yet
  std::uint32_t candidate_k_ = 0, votes_ = 0;
  std::vector<double> strength_{};      ///< smoothed over votes, [i] for k = i + 1
  std::uint64_t step_ = 0, moves_ = 0, moves_since_step_ = 0, moves_since_vote_ = 0, refused_ = 0, dropped_ = 0;
  std::int64_t step_hour_ = INT64_MIN, vote_hour_ = INT64_MIN;
  std::vector<double> from_{}, to_{};   ///< scratch
};

}  // namespace offerstream
