#include "models/learning/budget_owner.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr Duration kHour = 3'600'000;
constexpr double kWeekDecay = 0.8408964152537145;   // 2^(-1/4): half-life 4 weeks
constexpr double kPriorHours = 2;                   // of the mean rate, for hours of the week hardly seen
constexpr std::size_t kPeriodsKept = 4, kHoldersMax = 100'000;
constexpr std::size_t kRatiosToStart = 500, kRatiosAtLeast = 20;
constexpr std::int64_t kLeaseShare = 100, kSpread = 4;   // of the amount; of what is left, over all holders
constexpr std::int64_t kUnpricedShare = 20;         // no more than a twentieth before there is a price
constexpr double kHurry = 3;                        // planned spend a decision, at most times the mean

double Major(Micros money) { return static_cast<double>(money) * 1e-6; }
std::size_t HourOf(EventTime at) { return static_cast<std::size_t>((at / kHour % 168 + 168) % 168); }

}  // namespace

// ---- Forecast ----------------------------------------------------------------------------------------------------------

void DecisionForecast::Add(EventTime time, double n) {
  if (clock_ == kNever) first_ = clock_ = time;
  while (clock_ < time) {
    const std::size_t hour = HourOf(clock_);
    const EventTime next = std::min(time, (clock_ / kHour + 1) * kHour);
    hours_[hour] += static_cast<double>(next - clock_) / static_cast<double>(kHour);
    clock_ = next;
    if (clock_ % kHour == 0) {   // entered again after a week: it weighs less
      counts_[HourOf(clock_)] *= kWeekDecay;
      hours_[HourOf(clock_)] *= kWeekDecay;
    }
    // A silence of more than a month is not lived through hour by hour.
    if (time - clock_ > 31 * 24 * kHour) clock_ = time - 7 * 24 * kHour;
  }
  counts_[HourOf(time)] += n;
}

double DecisionForecast::Expected(EventTime from, EventTime to) const {
  double count = 0, hours = 0;
  for (std::size_t h = 0; h < kHours; ++h) {
    count += counts_[h];
    hours += hours_[h];
  }
  if (!(count > 0) || to <= from) return 0;
  const double rate = count / std::max(hours, 1.0 / 60);   // the first minute is at least that
  const auto expected = [&](std::size_t h) { return (counts_[h] + kPriorHours * rate) / (hours_[h] + kPriorHours); };
  double week = 0, sum = 0;
  for (std::size_t h = 0; h < kHours; ++h) week += expected(h);
  const std::int64_t weeks = (to - from) / (168 * kHour);
  sum = week * static_cast<double>(weeks);
  for (EventTime at = from + weeks * 168 * kHour; at < to;) {
    const EventTime next = std::min(to, (at / kHour + 1) * kHour);
    sum += expected(HourOf(at)) * static_cast<double>(next - at) / static_cast<double>(kHour);
    at = next;
  }
  return sum;
}

void DecisionForecast::Save(ByteWriter& out) const {
  out.I64(first_);
  out.I64(clock_);
  for (double v : counts_) out.F64(v);
  for (double v : hours_) out.F64(v);
}

void DecisionForecast::Restore(ByteReader& in) {
  first_ = in.I64();
  clock_ = in.I64();
  for (auto* table : {&counts_, &hours_}) {
    for (double& v : *table) {
      v = in.F64();
      if (!std::isfinite(v) || v < 0) in.Fail();
    }
  }
  constexpr EventTime kFar = 400'000'000'000'000;
  if (clock_ != kNever && (clock_ < -kFar || clock_ > kFar)) in.Fail();
}

// ---- Owner -------------------------------------------------------------------------------------------------------------

Micros BudgetOwner::Period::spent() const {
  Micros sum = 0;
  for (const auto& [id, holder] : holders) sum += holder.spent;
  return sum;
}

