// The response models of a plan as they are scored now: laid out so that what scoring reads lies together.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/deciding/feature_row.h"
#include "models/deciding/sibling_prior.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/fixed_lanes.h"
#include "models/model_view.h"

namespace offerstream {

/// One response model as it is scored now: an adopted view, or a prior.
struct ScoredModel {
  std::shared_ptr<const ResponseView> view{};  ///< null: prior
  std::uint32_t prior = 0;                     ///< ScoreTable::prior index, valid without a view
  double calibration_a = 0, calibration_b = 1;
  std::uint64_t version = 0;
  std::int64_t labels = 0;                     ///< mature labels learned
  std::uint8_t mask = 0xff;                    ///< MergeMask of its delay curve
};

/// Logit and uncertainty of one model at one x.
struct LogitEstimate {
  double mean = 0, variance = 0;   ///< of the logit: m.x and x'Px
  double moderated = 0;            ///< m.x / sqrt(1 + pi v / 8)
  double probability = 0;          ///< Logistic(a + b * moderated)
};

/// Logits of mean `z` and variance `v`, moderated (MacKay 1992: kappa(v) = 1/sqrt(1 + pi v / 8)).
inline fixed::Lanes4 Moderated(fixed::Lanes4 z, fixed::Lanes4 v) { return z / fixed::Sqrt(1 + fixed::kPi * v / 8); }

/// All models of a plan, laid out for scoring. Changed by Adopt between transactions; read-only otherwise.
class ScoreTable {
 public:
  explicit ScoreTable(std::shared_ptr<const CampaignPlan> plan);
  /// Takes the views that fit the plan's feature schema (others count as absent) and rebuilds priors of models without
  /// one. Only what changed is laid out again. May allocate.
  void Adopt(const AdoptedModels& models);

  const FeatureSchema& schema() const { return plan_->features; }
  const ScoredModel& model(ModelIndex m) const { return models_[m.value]; }
  const SiblingPrior& PriorOf(const ScoredModel& model) const { return priors_[model.prior]; }
  /// Whether some model has nothing but what its siblings know.
  bool any_from_siblings() const { return any_from_siblings_; }
  /// d posterior means.
  const double* mean(ModelIndex m) const { return means_.data() + std::size_t{m.value} * d_; }
  /// d marginal variances.
  const double* diagonal(ModelIndex m) const { return diagonals_.data() + std::size_t{m.value} * d_; }
  std::size_t dimension() const { return d_; }
  /// Mature labels of the most experienced model.
  std::int64_t most_labels() const { return most_labels_; }

  /// Goal models side by side: entry [feature * goal_stride() + offer]; offers are padded to a multiple of four.
  const double* goal_means() const { return goal_means_.data(); }
  const double* goal_diagonals() const { return goal_diagonals_.data(); }
  std::size_t goal_stride() const { return goal_stride_; }

  /// m.x, summed over the non-zeros in order.
  double Mean(ModelIndex m, const FeatureRow& x) const;
  /// x'Px exactly, in float32; at least 0. O(non-zeros x d / 2), about 0.05 us at d = 64.
  double Variance(ModelIndex m, const FeatureRow& x) const;
  /// Both, moderated and calibrated.
  LogitEstimate Predict(ModelIndex m, const FeatureRow& x) const;
  /// Mean and variance of the logit with x[index] replaced by `value` (the cap curve's offset at ordinal 1), from those
  /// at x. O(non-zeros).
  void Replace(ModelIndex m, const FeatureRow& x, std::size_t index, float value, double& z, double& v) const;

 private:
  void LayOut(std::size_t model, const double* mean);
  void LayOutSquare(std::size_t model, const float* covariance);
  void LayOutGoals();
  void BuildPriors();
  void UsePrior(std::size_t m);
  double RowTimes(ModelIndex m, const FeatureRow& x, std::size_t row) const;
  /// Row i of a model's square: columns 0 to the end of i's block of eight; the rest is its mirror image.
  const float* Row(ModelIndex m, std::size_t i) const {
    const std::size_t b = i / 8;
    return squares_.data() + m.value * square_ + 32 * b * (b + 1) + i % 8 * 8 * (b + 1);
  }

  std::shared_ptr<const CampaignPlan> plan_;
  std::size_t d_, square_, goal_stride_;
  std::vector<ScoredModel> models_;
  std::vector<SiblingPrior> priors_;
  std::vector<double> means_, diagonals_, goal_means_, goal_diagonals_;
  std::vector<float> squares_;
  std::int64_t most_labels_ = 0;
  bool any_from_siblings_ = false;
};

}  // namespace offerstream
