#include "models/learning/cap_curve.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include <Eigen/Dense>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr double kMinorPerMajor = 100;
constexpr Duration kDayMs = 86'400'000;
constexpr double kLogitMax = 30;

constexpr CapCurve::Terms kSharedMean = {0, -0.25, 0, 0, 0}, kSharedVariance = {9, 1, 0.25, 0.25, 0.25};
constexpr CapCurve::Terms kCellVariance = {0.25, 0.04, 0.02, 0.02, 0.02};
constexpr double kUnsubscribeMean = -6, kUnsubscribeVariance = 9, kUnsubscribeSlopeVariance = 0.25;
constexpr double kUnsubscribeCellVariance = 1;

constexpr std::int64_t kLeastImpressions = 200;  // of a cell, before its cap moves
constexpr std::int64_t kMoveEvery = 25;          // impressions of a cell between two steps of its cap
constexpr double kRaise = 0.6, kLower = 0.4;
constexpr double kMemoryRows = 2'000;            // of a cell's V
constexpr std::int64_t kShareUnit = 1'000;       // of a customer's share in a cell's o
constexpr double kMemoryCustomers = 500;
constexpr double kFirstsTell = 0.33;             // share of first impressions above which they alone tell the population
constexpr double kCalibrationDecay = 1.0 - 1.0 / 20'000;
constexpr double kCalibrationTolerance = 0.1;
constexpr std::size_t kLeastCells = 4;           // to tell how much cells differ
constexpr double kLeastVariance = 1e-4, kMostVarianceRatio = 8;
constexpr double kDailyDecay = 0.9755;           // of the counts by n: half-life 28 d
constexpr double kBandLeast = 50, kBandZ = 3.5;

// Gauss-Hermite for the standard normal, 7 nodes: the mean of a logistic over N(m, s^2) to 1e-5 for s up to 2.
constexpr std::array<double, 7> kNodes = {-3.7504397177257425, -2.3667594107345416, -1.1544053947399682, 0,
                                          1.1544053947399682,  2.3667594107345416,  3.7504397177257425};
constexpr std::array<double, 7> kWeights = {0.0005482688559722185, 0.030757123967586484, 0.2401231786050127,
                                            0.45714285714285713,   0.2401231786050127,   0.030757123967586484,
                                            0.0005482688559722185};

double Dot(const CapCurve::Terms& a, const CapCurve::Terms& b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];
  return sum;
}

/// A Gaussian posterior around 0 as it would be under other prior variances: the prior's precision is exchanged.
template <std::size_t D>
void ChangePrior(SmallLogistic<D>& node, const std::array<double, D>& from, const std::array<double, D>& to) {
  using Matrix = Eigen::Matrix<double, static_cast<int>(D), static_cast<int>(D), Eigen::RowMajor>;
  using Vector = Eigen::Matrix<double, static_cast<int>(D), 1>;
  Eigen::Map<Matrix> covariance(node.covariance.data());
  Eigen::Map<Vector> mean(node.mean.data());
  Matrix precision = covariance.inverse();
  const Vector information = precision * mean;
  for (std::size_t j = 0; j < D; ++j) {
    precision(static_cast<Eigen::Index>(j), static_cast<Eigen::Index>(j)) += 1 / to[j] - 1 / from[j];
  }
  Matrix changed = precision.inverse();
  changed = (0.5 * (changed + changed.transpose())).eval();
  const Vector new_mean = changed * information;
  bool sound = changed.allFinite() && new_mean.allFinite();
  for (Eigen::Index j = 0; j < changed.rows(); ++j) sound = sound && changed(j, j) > 0;
  if (!sound) return;  // keeps the older prior: a refresh is never worth a broken posterior
  covariance = changed;
  mean = new_mean;
}

double SmallerVariance(double wanted, double usual) {
  return std::clamp(wanted, kLeastVariance, usual * kMostVarianceRatio);
}

}  // namespace

double CapCurve::Net::Positive() const {
  if (!(se > 0)) return value > 0 ? 1 : 0;
  return fixed::NormalCdf(value / se);
}

CapCurve::Terms CapCurve::TermsOf(std::uint32_t n) {
  assert(n >= 1);
  const double count = static_cast<double>(n);
  const auto hinge = [&](double knot) { return count > knot ? fixed::Log(count / knot) : 0.0; };
  return {1, fixed::Log(count), hinge(3), hinge(6), hinge(10)};
}

CapCurve::CapCurve(std::shared_ptr<const CampaignPlan> plan)
    : unsubscribe_(SmallLogistic<2>::Prior({kUnsubscribeMean, 0}, {kUnsubscribeVariance, kUnsubscribeSlopeVariance})) {
  ReadPlan(std::move(plan));
}

