#include <algorithm>
#include <cmath>
#include <vector>

#include "consumers/offline/report/json_text.h"
#include "consumers/offline/report/report_sections.h"
#include "models/evaluating/multiple_testing.h"

namespace offerstream::report {
namespace {

constexpr std::size_t kBins = 8;
constexpr double kNormal95 = 1.959963984540054;
constexpr std::int64_t kLeastCustomers = 30;
constexpr double kWeak = 0.02;   // of the variance at most, at the interval's far end

using ReachMap = std::map<std::int64_t, ReachSums>;

/// Correlation over customers, with Fisher's 95 % interval.
struct Correlation {
  double n = 0, r = 0, low = -1, high = 1, p = 1;
};

Correlation Correlate(double n, double sx, double sy, double sxx, double syy, double sxy) {
  Correlation c;
  c.n = n;
  const double vx = sxx - sx * sx / n, vy = syy - sy * sy / n;
  if (n < static_cast<double>(kLeastCustomers) || !(vx > 0) || !(vy > 0)) return c;
  c.r = std::clamp((sxy - sx * sy / n) / std::sqrt(vx * vy), -1.0, 1.0);
  const double z = std::atanh(std::clamp(c.r, -1 + 1e-12, 1 - 1e-12)), se = 1 / std::sqrt(n - 3);
  c.low = std::tanh(z - kNormal95 * se);
  c.high = std::tanh(z + kNormal95 * se);
  c.p = std::erfc(std::abs(z) / se / std::sqrt(2.0));
  return c;
}

/// Of a customer's impressions with its click rate, and with whether it bought.
std::pair<Correlation, Correlation> Trends(const ReachMap& reach) {
  double n = 0, s = 0, ss = 0, rate = 0, rates = 0, cross = 0, bought = 0, shown_bought = 0;
  for (const auto& [shown, sums] : reach) {
    const double x = static_cast<double>(shown), customers = static_cast<double>(sums.customers), buyers = static_cast<double>(sums.buyers);
    n += customers;
    s += x * customers;
    ss += x * x * customers;
    rate += static_cast<double>(sums.clicked) / x;
    rates += sums.clicked_squares / (x * x);
    cross += static_cast<double>(sums.clicked);
    bought += buyers;
    shown_bought += x * buyers;
  }
  return {Correlate(n, s, rate, ss, rates, cross), Correlate(n, s, bought, ss, bought, shown_bought)};
}

std::string TrendJson(const Correlation& c, double q) {
  const double most = std::max(c.low * c.low, c.high * c.high);
  const bool found = q <= kFalseDiscoveryRate;
  Object out;
  out.Real("r", c.r).Real("low", c.low).Real("high", c.high).Real("p", c.p).Real("q", q).Real("n", c.n);
  return out.Real("explained_at_most", most).Text("evidence", !found ? "none" : most < kWeak ? "weak" : "clear").str();
}

/// Clicks of impressions, pooled; the interval takes customers, not impressions, as independent.
std::string ClickRateJson(const ReachSums& sums) {
  const double n = static_cast<double>(sums.customers), s = static_cast<double>(sums.shown), c = static_cast<double>(sums.clicked);
  const double rate = s > 0 ? c / s : 0;
  const double squares = sums.clicked_squares - 2 * rate * sums.products + rate * rate * sums.shown_squares;
  const double half = n > 1 && s > 0 ? kNormal95 * std::sqrt(std::max(0.0, squares) * n / (n - 1)) / s : 1;
  return Object{}.Real("rate", rate).Real("low", std::max(0.0, rate - half)).Real("high", std::min(1.0, rate + half)).Real("k", c).Real("n", s).str();
}

/// First number of impressions of each bin: bins hold about as many customers.
std::vector<std::int64_t> Edges(const ReachMap& all) {
  std::int64_t customers = 0, inside = 0;
  for (const auto& [shown, sums] : all) customers += sums.customers;
  std::vector<std::int64_t> edges;
  for (const auto& [shown, sums] : all) {
    if (edges.empty() || inside * static_cast<std::int64_t>(kBins) >= customers) {
      edges.push_back(shown);
      inside = 0;
    }
    inside += sums.customers;
  }
  return edges;
}

std::string BinsJson(const ReachMap& reach, const std::vector<std::int64_t>& edges, std::int64_t last) {
  std::vector<std::size_t> bins(edges.size());
  for (std::size_t i = 0; i < bins.size(); ++i) bins[i] = i;
  return Row(bins, [&](std::size_t i) {
    const std::int64_t end = i + 1 < edges.size() ? edges[i + 1] : last + 1;
    ReachSums sums;
    for (auto at = reach.lower_bound(edges[i]); at != reach.end() && at->first < end; ++at) sums.Add(at->second);
    Object out;
    out.Count("from", edges[i]).Count("to", end - 1).Count("customers", sums.customers).Add("click", ClickRateJson(sums));
    return out.Add("purchase", ShareJson(static_cast<double>(sums.buyers), static_cast<double>(sums.customers))).str();
  });
}

}  // namespace

std::string ReachJson(const ReportParts& p) {
  if (p.survey == nullptr) return {};
  const SegmentSurvey all = p.survey->Everybody();
  std::vector<std::size_t> channels;
  std::vector<double> chances;
  for (std::size_t c = 0; c < all.reach.size(); ++c) {
    if (all.reach[c].size() < 2) continue;   // everybody saw as many: nothing to compare
    channels.push_back(c);
    const auto [click, purchase] = Trends(all.reach[c]);
    chances.push_back(click.p);
    chances.push_back(purchase.p);
  }
  if (channels.empty()) return {};
  const std::vector<double> q = FalseDiscoveryRates(chances);
  return Array(channels, [&](const std::size_t& c) {
    const auto i = static_cast<std::size_t>(&c - channels.data());
    const std::vector<std::int64_t> edges = Edges(all.reach[c]);
    const std::int64_t last = all.reach[c].rbegin()->first;
    const auto [click, purchase] = Trends(all.reach[c]);
    bool answers = false;
    for (const auto& [place, cell] : p.tally->engagement()) answers |= place.second == c;
    std::vector<std::pair<std::string, const ReachMap*>> rows{{"null", &all.reach[c]}};
    for (const auto& [id, s] : p.survey->segments()) rows.emplace_back(Whole(id), &s.reach[c]);
    Object out;
    out.Text("channel", p.plan.channels[c].id).Add("answers_known", answers ? "true" : "false");
    out.Add("trend", Object{}.Add("click", TrendJson(click, q[2 * i])).Add("purchase", TrendJson(purchase, q[2 * i + 1])).str());
    return out.Add("segments", Row(rows, [&](const auto& row) {
      return Object{}.Add("segment", row.first).Add("bins", BinsJson(*row.second, edges, last)).str();
    })).str();
  });
}

}  // namespace offerstream::report
