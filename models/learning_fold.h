// The learning fold: the owner of the models of one observations partition. Pure: observation in, models changed;
// frozen views and complete snapshots out.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/domain/campaign_plan.h"
#include "models/domain/observation.h"
#include "models/domain/status.h"
#include "models/model_view.h"

namespace offerstream {

class Segmenter;

/// One model as published: exactly one of the views is set.
struct PublishedModel {
  IdHash model = 0;
  std::string id{};                 ///< "offer/outcome", "caps", "segments", "lift", "lift/campaign", "budget/id", "preferences", "churn", "items"
  std::uint64_t version = 0;      ///< next observations offset: the snapshot contains every observation below it
  std::shared_ptr<const ResponseView> response{};
  std::shared_ptr<const CapView> caps{};
  std::shared_ptr<const SegmentView> segments{};
  std::shared_ptr<const LiftView> lift{};
  std::shared_ptr<const BudgetView> budget{};
  std::shared_ptr<const PreferenceView> preferences{};
  std::shared_ptr<const ChurnView> churn{};
  std::shared_ptr<const ItemsView> items{};
};

/// What the operator sees of a model (metrics, API).
struct ModelReport {
  std::string id{};
  std::uint64_t version = 0;
  std::int64_t observations = 0, labels = 0, positives = 0, rejected = 0, drift_alarms = 0;
  double log_loss_ratio = 0;      ///< decayed log-loss over that of the base rate
  double calibration_ratio = 0;   ///< mean prediction / mean outcome
  double auc = 0;
  double pace = 1;                ///< half-lives served are the configured ones divided by this
  std::int64_t lead_changes = 0;  ///< of the race: how often another pace was served from then on
  std::uint64_t coefficient_hash = 0;
  struct Driver {
    std::string feature{};
    double coefficient = 0, odds_ratio = 0, low = 0, high = 0, z = 0;
  };
  std::vector<Driver> drivers{};
};

/// Applies observations in log order. K folds over disjoint models equal one fold over all: models never look at each
/// other. No clock: event time comes with the observations. One owner, not thread-safe; movable.
class LearningFold {
 public:
  explicit LearningFold(std::shared_ptr<const CampaignPlan> plan);
  ~LearningFold();
  LearningFold(LearningFold&&) noexcept;
  LearningFold& operator=(LearningFold&&) noexcept;

  /// A new plan from the log (control record): new offers get models on first observation; learned state survives as
  /// long as the feature schema's epoch is the same, else it is carried over by feature name (new features get their
  /// prior block, dropped ones are marginalised).
  void Configure(std::shared_ptr<const CampaignPlan> plan);

  /// Applies one observation. `x` are its features (Interval, Mature), or the prior (Birth). Non-finite input or a
  /// dimension that does not fit is refused and counted (ModelReport.rejected). O(d^2).
  void Apply(const Observation& row, std::span<const float> x, std::uint64_t offset);

  /// Models changed since the last call, frozen at `version` (the next observations offset), ordered by model id. One that is
  /// large and has changed little is held back (PlainLearner::Due), unless `all` or for kHeldMost offsets already.
  std::vector<PublishedModel> Publish(std::uint64_t version, bool all = false);
  /// No observation at or above this offset has to be kept for models held back; UINT64_MAX: none is. A log read again from
  /// here, over what was published, gives every model.
  std::uint64_t HeldFrom() const;
  static constexpr std::uint64_t kHeldMost = 20'000;
  /// Every model, as Publish; does not touch the changed marks.
  std::vector<PublishedModel> All(std::uint64_t version) const;

  /// The complete snapshot of one model, from which a fold continues bit for bit. REQUIRES: the model exists.
  void Save(IdHash model, std::string& out) const;
  /// Takes over a saved model (id as in PublishedModel). kCorrupt or kFormatTooNew on damage; kNotFound when the plan has
  /// no place for it any more (segments were taken out): pass over it. On any error nothing changed.
  Status Restore(std::string_view id, std::uint64_t version, std::string_view bytes);
  /// The view inside a saved model, for decision folds that only adopt; errors as Restore.
  static Result<PublishedModel> Read(const CampaignPlan& plan, std::string_view id, std::uint64_t version,
                                     std::string_view bytes);

  /// Version of a model: observations below it are contained; 0 when unknown. Apply passes over what a restored
  /// snapshot contains; several observations may share one offset (they came in one record).
  std::uint64_t VersionOf(IdHash model) const;
  std::vector<ModelReport> Reports() const;
  /// The owner of the segments, for diagnoses; null when they live in another fold or nothing moved yet.
  const Segmenter* SegmentOwner() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace offerstream