std::size_t CapCurve::SlotOf(const std::string& outcome) {
  for (std::size_t slot = 0; slot < curves_.size(); ++slot) {
    if (curves_[slot].outcome == outcome) return slot;
  }
  Curve curve;
  curve.outcome = outcome;
  curve.shared = SmallLogistic<kTerms>::Prior(kSharedMean, kSharedVariance);
  curve.cell_variance = kCellVariance;
  curves_.push_back(std::move(curve));
  return curves_.size() - 1;
}

void CapCurve::Configure(std::shared_ptr<const CampaignPlan> plan) {
  ReadPlan(std::move(plan));
  for (auto& [key, cell] : cells_) {
    const auto channel = plan_->channel_by_hash.find(key.second);
    if (channel != plan_->channel_by_hash.end()) RefreshPoints(cell, plan_->channels[channel->second.value]);
  }
}

void CapCurve::ReadPlan(std::shared_ptr<const CampaignPlan> plan) {
  plan_ = std::move(plan);
  slot_of_outcome_.clear();
  paying_.clear();
  for (const OutcomeSpec& outcome : plan_->outcomes) slot_of_outcome_.push_back(SlotOf(outcome.id));
  for (std::size_t i = 0; i < plan_->outcomes.size(); ++i) {
    const bool pays = std::any_of(plan_->offers.begin(), plan_->offers.end(),
                                  [i](const OfferSpec& offer) { return offer.goal.value == i; });
    if (pays) paying_.push_back(slot_of_outcome_[i]);
  }
  for (auto& [key, cell] : cells_) {
    for (std::size_t slot = cell.curves.size(); slot < curves_.size(); ++slot) {
      cell.curves.push_back({SmallLogistic<kTerms>::Prior({}, curves_[slot].cell_variance)});
    }
  }
}

CapCurve::Cell& CapCurve::CellOf(const CellKey& key) {
  const auto found = cells_.find(key);
  if (found != cells_.end()) return found->second;
  Cell cell;
  for (const Curve& curve : curves_) cell.curves.push_back({SmallLogistic<kTerms>::Prior({}, curve.cell_variance)});
  cell.unsubscribe = SmallLogistic<1>::Prior({0}, {unsubscribe_variance_});
  return cells_.emplace(key, std::move(cell)).first->second;
}

bool CapCurve::Apply(const Observation& row) {
  const double y = static_cast<double>(row.y);
  const bool fit = row.outcome < slot_of_outcome_.size() && row.channel < plan_->channels.size() && row.n >= 1 &&
                   std::abs(row.served_logit) <= kLogitMax && y >= 0 && y <= 1 && row.time >= 0;
  if (!fit) {
    ++rejected_;
    return false;
  }
  const std::int64_t day = row.time / kDayMs;
  if (day > day_) {
    if (day_ >= 0) NewDay();
    day_ = day;
  }
  const ChannelSpec& channel = plan_->channels[row.channel];
  const std::size_t slot = slot_of_outcome_[row.outcome];
  Cell& cell = CellOf({row.segment, channel.hash});
  Curve& curve = curves_[slot];
  if (!curve.started) {
    // A later outcome falls with n much as the first one does; its level is its own.
    curve.started = true;
    for (std::size_t j = 1; slot != 0 && curves_[0].started && j < kTerms; ++j) {
      curve.shared.mean[j] = curves_[0].shared.mean[j];
    }
  }
  const bool counts = !paying_.empty() && slot == paying_[0];
  if (counts) Count(cell, curve, cell.curves[slot], row);
  LearnAnswer(curve, cell.curves[slot], row);
  if (counts) {
    LearnUnsubscribe(cell, row);
    ++cell.impressions;
    const bool due = cell.impressions % kMoveEvery == 0;
    if (due && cell.impressions >= kLeastImpressions && channel.cap.learn && Calibrated(curve)) MoveLimit(cell, channel);
    if (due || cell.impressions == 1) RefreshPoints(cell, channel);
  }
  ++rows_;
  positives_ += y >= 0.5;
  return true;
}

