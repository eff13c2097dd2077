#include <cmath>
#include <map>

#include "consumers/offline/report/json_text.h"
#include "consumers/offline/report/report_sections.h"
#include "models/evaluating/proportion.h"

namespace offerstream::report {
namespace {

constexpr double kNormal95 = 1.959963984540054;

/// Revenue of impressions whose answer is final against what these cost. Impressions count as independent.
std::string RowJson(const std::string& campaign, const std::string& channel, const CampaignSpending& s) {
  const double n = static_cast<double>(s.answered), k = static_cast<double>(s.conversions);
  const double unit = s.impressions > 0 ? s.spend / static_cast<double>(s.impressions) : 0, cost = unit * n;
  const Proportion share = CountedShare(k, n);
  Object out;
  out.Text("campaign", campaign).Add("channel", channel).Count("impressions", s.impressions).Count("answered", s.answered);
  out.Count("clicks", s.clicks).Count("conversions", s.conversions).Add("conversion", ShareJson(k, n));
  out.Real("spend", s.spend).Real("revenue", s.revenue);
  const double mean = n > 0 ? s.revenue / n : 0;
  const double half = n > 1 ? kNormal95 * std::sqrt(std::max(0.0, s.revenue_squares / n - mean * mean) / (n - 1)) : 0;
  Object roi, each;
  if (cost > 0 && n > 0) {
    roi.Real("value", (mean - unit) / unit).Real("low", (mean - half - unit) / unit).Real("high", (mean + half - unit) / unit);
    out.Add("roi", roi.str()).Real("roas", mean / unit);
    if (s.conversions > 0) {
      each.Real("value", cost / k).Real("low", unit / share.high).Real("high", unit / share.low);
      out.Add("cost_per_conversion", each.str());
    }
    if (s.clicks > 0) out.Real("cost_per_click", cost / static_cast<double>(s.clicks));
    // A rise of the conversion rate that pays for the impression.
    if (s.conversions > 0 && s.revenue > 0) out.Real("break_even_rate", unit / (s.revenue / k));
  }
  return out.str();
}

}  // namespace

std::string SpendingJson(const ReportParts& p) {
  if (p.tally == nullptr || p.tally->spending().empty()) return {};
  std::vector<std::string> rows;
  std::map<std::string, std::pair<std::size_t, CampaignSpending>> totals;
  for (const auto& [place, s] : p.tally->spending()) {
    rows.push_back(RowJson(place.first, Quoted(p.plan.channels[place.second].id), s));
    auto& [channels, total] = totals[place.first];
    ++channels;
    total.impressions += s.impressions;
    total.clicks += s.clicks;
    total.answered += s.answered;
    total.conversions += s.conversions;
    total.spend += s.spend;
    total.revenue += s.revenue;
    total.revenue_squares += s.revenue_squares;
  }
  for (const auto& [campaign, total] : totals) {
    if (total.first > 1) rows.push_back(RowJson(campaign, "null", total.second));
  }
  return Array(rows, [](const std::string& row) { return row; });
}

}  // namespace offerstream::report
