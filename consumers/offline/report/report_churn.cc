#include "consumers/offline/report/report_sections.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "consumers/offline/report/json_text.h"
#include "models/domain/fixed_math.h"

namespace offerstream::report {
namespace {

constexpr std::size_t kLeastCustomers = 50, kTenths = 10, kFifths = 5;
constexpr double kNormal95 = 1.959963984540054;
constexpr double kMinorUnit = 0.01, kMargin = 1, kYearlyDiscount = 0.1, kMonthDays = 365.25 / 12;

struct Customer {
  double recency_days = 0, churn = 0, alive = 0, value = 0, spent = 0;
  std::int32_t orders = 0;
};

struct Reference {
  BgNbd buying{};
  GammaGamma value{};
  double log_likelihood = 0;
};

Reference FitReference(const ChurnLedger& ledger) {
  HistoryCounts counts;
  GammaGamma::Counts values;
  for (const auto& [id, profile] : ledger.customers()) {
    if (profile.orders == 0) continue;
    const BuyingHistory h = HistoryOf(profile, ledger.now());
    counts.Add(h.repeats, static_cast<int>(h.last), static_cast<int>(h.age));
    if (profile.spent > 0) ++values[{profile.orders, profile.spent / profile.orders}];
  }
  Reference reference;
  reference.buying = BgNbd::Fit(counts);
  reference.value = GammaGamma::Fit(values, kMinorUnit);
  reference.log_likelihood = reference.buying.LogLikelihood(counts);
  return reference;
}

std::vector<Customer> Assess(const ChurnLedger& ledger, const Reference& reference) {
  std::vector<Customer> customers;
  for (const auto& [id, profile] : ledger.customers()) {
    if (profile.orders == 0) continue;
    Customer c;
    c.recency_days = static_cast<double>(ledger.now() - profile.last) / 86'400'000.0;
    c.orders = profile.orders;
    c.spent = static_cast<double>(profile.spent) * kMinorUnit;
    c.churn = 1 - ledger.model().Buys(ChurnModel::Describe(profile, ledger.now()));
    const BuyingHistory h = HistoryOf(profile, ledger.now());
    c.alive = reference.buying.Alive(h);
    const double order = reference.value.Expected(profile.orders, std::max(0.0, c.spent / profile.orders));
    c.value = CustomerValue(reference.buying, h, order, kMargin, kYearlyDiscount, kMonthDays);
    customers.push_back(c);
  }
  return customers;
}

// Equal parts of `sorted`: how many, how they bought, how likely they stop, what they are worth, and what of it is at risk.
std::string PartsJson(const std::vector<Customer>& sorted, std::size_t parts) {
  std::vector<std::string> rows;
  for (std::size_t k = 0; k < parts; ++k) {
    const std::size_t begin = sorted.size() * k / parts, end = sorted.size() * (k + 1) / parts;
    double recency = 0, orders = 0, spent = 0, churn = 0, alive = 0, value = 0, risk = 0;
    for (std::size_t i = begin; i < end; ++i) {
      recency += sorted[i].recency_days;
      orders += sorted[i].orders;
      spent += sorted[i].spent;
      churn += sorted[i].churn;
      alive += sorted[i].alive;
      value += sorted[i].value;
      risk += sorted[i].churn * sorted[i].value;
    }
    const double n = static_cast<double>(std::max<std::size_t>(1, end - begin));
    Object row;
    row.Count("n", static_cast<std::int64_t>(end - begin)).Real("recency_days", recency / n).Real("orders", orders / n);
    row.Real("spent", spent / n).Real("churn", churn / n).Real("alive_reference", alive / n);
    rows.push_back(row.Real("value_12_months", value).Real("value_at_risk", risk).str());
  }
  return Array(rows, [](const std::string& r) { return r; });
}

std::string DriversJson(const ResponseModel& model) {
  std::vector<std::size_t> features(ChurnModel::kDimension - 1);
  for (std::size_t j = 0; j < features.size(); ++j) features[j] = j + 1;
  return Array(features, [&](std::size_t j) {
    const double m = model.mean(j), se = std::sqrt(model.covariance(j, j));
    Object row;
    row.Text("feature", ChurnModel::FeatureName(j)).Real("coefficient", m).Real("odds_ratio", fixed::Exp(m));
    row.Real("low", fixed::Exp(m - kNormal95 * se)).Real("high", fixed::Exp(m + kNormal95 * se));
    return row.Real("z", m / se).str();
  });
}

}  // namespace

std::string ChurnJson(const ChurnLedger& ledger) {
  if (ledger.score().labels() == 0 || ledger.customers().size() < kLeastCustomers) return "";
  const Reference reference = FitReference(ledger);
  std::vector<Customer> customers = Assess(ledger, reference);
  double value = 0, risk = 0;
  for (const Customer& c : customers) {
    value += c.value;
    risk += c.churn * c.value;
  }
  Object out, hazard, buying, worth;
  const ProgressiveScore& score = ledger.score();
  hazard.Count("n", score.labels()).Count("bought", score.positives()).Real("auc", score.Auc()).Real("log_loss", score.LogLoss());
  hazard.Real("calibration", score.Calibration()).Text("odds_of", "buying again within the horizon");
  const BgNbd& b = reference.buying;
  buying.Real("r", b.r).Real("alpha_days", b.alpha).Real("a", b.a).Real("b", b.b).Real("log_likelihood", reference.log_likelihood);
  worth.Real("p", reference.value.p).Real("q", reference.value.q).Real("v", reference.value.v);
  out.Real("horizon_days", static_cast<double>(ledger.horizon()) / 86'400'000.0);
  out.Count("customers", static_cast<std::int64_t>(customers.size())).Add("hazard", hazard.str());
  out.Add("drivers", DriversJson(ledger.model().model())).Add("bg_nbd", buying.str()).Add("gamma_gamma", worth.str());
  out.Real("value_12_months", value).Real("value_at_risk", risk);
  std::stable_sort(customers.begin(), customers.end(), [](const Customer& x, const Customer& y) { return x.churn > y.churn; });
  out.Add("by_risk", PartsJson(customers, kTenths));
  std::stable_sort(customers.begin(), customers.end(), [](const Customer& x, const Customer& y) { return x.recency_days < y.recency_days; });
  return out.Add("by_recency", PartsJson(customers, kFifths)).str();
}

}  // namespace offerstream::report