// Twice the step of one observation: the shared curve given the cell's and the cell's given the shared one, both with
// the values before the row.
void CapCurve::LearnAnswer(Curve& curve, CellCurve& cell, const Observation& row) {
  const Terms f = TermsOf(row.n);
  const double y = static_cast<double>(row.y), o = row.served_logit;
  const double shared = Dot(f, curve.shared.mean), own = Dot(f, cell.own.mean);
  curve.predicted = curve.predicted * kCalibrationDecay + fixed::Logistic(o + shared + own);
  curve.observed = curve.observed * kCalibrationDecay + y;
  curve.shared.Learn(f, y, o + own);
  cell.own.Learn(f, y, o + shared);
  ++cell.rows;
  const double rate = 1.0 / std::min(static_cast<double>(cell.rows), kMemoryRows);
  cell.value += rate * (static_cast<double>(row.value) / kMinorPerMajor - cell.value);
  // The population of the cell are its customers, not its impressions. First impressions of a window are one a customer
  // and tell it without bias. But a customer who is always near the cap never has a first one: where they are rare, the n
  // impressions of a window count as one together.
  const bool first = row.n == 1;
  const std::int64_t share = kShareUnit / static_cast<std::int64_t>(row.n);
  cell.shares += share;
  cell.firsts += first ? share : 0;
  if (!first && static_cast<double>(cell.firsts) >= kFirstsTell * static_cast<double>(cell.shares)) return;
  cell.counted += share;
  const double step = static_cast<double>(share) / std::min(static_cast<double>(cell.counted), kMemoryCustomers * kShareUnit);
  const double away = o - cell.logit_mean;
  cell.logit_mean += step * away;
  cell.logit_variance += step * (away * (o - cell.logit_mean) - cell.logit_variance);
}

void CapCurve::LearnUnsubscribe(Cell& cell, const Observation& row) {
  const std::array<double, 2> x = {1, static_cast<double>(row.n) - 1};
  const double y = row.unsubscribed ? 1 : 0;
  const double shared = unsubscribe_.Logit(x), own = cell.unsubscribe.mean[0];
  unsubscribe_.Learn(x, y, own);
  cell.unsubscribe.Learn({1}, y, shared);
}

void CapCurve::Count(Cell& cell, const Curve& curve, const CellCurve& own, const Observation& row) {
  if (row.n > kPoints) return;
  const Terms f = TermsOf(row.n);
  const double eta = Dot(f, curve.shared.mean) + Dot(f, own.own.mean);
  cell.answers[row.n - 1] += static_cast<double>(row.y);
  cell.said[row.n - 1] += fixed::Logistic(row.served_logit + eta);
  cell.plain[row.n - 1] += fixed::Logistic(row.served_logit);
}

// Mean of p_n over the cell's customers; *slope = its derivative by the curve.
double CapCurve::Rate(const Curve& curve, const CellCurve& own, const Terms& f, double* slope) const {
  const double middle = own.logit_mean + Dot(f, curve.shared.mean) + Dot(f, own.own.mean);
  const double sd = std::sqrt(std::max(0.0, own.logit_variance));
  double mean = 0, derivative = 0;
  for (std::size_t k = 0; k < kNodes.size(); ++k) {
    const double p = fixed::Logistic(middle + sd * kNodes[k]);
    mean += kWeights[k] * p;
    derivative += kWeights[k] * p * (1 - p);
  }
  *slope = derivative;
  return mean;
}

CapCurve::Net CapCurve::NetAt(const Cell& cell, const ChannelSpec& channel, std::uint32_t n) const {
  const Terms f = TermsOf(n);
  Net net;
  net.value = -channel.cost;
  double variance = 0;
  for (std::size_t slot : paying_) {
    const CellCurve& own = cell.curves[slot];
    if (own.rows == 0) continue;
    double slope = 0;
    net.value += own.value * Rate(curves_[slot], own, f, &slope);
    const double eta_variance = curves_[slot].shared.Variance(f) + own.own.Variance(f);
    variance += own.value * own.value * slope * slope * eta_variance;
  }
  const std::array<double, 2> x = {1, static_cast<double>(n) - 1};
  const double u = fixed::Logistic(unsubscribe_.Logit(x) + cell.unsubscribe.mean[0]);
  const double lost = channel.unsubscribe_value;
  net.value -= lost * u;
  variance += lost * lost * u * u * (1 - u) * (1 - u) * (unsubscribe_.Variance(x) + cell.unsubscribe.covariance[0]);
  net.se = std::sqrt(variance);
  net.unsubscribe = u;
  return net;
}

// The first cap is where the curve puts it; later it moves a step at a time and only when rather sure. Never 0: whether
// even the first impression pays is the decision's to say, and 0 means "not learned".
void CapCurve::MoveLimit(Cell& cell, const ChannelSpec& channel) const {
  const std::uint16_t most = std::max<std::uint16_t>(1, channel.cap.max);
  if (cell.limit == 0) {
    std::uint16_t n = 0;
    while (n < most && NetAt(cell, channel, n + 1U).value > 0) ++n;
    cell.limit = std::max<std::uint16_t>(1, n);
    return;
  }
  cell.limit = std::min(cell.limit, most);
  if (cell.limit < most && NetAt(cell, channel, cell.limit + 1U).Positive() >= kRaise) {
    ++cell.limit;
  } else if (cell.limit > 1 && NetAt(cell, channel, cell.limit).Positive() <= kLower) {
    --cell.limit;
  }
}

