// The reference for repeat buying and its worth: BG/NBD (Fader, Hardie, Lee 2005) and Gamma-Gamma (Fader, Hardie 2013).
// Offline reference code for reports; no decision uses it.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>

namespace offerstream {

/// A customer's history in the model's unit of time (days, weeks): repeat purchases, age at the last one, age now.
struct BuyingHistory {
  int repeats = 0;    ///< x: purchases after the first
  double last = 0;    ///< t_x: from the first to the last purchase; 0 when x is 0
  double age = 0;     ///< T: from the first purchase to now
};

/// Customers counted by equal histories, with whole numbers of the unit of time: likelihood costs one term a kind, not one
/// a customer. Ordered, so sums have one order.
class HistoryCounts {
 public:
  /// REQUIRES: 0 <= last <= age.
  void Add(int repeats, int last, int age) { ++counts_[{repeats, last, age}]; ++customers_; }
  std::int64_t customers() const { return customers_; }
  const std::map<std::tuple<int, int, int>, std::int64_t>& counts() const { return counts_; }

 private:
  std::map<std::tuple<int, int, int>, std::int64_t> counts_{};
  std::int64_t customers_ = 0;
};

/// Buying at a rate gamma(r, alpha) while alive; after each purchase gone with probability beta(a, b).
struct BgNbd {
  double r = 1, alpha = 1, a = 1, b = 1;

  /// Of one history; of all of them.
  double LogLikelihood(const BuyingHistory& h) const;
  double LogLikelihood(const HistoryCounts& counts) const;
  /// P(still a customer).
  double Alive(const BuyingHistory& h) const;
  /// P(at least one purchase in the next `horizon`).
  double Buys(const BuyingHistory& h, double horizon) const;
  /// Expected purchases of somebody new in `t`, and of this customer in the next `t`.
  double Expected(double t) const;
  double Expected(const BuyingHistory& h, double t) const;

  /// Most likely parameters, by Nelder-Mead in logarithms from (1, mean age, 1, 1). Some 400 passes over the counts.
  static BgNbd Fit(const HistoryCounts& counts);
};

/// Mean value of a customer's purchases: gamma(p, nu) around a mean whose nu is gamma(q, v).
struct GammaGamma {
  double p = 6, q = 4, v = 20;

  /// Expected mean value, given the mean of x purchases; x = 0: the population's. REQUIRES: p x + q > 1.
  double Expected(int x, double mean) const;
  /// Customers (purchases, mean value) counted; values in whole minor units.
  using Counts = std::map<std::pair<int, std::int64_t>, std::int64_t>;
  double LogLikelihood(const Counts& counts, double unit) const;
  /// Most likely parameters, q kept above 1; `unit` turns the counts' values into major units. Values of 0 are passed over.
  static GammaGamma Fit(const Counts& counts, double unit);
};

/// Value of the next 12 months: expected purchases of each month times `value` times `margin`, discounted by
/// `yearly_discount` a year. `month`: its length in the model's unit of time.
double CustomerValue(const BgNbd& model, const BuyingHistory& h, double value, double margin, double yearly_discount, double month);

}  // namespace offerstream
