#include "models/deciding/explanation.h"

#include <cmath>

#include "models/deciding/exploration.h"

namespace offerstream {

void Explain(const ScoreTable& table, ModelIndex model, std::span<const float> x, std::vector<Contribution>& out) {
  out.clear();
  const double* mean = table.mean(model);
  const ResponseView* view = table.model(model).view.get();
  const bool centred = view != nullptr && view->feature_mean.size() == x.size();
  for (std::size_t j = 1; j < x.size(); ++j) {
    const double phi = mean[j] * (x[j] - (centred ? view->feature_mean[j] : 0.0));
    if (phi == 0 || (out.size() == kReasonsMax && std::abs(phi) <= std::abs(out.back().contribution))) continue;
    std::size_t at = out.size();
    while (at > 0 && std::abs(phi) > std::abs(out[at - 1].contribution)) --at;
    if (at >= kReasonsMax) continue;
    if (out.size() == kReasonsMax) out.pop_back();
    out.insert(out.begin() + static_cast<std::ptrdiff_t>(at), Contribution{static_cast<std::uint16_t>(j), phi, 0});
  }
  for (Contribution& c : out) {
    const double se = std::sqrt(table.diagonal(model)[c.feature]);
    c.sign_probability = se > 0 ? FastNormalCdf(std::abs(mean[c.feature]) / se) : 1.0;
  }
}

}  // namespace offerstream
