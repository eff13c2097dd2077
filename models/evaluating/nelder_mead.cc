#include "models/evaluating/nelder_mead.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace offerstream {
namespace {

struct Corner {
  std::vector<double> at{};
  double value = 0;
};

// centre + share * (to - centre)
std::vector<double> Along(const std::vector<double>& centre, const std::vector<double>& to, double share) {
  std::vector<double> at(centre.size());
  for (std::size_t j = 0; j < at.size(); ++j) at[j] = centre[j] + share * (to[j] - centre[j]);
  return at;
}

}  // namespace

std::vector<double> Minimise(const std::function<double(const std::vector<double>&)>& f, std::vector<double> start, double step,
                             double settled, int evaluations) {
  const std::size_t d = start.size();
  std::vector<Corner> corners;
  const auto corner = [&](std::vector<double> at) {
    --evaluations;
    Corner c{std::move(at), 0};
    c.value = f(c.at);
    return c;
  };
  corners.push_back(corner(start));
  for (std::size_t j = 0; j < d; ++j) {
    std::vector<double> at = start;
    at[j] += step;
    corners.push_back(corner(std::move(at)));
  }
  const auto lower = [](const Corner& a, const Corner& b) { return a.value < b.value; };
  for (;;) {
    std::stable_sort(corners.begin(), corners.end(), lower);
    const double spread = corners.back().value - corners.front().value;
    if (evaluations <= 0 || spread <= settled * (1 + std::abs(corners.front().value))) return corners.front().at;
    std::vector<double> centre(d, 0.0);
    for (std::size_t c = 0; c < d; ++c) {
      for (std::size_t j = 0; j < d; ++j) centre[j] += corners[c].at[j] / static_cast<double>(d);
    }
    Corner reflected = corner(Along(centre, corners.back().at, -1));
    if (reflected.value < corners.front().value) {
      Corner further = corner(Along(centre, corners.back().at, -2));
      corners.back() = further.value < reflected.value ? std::move(further) : std::move(reflected);
    } else if (reflected.value < corners[d - 1].value) {
      corners.back() = std::move(reflected);
    } else {
      const bool outside = reflected.value < corners.back().value;
      Corner nearer = corner(Along(centre, outside ? reflected.at : corners.back().at, 0.5));
      if (nearer.value < (outside ? reflected.value : corners.back().value)) {
        corners.back() = std::move(nearer);
      } else {
        for (std::size_t c = 1; c <= d; ++c) corners[c] = corner(Along(corners.front().at, corners[c].at, 0.5));
      }
    }
  }
}

}  // namespace offerstream
