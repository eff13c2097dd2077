#include "models/evaluating/lift_estimator.h"

#include <algorithm>
#include <cmath>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr double kMinorPerMajor = 100;
constexpr std::size_t kPolicy = 0, kHoldout = 1;
// Bins of the covariate: sixths of an octave from one minor unit.
constexpr double kSmallest = .01, kBinsPerOctave = 6, kWinsorised = .999;
constexpr std::int64_t kRowsBeforeWinsorising = 1000;
constexpr double kAlarm = 1e-3;
// An interval that may be watched starts where normality is fair: units in all and, for amounts, in each arm.
constexpr double kUnitsToWatch = 100, kUnitsOfAmounts = 500;
// Scale of effects the evidence looks for: rates, and amounts in major units (A27).
constexpr double kRateScale = .01, kAmountScale = 2;

}  // namespace

LiftEstimator::Epoch& LiftEstimator::EpochOf(std::uint32_t id) {
  for (Epoch& epoch : epochs_) {
    if (epoch.id == id) return epoch;
  }
  if (epochs_.size() == kStrataMax) return epochs_.back();
  epochs_.emplace_back().id = id;
  return epochs_.back();
}

double LiftEstimator::Winsorised(double x) {
  x = std::max(x, 0.0);
  const double octaves = x > kSmallest ? fixed::Log(x / kSmallest) / fixed::kLn2 : 0;
  const auto bin = std::min(kBins - 1, static_cast<std::size_t>(octaves * kBinsPerOctave));
  double limit = x;
  if (rows_ >= kRowsBeforeWinsorising) {
    double above = (1 - kWinsorised) * static_cast<double>(rows_);
    std::size_t at = kBins;
    while (at > 0 && above >= bins_[at - 1]) above -= bins_[--at];
    // What exceeds the bin that holds the quantile is cut to its end.
    if (bin >= at) limit = kSmallest * fixed::Exp2(static_cast<double>(at) / kBinsPerOctave);
  }
  ++bins_[bin];
  return std::min(x, limit);
}

bool LiftEstimator::Apply(const Observation& row, std::span<const IdHash> offers) {
  const double y = static_cast<double>(row.y);
  if (row.arm >= kArms || !(y >= 0 && y <= 1) || !std::isfinite(row.pre_value) || !std::isfinite(row.cost) ||
      !(row.propensity >= 0 && row.propensity <= 1)) {
    ++rejected_;
    return false;
  }
  Epoch& epoch = EpochOf(row.segment);
  Sums& arm = epoch.arms[row.arm];
  const double x = Winsorised(row.pre_value);
  arm.n += 1;
  arm.x += x;
  arm.x2 += x * x;
  arm.cost += row.cost;
  if (row.propensity > 0) arm.planned = row.propensity;
  const std::array<double, kLiftMeasures> measured = {row.n > 0 ? 1.0 : 0.0, y >= .5 ? 1.0 : 0.0,
                                                      static_cast<double>(row.value) / kMinorPerMajor};
  for (std::size_t m = 0; m < kLiftMeasures; ++m) {
    arm.measures[m].y += measured[m];
    arm.measures[m].y2 += measured[m] * measured[m];
    arm.measures[m].xy += measured[m] * x;
  }
  for (std::size_t bit = 0; bit < std::min(offers.size(), kOffersMax); ++bit) {
    if (offers[bit] == 0) continue;
    auto known = std::find_if(epoch.offers.begin(), epoch.offers.end(), [&](const OfferCounts& o) { return o.offer == offers[bit]; });
    if (known == epoch.offers.end()) {
      if (epoch.offers.size() == kOffersMax) continue;
      known = epoch.offers.insert(epoch.offers.end(), OfferCounts{offers[bit], {}});
    }
    if ((row.exposure >> bit & 1) != 0) known->converted[row.arm] += 1;
  }
  ++rows_;
  return true;
}

std::int64_t LiftEstimator::converted() const {
  double sum = 0;
  for (const Epoch& epoch : epochs_) {
    for (const Sums& arm : epoch.arms) sum += arm.measures[static_cast<std::size_t>(LiftMeasure::kConversion)].y;
  }
  return static_cast<std::int64_t>(sum);
}

std::vector<Stratum> LiftEstimator::StrataOf(LiftMeasure measure) const {
  const auto m = static_cast<std::size_t>(measure);
  const auto sums = [m](const Sums& arm) {
    return ArmSums{arm.n, arm.x, arm.x2, arm.measures[m].y, arm.measures[m].y2, arm.measures[m].xy};
  };
  std::vector<Stratum> strata;
  for (const Epoch& epoch : epochs_) strata.push_back({sums(epoch.arms[kPolicy]), sums(epoch.arms[kHoldout])});
  return strata;
}

