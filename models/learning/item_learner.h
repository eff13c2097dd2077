// The owner of what is bought together, small enough to go out as a snapshot.
#pragma once

#include <cstdint>
#include <span>

#include "models/domain/bytes.h"
#include "models/domain/observation.h"
#include "models/learning/item_similarity.h"
#include "models/model_view.h"

namespace offerstream {

/// ItemSimilarity over two thousand items, each with the counts of 24 to 47 others: at most some 0.8 MB, which a record of
/// Kafka holds with its usual limit. The first ones seen have the places; those as good as forgotten make room. It is due to
/// go out when what was bought has grown by a twentieth, because lists change little before. One owner, not thread-safe. A
/// purchase costs at most 50 pairs.
class ItemLearner {
 public:
  static constexpr ItemLimits kLimits{2'000, 24, false};

  /// Takes a Basket observation (x: the other items); what makes no sense is refused and counted.
  void Apply(const Observation& row, std::span<const float> x);
  /// Every item with its list, made now. O(items x neighbours).
  ItemsView View() const;
  /// Whether it has changed so much since Told that it is worth telling. O(items).
  bool Due() const;
  /// It was told as it is now.
  void Told() { untold_ = 0; }
  std::int64_t purchases() const { return purchases_; }
  std::int64_t rejected() const { return rejected_; }

  /// Appends the complete state.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  void Restore(ByteReader& in);

 private:
  ItemSimilarity items_{kLimits};
  std::vector<IdHash> earlier_{};   // scratch
  std::int64_t purchases_ = 0, rejected_ = 0;
  std::int64_t untold_ = 0;         // purchases since Told or Restore; no part of the state
};

}  // namespace offerstream