// A biased o_i would move every cap, so caps wait until predictions meet the answers: within a tenth, plus two standard
// errors of the ratio while answers are few.
bool CapCurve::Calibrated(const Curve& curve) const {
  if (!(curve.observed > 0)) return false;
  const double ratio = curve.predicted / curve.observed;
  return std::abs(ratio - 1) < kCalibrationTolerance + 2 / std::sqrt(curve.observed);
}

double CapCurve::Calibration() const {
  if (paying_.empty() || !(curves_[paying_[0]].observed > 0)) return 1;
  return curves_[paying_[0]].predicted / curves_[paying_[0]].observed;
}

void CapCurve::NewDay() {
  for (std::size_t slot = 0; slot < curves_.size(); ++slot) RefreshVariances(slot);
  double sum = 0;
  std::size_t cells = 0;
  for (const auto& [key, cell] : cells_) {
    if (cell.impressions < kLeastImpressions) continue;
    sum += cell.unsubscribe.mean[0] * cell.unsubscribe.mean[0] + cell.unsubscribe.covariance[0];
    ++cells;
  }
  if (cells >= kLeastCells) {
    const double before = unsubscribe_variance_;
    unsubscribe_variance_ = SmallerVariance(sum / static_cast<double>(cells), kUnsubscribeCellVariance);
    for (auto& [key, cell] : cells_) ChangePrior<1>(cell.unsubscribe, {before}, {unsubscribe_variance_});
  }
  for (auto& [key, cell] : cells_) {
    if (!paying_.empty() && LeavesBand(cell, paying_[0])) ++alarms_;
    for (auto* sums : {&cell.answers, &cell.said, &cell.plain}) {
      for (double& value : *sums) value *= kDailyDecay;
    }
  }
}

// How much cells differ, by moments. The posterior means are already drawn together, so their spread alone is too
// small by what each cell does not know yet: E[e^2] = m^2 + P, averaged (one EM step a day; README). The published
// form max(0, Var m - mean P) is for estimates that were not drawn together; here it would fall to 0 and stay there.
void CapCurve::RefreshVariances(std::size_t slot) {
  Curve& curve = curves_[slot];
  Terms sum{};
  std::size_t cells = 0;
  for (const auto& [key, cell] : cells_) {
    const CellCurve& own = cell.curves[slot];
    if (own.rows < kLeastImpressions) continue;
    ++cells;
    for (std::size_t j = 0; j < kTerms; ++j) {
      sum[j] += own.own.mean[j] * own.own.mean[j] + own.own.covariance[j * kTerms + j];
    }
  }
  if (cells < kLeastCells) return;
  const double count = static_cast<double>(cells), hinges = (sum[2] + sum[3] + sum[4]) / (3 * count);
  const Terms wanted = {sum[0] / count, sum[1] / count, hinges, hinges, hinges};
  const Terms before = curve.cell_variance;
  for (std::size_t j = 0; j < kTerms; ++j) curve.cell_variance[j] = SmallerVariance(wanted[j], kCellVariance[j]);
  for (auto& [key, cell] : cells_) ChangePrior<kTerms>(cell.curves[slot].own, before, curve.cell_variance);
}

// Answers over what o alone expected, made non-increasing in n (pool adjacent violators); each pooled block against
// what the curve said there, with the curve's own uncertainty and that of the counts.
bool CapCurve::LeavesBand(const Cell& cell, std::size_t slot) const {
  struct Block {
    double answers, plain, said;
    std::size_t from;
  };
  std::vector<Block> blocks;
  for (std::size_t n = 0; n < kPoints; ++n) {
    if (!(cell.plain[n] > 0)) continue;
    blocks.push_back({cell.answers[n], cell.plain[n], cell.said[n], n});
    while (blocks.size() > 1) {
      const Block last = blocks.back();
      Block& before = blocks[blocks.size() - 2];
      if (before.answers * last.plain >= last.answers * before.plain) break;
      before = {before.answers + last.answers, before.plain + last.plain, before.said + last.said, before.from};
      blocks.pop_back();
    }
  }
  for (const Block& block : blocks) {
    if (block.said < kBandLeast) continue;
    const Terms f = TermsOf(static_cast<std::uint32_t>(block.from + 1));
    const double eta = curves_[slot].shared.Variance(f) + cell.curves[slot].own.Variance(f);
    const double away = block.answers - block.said;
    if (std::abs(away) > kBandZ * std::sqrt(block.said + block.said * block.said * eta)) return true;
  }
  return false;
}

}  // namespace offerstream
