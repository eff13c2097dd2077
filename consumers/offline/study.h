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

#include "models/domain/campaign_plan.h"
#include "models/domain/event.h"
#include "models/domain/observation.h"
#include "models/domain/status.h"
#include "models/evaluating/factors.h"
#include "models/learning/challenge.h"
#include "models/learning/churn_model.h"

namespace offerstream {

/// One response model's predictions, as they were made, against what came.
struct ModelStudy {
  PredictionRecord record{};                       ///< every final label, nothing forgotten
  std::vector<double> feature_sum{}, feature_squares{};  ///< by feature of the plan, over the labelled exposures
  std::unique_ptr<Challenge> challenge{};          ///< null: no challengers were asked for

  /// Standard deviation of feature j over the labelled exposures.
  double deviation(std::size_t j) const;
};

/// Which challengers run, and when.
struct StudyOptions {
  std::vector<TreeSettings::Kind> challengers{};
  ChallengeSchedule schedule{};
};

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
  /// By id "offer/outcome"; null where no label became final.
  const ModelStudy* Find(std::string_view id) const;
  /// Features of the plan that are numbers: what factors are looked for in.
  const std::vector<std::size_t>& numeric() const { return numeric_; }
  /// Over the exposures whose conversion is known; null before Finish and where there is too little to look at.
  const std::optional<Factors>& factors() const { return factors_; }
  /// Who buys again, learned while the events went by.
  const ChurnLedger& churn() const { return churn_; }

 private:
  std::shared_ptr<const CampaignPlan> plan_;
  StudyOptions options_;
  std::map<IdHash, ModelIndex> model_of_{};
  std::map<std::string, ModelStudy, std::less<>> models_{};
  std::vector<std::size_t> numeric_{};
  std::vector<double> numbers_{};
  CoMoments moments_;
  std::optional<Factors> factors_{};
  ChurnLedger churn_;
};

}  // namespace offerstream
