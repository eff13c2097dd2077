// Who stops buying: a discrete hazard learned from what customers did in the quarter after each look at them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string_view>
#include <tuple>

#include "models/domain/buying.h"
#include "models/domain/ids.h"
#include "models/evaluating/progressive_score.h"
#include "models/evaluating/purchase_model.h"
#include "models/learning/response_model.h"
#include "models/model_view.h"

namespace offerstream {

/// A customer's buying as the reference models see it, in whole days, at `now`.
BuyingHistory HistoryOf(const BuyingProfile& profile, EventTime now);

/// P(buys again within the horizon): Bayesian logistic regression over recency, orders, age, gap between orders, basket
/// and season (studies.md, "Churn"). Half-lives 26 weeks (level) and 52 weeks. One owner, not thread-safe.
class ChurnModel {
 public:
  static constexpr std::size_t kFeatures = 9, kSeasons = 12, kDimension = kFeatures + kSeasons;
  using Features = std::array<float, kDimension>;

  ChurnModel();
  /// x[0] = 1. REQUIRES: profile.orders > 0, at >= profile.last.
  static Features Describe(const BuyingProfile& profile, EventTime at);
  /// "recency", "orders", …
  static std::string_view FeatureName(std::size_t j);

  /// P(buys within the horizon), moderated for the uncertainty of the coefficients.
  double Buys(const Features& x) const;
  /// Learns that a customer who looked like x did or did not buy; `known`: when that was clear.
  void Learn(const Features& x, bool bought, EventTime known);
  const ResponseModel& model() const { return model_; }
  /// What is needed to predict: mean and covariance; nothing else is set.
  ChurnView View() const;

  /// Appends the complete state.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  void Restore(ByteReader& in);

 private:
  ResponseModel model_;
  std::int64_t day_ = -1;  // of the newest label
};

/// P(buys within the horizon) as the model the view is of says it, but for the last bits. Thread-safe. REQUIRES: a view of a ChurnModel.
double BuysWithin(const ChurnView& view, const ChurnModel::Features& x);

/// Every customer's buying, looked at every 28 days (each on a day of its own, by hash) while the stream runs, and what
/// came of it `horizon` later. Offline: in memory, bounded by customers x (horizon / 28 d + 2). One owner.
class ChurnLedger {
 public:
  /// REQUIRES: horizon > 0.
  explicit ChurnLedger(Duration horizon);

  /// A purchase or return; moves the clock to its time first. Late ones (before the customer's last) count as of the last.
  void Purchase(IdHash customer, EventTime time, Money value);
  /// Nothing later than `now` has happened yet: looks and labels that are due by then.
  void Advance(EventTime now);

  const ChurnModel& model() const { return model_; }
  /// Predictions made at each look against what came; nothing forgotten.
  const ProgressiveScore& score() const { return score_; }
  EventTime now() const { return now_; }
  Duration horizon() const { return horizon_; }
  const std::map<IdHash, BuyingProfile>& customers() const { return customers_; }

 private:
  struct Look {
    ChurnModel::Features x{};
    double said = 0;
  };
  Duration horizon_;
  EventTime now_ = kNever;
  ChurnModel model_{};
  ProgressiveScore score_;
  std::map<IdHash, BuyingProfile> customers_{};
  std::map<std::pair<EventTime, IdHash>, char> looks_due_{};     // a set, by time
  std::map<std::pair<EventTime, IdHash>, Look> labels_due_{};
};

}  // namespace offerstream
