// A table's answers told from its factors: logistic regression on factor scores, refitted on a schedule, scored on rows it
// has not seen. Offline: for reports.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "models/domain/ids.h"
#include "models/evaluating/factors.h"
#include "models/learning/challenge.h"
#include "models/learning/tree_model.h"

namespace offerstream {

/// What the regression says of one factor, per standard deviation of its score.
struct FactorEffect {
  double coefficient = 0, se = 0;
};

/// Factors of numbers, and the regression of an answer on their scores. Both are found anew on all that is known after 1,000
/// labels and then every 250, or 1 % more where that is more; a fit holds for exposures made after its newest label, so no answer reaches
/// back. Posterior mode under independent normal priors (level variance 100, slopes 1) by Newton's steps, intervals by the
/// curvature there. Scores have variance 1 in the table the factors were found in. One owner, not thread-safe.
class FactorRegression {
 public:
  /// `seed`: of the parallel analysis that counts factors.
  FactorRegression(std::size_t variables, std::uint64_t seed);

  /// An answer became known at `known`; the exposure was made at `exposed`, when the online model said `online`; base_rate:
  /// what a model without features said. Answers come in order of `known`. REQUIRES: numbers.size() == variables.
  void Add(EventTime exposed, EventTime known, std::span<const float> numbers, bool y, double online, double base_rate);
  /// Finds the factors of the whole table and how the answers follow them.
  void Finish();

  /// Of the whole table; null before Finish and where there is too little to look at.
  const std::optional<Factors>& factors() const { return factors_; }
  /// By factor of factors(), with the level first; empty without factors or without answers of both kinds.
  const std::vector<FactorEffect>& effects() const { return effects_; }
  /// What the fits said of rows they had not seen, and what the online model said of the same rows.
  const PredictionRecord& record() const { return record_; }
  const PredictionRecord& online() const { return online_; }
  std::int64_t fits() const { return fit_count_; }

 private:
  struct Fit {
    EventTime from = kNever;
    Factors factors{};
    Eigen::VectorXd scale{};        // standard deviations of the scores
    Eigen::VectorXd coefficients{}; // level first
    Eigen::MatrixXd covariance{};
  };
  /// Null without factors or with answers of one kind only.
  std::optional<Fit> FitNow(EventTime now);
  void Regress(Fit& fit) const;
  double Predict(const Fit& fit, std::span<const float> numbers);

  std::uint64_t seed_;
  CoMoments moments_;
  LabelledRows rows_{};
  std::deque<Fit> fits_{};
  std::int64_t labels_ = 0, positives_ = 0, next_fit_, fit_count_ = 0;
  EventTime newest_ = kNever;
  PredictionRecord record_{}, online_{};
  std::optional<Factors> factors_{};
  std::vector<FactorEffect> effects_{};
  std::vector<double> numbers_{}, scores_{};   // scratch
};

}  // namespace offerstream
