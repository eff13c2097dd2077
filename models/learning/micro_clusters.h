// A bounded summary of where a population of customers stands, from which each customer's part can be taken out again.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "models/domain/bytes.h"
#include "models/domain/ids.h"

namespace offerstream {

/// Up to kMax clusters of (n, LS, SS) under forward decay: a point told at time t weighs g(t) = 2^((t - L)/H) and is
/// taken out with the same weight, whatever happened between (Cormode et al. 2009; Aggarwal et al. 2003). The landmark
/// L moves by whole half-lives, which scales every sum by a power of two and therefore changes no bit of its mantissa.
///
/// An id is given by the decision fold (a cluster of its snapshot, or a new founder id) and stays valid for as long as
/// somebody was told it: a founder that landed in an existing cluster and a merged cluster live on as aliases; an evicted
/// cluster's id stays dead, so that moves out of it are dropped rather than taken from someone else. Before the first
/// snapshot is adopted every customer is a founder (a bulk load: hundreds of thousands); what is told beyond kIdsMax is
/// taken out of the cluster with strangers nearest to where it was told: right in sum, nearly right in place.
/// One owner; not thread-safe. Deterministic: all walks are in the order of ids.
class MicroClusters {
 public:
  static constexpr std::size_t kMax = 150;
  /// Until this many customers (or kMax clusters) are known every new place founds a cluster of its own.
  static constexpr std::int64_t kFoundingCustomers = 500;
  /// Ids kept beside the clusters' own, so that a snapshot stays a record Kafka takes. Beyond the first number a founder near a
  /// live cluster joins it as a stranger, beyond the second every founder joins the nearest so.
  static constexpr std::size_t kAliasesMax = 12'288, kIdsMax = 16'384;

  /// One cluster: decayed sums of the places told as its id or an alias of it.
  struct Cluster {
    std::uint64_t id = 0;
    std::int64_t members = 0;             ///< customers whose last told place counts here
    std::int64_t strangers = 0;           ///< of them those whose id is not kept
    double n = 0;                         ///< sum of g
    std::vector<double> ls{}, ss{};         ///< sums of g z and g z^2
    std::vector<double> centre{};           ///< ls / n
  };

  /// REQUIRES: dimension > 0, half_life > 0.
  MicroClusters(std::size_t dimension, Duration half_life);

  /// Moves the clock (and, after a half-life, the landmark) up to `t`; earlier times change nothing.
  void Advance(EventTime t);
  /// Counts a point told as `id` at `t`. An unknown id joins the nearest cluster within reach as its alias, else founds
  /// one; when full the lightest below kEvictBelow goes, else the two closest merge. False: the id is dead, the point
  /// is dropped. About 1 us for a known id; O(kMax^2 d) when two must merge. REQUIRES: id != 0, z finite, t <= clock.
  bool Add(std::uint64_t id, std::span<const double> z, EventTime t);
  /// Takes out what Add(id, z, t) put in. False: nothing of that id is held (evicted, or never told here).
  bool Remove(std::uint64_t id, std::span<const double> z, EventTime t);
  /// Maps every coordinate z_j to a_j z_j + b_j, exactly in the sums.
  void Map(std::span<const double> a, std::span<const double> b);

  /// Live clusters by id.
  const std::vector<Cluster>& clusters() const { return clusters_; }
  /// Square of half the reach within which a point belongs to cluster `index`: its RMS radius, the distance to the
  /// nearest other while it has fewer than two members or no extent; while there is room for more clusters, halved for
  /// those that carry more than twice the mean squared error, so that new places split them.
  double Radius2(std::size_t index) const;
  /// 2^((t - clock)/H): a point's weight as of now.
  double Freshness(EventTime t) const;
  /// The live cluster that counts points told as `id`; null when there is none.
  const Cluster* Home(std::uint64_t id) const;
  std::int64_t members() const { return members_; }
  /// True until kFoundingCustomers customers or kMax clusters are known.
  bool founding() const { return !founded_; }
  std::size_t ids_held() const { return ids_.size(); }  ///< live, alias and dead ids somebody was told
  std::uint64_t evicted() const { return evicted_; }
  std::uint64_t merged() const { return merged_; }
  EventTime clock() const { return clock_; }

  /// Under 0.6 MB for 30 features.
  void Save(ByteWriter& out) const;
  /// False on any damage; then the object must not be used. `strangers`: the bytes tell them (older ones had none).
  bool Restore(ByteReader& in, bool strangers = true);

 private:
  /// What an id means: itself (live), another id (alias) or 0 (dead); who still refers to it.
  struct IdEntry {
    std::uint64_t target = 0;
    std::int64_t holders = 0;   ///< customers told exactly this id
    std::int64_t children = 0;  ///< aliases that point here
  };
  using Ids = std::map<std::uint64_t, IdEntry>;

  double Weight(EventTime t) const;
  std::size_t IndexOf(std::uint64_t id) const;
  std::uint64_t Resolve(Ids::const_iterator at) const;
  std::size_t Nearest(std::span<const double> z, std::size_t except, double& distance2) const;
  bool Within(std::size_t index, double distance2) const;
  /// Where an unknown id's customer counts from now on: its entry, or none for a stranger of cluster `index`.
  Ids::iterator Welcome(std::uint64_t id, std::span<const double> z, std::size_t& index);
  bool RemoveStranger(std::span<const double> z, EventTime t);
  void TakeOut(Cluster& cluster, std::span<const double> z, EventTime t) const;
  void Found(std::uint64_t id);
  void MakeRoom();
  void MergeClosest();
  void Evict(std::size_t index);
  void Release(Ids::iterator at);
  void Centre(Cluster& cluster) const;
  bool ConsistentIds();

  std::size_t dimension_;
  Duration half_life_;
  EventTime landmark_ = kNever, clock_ = kNever;
  std::vector<Cluster> clusters_{};
  Ids ids_{};
  std::int64_t members_ = 0;
  bool founded_ = false;  ///< the founding time is over
  std::uint64_t evicted_ = 0, merged_ = 0;
};

}  // namespace offerstream
