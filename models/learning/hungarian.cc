#include "models/learning/hungarian.h"

#include <cassert>
#include <cmath>
#include <limits>

namespace offerstream {

std::vector<std::size_t> Hungarian(std::span<const double> cost, std::size_t n) {
  assert(cost.size() == n * n);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  // Rows and columns count from 1; column 0 stands for "the row being placed".
  std::vector<double> row_potential(n + 1, 0.0), column_potential(n + 1, 0.0);
  std::vector<std::size_t> row_of(n + 1, 0), came_from(n + 1, 0);
  for (std::size_t row = 1; row <= n; ++row) {
    row_of[0] = row;
    std::size_t column = 0;
    std::vector<double> least(n + 1, kInfinity);
    std::vector<bool> done(n + 1, false);
    do {
      done[column] = true;
      const std::size_t here = row_of[column];
      double step = kInfinity;
      std::size_t next = 0;
      for (std::size_t j = 1; j <= n; ++j) {
        if (done[j]) continue;
        assert(std::isfinite(cost[(here - 1) * n + j - 1]));
        const double reduced = cost[(here - 1) * n + j - 1] - row_potential[here] - column_potential[j];
        if (reduced < least[j]) {
          least[j] = reduced;
          came_from[j] = column;
        }
        if (least[j] < step) {
          step = least[j];
          next = j;
        }
      }
      for (std::size_t j = 0; j <= n; ++j) {
        if (done[j]) {
          row_potential[row_of[j]] += step;
          column_potential[j] -= step;
        } else {
          least[j] -= step;
        }
      }
      column = next;
    } while (row_of[column] != 0);
    for (; column != 0; column = came_from[column]) row_of[column] = row_of[came_from[column]];
  }
  std::vector<std::size_t> column_of(n, 0);
  for (std::size_t j = 1; j <= n; ++j) column_of[row_of[j] - 1] = j - 1;
  return column_of;
}

}  // namespace offerstream
