// What customers turn to, by segment: the shares of product categories that the API and reports show.
#pragma once

#include <cstdint>
#include <map>

#include "models/domain/bytes.h"
#include "models/domain/observation.h"
#include "models/learning/affinity.h"
#include "models/model_view.h"

namespace offerstream {

/// Decayed shares of categories (CategoryShares) of everybody and of each segment. One owner, not thread-safe.
class PreferenceModel {
 public:
  /// Segments kept; the one with the lowest id, the oldest, goes first.
  static constexpr std::size_t kSegmentsMost = 64;

  /// Takes a Preference observation; one with an unknown action is refused and counted.
  void Apply(const Observation& row);
  PreferenceView View() const;
  std::int64_t rows() const { return rows_; }
  std::int64_t rejected() const { return rejected_; }

  /// Appends the complete state.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  void Restore(ByteReader& in);

 private:
  CategoryShares everybody_{};
  std::map<std::uint32_t, CategoryShares> segments_{};
  EventTime newest_ = kNever;
  std::int64_t rows_ = 0, rejected_ = 0;
};

}  // namespace offerstream
