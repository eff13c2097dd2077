#include "consumers/offline/report/json_text.h"
#include "consumers/offline/report/report_sections.h"

namespace offerstream::report {
namespace {

/// `write(segment id as JSON, survey)` of everybody (null) and of each segment.
template <typename Write>
std::string BySegment(const CustomerSurvey& survey, Write write) {
  std::vector<std::pair<std::string, SegmentSurvey>> rows{{"null", survey.Everybody()}};
  for (const auto& [id, s] : survey.segments()) rows.emplace_back(Whole(id), s);
  return Array(rows, [&](const auto& row) { return write(row.first, row.second); });
}

std::string MoneyJson(const MoneyCount& money, const Moments& per_customer, std::int64_t active, std::int64_t customers) {
  return Object{}.Count("count", money.count).Real("amount", static_cast<double>(money.amount) / 100.0)
      .Add("active", ShareJson(static_cast<double>(active), static_cast<double>(customers)))
      .Add("per_customer", MeanJson(per_customer))
      .str();
}

}  // namespace

std::string ProductsJson(const ReportParts& p) {
  if (p.survey == nullptr) return {};
  const SegmentSurvey all = p.survey->Everybody();
  if (!(all.products.sum > 0)) return {};
  return BySegment(*p.survey, [&](const std::string& id, const SegmentSurvey& s) {
    Object owned;
    for (std::size_t o = 0; o < p.plan.products.size(); ++o) {
      owned.Add(p.plan.products[o].id, ShareJson(static_cast<double>(s.owners[o]), static_cast<double>(s.customers)));
    }
    return Object{}.Add("segment", id).Count("customers", s.customers).Add("owned", owned.str())
        .Add("products", MeanJson(s.products)).str();
  });
}

std::string TransactionsJson(const ReportParts& p) {
  if (p.survey == nullptr) return {};
  const SegmentSurvey all = p.survey->Everybody();
  if (all.deposits.count + all.withdrawals.count + all.purchases.count + all.returns.count == 0) return {};
  return BySegment(*p.survey, [&](const std::string& id, const SegmentSurvey& s) {
    Object out;
    out.Add("segment", id).Count("customers", s.customers);
    if (all.deposits.count > 0) out.Add("deposits", MoneyJson(s.deposits, s.deposited, s.depositors, s.customers));
    if (all.withdrawals.count > 0) out.Add("withdrawals", MoneyJson(s.withdrawals, s.withdrawn, s.withdrawers, s.customers));
    if (all.purchases.count > 0) out.Add("purchases", MoneyJson(s.purchases, s.purchased, s.purchasers, s.customers));
    if (all.returns.count > 0) {
      out.Add("returns", MoneyJson(s.returns, s.returned, s.returners, s.customers)).Add("net_per_customer", MeanJson(s.net));
    }
    return out.str();
  });
}

}  // namespace offerstream::report
