// How good and how sure: response models as scored, and score_a = P_a V_a L_a - price c_a - U u_n.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/deciding/sibling_prior.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/decision.h"
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

/// All models of a plan, laid out for scoring. Changed by Adopt between transactions; read-only otherwise.
class ScoreTable {
 public:
  explicit ScoreTable(std::shared_ptr<const CampaignPlan> plan);
  /// Takes the views that fit the plan's feature schema (others count as absent) and rebuilds priors of models without
  /// one. Only what changed is laid out again. May allocate.
  void Adopt(const AdoptedModels& models);

  const ScoredModel& model(ModelIndex m) const { return models_[m.value]; }
  const SiblingPrior& PriorOf(const ScoredModel& model) const { return priors_[model.prior]; }
  /// d posterior means.
  const double* mean(ModelIndex m) const { return means_.data() + std::size_t{m.value} * d_; }
  /// d marginal variances.
  const double* diagonal(ModelIndex m) const { return diagonals_.data() + std::size_t{m.value} * d_; }
  std::size_t dimension() const { return d_; }
  /// Mature labels of the most experienced model.
  std::int64_t most_labels() const { return most_labels_; }

  /// Exact prediction. `px` (out): P x, scratch of d floats. REQUIRES: x.size() == px.size() == dimension().
  /// O(non-zeros x d), about 0.1 us at d = 64.
  LogitEstimate Predict(ModelIndex m, std::span<const float> x, std::span<float> px) const;
  /// The calibrated logit with x[index] replaced by `value` (the cap curve's offset at ordinal 1); `at_x` and `px` as
  /// Predict(m, x) left them.
  double CalibratedLogitWith(ModelIndex m, std::span<const float> x, const LogitEstimate& at_x,
                             std::span<const float> px, std::size_t index, float value) const;

 private:
  void LayOut(std::size_t model, const double* mean);
  void BuildPriors();
  void UsePrior(std::size_t m);

  std::shared_ptr<const CampaignPlan> plan_;
  std::size_t d_;
  std::vector<ScoredModel> models_;
  std::vector<SiblingPrior> priors_;
  std::vector<double> means_, diagonals_;
  std::int64_t most_labels_ = 0;
};

/// Moderates and calibrates a logit of mean `z` and variance `v` (MacKay 1992: kappa(v) = 1/sqrt(1 + pi v / 8)).
LogitEstimate Moderate(const ScoredModel& model, double z, double v);
/// Candidates get P, sd and score. `base_x`: customer features as doubles, `base_x2` their squares; `channel_x`: the
/// candidate part of every channel, channels x (d - candidate_begin), likewise `channel_x2`; `full_x`: scratch of d
/// floats with the customer part filled; `px`: scratch of d floats; `penalty[channel]`: U u_n. The best `kExact` by score get the exact variance.
struct ScoringInput {
  const CampaignPlan& plan;
  const ScoreTable& table;
  std::span<const double> base_x, base_x2, channel_x, channel_x2;
  std::span<const float> channel_xf;
  std::span<float> full_x, px;
  std::span<const double> penalty;
};
inline constexpr std::size_t kExact = 4;
void ScoreCandidates(const ScoringInput& in, std::span<Candidate> candidates);

/// Sum of products in one fixed order (four accumulating lanes), whatever the compiler and the addresses.
double Dot(const double* a, const double* b, std::size_t n);
/// out = sum of x_i row_i over the rows with x_i != 0, rows of n floats; each output in row order.
void WeightedRows(const float* rows, const float* x, std::size_t n, float* out);

}  // namespace offerstream
