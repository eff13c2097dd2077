#include "models/deciding/explanation.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "models/deciding/exploration.h"

namespace offerstream {

using fixed::Lanes4;

namespace {

// A curve's parts mean nothing one by one: they count for the number they are made of.
void ExplainCurves(const ScoreTable& table, ModelIndex model, std::span<const float> x, std::vector<Contribution>& out) {
  const double *mean = table.mean(model), *variance = table.diagonal(model);
  const ResponseView* view = table.model(model).view.get();
  const bool centred = view != nullptr && view->feature_mean.size() == x.size();
  struct Sum {
    double phi = 0, variance = 0;
  };
  std::vector<Sum> sums(x.size());
  std::vector<std::size_t> source(x.size());
  for (std::size_t j = 0; j < x.size(); ++j) source[j] = j;
  for (const CurveSpec& curve : table.schema().curves) {
    for (std::size_t k = 0; k < curve.knots.size(); ++k) source[curve.begin + k] = curve.source;
  }
  for (std::size_t j = 1; j < x.size(); ++j) {
    const double away = static_cast<double>(x[j]) - (centred ? view->feature_mean[j] : 0.0);
    sums[source[j]].phi += mean[j] * away;
    sums[source[j]].variance += variance[j] * away * away;
  }
  for (std::size_t j = 1; j < x.size(); ++j) {
    if (sums[j].phi == 0) continue;
    const double se = std::sqrt(sums[j].variance);
    out.push_back({static_cast<std::uint16_t>(j), sums[j].phi, se > 0 ? FastNormalCdf(std::abs(sums[j].phi) / se) : 1.0});
  }
  std::stable_sort(out.begin(), out.end(), [](const Contribution& a, const Contribution& b) {
    return std::abs(a.contribution) > std::abs(b.contribution);
  });
  if (out.size() > kReasonsMax) out.resize(kReasonsMax);
}

}  // namespace

void Explain(const ScoreTable& table, ModelIndex model, std::span<const float> x, std::vector<Contribution>& out) {
  if (!table.schema().curves.empty()) {
    out.clear();
    return ExplainCurves(table, model, x, out);
  }
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
