#include "consumers/offline/report/json_text.h"
#include "consumers/offline/report/report_sections.h"
#include "models/domain/fixed_math.h"

namespace offerstream::report {
namespace {

constexpr double kNormal95 = 1.959963984540054;

// How conversion follows the factors: effects per standard deviation of a score, and what predictions made beforehand
// were worth beside the online model's, which sees every feature.
std::string RegressionJson(const FactorRegression& regression) {
  if (regression.effects().empty()) return "null";
  Object out, online;
  AddQuality(out, regression.record());
  AddQuality(online, regression.online());
  out.Add("online_same_rows", online.str()).Count("fits", regression.fits()).Real("level", regression.effects().front().coefficient);
  std::vector<std::size_t> factors(regression.effects().size() - 1);
  for (std::size_t f = 0; f < factors.size(); ++f) factors[f] = f + 1;
  return out.Add("effects", Array(factors, [&](std::size_t f) {
    const FactorEffect& e = regression.effects()[f];
    const double half = kNormal95 * e.se;
    Object row;
    row.Count("factor", static_cast<std::int64_t>(f)).Real("coefficient", e.coefficient).Real("odds_ratio", fixed::Exp(e.coefficient));
    return row.Real("low", fixed::Exp(e.coefficient - half)).Real("high", fixed::Exp(e.coefficient + half)).Real("z", e.coefficient / e.se).str();
  })).str();
}

}  // namespace

std::string FactorsJson(const Study& study) {
  const std::optional<Factors>& found = study.factors().factors();
  if (!found) return "";
  const auto name = [&](std::size_t number) { return study.plan().features.features[study.numeric()[number]].name; };
  Object out;
  out.Count("n", found->rows).Count("count", static_cast<std::int64_t>(found->count()));
  out.Add("explained", Row(found->explained, Number)).Add("eigenvalues", Row(found->eigenvalues, Number));
  out.Add("chance", Row(found->chance, Number));
  out.Add("left_out", Row(found->left_out, [&](std::size_t j) { return Quoted(name(j)); }));
  std::vector<std::size_t> rows(found->kept.size());
  for (std::size_t k = 0; k < rows.size(); ++k) rows[k] = k;
  out.Add("variables", Array(rows, [&](std::size_t k) {
    Object row;
    std::vector<double> loadings, weights;
    for (std::size_t f = 0; f < found->count(); ++f) {
      loadings.push_back(found->loading(k, f));
      weights.push_back(found->weight(k, f));
    }
    row.Text("feature", name(found->kept[k])).Add("loadings", Row(loadings, Number)).Add("score_weights", Row(weights, Number));
    return row.Real("communality", found->communality[k]).str();
  }));
  return out.Add("regression", RegressionJson(study.factors())).str();
}

}  // namespace offerstream::report
