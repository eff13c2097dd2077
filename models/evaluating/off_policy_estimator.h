// What another policy would have earned on logged decisions: importance-weighted, model-based and combined estimates,
// with intervals, and a refusal where the log does not support a verdict.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "models/evaluating/poisson_bootstrap.h"

namespace offerstream {

/// One logged decision as the evaluated policy sees it. q: what its models predicted to be earned, before the outcome
/// was known to them.
struct OffPolicyRow {
  std::uint64_t unit = 0;   ///< rows of one unit (the customer) are resampled together
  double weight = 0;        ///< w = pi_e / pi_b of the logged choice
  double reward = 0;        ///< r: what the logged choice earned, major units
  double predicted = 0;     ///< q of the logged choice
  double expected = 0;      ///< sum over all choices of pi_e q
  bool declines = false;    ///< the policy would have made no offer: it earns 0 for certain, the other numbers but r are void
};

/// The estimators, in the order they are shown. Verdicts are by sndr: it needs no luck with the mean weight, and poor
/// predictions cost it little. Definitions: learning formulas in models/evaluating/README.md.
enum class OffPolicyMethod : std::uint8_t { kIps, kSnips, kDm, kDr, kSndr, kSwitch, kDrOs };
inline constexpr std::size_t kOffPolicyMethods = 7;
/// "ips", "snips", "dm", "dr", "sndr", "switch-dr", "dr-os".
std::string_view Name(OffPolicyMethod method);

/// One method's answer per decision, major units.
struct OffPolicyEstimate {
  double value = 0;
  Interval normal{};      ///< 95 % by the central limit theorem (dm: of the predictions only, not of their error)
  Interval bootstrap{};   ///< 95 %, bias and skewness corrected; both 0 without replicates. Not for switch-dr and dr-os
  Interval student{};     ///< 95 %, Student's t over units, freedom by their kurtosis; where and unless as `bootstrap`
  Interval interval{};    ///< 95 %, the one to go by: as wide as `bootstrap` and `student` together; without them `normal`
  double parameter = 0;   ///< the tau (switch-dr) or lambda (dr-os) chosen; 0 for others
};

/// All that is known of one evaluated policy.
struct OffPolicyResult {
  std::int64_t n = 0;
  double ess = 0;                 ///< (sum w)^2 / sum w^2
  double mean_weight = 0, mean_weight_se = 0, max_weight = 0;
  double logged_value = 0;        ///< mean r: what the log itself earned a decision
  std::array<OffPolicyEstimate, kOffPolicyMethods> methods{};   ///< by OffPolicyMethod
  Interval bernstein{};           ///< 95 % of ips, for any distribution with the range of w r that was seen
  double difference = 0;          ///< sndr - logged value
  Interval difference_interval{}; ///< 95 %, paired, as `interval`
  double freedom = 0;             ///< degrees of freedom of sndr's t: some twice the units that carry it; 0 without replicates
  bool supported = false;         ///< false: no verdict, `refusal` says why
  std::string refusal{};          ///< one sentence for people; empty when supported

  const OffPolicyEstimate& of(OffPolicyMethod method) const { return methods[static_cast<std::size_t>(method)]; }
};

/// Sums over rows and over each unit's rows; nothing is kept of a row. One owner, no clock; results depend on rows and seed
/// only. A row costs about 200 ns and 6 ns a bootstrap replicate.
class OffPolicyEstimator {
 public:
  /// Least effective sample size, and most standard errors the mean weight may lie from 1, for a verdict.
  static constexpr double kEssMin = 200, kMeanWeightSe = 4;
  /// Least degrees of freedom for a verdict: below, one customer makes four fifths of the variance.
  static constexpr double kFreedomMin = 3;
  /// Values tried for tau; for lambda their squares.
  static constexpr std::size_t kTried = 10;
  /// Units whose sums are kept for the moments of their influence; with more, intervals are bootstrap alone.
  static constexpr std::size_t kUnitsMost = 200'000;

  explicit OffPolicyEstimator(std::uint64_t seed = 1, std::size_t replicates = PoissonBootstrap::kReplicates);

  /// Adds a row. False: refused (a number that is not finite, a weight below 0) and counted.
  bool Add(const OffPolicyRow& row);
  std::int64_t rejected() const { return rejected_; }
  OffPolicyResult Result() const;

 private:
  // Sums of a correction w' (r - q) with a tamed weight w', beside the expected value.
  struct Tamed {
    double term = 0, term2 = 0, left_out = 0;   // sum t, sum t^2, sum (w - w')(r - q); t = expected + w'(r - q)
  };
  void Fill(OffPolicyResult& result) const;
  void FillTamed(OffPolicyResult& result) const;
  void FillBootstrap(OffPolicyResult& result) const;
  void Judge(OffPolicyResult& result) const;
  struct Moments {   // of the units' influences on a statistic, times n
    double units = 0, squares = 0, cubes = 0, fourths = 0;
  };
  static double Freedom(const Moments& moments);
  static Interval Student(double value, double n, const Moments& moments);
  template <typename Influence>
  Moments MomentsOf(Influence influence) const;

  std::int64_t n_ = 0, rejected_ = 0;
  double w_ = 0, w2_ = 0, w_max_ = 0, r_ = 0;
  double wr_ = 0, wr2_ = 0, w2r_ = 0, wr_min_ = 0, wr_max_ = 0;   // wr2: sum (w r)^2; w2r: sum w^2 r
  double dm_ = 0, dm2_ = 0;
  double we_ = 0, we2_ = 0, w2e_ = 0, dm_we_ = 0, dm_w_ = 0;      // e = r - q
  double r2_ = 0, r_dm_ = 0, r_we_ = 0, r_w_ = 0;                  // r as logged: for the paired difference
  std::array<Tamed, kTried> switch_{}, dr_os_{};
  static constexpr std::size_t kTerms = 6;   // what the bootstrap sums of a row; named in the .cc
  using UnitSums = std::array<double, kTerms>;
  std::map<std::uint64_t, UnitSums> units_{};
  PoissonBootstrap bootstrap_;
};

}  // namespace offerstream
