// What a customer turns to: decayed shares of categories, shrunk towards everybody's.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "models/domain/affinity.h"
#include "models/domain/bytes.h"
#include "models/domain/ids.h"

namespace offerstream {

/// One customer's decayed weights of categories (half-life 30 d): view 1, click 2, cart 3, purchase 6; the 64 largest.
/// Decays where it is touched or read. One owner.
class Affinity {
 public:
  static constexpr std::size_t kMost = 64;
  /// A category's decayed weight.
  struct Weight {
    IdHash category = 0;
    double amount = 0;  // as of touched()
  };

  /// Takes an action; an older one than the newest counts as decayed since.
  void Take(IdHash category, AffinityAction action, EventTime time);
  /// Share of the category at `now`, given `everybody`'s: (a_c + 5 pi_c) / (sum a + 5).
  double Share(IdHash category, double everybody, EventTime now) const;
  /// 1 less the share of what the customer already turned to; 1 for somebody unknown.
  double Novelty(IdHash category, EventTime now) const;
  /// Ordered by category, as of touched().
  std::span<const Weight> weights() const { return weights_; }
  EventTime touched() const { return touched_; }

 private:
  double Sum(EventTime now) const;
  std::vector<Weight> weights_{};
  EventTime touched_ = kNever;
};

/// Everybody's shares: the prior of each customer. At most `kCategoriesMost` categories; later ones share what is left.
class CategoryShares {
 public:
  static constexpr std::size_t kCategoriesMost = 10'000;
  /// Takes an action of anybody.
  void Take(IdHash category, AffinityAction action, EventTime time);
  /// Decayed share of the category; 0 when unknown.
  double Share(IdHash category) const;
  /// The `count` largest, falling; ties by category.
  std::vector<std::pair<IdHash, double>> Largest(std::size_t count) const;
  std::size_t size() const { return amounts_.size(); }
  /// Sum of all weights as of `now`.
  double Total(EventTime now) const;
  /// Appends the complete state.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  void Restore(ByteReader& in);

 private:
  std::map<IdHash, double> amounts_{};  // grown weights: instead of every amount shrinking
  double total_ = 0;
  EventTime start_ = kNever;
};

}  // namespace offerstream
