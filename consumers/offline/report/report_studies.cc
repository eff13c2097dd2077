#include "consumers/offline/report/json_text.h"
#include "consumers/offline/report/report_sections.h"

namespace offerstream::report {

std::string FactorsJson(const Study& study) {
  const std::optional<Factors>& found = study.factors();
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
  return out.str();
}

}  // namespace offerstream::report
