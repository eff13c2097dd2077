#include "models/evaluating/qini.h"

#include <algorithm>

namespace offerstream {

double QiniArea(std::span<ScoredUnit> units) {
  std::stable_sort(units.begin(), units.end(), [](const ScoredUnit& a, const ScoredUnit& b) { return a.score > b.score; });
  double treated = 0, untreated = 0, treated_y = 0, untreated_y = 0, before = 0, area = 0;
  for (std::size_t i = 0; i < units.size();) {
    const std::size_t begin = i;
    for (const double score = units[i].score; i < units.size() && units[i].score == score; ++i) {
      (units[i].treated ? treated : untreated) += 1;
      (units[i].treated ? treated_y : untreated_y) += units[i].y;
    }
    const double here = untreated > 0 ? treated_y - untreated_y * treated / untreated : treated_y;
    area += (before + here) / 2 * static_cast<double>(i - begin);
    before = here;
  }
  if (!(treated > 0) || units.empty()) return 0;
  return (area / static_cast<double>(units.size()) - before / 2) / treated;
}

}  // namespace offerstream
