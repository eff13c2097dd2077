// Batch challengers beside the online model: refitted on a schedule, scored on rows they have not seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "models/domain/ids.h"
#include "models/domain/status.h"
#include "models/evaluating/honest_f1.h"
#include "models/evaluating/progressive_score.h"
#include "models/learning/tree_model.h"

namespace offerstream {

/// How good one predictor was on the rows of a challenge: everything said before the label was known, nothing forgotten.
struct PredictionRecord {
  ProgressiveScore score;
  HonestF1 honest{};
  PredictionRecord();
  /// As ProgressiveScore::Add and HonestF1::Add.
  void Add(double p, bool y, double base_rate);
};

/// One challenger's run against the online model over the same rows.
struct ChallengeStanding {
  TreeSettings::Kind kind = TreeSettings::Kind::kForest;
  PredictionRecord challenger{}, online{};
  std::int64_t rows = 0;               ///< scored by both: those after the first fit
  std::int64_t refits = 0, searches = 0;
  TreeSettings settings{};             ///< of the last fit
  std::vector<double> total_gain{}, mean_abs_shap{};  ///< of the last fit, by column; SHAP over its newest 256 rows
  /// Mean log-loss of the challenger less the online model's, and its standard error over rows: above 0 the online
  /// model is ahead.
  double loss_gap = 0, loss_gap_se = 0;
};

/// "random-forest" or "boosting".
std::string_view Name(TreeSettings::Kind kind);

/// The schedule: a refit after `every` labels, or 1 % of the labels so far where that is more, on all rows kept, while
/// fewer than 8 fits wait for labels of their exposures; a search for settings before the first fit and when
/// the rows have doubled since the last one.
struct ChallengeSchedule {
  std::uint32_t every = 1000, draws = 30;
  std::size_t rows_max = 200'000;      ///< the newest rows kept for fitting
  std::uint64_t seed = 1;
};

/// Challengers of one response model. A fit is valid for exposures made from the moment of its newest label on: labels
/// that come in days later never reach back. Before its first fit a challenger says nothing. One owner, not thread-safe.
class Challenge {
 public:
  /// REQUIRES: columns > 0, schedule.every > 0.
  Challenge(std::span<const TreeSettings::Kind> kinds, std::size_t columns, const ChallengeSchedule& schedule);

  /// A label became final at `known`; the exposure was made at `exposed`, when the online model said `p`; base_rate: what
  /// a model without features said. Labels come in order of `known`. Refits when due. kIo when the library fails.
  Status Add(EventTime exposed, EventTime known, std::span<const float> x, bool y, double p, double base_rate);
  /// Scores what is still pending; importances are those of the last fit.
  Status Finish();
  const std::vector<ChallengeStanding>& standings() const { return standings_; }
  std::size_t columns() const { return rows_.columns; }

 private:
  struct Pending {
    double online = 0, base_rate = 0;
  };
  struct Epoch {  // fits that hold for exposures from `from` on, and the rows that wait for them
    EventTime from = kNever;
    std::vector<TreeModel> models{};
    LabelledRows rows{};
    std::vector<Pending> said{};
    bool used = false;
  };
  Status Refit(EventTime now);
  Status ScorePending(Epoch& epoch);
  Status Explain(const TreeModel& model, ChallengeStanding& standing) const;

  ChallengeSchedule schedule_;
  std::vector<ChallengeStanding> standings_{};
  std::vector<double> gap_sum_{}, gap_squares_{};
  LabelledRows rows_{};
  std::deque<Epoch> epochs_{};
  std::int64_t labels_ = 0, searched_at_ = 0, refitted_at_ = 0;
};

}  // namespace offerstream
