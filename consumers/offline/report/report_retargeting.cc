#include <cmath>

#include "consumers/offline/report/json_text.h"
#include "consumers/offline/report/report_sections.h"
#include "models/domain/fixed_math.h"

namespace offerstream::report {
namespace {

constexpr double kNormal95 = 1.959963984540054;

/// Cells of one offer have their model in common, so what it does not know adds up before it is squared.
struct OfferSum {
  Retargeting sum{};
  void Add(const Retargeting& cell) {
    sum.customers += cell.customers;
    sum.revenue += cell.revenue;
    sum.cost += cell.cost;
    sum.value += cell.value;
    sum.chance_variance += cell.chance_variance;
    sum.gradient.resize(cell.gradient.size());
    for (std::size_t j = 0; j < cell.gradient.size(); ++j) sum.gradient[j] += cell.gradient[j];
  }
};

void AddMoney(const Retargeting& cell, double variance, Object& out) {
  const double half = kNormal95 * std::sqrt(variance);
  out.Count("customers", cell.customers).Real("revenue", cell.revenue).Real("low", std::max(0.0, cell.revenue - half))
      .Real("high", cell.revenue + half).Real("cost", cell.cost).Real("value", cell.value);
}

}  // namespace

std::string RetargetingJson(const ReportParts& p) {
  if (p.survey->retargeting().empty()) return {};
  std::map<std::uint16_t, OfferSum> offers;
  std::string cells = Array(p.survey->retargeting(), [&](const auto& entry) {
    const auto& [place, cell] = entry;
    offers[place.second].Add(cell);
    Object out;
    out.Count("segment", std::int64_t{place.first}).Text("offer", p.plan.offers[place.second].id);
    AddMoney(cell, p.survey->Variance(place.second, cell.chance_variance, cell.gradient) + p.survey->RatioVariance(cell.revenue), out);
    return out.str();
  });
  Retargeting total;
  double variance = 0;
  const std::string by_offer = Array(offers, [&](const auto& entry) {
    const Retargeting& sum = entry.second.sum;
    const double own = p.survey->Variance(entry.first, sum.chance_variance, sum.gradient);
    variance += own;
    total.customers += sum.customers;
    total.revenue += sum.revenue;
    total.cost += sum.cost;
    total.value += sum.value;
    Object out;
    out.Text("offer", p.plan.offers[entry.first].id);
    AddMoney(sum, own + p.survey->RatioVariance(sum.revenue), out);
    return out.str();
  });
  Object all;
  AddMoney(total, variance + p.survey->RatioVariance(total.revenue), all);
  std::string hindsight = "null";
  if (const ChoiceRecord* record = p.survey->record(); record != nullptr && record->all().rows > 0) {
    hindsight = Object{}.Real("ratio", record->Ratio()).Real("best_shown", record->best().rows).Real("best_said", record->best().said)
                    .Real("best_answered", record->best().answered).Real("shown", record->all().rows).Real("said", record->all().said)
                    .Real("answered", record->all().answered).str();
  }
  return Object{}.Real("window_days", static_cast<double>(CustomerSurvey::kRetargetWindow) / 86'400'000.0)
      .Count("seen_unconverted", p.survey->seen_unconverted()).Count("reachable", p.survey->reachable()).Add("hindsight", hindsight).Add("total", all.str())
      .Add("by_offer", by_offer).Add("cells", cells).str();
}

}  // namespace offerstream::report
