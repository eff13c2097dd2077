// World S3 of the segment tests: Gaussian groups of customers, and a decision fold reduced to what the segmenter sees.
#pragma once

#include <cmath>
#include <memory>
#include <set>
#include <vector>

#include "models/domain/random.h"
#include "models/learning/segmenter.h"
#include "tests/support/batch_kmeans.h"

namespace offerstream::testing {

/// Customers' places as a decision fold keeps them; emits each change straight into a segmenter and adopts a new view
/// every `refresh` moves. Time goes on by 10 ms a move.
class ToldCustomers {
 public:
  static constexpr Duration kStep = 10;

  ToldCustomers(Segmenter& segmenter, std::size_t customers, std::uint64_t refresh = 1'000)
      : segmenter_(segmenter), refresh_(refresh), places(customers), hashes(customers), told_at(customers, 0) {
    for (std::size_t i = 0; i < customers; ++i) hashes[i] = H64({1, i});
    view = segmenter_.View(0);
  }
  void Tell(std::size_t customer, std::span<const double> raw, EventTime time) {
    Coordinates next;
    next.z.resize(raw.size());
    Standardise(*view, raw, next.z);
    next.micro = NearestMicro(*view, next.z);
    if (next.micro == 0) next.micro = H64({hashes[customer], moves});
    next.time = time;
    next.epoch = view->epoch;
    segmenter_.Learn(hashes[customer], places[customer], next);
    places[customer] = std::move(next);
    told_at[customer] = ++moves;
    views[view->epoch] = view;
    if (moves % refresh_ == 0) view = segmenter_.View(moves);
  }
  /// Latest z of every customer told after move `since`, in the epoch of `in`; `who` gets their indices.
  Table Points(const SegmentView& in, std::uint64_t since = 0, std::vector<std::size_t>* who = nullptr) {
    Table t{in.dimension, {}};
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (told_at[i] == 0 || told_at[i] <= since) continue;
      if (who != nullptr) who->push_back(i);
      const SegmentView& then = *views.at(places[i].epoch);
      for (std::size_t j = 0; j < in.dimension; ++j) {
        const double raw = then.centre[j] + then.scale[j] * places[i].z[j];
        t.values.push_back((raw - in.centre[j]) / in.scale[j]);
      }
    }
    return t;
  }

 private:
  Segmenter& segmenter_;
  std::uint64_t refresh_;

 public:
  std::vector<Coordinates> places;
  std::vector<IdHash> hashes;
  std::vector<std::uint64_t> told_at;
  std::shared_ptr<SegmentView> view;
  std::map<std::uint32_t, std::shared_ptr<SegmentView>> views;
  std::uint64_t moves = 0;
};

/// Groups with unit variance whose closest centres stand `apart` from one another; shares in proportion to .5 + uniform.
struct Groups {
  std::size_t k, d;
  std::vector<double> centre, share;

  Groups(std::size_t groups, std::size_t dimension, double apart, Draws& draws)
      : k(groups), d(dimension), centre(k * d), share(k) {
    double closest = 1e300, total = 0;
    for (double& v : centre) v = draws.Normal();
    for (std::size_t a = 0; a < k; ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        double d2 = 0;
        for (std::size_t j = 0; j < d; ++j) d2 += (centre[a * d + j] - centre[b * d + j]) * (centre[a * d + j] - centre[b * d + j]);
        closest = std::min(closest, std::sqrt(d2));
      }
    }
    for (double& v : centre) v *= apart / closest;
    for (double& v : share) total += v = 0.5 + draws.Uniform();
    for (double& v : share) v /= total;
  }
  /// A group by share among the first `open` ones.
  int Draw(Draws& draws, std::size_t open) const {
    double total = 0;
    for (std::size_t g = 0; g < open; ++g) total += share[g];
    double at = draws.Uniform() * total;
    std::size_t g = 0;
    while (g + 1 < open && (at -= share[g]) >= 0) ++g;
    return static_cast<int>(g);
  }
  void Place(int group, Draws& draws, std::span<double> raw) const {
    for (std::size_t j = 0; j < d; ++j) raw[j] = centre[static_cast<std::size_t>(group) * d + j] + draws.Normal();
  }
};

inline SegmentSettings PlainSettings(std::uint32_t d, std::uint64_t seed) {
  SegmentSettings s;
  s.dimension = d;
  s.centre.assign(d, 0.0);
  s.scale.assign(d, 1.0);
  s.seed = seed;
  return s;
}

/// Centres of a view's segments, k x d.
inline std::vector<double> Centres(const SegmentView& view) {
  std::vector<double> centres;
  for (const auto& m : view.macros) centres.insert(centres.end(), m.centre.begin(), m.centre.end());
  return centres;
}

}  // namespace offerstream::testing
