// The rows of a transaction by model: records go out one a model.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/domain/ids.h"
#include "models/domain/observation.h"

namespace offerstream {

/// Puts row numbers into the order of their models. Few models share many rows, so they are counted and not sorted.
/// Not thread-safe (scratch); no allocation after warm-up.
class ObservationOrder {
 public:
  /// Numbers of all rows: models ascending, emission order within each. Valid until the next call. O(rows).
  std::span<const std::uint32_t> Of(std::span<const Observation> rows);

 private:
  struct Group {
    IdHash model = 0;
    std::uint32_t rows = 0;   ///< how many; then where the next one goes
  };
  std::uint32_t GroupOf(IdHash model);
  void Grow();

  std::vector<std::uint32_t> table_{};    ///< open addressing: group + 1; 0 = free; a power of two
  std::vector<Group> groups_{};           ///< in order of first sight
  std::vector<std::uint32_t> group_{};    ///< by row
  std::vector<std::uint32_t> ascending_{}, order_{};
};

}  // namespace offerstream
