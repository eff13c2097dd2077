#include "models/learning/micro_clusters.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

/// Decayed weight below which a cluster may be evicted for a new one.
constexpr double kEvictBelow = 0.3;
/// Below this decayed weight what retraction left over is rounding, not customers.
constexpr double kNothingLeft = 1e-9;
/// Squared extents below this are none (z has unit scale).
constexpr double kNoExtent2 = 1e-12;
/// Below this many clusters there is room to split the widest ones.
constexpr std::size_t kRoomy = MicroClusters::kMax * 9 / 10;

double PowerOfTwo(std::int64_t exponent) {
  if (exponent < -1022) return 0;
  assert(exponent <= 1023);
  return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
}

/// Floor division; b > 0.
std::int64_t FloorDiv(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

double Distance2(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

/// RMS radius squared; also the squared error per unit of weight.
double Extent2(const MicroClusters::Cluster& c) {
  double sum = 0;
  for (std::size_t j = 0; j < c.ls.size(); ++j) {
    sum += std::max(0.0, c.ss[j] / c.n - c.centre[j] * c.centre[j]);
  }
  return sum;
}

}  // namespace

MicroClusters::MicroClusters(std::size_t dimension, Duration half_life) : dimension_(dimension), half_life_(half_life) {
  assert(dimension > 0 && half_life > 0);
}

double MicroClusters::Weight(EventTime t) const {
  const std::int64_t elapsed = t - landmark_, whole = FloorDiv(elapsed, half_life_);
  const double rest = static_cast<double>(elapsed - whole * half_life_) / static_cast<double>(half_life_);
  // The whole half-lives go into the exponent, so a moved landmark leaves the mantissa alone: retraction stays exact.
  return fixed::Exp2(rest) * PowerOfTwo(whole);
}

double MicroClusters::Freshness(EventTime t) const {
  return fixed::Exp2(static_cast<double>(t - clock_) / static_cast<double>(half_life_));
}

void MicroClusters::Advance(EventTime t) {
  if (clock_ == kNever) landmark_ = t;
  if (t <= clock_) return;
  clock_ = t;
  const std::int64_t whole = FloorDiv(t - landmark_, half_life_);
  if (whole <= 0) return;
  landmark_ += whole * half_life_;
  const double factor = PowerOfTwo(-whole);
  for (std::size_t i = clusters_.size(); i-- > 0;) {
    Cluster& c = clusters_[i];
    if (c.n * factor < std::numeric_limits<double>::min() * 0x1p100) {  // would lose bits: a silence of 900 half-lives
      Evict(i);
      continue;
    }
    c.n *= factor;
    for (std::size_t j = 0; j < dimension_; ++j) {
      c.ls[j] *= factor;
      c.ss[j] *= factor;
    }
  }
}

std::size_t MicroClusters::IndexOf(std::uint64_t id) const {
  const auto at = std::lower_bound(clusters_.begin(), clusters_.end(), id,
                                   [](const Cluster& c, std::uint64_t wanted) { return c.id < wanted; });
  assert(at != clusters_.end() && at->id == id);
  return static_cast<std::size_t>(at - clusters_.begin());
}

std::uint64_t MicroClusters::Resolve(Ids::const_iterator at) const {
  while (at->second.target != at->first) {
    if (at->second.target == 0) return 0;
    at = ids_.find(at->second.target);
    assert(at != ids_.end());
  }
  return at->first;
}

const MicroClusters::Cluster* MicroClusters::Home(std::uint64_t id) const {
  const auto at = ids_.find(id);
  const std::uint64_t home = at == ids_.end() ? 0 : Resolve(at);
  return home == 0 ? nullptr : &clusters_[IndexOf(home)];
}

void MicroClusters::Centre(Cluster& c) const {
  const double inverse = 1.0 / c.n;
  for (std::size_t j = 0; j < dimension_; ++j) c.centre[j] = c.ls[j] * inverse;
}

std::size_t MicroClusters::Nearest(std::span<const double> z, std::size_t except, double& distance2) const {
  std::size_t nearest = clusters_.size();
  distance2 = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < clusters_.size(); ++i) {
    if (i == except) continue;
    const double d = Distance2(z, clusters_[i].centre);
    if (d < distance2) {
      distance2 = d;
      nearest = i;
    }
  }
  return nearest;
}

