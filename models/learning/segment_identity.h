// Who is who after a new partition: stable ids and slots for segments, and what changed, told as events.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "models/domain/ids.h"
#include "models/model_view.h"

namespace offerstream {

/// What happened to the segments at a macro step.
enum class SegmentEventKind : std::uint8_t {
  kBirth = 1,  ///< `segment` is new
  kDeath = 2,  ///< `segment` has no successor
  kSplit = 3,  ///< old `segment`: two or more new ones hold >= 30 % of it each; `other` is one of them, `amount` its share
  kMerge = 4,  ///< new `segment`: two or more old ones make >= 30 % of it each; `other` is one of them, `amount` its share
  kDrift = 5,  ///< `segment` moved by `amount` of its radii (> .5) since it was born or last said so
};

/// One thing that happened; an amount means what its kind says.
struct SegmentEvent {
  SegmentEventKind kind = SegmentEventKind::kBirth;
  EventTime time = kNever;      ///< event time of the macro step
  std::uint64_t step = 0;       ///< number of the macro step
  std::uint32_t segment = 0, other = 0;
  double amount = 0;
};

/// A living segment.
struct Segment {
  std::uint32_t id = 0;         ///< from 1, never used again
  std::uint8_t slot = 0;        ///< 0..SegmentView::kSlots-1, kept for life
  double share = 0;             ///< of the customers in the reservoir
  double radius = 0;            ///< RMS distance of its members to its centre, in z
  std::vector<double> centre{};   ///< in z of the current epoch
  std::vector<double> anchor{};   ///< centre at birth or at its last kDrift
};

/// Gives the clusters of a new partition the ids of the old segments whose members they hold: Hungarian matching on
/// 1 - Jaccard, accepted from .3 up; the others get new ids and the slot that has been free longest.
/// One owner; not thread-safe.
class SegmentIdentity {
 public:
  /// A member's segment before (0: none) and its cluster now.
  struct Membership {
    std::uint32_t before = 0;
    std::uint32_t cluster = 0;
  };

  /// Replaces `segments` (ordered by id) by one per cluster, appends what happened to `events`, and fills `id_of` with
  /// the segment id of each cluster. `fresh[c]` carries centre, radius and share of cluster c.
  /// REQUIRES: fresh.size() in 1..kSlots; every cluster < fresh.size().
  void Adopt(std::vector<Segment>& segments, std::vector<Segment> fresh, std::span<const Membership> members,
             const SegmentEvent& stamp, std::vector<SegmentEvent>& events, std::vector<std::uint32_t>& id_of);

  std::uint32_t next_id = 1;
  /// The step at which a slot fell free; 0: never used.
  std::array<std::uint64_t, SegmentView::kSlots> freed{};

 private:
  std::uint8_t FreeSlot(std::span<const Segment> living) const;
};

}  // namespace offerstream
