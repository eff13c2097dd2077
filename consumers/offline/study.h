// What analysts look for in a table, gathered while it is replayed: quality of predictions, batch challengers, factors.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "consumers/offline/rate_study.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/event.h"
#include "models/domain/observation.h"
#include "models/domain/status.h"
#include "models/learning/affinity.h"
#include "models/learning/challenge.h"
#include "models/learning/churn_model.h"
#include "models/learning/factor_regression.h"
#include "models/learning/item_similarity.h"

namespace offerstream {

/// One response model's predictions, as they were made, against what came.
struct ModelStudy {
  PredictionRecord record{};                       ///< every final label, nothing forgotten
  std::vector<double> feature_sum{}, feature_squares{};  ///< by feature of the plan, over the labelled exposures
  std::unique_ptr<RateStudy> rates{};              ///< of yes by feature; never null in a Study
  std::unique_ptr<Challenge> challenge{};          ///< null: no challengers were asked for

  /// Standard deviation of feature j over the labelled exposures.
  double deviation(std::size_t j) const;
};

/// What customers turn to and what is bought together, learned while purchases go by. Categories are the plan's, and the
/// product itself where the plan has none for it. Every order is asked for beforehand: is one of its new items among the
/// ten recommended?
class PreferenceStudy {
 public:
  explicit PreferenceStudy(std::shared_ptr<const CampaignPlan> plan) : plan_(std::move(plan)) {}
  /// An event of a customer with a product; others are passed over.
  void See(const Event& event);

  const ItemSimilarity& items() const { return items_; }
  const CategoryShares& shares() const { return shares_; }
  /// Orders with something new by customers known before, and how many were hit by recommendation and by popularity.
  std::int64_t asked() const { return asked_; }
  std::int64_t hits() const { return hits_; }
  std::int64_t popular_hits() const { return popular_hits_; }
  std::size_t customers() const { return customers_.size(); }
  /// The name of a product or category; its hash in hexadecimal when nobody named it.
  std::string NameOf(IdHash id) const;
  /// To be filled with the names of products as they are read.
  std::map<IdHash, std::string>& names() { return names_; }
  /// Mean share of their favourite category among customers with a purchase, at `now`.
  double FavouriteShare(EventTime now) const;

 private:
  struct Customer {
    RecentItems recent{};
    Affinity affinity{};
    std::vector<IdHash> owned{};        // sorted
    std::vector<IdHash> advice{}, popular{};  // made before the order began
    std::int64_t order_day = -1;
    bool open = false, hit = false, popular_hit = false, fresh = false;
  };
  void Purchase(Customer& customer, IdHash item, EventTime time);
  void CloseOrder(Customer& customer);

  std::shared_ptr<const CampaignPlan> plan_;
  ItemSimilarity items_{};
  CategoryShares shares_{};
  std::map<IdHash, Customer> customers_{};
  std::map<IdHash, std::string> names_{};
  std::int64_t asked_ = 0, hits_ = 0, popular_hits_ = 0;
};

/// Which challengers run, and when.
struct StudyOptions {
  std::vector<TreeSettings::Kind> challengers{};
  ChallengeSchedule schedule{};
};

/// Challengers by name ("random-forest", "boosting"; others are passed over), refitted after `every` labels.
StudyOptions StudyWith(const std::vector<std::string>& names, std::uint32_t every, std::uint64_t seed);

/// Sees every event that is no repeat, and final labels in the order they become known. One thread.
class Study {
 public:
  Study(std::shared_ptr<const CampaignPlan> plan, StudyOptions options);
  /// An event that was folded: purchases are transactions that pay in, with their value.
  void See(const Event& event);
  /// A label became final (kMature), with the features of decision time. kIo when the trees' library fails.
  Status Label(const Observation& row, std::span<const float> x);
  /// After the last label: challengers score what is pending, factors are found.
  Status Finish();

  const CampaignPlan& plan() const { return *plan_; }
  /// The newest event's time.
  EventTime now() const { return now_; }
  /// By id "offer/outcome"; null where no label became final.
  const ModelStudy* Find(std::string_view id) const;
  /// Features of the plan that are numbers: what factors are looked for in.
  const std::vector<std::size_t>& numeric() const { return numeric_; }
  /// Over the exposures whose conversion is known, of all offers: their factors, and how conversion follows them.
  const FactorRegression& factors() const { return factors_; }
  /// Who buys again, learned while the events went by.
  const ChurnLedger& churn() const { return churn_; }
  const PreferenceStudy& preferences() const { return preferences_; }
  PreferenceStudy& preferences() { return preferences_; }

 private:
  std::shared_ptr<const CampaignPlan> plan_;
  StudyOptions options_;
  std::map<IdHash, ModelIndex> model_of_{};
  std::map<std::string, ModelStudy, std::less<>> models_{};
  std::vector<std::size_t> numeric_{};
  std::vector<float> numbers_{};
  FactorRegression factors_;
  ChurnLedger churn_;
  PreferenceStudy preferences_;
  EventTime now_ = kNever;
};

}  // namespace offerstream