double MicroClusters::Radius2(std::size_t index) const {
  const Cluster& c = clusters_[index];
  const double extent2 = c.members < 2 ? 0 : Extent2(c);
  if (extent2 < kNoExtent2) {
    double to_nearest = 0;
    return Nearest(c.centre, index, to_nearest) < clusters_.size() ? to_nearest : 0;
  }
  if (clusters_.size() >= kRoomy) return extent2;
  double error = 0;
  for (const Cluster& each : clusters_) error += each.n * Extent2(each);
  const bool wide = c.n * extent2 * static_cast<double>(clusters_.size()) > 2 * error;
  return wide ? extent2 / 4 : extent2;
}

bool MicroClusters::Within(std::size_t index, double distance2) const {
  if (index >= clusters_.size()) return false;
  if (distance2 <= kNoExtent2) return true;
  return founded_ && distance2 <= 4 * Radius2(index);
}

MicroClusters::Ids::iterator MicroClusters::Welcome(std::uint64_t id, std::span<const double> z, std::size_t& index) {
  double distance2 = 0;
  index = Nearest(z, clusters_.size(), distance2);
  const bool near = Within(index, distance2);
  if (index < clusters_.size() && ids_.size() >= (near ? kAliasesMax : kIdsMax)) return ids_.end();
  if (!near) {
    Found(id);
    return ids_.find(id);
  }
  const std::uint64_t home = clusters_[index].id;
  ++ids_.find(home)->second.children;
  return ids_.emplace(id, IdEntry{home, 0, 0}).first;
}

bool MicroClusters::Add(std::uint64_t id, std::span<const double> z, EventTime t) {
  assert(id != 0 && z.size() == dimension_ && t <= clock_);
  auto at = ids_.find(id);
  std::size_t index = 0;
  if (at == ids_.end()) at = Welcome(id, z, index);
  if (at != ids_.end()) {
    ++at->second.holders;
    const std::uint64_t home = Resolve(at);
    if (home == 0) return false;
    index = IndexOf(home);
  } else {
    ++clusters_[index].strangers;
  }
  Cluster& c = clusters_[index];
  const double g = Weight(t);
  c.n += g;
  for (std::size_t j = 0; j < dimension_; ++j) {
    c.ls[j] += g * z[j];
    c.ss[j] += g * (z[j] * z[j]);
  }
  ++c.members;
  ++members_;
  if (members_ >= kFoundingCustomers || clusters_.size() >= kMax) founded_ = true;
  if (c.n < std::numeric_limits<double>::min() * 0x1p100) {  // told with a time centuries back: no weight to hold
    Evict(index);
    return false;
  }
  Centre(c);
  return true;
}

void MicroClusters::TakeOut(Cluster& c, std::span<const double> z, EventTime t) const {
  const double g = Weight(t);
  c.n -= g;
  for (std::size_t j = 0; j < dimension_; ++j) {
    c.ls[j] -= g * z[j];
    c.ss[j] -= g * (z[j] * z[j]);
  }
}

bool MicroClusters::RemoveStranger(std::span<const double> z, EventTime t) {
  std::size_t index = clusters_.size();
  double closest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < clusters_.size(); ++i) {
    const double d = clusters_[i].strangers > 0 ? Distance2(z, clusters_[i].centre) : closest;
    if (d < closest) {
      closest = d;
      index = i;
    }
  }
  if (index == clusters_.size()) return false;
  Cluster& c = clusters_[index];
  --c.strangers;
  --c.members;
  --members_;
  TakeOut(c, z, t);
  if (c.members == 0) {
    Release(ids_.find(c.id));
  } else if (!(c.n > kNothingLeft * Weight(clock_))) {
    Evict(index);
  } else {
    Centre(c);
  }
  return true;
}

bool MicroClusters::Remove(std::uint64_t id, std::span<const double> z, EventTime t) {
  assert(z.size() == dimension_);
  const auto at = ids_.find(id);
  if (at == ids_.end()) return RemoveStranger(z, t);
  if (at->second.holders == 0) return false;
  --at->second.holders;
  const std::uint64_t home = Resolve(at);
  if (home == 0) {
    Release(at);
    return false;
  }
  const std::size_t index = IndexOf(home);
  Cluster& c = clusters_[index];
  --c.members;
  --members_;
  if (c.members == 0) {
    Release(at);  // the last reference: erases the cluster with it
    return true;
  }
  TakeOut(c, z, t);
  Release(at);
  if (!(c.n > kNothingLeft * Weight(clock_))) {
    Evict(index);
  } else {
    Centre(c);
  }
  return true;
}

