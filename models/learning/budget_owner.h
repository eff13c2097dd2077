// The owner of a budget: prices it from what its holders tell, and grants it to them piece by piece.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "models/domain/bytes.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/observation.h"
#include "models/learning/budget_pacer.h"
#include "models/model_view.h"

namespace offerstream {

/// Decisions by hour of the week, learned: how many are still to come. Counts decay with half-life 4 weeks.
class DecisionForecast {
 public:
  /// `n` decisions told at `time`; the clock never falls.
  void Add(EventTime time, double n);
  /// Decisions expected in [from, to); 0 before anything was told.
  double Expected(EventTime from, EventTime to) const;
  EventTime clock() const { return clock_; }

  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  void Restore(ByteReader& in);

 private:
  static constexpr std::size_t kHours = 168;
  EventTime first_ = kNever, clock_ = kNever;
  std::array<double, kHours> counts_{}, hours_{};   // decisions; hours of that kind lived through
};

/// Money leaves only by grants, and grants add up to the amount less what was given back: whatever holders do, crash or
/// forget, a period's budget cannot be overspent. One owner. O(holders) an observation.
class BudgetOwner {
 public:
  /// The budget as the plan has it now, and its impressions' costs.
  void Configure(const CampaignPlan& plan, const BudgetSpec& spec);

  /// One Spend row; `ratios`: score per cost of its decisions. False: refused (no such period any more, negative, more than
  /// was granted) and counted.
  bool Apply(const Observation& row, std::span<const float> ratios);
  std::int64_t rows() const { return rows_; }
  std::int64_t rejected() const { return rejected_; }
  BudgetView View() const;

  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  void Restore(ByteReader& in);

 private:
  struct Holder {
    Micros granted = 0, spent = 0, returned = 0;
    bool waits = false;
  };
  struct Period {
    EventTime begin = kNever;
    std::map<std::uint32_t, Holder> holders{};
    Micros spent() const;
    Micros out() const;   // granted and not given back
  };
  Period* PeriodOf(EventTime begin);
  void Price(const Observation& row, const Period& period, Micros spent_before, std::span<const float> ratios);
  void Grant(Period& period);

  BudgetSpec spec_{};
  Micros amount_ = 0, dearest_ = 0, cheapest_ = 0;
  double mean_cost_ = 0;
  BudgetPacer pacer_{};
  DecisionForecast forecast_{};
  std::vector<double> ratios_{};    // until the price starts
  std::vector<Period> periods_{};   // by begin
  std::int64_t rows_ = 0, rejected_ = 0;
};

}  // namespace offerstream