Micros BudgetOwner::Period::out() const {
  Micros sum = 0;
  for (const auto& [id, holder] : holders) sum += holder.granted - holder.returned;
  return sum;
}

void BudgetOwner::Configure(const CampaignPlan& plan, const BudgetSpec& spec) {
  spec_ = spec;
  amount_ = MicrosOf(spec.amount);
  std::set<Micros> costs;
  for (const OfferSpec& offer : plan.offers) {
    if (offer.budget.value >= plan.budgets.size() || plan.budgets[offer.budget.value].hash != spec.hash) continue;
    for (const ChannelIndex c : offer.channels) {
      if (const Micros cost = MicrosOf(plan.channels[c.value].cost); cost > 0) costs.insert(cost);
    }
  }
  dearest_ = costs.empty() ? 0 : *costs.rbegin();
  cheapest_ = costs.empty() ? 0 : *costs.begin();
  mean_cost_ = 0;
  for (const Micros cost : costs) mean_cost_ += Major(cost) / static_cast<double>(costs.size());
}

BudgetOwner::Period* BudgetOwner::PeriodOf(EventTime begin) {
  const auto at = std::lower_bound(periods_.begin(), periods_.end(), begin, [](const Period& p, EventTime b) { return p.begin < b; });
  if (at != periods_.end() && at->begin == begin) return &*at;
  if (at == periods_.begin() && periods_.size() == kPeriodsKept) return nullptr;   // long closed
  Period fresh;
  fresh.begin = begin;
  const auto index = at - periods_.begin();
  periods_.insert(at, std::move(fresh));
  if (periods_.size() <= kPeriodsKept) return &periods_[static_cast<std::size_t>(index)];
  periods_.erase(periods_.begin());
  return &periods_[static_cast<std::size_t>(index - 1)];
}

bool BudgetOwner::Apply(const Observation& row, std::span<const float> ratios) {
  const auto begin = static_cast<EventTime>(row.exposure);
  Period* period = row.value < 0 || row.delay < 0 ? nullptr : PeriodOf(begin);
  if (period == nullptr || (period->holders.size() >= kHoldersMax && !period->holders.contains(row.segment))) {
    ++rejected_;
    return false;
  }
  Holder& holder = period->holders[row.segment];
  const Micros open = holder.granted - holder.returned - holder.spent;
  if (row.value > open || row.delay > open - row.value) {
    ++rejected_;
    return false;
  }
  ++rows_;
  const Micros spent_before = period->spent();
  holder.spent += row.value;
  holder.returned += row.delay;
  holder.waits = row.instant;
  forecast_.Add(row.time, row.n);
  Price(row, *period, spent_before, ratios);
  Grant(*period);
  return true;
}

void BudgetOwner::Price(const Observation& row, const Period& period, Micros spent_before, std::span<const float> ratios) {
  if (spec_.pace != BudgetPace::kEven || mean_cost_ <= 0) return;
  const EventTime end = period.begin + spec_.period;
  const double amount = Major(amount_), all = forecast_.Expected(period.begin, end);
  if (!pacer_.started()) {
    for (const float ratio : ratios) {
      if (std::isfinite(ratio) && ratios_.size() < kRatiosToStart) ratios_.push_back(static_cast<double>(ratio));
    }
    const bool long_enough = row.time - period.begin >= spec_.period / kUnpricedShare;
    if (ratios_.size() < (long_enough ? kRatiosAtLeast : kRatiosToStart)) return;
    const double left = forecast_.Expected(forecast_.clock(), end);
    pacer_.Start(ratios_, left > 0 ? (amount - Major(period.spent())) / (left * mean_cost_) : 1);
    ratios_ = {};
    return;
  }
  // Planned: what is left, over the decisions still to come and those told now.
  const double decisions = row.n, left = forecast_.Expected(forecast_.clock(), end) + decisions;
  if (left <= 0) return;
  const double a_decision = std::min((amount - Major(spent_before)) / left, all > 0 ? kHurry * amount / all : amount);
  pacer_.Update(decisions * a_decision, Major(row.value), row.to > 0 && row.value > 0 ? Major(row.value) / static_cast<double>(row.to) : mean_cost_,
                amount);
}