void MicroClusters::Release(Ids::iterator at) {
  while (at->second.holders == 0 && at->second.children == 0) {
    const std::uint64_t id = at->first, target = at->second.target;
    if (target == id) {
      const std::size_t index = IndexOf(id);
      assert(clusters_[index].members == clusters_[index].strangers);
      if (clusters_[index].strangers > 0) return;   // nobody's id, but not nobody's place
      clusters_.erase(clusters_.begin() + static_cast<std::ptrdiff_t>(index));
    }
    ids_.erase(at);
    if (target == 0 || target == id) return;
    at = ids_.find(target);
    --at->second.children;
  }
}

void MicroClusters::Found(std::uint64_t id) {
  if (clusters_.size() >= kMax) MakeRoom();
  Cluster c{.id = id, .members = 0, .n = 0, .ls = {}, .ss = {}, .centre = {}};
  c.ls.assign(dimension_, 0.0);
  c.ss.assign(dimension_, 0.0);
  c.centre.assign(dimension_, 0.0);
  const auto at = std::lower_bound(clusters_.begin(), clusters_.end(), id,
                                   [](const Cluster& each, std::uint64_t wanted) { return each.id < wanted; });
  clusters_.insert(at, std::move(c));
  ids_.emplace(id, IdEntry{id, 0, 0});
}

void MicroClusters::MakeRoom() {
  std::size_t lightest = 0;
  for (std::size_t i = 1; i < clusters_.size(); ++i) {
    if (clusters_[i].n < clusters_[lightest].n) lightest = i;
  }
  if (clusters_[lightest].n < kEvictBelow * Weight(clock_)) {
    Evict(lightest);
  } else {
    MergeClosest();
  }
}

void MicroClusters::Evict(std::size_t index) {
  Cluster& c = clusters_[index];
  members_ -= c.members;
  const auto at = ids_.find(c.id);
  at->second.target = 0;
  if (at->second.holders == 0 && at->second.children == 0) ids_.erase(at);   // strangers only
  clusters_.erase(clusters_.begin() + static_cast<std::ptrdiff_t>(index));
  ++evicted_;
}

void MicroClusters::MergeClosest() {
  // Transposed copy of the centres: the inner loop runs over clusters, which vectorises.
  const std::size_t count = clusters_.size();
  std::vector<double> by_feature(dimension_ * count), distance2(count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < dimension_; ++j) by_feature[j * count + i] = clusters_[i].centre[j];
  }
  std::size_t one = 0, other = 1;
  double closest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i + 1 < count; ++i) {
    std::fill(distance2.begin(), distance2.end(), 0.0);
    for (std::size_t j = 0; j < dimension_; ++j) {
      const double* column = &by_feature[j * count];
      const double own = column[i];
      for (std::size_t o = i + 1; o < count; ++o) distance2[o] += (column[o] - own) * (column[o] - own);
    }
    for (std::size_t o = i + 1; o < count; ++o) {
      if (distance2[o] < closest) {
        closest = distance2[o];
        one = i;
        other = o;
      }
    }
  }
  if (clusters_[other].n > clusters_[one].n) std::swap(one, other);  // the heavier keeps its id
  Cluster& keeper = clusters_[one];
  const Cluster& goer = clusters_[other];
  keeper.n += goer.n;
  keeper.members += goer.members;
  keeper.strangers += goer.strangers;
  for (std::size_t j = 0; j < dimension_; ++j) {
    keeper.ls[j] += goer.ls[j];
    keeper.ss[j] += goer.ss[j];
  }
  Centre(keeper);
  const auto gone = ids_.find(goer.id);
  if (gone->second.holders == 0 && gone->second.children == 0) {
    ids_.erase(gone);   // strangers only
  } else {
    gone->second.target = keeper.id;
    ++ids_.find(keeper.id)->second.children;
  }
  clusters_.erase(clusters_.begin() + static_cast<std::ptrdiff_t>(other));
  ++merged_;
}

void MicroClusters::Map(std::span<const double> a, std::span<const double> b) {
  for (Cluster& c : clusters_) {
    for (std::size_t j = 0; j < dimension_; ++j) {
      c.ss[j] = a[j] * a[j] * c.ss[j] + 2 * a[j] * b[j] * c.ls[j] + b[j] * b[j] * c.n;
      c.ls[j] = a[j] * c.ls[j] + b[j] * c.n;
    }
    Centre(c);
  }
}

