// A look at every customer at the end of a replay: what each segment is like, what it owns and moves, and what it would
// be worth to approach again those who saw or clicked and did not convert.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "consumers/offline/report/choice_record.h"
#include "consumers/offline/report/replay_tally.h"
#include "models/customer_decision.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/customer_profile.h"
#include "models/model_view.h"

namespace offerstream {

/// Mean of a number over customers, with its 95 % interval (normal).
struct Moments {
  std::int64_t n = 0;
  double sum = 0, squares = 0, least = 0;   ///< least: the smallest number, 0 where none is below
  void Add(double v) {
    ++n;
    sum += v;
    squares += v * v;
    least = v < least ? v : least;
  }
  double Mean() const { return n > 0 ? sum / static_cast<double>(n) : 0; }
  /// Half the interval's width; 0 below two customers.
  double Half() const;
  /// The interval's ends; a number that is never negative has no negative mean.
  double Low() const { return least < 0 || Mean() > Half() ? Mean() - Half() : 0; }
  double High() const { return Mean() + Half(); }
};

/// Customers who were shown the same number of impressions on a channel, over the whole replay.
struct ReachSums {
  std::int64_t customers = 0, buyers = 0, shown = 0, clicked = 0;
  double shown_squares = 0, clicked_squares = 0, products = 0;   ///< sums over customers
  void Add(const Reach& one, bool bought);
  void Add(const ReachSums& more);
};

/// Customers of one segment.
struct SegmentSurvey {
  std::int64_t customers = 0;
  std::array<Moments, kProfileNumbers> numbers{};   ///< natural units: days, events, money
  std::vector<Moments> attributes{};                ///< by attribute; numbers, and 0 or 1 of truth values
  std::vector<std::vector<std::int64_t>> levels{};  ///< by attribute, by level; the last: another value or none
  std::vector<std::int64_t> owners{};               ///< by product
  Moments products{};                               ///< products a customer
  MoneyCount deposits{}, withdrawals{}, purchases{}, returns{};
  Moments deposited{}, withdrawn{}, purchased{}, returned{}, net{};   ///< major units a customer over the replay
  std::int64_t depositors = 0, withdrawers = 0, purchasers = 0, returners = 0;
  std::int64_t approached = 0;                                 ///< shown anything
  std::array<std::int64_t, kOutcomesMax> answered{};           ///< of them, by outcome: who ever said yes
  std::vector<std::map<std::int64_t, ReachSums>> reach{};      ///< by channel, by impressions shown
};

/// Customers worth approaching again with one offer, each under the offer and channel of its best score.
struct Retargeting {
  std::int64_t customers = 0;
  /// Expected; major units. revenue: corrected by how best choices turned out; value: what the engine maximises (score).
  double revenue = 0, cost = 0, value = 0;
  double chance_variance = 0;                ///< sum V^2 p (1 - p)
  std::vector<double> gradient{};            ///< d revenue / d coefficients of the offer's goal model
};

/// Visits customers one by one. REQUIRES: plan, models and tally outlive it. Reports only: not fast.
class CustomerSurvey {
 public:
  /// How long back somebody must have seen or clicked, and not have converted.
  static constexpr Duration kRetargetWindow = 30 * 86'400'000LL;

  /// `at`: the event time at which customers are looked at. `record`: how best choices turned out, by which revenue is
  /// corrected; null: it is as the models say. It outlives this.
  CustomerSurvey(std::shared_ptr<const CampaignPlan> plan, const AdoptedModels& models, const ReplayTally& tally,
                 const ChoiceRecord* record, EventTime at);
  void Visit(const CustomerProfile& profile);
  /// Whom Visit would approach again, with what, as which impression of the channel's window; before the first Visit.
  using Choice = std::function<void(const CustomerProfile&, const Candidate&, std::uint32_t ordinal)>;
  void OnChoice(Choice choice) { choice_ = std::move(choice); }

  /// By segment id; 0: customers without a segment.
  const std::map<std::uint32_t, SegmentSurvey>& segments() const { return segments_; }
  SegmentSurvey Everybody() const;
  std::int64_t customers() const { return customers_; }
  /// By (segment, offer index).
  const std::map<std::pair<std::uint32_t, std::uint16_t>, Retargeting>& retargeting() const { return retargeting_; }
  /// Customers that saw or clicked and did not convert; of them those that some offer may and should reach now.
  std::int64_t seen_unconverted() const { return seen_unconverted_; }
  std::int64_t reachable() const { return reachable_; }
  /// Variance of the expected revenue of offers' sums: chance, and what the model does not know (gradient' P gradient).
  double Variance(std::uint16_t offer, double chance, const std::vector<double>& gradient) const;
  /// Variance of a revenue by the correction, which all revenues share.
  double RatioVariance(double revenue) const;
  /// How best choices turned out; null when nobody looked.
  const ChoiceRecord* record() const { return record_; }

 private:
  SegmentSurvey& Of(std::uint32_t segment);
  void Describe(const CustomerProfile& profile, SegmentSurvey& survey) const;
  void Retarget(const CustomerProfile& profile, const Event& event);

  std::shared_ptr<const CampaignPlan> plan_;
  const AdoptedModels& models_;
  const ReplayTally& tally_;
  const ChoiceRecord* record_;
  double ratio_;
  EventTime at_;
  FeatureMap features_;
  CustomerDecision decide_;
  std::map<std::uint32_t, SegmentSurvey> segments_{};
  std::map<std::pair<std::uint32_t, std::uint16_t>, Retargeting> retargeting_{};
  std::int64_t customers_ = 0, seen_unconverted_ = 0, reachable_ = 0;
  Decision decision_{};
  FoldCounters scratch_counters_{};
  std::vector<float> x_{};
  Choice choice_{};
};

}  // namespace offerstream
