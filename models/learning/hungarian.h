// Minimum-cost assignment of rows to columns.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace offerstream {

/// For each row of the square cost matrix (row-major, n x n, finite) the column it gets, so that the sum of costs is
/// least and every column is used once. Shortest augmenting paths with potentials (Kuhn 1955; Jonker, Volgenant 1987):
/// O(n^3). Deterministic; ties go to the lower column. REQUIRES: cost.size() == n * n.
std::vector<std::size_t> Hungarian(std::span<const double> cost, std::size_t n);

}  // namespace offerstream
