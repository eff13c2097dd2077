#include "models/learning/segment_identity.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "models/learning/hungarian.h"

namespace offerstream {
namespace {

constexpr double kMatchFrom = 0.3;   // Jaccard
constexpr double kPartFrom = 0.3;    // share of a segment that makes a split or a merge
constexpr double kDriftFrom = 0.5;   // radii

/// Members by (old segment, new cluster); only those that had a segment before.
struct Overlap {
  std::size_t old_count, new_count;
  std::vector<double> both, old_size, new_size;

  Overlap(std::span<const Segment> before, std::size_t clusters, std::span<const SegmentIdentity::Membership> members)
      : old_count(before.size()), new_count(clusters), both(old_count * new_count, 0.0), old_size(old_count, 0.0),
        new_size(new_count, 0.0) {
    for (const auto& m : members) {
      const auto at = std::lower_bound(before.begin(), before.end(), m.before,
                                       [](const Segment& s, std::uint32_t id) { return s.id < id; });
      if (at == before.end() || at->id != m.before) continue;
      const auto o = static_cast<std::size_t>(at - before.begin());
      both[o * new_count + m.cluster] += 1;
      old_size[o] += 1;
      new_size[m.cluster] += 1;
    }
  }
  double Jaccard(std::size_t o, std::size_t n) const {
    const double shared = both[o * new_count + n], either = old_size[o] + new_size[n] - shared;
    return either > 0 ? shared / either : 0;
  }
};

double Distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return std::sqrt(sum);
}

/// Tells splits of old segments and merges into new ones.
void TellParts(const Overlap& overlap, std::span<const Segment> before, std::span<const std::uint32_t> id_of,
               SegmentEvent event, std::vector<SegmentEvent>& events) {
  for (std::size_t o = 0; o < overlap.old_count; ++o) {
    std::vector<std::pair<std::uint32_t, double>> parts;
    for (std::size_t n = 0; n < overlap.new_count; ++n) {
      const double share = overlap.old_size[o] > 0 ? overlap.both[o * overlap.new_count + n] / overlap.old_size[o] : 0;
      if (share >= kPartFrom) parts.emplace_back(id_of[n], share);
    }
    if (parts.size() < 2) continue;
    event.kind = SegmentEventKind::kSplit;
    event.segment = before[o].id;
    for (const auto& [id, share] : parts) {
      event.other = id;
      event.amount = share;
      events.push_back(event);
    }
  }
  for (std::size_t n = 0; n < overlap.new_count; ++n) {
    std::vector<std::pair<std::uint32_t, double>> parts;
    for (std::size_t o = 0; o < overlap.old_count; ++o) {
      const double share = overlap.new_size[n] > 0 ? overlap.both[o * overlap.new_count + n] / overlap.new_size[n] : 0;
      if (share >= kPartFrom) parts.emplace_back(before[o].id, share);
    }
    if (parts.size() < 2) continue;
    event.kind = SegmentEventKind::kMerge;
    event.segment = id_of[n];
    for (const auto& [id, share] : parts) {
      event.other = id;
      event.amount = share;
      events.push_back(event);
    }
  }
}

}  // namespace

std::uint8_t SegmentIdentity::FreeSlot(std::span<const Segment> living) const {
  std::size_t best = SegmentView::kSlots;
  for (std::size_t slot = 0; slot < SegmentView::kSlots; ++slot) {
    const bool taken = std::any_of(living.begin(), living.end(), [&](const Segment& s) { return s.slot == slot; });
    if (taken) continue;
    if (best == SegmentView::kSlots || freed[slot] < freed[best]) best = slot;
  }
  assert(best < SegmentView::kSlots);
  return static_cast<std::uint8_t>(best);
}

void SegmentIdentity::Adopt(std::vector<Segment>& segments, std::vector<Segment> fresh,
                            std::span<const Membership> members, const SegmentEvent& stamp,
                            std::vector<SegmentEvent>& events, std::vector<std::uint32_t>& id_of) {
  assert(!fresh.empty() && fresh.size() <= SegmentView::kSlots);
  const Overlap overlap(segments, fresh.size(), members);
  const std::size_t side = std::max(segments.size(), fresh.size());
  std::vector<double> cost(side * side, 1.0);
  for (std::size_t o = 0; o < segments.size(); ++o) {
    for (std::size_t n = 0; n < fresh.size(); ++n) cost[o * side + n] = 1 - overlap.Jaccard(o, n);
  }
  const std::vector<std::size_t> cluster_of = Hungarian(cost, side);
  id_of.assign(fresh.size(), 0);
  SegmentEvent event = stamp;
  std::vector<Segment> living;
  for (std::size_t o = 0; o < segments.size(); ++o) {
    const std::size_t n = cluster_of[o];
    if (n >= fresh.size() || overlap.Jaccard(o, n) < kMatchFrom) {
      freed[segments[o].slot] = stamp.step;
      event.kind = SegmentEventKind::kDeath;
      event.segment = segments[o].id;
      event.other = 0;
      event.amount = 0;
      events.push_back(event);
      continue;
    }
    Segment& s = fresh[n];
    id_of[n] = s.id = segments[o].id;
    s.slot = segments[o].slot;
    s.anchor = segments[o].anchor;
    const double moved = Distance(s.centre, s.anchor), radius = std::max(s.radius, 1e-9);
    if (moved > kDriftFrom * radius) {
      s.anchor = s.centre;
      event.kind = SegmentEventKind::kDrift;
      event.segment = s.id;
      event.other = 0;
      event.amount = moved / radius;
      events.push_back(event);
    }
    living.push_back(s);
  }
  for (std::size_t n = 0; n < fresh.size(); ++n) {
    if (id_of[n] != 0) continue;
    Segment& s = fresh[n];
    id_of[n] = s.id = next_id++;
    s.slot = FreeSlot(living);
    s.anchor = s.centre;
    living.push_back(s);
    event.kind = SegmentEventKind::kBirth;
    event.segment = s.id;
    event.other = 0;
    event.amount = s.share;
    events.push_back(event);
  }
  TellParts(overlap, segments, id_of, stamp, events);
  std::sort(living.begin(), living.end(), [](const Segment& a, const Segment& b) { return a.id < b.id; });
  segments = std::move(living);
}

}  // namespace offerstream
