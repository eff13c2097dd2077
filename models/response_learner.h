// Everything one response model (offer/outcome) consists of, and what each kind of observation teaches.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/domain/campaign_plan.h"
#include "models/domain/observation.h"
#include "models/domain/status.h"
#include "models/evaluating/progressive_score.h"
#include "models/learning/delay_curve.h"
#include "models/learning/drift_detector.h"
#include "models/learning/model_race.h"
#include "models/learning/response_model.h"
#include "models/model_view.h"

namespace offerstream {

/// The meaning of each coefficient: what a model carries from one feature schema to the next. Immutable, shared.
struct FeatureFrame {
  struct Feature {
    std::string name{};
    double centre = 0, scale = 1;
    FeatureSet set = kPlainFeatures;   ///< who sees it
    std::uint8_t cross = 0;            ///< of a cross's cell: which
    friend bool operator==(const Feature&, const Feature&) = default;
  };
  std::uint32_t epoch = 0;
  std::vector<Feature> features{};

  /// The frame of a plan's schema; a scale of 0 counts as 1.
  static std::shared_ptr<const FeatureFrame> Of(const FeatureSchema& schema);
  /// Appends the complete state.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  static std::shared_ptr<const FeatureFrame> Restore(ByteReader& in, int format);
  /// Who sees which feature.
  FeatureGroups Groups() const;
  /// How coefficients of `old` become those of this frame; `means` are the mean features under `old`.
  SchemaChange From(const FeatureFrame& old, std::span<const double> means) const;
  friend bool operator==(const FeatureFrame&, const FeatureFrame&) = default;
};

/// Serving head (a race of variants with their calibrators: learns early labels, scores), mature head (closed windows;
/// drivers and intervals), delay curve, drift detector, slow base rate, feature means, progressive score. One owner, not
/// thread-safe.
class ResponseLearner {
 public:
  ResponseLearner(std::shared_ptr<const FeatureFrame> frame, const HalfLives& half_lives, Duration window,
                  RaceSpec race = {});

  /// Applies an Interval, Mature or Birth row. False: refused (dimension, non-finite or unfit values) and counted.
  bool Apply(const Observation& row, std::span<const float> x);
  /// A new plan: half-lives, window, what races (null: as before), and the feature schema when it changed.
  void Configure(std::shared_ptr<const FeatureFrame> frame, const HalfLives& half_lives, Duration window, const RaceSpec* race);

  /// What the serving head says now: logit before calibration. O(d^2).
  ResponseModel::Prediction Predict(std::span<const float> x) const { return race_.Predict(x); }
  const Calibrator& calibrator() const { return race_.calibrator(); }
  const ResponseModel& serving() const { return race_.served(); }
  const ModelRace& race() const { return race_; }
  /// Sees the plain features alone: their coefficients are the drivers.
  const ResponseModel& mature() const { return mature_; }
  const ProgressiveScore& score() const { return score_; }
  const DelayCurve& delay() const { return delay_; }
  const DriftDetector& detector() const { return detector_; }
  std::int64_t rejected() const { return rejected_; }
  void CountRejected() { ++rejected_; }

  /// Frozen for scoring; `model` and `version` are the caller's to set. O(d^2), allocates.
  ResponseView View() const;
  /// Counts, quality and drivers (mature head: odds ratio per unit of the feature, 95 %).
  struct Driver {
    std::string feature{};
    double coefficient = 0, standard_error = 0;
  };
  std::vector<Driver> Drivers() const;
  std::int64_t observations() const { return observations_; }
  /// Digest of the serving coefficients' bits.
  std::uint64_t CoefficientHash() const;

  /// What a view needs comes first, so that readers who only adopt stop there.
  /// Appends the complete state.
  void Save(ByteWriter& out) const;
  enum class Part { kWhole, kView };
  /// kView: good for View() only. Fails with kCorrupt; lengths in the bytes are never trusted.
  /// `format`: version of the saved model (README, "Saved models").
  static Result<ResponseLearner> Restore(ByteReader& in, Part part, int format = kFormat);
  static constexpr int kFormat = 3;

 private:
  bool LearnInterval(const Observation& row, std::span<const float> x);
  bool LearnMature(const Observation& row, std::span<const float> x);
  bool TakeBirth(const Observation& row, std::span<const float> prior);
  void Advance(EventTime time);
  bool Fit(std::span<const float> x) const { return !x.empty() && x.size() == frame_->features.size(); }
  std::span<const float> Plain(std::span<const float> x);

  std::shared_ptr<const FeatureFrame> frame_;
  HalfLives half_lives_;
  ModelRace race_;
  ResponseModel mature_;
  std::vector<std::uint16_t> plain_{};   // positions of the plain features; empty: all
  DelayCurve delay_;
  DriftDetector detector_;
  ProgressiveScore score_;
  std::vector<double> feature_mean_;
  double base_rate_;
  bool born_ = false;                  // took a Birth row
  std::int64_t clock_hour_ = -1;       // largest event time seen, whole hours; -1: none yet
  std::int64_t fast_labels_ = 0;       // labels left of the faster forgetting after an alarm
  std::int64_t observations_ = 0, means_seen_ = 0, rejected_ = 0;
  std::int64_t positives_ = 0;         // interval labels that were
  std::vector<float> seen_{};          // scratch
};

}  // namespace offerstream