LiftOutcome LiftEstimator::OutcomeOf(LiftMeasure measure, const LiftSettings& settings) const {
  const std::vector<Stratum> strata = StrataOf(measure);
  LiftOutcome outcome;
  outcome.plain = EffectOf(strata, 0);
  outcome.theta = CupedTheta(strata);
  outcome.adjusted = EffectOf(strata, outcome.theta);
  double treated = 0, control = 0, treated_y = 0, control_y = 0;
  for (const Stratum& s : strata) {
    treated += s.treated.n;
    control += s.control.n;
    treated_y += s.treated.y;
    control_y += s.control.y;
  }
  const bool amount = measure == LiftMeasure::kRevenue;
  const double least = amount ? kUnitsOfAmounts : 0;
  if (!outcome.adjusted.known || treated + control < kUnitsToWatch || treated < least || control < least ||
      !(treated_y > 0) || !(control_y > 0)) {
    return outcome;
  }
  const LiftEffect& e = outcome.adjusted;
  const double t = treated + control, variance = e.standard_error * e.standard_error;
  const double half = AnytimeHalfWidth(variance, t, settings.planned, settings.alpha);
  outcome.watched = true;
  outcome.anytime_low = e.difference - half;
  outcome.anytime_high = e.difference + half;
  outcome.log_evidence = LogEvidence(e.difference, variance, t, amount ? kAmountScale : kRateScale);
  return outcome;
}

// The split first: a broken one explains any difference. Then what may be watched: revenue when there is any.
void LiftEstimator::Judge(const LiftSettings& settings, LiftView& view) const {
  std::array<double, kArms> counts{}, expected{};
  for (const Epoch& epoch : epochs_) {
    double n = 0, share = 0;
    for (const Sums& arm : epoch.arms) {
      n += arm.planned > 0 ? arm.n : 0;
      share += arm.planned;
    }
    for (std::size_t a = 0; a < kArms; ++a) {
      if (!(epoch.arms[a].planned > 0)) continue;
      counts[a] += epoch.arms[a].n;
      expected[a] += n * epoch.arms[a].planned / share;
    }
  }
  view.sample_ratio_p = SampleRatioP(counts, expected);
  const LiftOutcome& revenue = view.measures[static_cast<std::size_t>(LiftMeasure::kRevenue)];
  const LiftOutcome& conversion = view.measures[static_cast<std::size_t>(LiftMeasure::kConversion)];
  const LiftOutcome& judged = revenue.watched ? revenue : conversion;
  if (view.sample_ratio_p < kAlarm) {
    view.verdict = LiftVerdict::kBrokenSplit;
  } else if (judged.watched) {
    view.verdict = judged.anytime_low > 0    ? LiftVerdict::kHelps
                   : judged.anytime_high < 0 ? LiftVerdict::kHarms
                                             : LiftVerdict::kUndecided;
  }
  view.cost = view.arms[kPolicy].cost + fixed_cost_;
  if (!revenue.adjusted.known || !(view.cost > 0) || view.verdict == LiftVerdict::kBrokenSplit) return;
  const double scale = settings.margin * static_cast<double>(view.arms[kPolicy].customers) / view.cost;
  view.roi_known = true;
  view.incremental_roi = revenue.adjusted.difference * scale - 1;
  view.roi_low = revenue.adjusted.low * scale - 1;
  view.roi_high = revenue.adjusted.high * scale - 1;
}

void LiftEstimator::AddOffers(LiftView& view) const {
  for (const Epoch& first : epochs_) {
    for (const OfferCounts& named : first.offers) {
      const auto same = [&](const LiftView::Offer& o) { return o.offer == named.offer; };
      if (std::find_if(view.offers.begin(), view.offers.end(), same) != view.offers.end()) continue;
      std::vector<Stratum> strata;
      for (const Epoch& epoch : epochs_) {
        for (const OfferCounts& o : epoch.offers) {
          if (o.offer != named.offer) continue;
          const auto sums = [&](std::size_t arm) {
            return ArmSums{epoch.arms[arm].n, 0, 0, o.converted[arm], o.converted[arm], 0};
          };
          strata.push_back({sums(kPolicy), sums(kHoldout)});
        }
      }
      view.offers.push_back({named.offer, EffectOf(strata, 0)});
    }
  }
}