void BudgetOwner::Grant(Period& period) {
  const bool priced = spec_.pace != BudgetPace::kEven || pacer_.started();
  // Without a price: a twentieth, or what time alone would have allowed by now.
  const double elapsed = static_cast<double>(forecast_.clock() - period.begin) / static_cast<double>(spec_.period);
  const auto by_time = static_cast<Micros>(std::clamp(elapsed, 0.0, 1.0) * static_cast<double>(amount_));
  const Micros limit = priced ? amount_ : std::max({amount_ / kUnpricedShare, std::min(amount_, dearest_), by_time});
  const auto holders = static_cast<std::int64_t>(period.holders.size());
  for (auto& [id, holder] : period.holders) {
    const Micros left = limit - period.out();
    if (left < cheapest_ || left <= 0) return;
    if (!holder.waits) continue;
    const Micros lease = std::min(left, std::max(dearest_, std::min(amount_ / kLeaseShare, left / (kSpread * holders))));
    if (lease <= 0) continue;
    holder.granted += lease;
    holder.waits = false;
  }
}

BudgetView BudgetOwner::View() const {
  BudgetView view;
  view.priced = spec_.pace != BudgetPace::kEven || pacer_.started();
  view.price = spec_.pace == BudgetPace::kEven ? pacer_.price() : 0.0;
  view.amount = amount_;
  for (const Period& period : periods_) {
    BudgetView::Period& shown = view.periods.emplace_back();
    shown.begin = period.begin;
    shown.spent = period.spent();
    for (const auto& [id, holder] : period.holders) shown.granted[id] = holder.granted;
  }
  return view;
}

void BudgetOwner::Save(ByteWriter& out) const {
  pacer_.Save(out);
  forecast_.Save(out);
  out.Varint(ratios_.size());
  for (double ratio : ratios_) out.F64(ratio);
  out.Varint(periods_.size());
  for (const Period& period : periods_) {
    out.I64(period.begin);
    out.Varint(period.holders.size());
    for (const auto& [id, holder] : period.holders) {
      out.U32(id);
      for (Micros money : {holder.granted, holder.spent, holder.returned}) out.I64(money);
      out.Bool(holder.waits);
    }
  }
  out.I64(rows_);
  out.I64(rejected_);
}

void BudgetOwner::Restore(ByteReader& in) {
  pacer_.Restore(in);
  forecast_.Restore(in);
  ratios_.assign(in.Count(8), 0.0);
  for (double& ratio : ratios_) {
    ratio = in.F64();
    if (!std::isfinite(ratio)) in.Fail();
  }
  const std::size_t periods = in.Count(9);
  if (periods > kPeriodsKept || ratios_.size() > kRatiosToStart) return in.Fail();
  periods_.assign(periods, Period{});
  for (Period& period : periods_) {
    period.begin = in.I64();
    for (std::size_t n = in.Count(29); n > 0 && in.ok(); --n) {
      Holder& holder = period.holders[in.U32()];
      for (Micros* money : {&holder.granted, &holder.spent, &holder.returned}) *money = in.I64();
      holder.waits = in.Bool();
      const bool sound = holder.spent >= 0 && holder.returned >= 0 && holder.granted >= 0 && holder.granted <= (Micros{1} << 62) &&
                         holder.spent <= holder.granted && holder.returned <= holder.granted - holder.spent;
      if (!sound) in.Fail();
    }
  }
  rows_ = in.I64();
  rejected_ = in.I64();
  if (rows_ < 0 || rejected_ < 0 || !std::is_sorted(periods_.begin(), periods_.end(), [](const Period& a, const Period& b) {
        return a.begin < b.begin;
      })) {
    in.Fail();
  }
}

}  // namespace offerstream