void MicroClusters::Save(ByteWriter& out) const {
  out.I64(landmark_);
  out.I64(clock_);
  out.Bool(founded_);
  out.U64(evicted_);
  out.U64(merged_);
  out.Varint(clusters_.size());
  for (const Cluster& c : clusters_) {
    out.U64(c.id);
    out.Varint(static_cast<std::uint64_t>(c.members));
    out.F64(c.n);
    for (double v : c.ls) out.F64(v);
    for (double v : c.ss) out.F64(v);
    for (double v : c.centre) out.F64(v);
  }
  out.Varint(ids_.size());
  for (const auto& [id, entry] : ids_) {
    out.U64(id);
    out.U64(entry.target);
    out.Varint(static_cast<std::uint64_t>(entry.holders));
  }
  for (const Cluster& c : clusters_) out.Varint(static_cast<std::uint64_t>(c.strangers));
}

bool MicroClusters::Restore(ByteReader& in, bool strangers) {
  landmark_ = in.I64();
  clock_ = in.I64();
  founded_ = in.Bool();
  evicted_ = in.U64();
  merged_ = in.U64();
  const std::size_t count = in.Count(17 + 24 * dimension_);
  if (count > kMax) return false;
  std::uint64_t previous = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Cluster c;
    c.id = in.U64();
    c.members = static_cast<std::int64_t>(in.Varint() & INT64_MAX);
    c.n = in.F64();
    bool sound = c.id > previous && c.members > 0 && std::isfinite(c.n) && c.n > 0;
    for (std::vector<double>* values : {&c.ls, &c.ss, &c.centre}) {
      values->resize(dimension_);
      for (double& v : *values) sound = std::isfinite(v = in.F64()) && sound;
    }
    if (!sound || !in.ok()) return false;
    previous = c.id;
    members_ += c.members;
    clusters_.push_back(std::move(c));
  }
  const std::size_t held = in.Count(17);
  previous = 0;
  for (std::size_t i = 0; i < held; ++i) {
    const std::uint64_t id = in.U64(), target = in.U64();
    const auto holders = static_cast<std::int64_t>(in.Varint() & INT64_MAX);
    if (id <= previous || !in.ok()) return false;
    previous = id;
    ids_.emplace_hint(ids_.end(), id, IdEntry{target, holders, 0});
  }
  for (Cluster& c : clusters_) {
    if (strangers) c.strangers = static_cast<std::int64_t>(in.Varint() & INT64_MAX);
    if (c.strangers > c.members) return false;
  }
  const bool clocks = clock_ == kNever ? clusters_.empty() : landmark_ <= clock_ && clock_ - landmark_ < half_life_;
  return in.ok() && clocks && ConsistentIds();
}

bool MicroClusters::ConsistentIds() {
  for (const auto& [id, entry] : ids_) {
    if (entry.target == 0 || entry.target == id) continue;
    const auto parent = ids_.find(entry.target);
    if (parent == ids_.end()) return false;
    ++parent->second.children;
  }
  // Take leaves away until none is left: a cycle never becomes a leaf. Customers are counted upwards on the way.
  std::map<std::uint64_t, std::int64_t> open, customers;
  std::vector<std::uint64_t> leaves;
  for (const auto& [id, entry] : ids_) {
    if (entry.children == 0 && entry.holders == 0 && entry.target != id) return false;
    open[id] = entry.children;
    customers[id] = entry.holders;
    if (entry.children == 0) leaves.push_back(id);
  }
  std::size_t taken = 0, live = 0;
  while (!leaves.empty()) {
    const std::uint64_t id = leaves.back(), target = ids_.find(id)->second.target;
    leaves.pop_back();
    ++taken;
    if (target == id) {
      const auto at = std::lower_bound(clusters_.begin(), clusters_.end(), id,
                                       [](const Cluster& c, std::uint64_t wanted) { return c.id < wanted; });
      if (at == clusters_.end() || at->id != id || at->members != customers[id] + at->strangers || at->members == 0) return false;
      ++live;
    } else if (target != 0) {
      customers[target] += customers[id];
      if (--open[target] == 0) leaves.push_back(target);
    }
  }
  return taken == ids_.size() && live == clusters_.size();
}

}  // namespace offerstream
