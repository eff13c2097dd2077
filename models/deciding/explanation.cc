#include "models/deciding/explanation.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "models/deciding/exploration.h"

namespace offerstream {

using fixed::Lanes4;

void Explain(const ScoreTable& table, ModelIndex model, std::span<const float> x, std::vector<Contribution>& out) {
  std::array<Contribution, kReasonsMax> best{};
  std::size_t found = 0;
  const double* mean = table.mean(model);
  const ResponseView* view = table.model(model).view.get();
  const bool centred = view != nullptr && view->feature_mean.size() == x.size();
  double least = 0;   // what a contribution must exceed to be among the reasons
  const auto consider = [&](std::size_t j, double phi) {
    if (!(std::abs(phi) > least)) return;
    std::size_t at = found;
    while (at > 0 && std::abs(phi) > std::abs(best[at - 1].contribution)) --at;
    found = std::min(found + 1, kReasonsMax);
    for (std::size_t k = found - 1; k > at; --k) best[k] = best[k - 1];
    best[at] = {static_cast<std::uint16_t>(j), phi, 0};
    if (found == kReasonsMax) least = std::abs(best[kReasonsMax - 1].contribution);
  };
  // Four at a time: nearly always none of them is large enough.
  std::size_t j = 0;
  for (; j + 4 <= x.size(); j += 4) {
    const Lanes4 centre = centred ? fixed::Load4(view->feature_mean.data() + j) : Lanes4{};
    const Lanes4 phi = fixed::Load4(mean + j) * (fixed::Load4(x.data() + j) - centre);
    const __m256d large = _mm256_cmp_pd(__m256d(fixed::Abs(phi)), _mm256_set1_pd(least), _CMP_GT_OQ);
    auto lanes = static_cast<unsigned>(_mm256_movemask_pd(large)) & (j == 0 ? 14u : 15u);   // the bias explains nothing
    for (; lanes != 0; lanes &= lanes - 1) {
      const auto lane = static_cast<std::size_t>(std::countr_zero(lanes));
      consider(j + lane, phi[lane]);
    }
  }
  for (j = std::max<std::size_t>(j, 1); j < x.size(); ++j) {
    consider(j, mean[j] * (static_cast<double>(x[j]) - (centred ? view->feature_mean[j] : 0.0)));
  }
  out.assign(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(found));
  for (Contribution& c : out) {
    const double se = std::sqrt(table.diagonal(model)[c.feature]);
    c.sign_probability = se > 0 ? FastNormalCdf(std::abs(mean[c.feature]) / se) : 1.0;
  }
}

}  // namespace offerstream