LiftView LiftEstimator::View(const LiftSettings& settings) const {
  LiftView view;
  for (const Epoch& epoch : epochs_) {
    for (std::size_t a = 0; a < kArms; ++a) {
      const Sums& arm = epoch.arms[a];
      LiftView::Arm& shown = view.arms[a];
      shown.customers += static_cast<std::int64_t>(arm.n);
      shown.visited += static_cast<std::int64_t>(arm.measures[0].y);
      shown.converted += static_cast<std::int64_t>(arm.measures[1].y);
      shown.revenue += arm.measures[2].y;
      shown.cost += arm.cost;
      shown.planned = arm.planned;
    }
  }
  for (std::size_t m = 0; m < kLiftMeasures; ++m) view.measures[m] = OutcomeOf(static_cast<LiftMeasure>(m), settings);
  const LiftEffect& conversion = view.measures[static_cast<std::size_t>(LiftMeasure::kConversion)].plain;
  if (conversion.known) {
    view.lift = conversion.difference;
    view.low = conversion.low;
    view.high = conversion.high;
  }
  Judge(settings, view);
  AddOffers(view);
  return view;
}

void LiftEstimator::Save(ByteWriter& out) const {
  out.Varint(epochs_.size());
  for (const Epoch& epoch : epochs_) {
    out.U32(epoch.id);
    for (const Sums& arm : epoch.arms) {
      for (double number : {arm.n, arm.x, arm.x2, arm.cost, arm.planned}) out.F64(number);
      for (const Measure& m : arm.measures) {
        for (double number : {m.y, m.y2, m.xy}) out.F64(number);
      }
    }
    out.Varint(epoch.offers.size());
    for (const OfferCounts& o : epoch.offers) {
      out.U64(o.offer);
      for (double count : o.converted) out.F64(count);
    }
  }
  for (std::uint32_t bin : bins_) out.Varint(bin);
  out.F64(fixed_cost_);
  out.I64(rows_);
  out.I64(rejected_);
}

void LiftEstimator::Restore(ByteReader& in) {
  const auto number = [&in](double& to) {
    to = in.F64();
    if (!std::isfinite(to)) in.Fail();
  };
  const std::size_t epochs = in.Count(kArms * 14 * 8);
  if (epochs > kStrataMax) return in.Fail();
  epochs_.assign(epochs, Epoch{});
  for (Epoch& epoch : epochs_) {
    epoch.id = in.U32();
    for (Sums& arm : epoch.arms) {
      for (double* to : {&arm.n, &arm.x, &arm.x2, &arm.cost, &arm.planned}) number(*to);
      for (Measure& m : arm.measures) {
        for (double* to : {&m.y, &m.y2, &m.xy}) number(*to);
      }
      if (arm.n < 0 || arm.planned < 0 || arm.planned > 1) in.Fail();
    }
    const std::size_t offers = in.Count(8 + 8 * kArms);
    if (offers > kOffersMax) return in.Fail();
    epoch.offers.assign(offers, OfferCounts{});
    for (OfferCounts& o : epoch.offers) {
      o.offer = in.U64();
      for (double& count : o.converted) number(count);
    }
  }
  for (std::uint32_t& bin : bins_) bin = static_cast<std::uint32_t>(in.Varint());
  number(fixed_cost_);
  rows_ = in.I64();
  rejected_ = in.I64();
  if (rows_ < 0 || rejected_ < 0) in.Fail();
}

void LiftEstimator::RestoreFirst(ByteReader& in) {
  Epoch& epoch = epochs_.emplace_back();
  for (Sums& arm : epoch.arms) {
    const std::int64_t customers = in.I64(), converted = in.I64(), revenue = in.I64();
    Measure& conversion = arm.measures[static_cast<std::size_t>(LiftMeasure::kConversion)];
    Measure& amount = arm.measures[static_cast<std::size_t>(LiftMeasure::kRevenue)];
    if (customers < 0 || converted < 0 || converted > customers) in.Fail();
    arm.n = static_cast<double>(customers);
    conversion.y = conversion.y2 = static_cast<double>(converted);
    amount.y = static_cast<double>(revenue) / kMinorPerMajor;
    for (double* to : {&amount.y2, &arm.x, &arm.x2, &amount.xy}) {
      *to = in.F64();
      if (!std::isfinite(*to)) in.Fail();
    }
  }
  rows_ = in.I64();
  rejected_ = in.I64();
  if (rows_ < 0 || rejected_ < 0) in.Fail();
}

}  // namespace offerstream
