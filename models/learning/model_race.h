// How fast to forget, how much to believe and which features to see are no constants of nature: variants of the same model
// learn the same labels, and the one that predicts best is served.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "models/domain/bytes.h"
#include "models/domain/campaign_plan.h"
#include "models/learning/calibrator.h"
#include "models/learning/response_model.h"

namespace offerstream {

/// What an observation's label is a label of: the whole outcome, or one interval of its window.
struct LabelInterval {
  double log_share = 0;    ///< ln of the share of conversions that fall into it (DelayCurve::Offset)
  double before_end = 0;   ///< F at its end
  bool late = false;       ///< false: the label was known at once; the others are unused
  /// Logits from the outcome's probability to the interval's, for those that have not converted before. Of them
  /// p f/(1 - p F(from)) convert in it: as odds p/(1-p) times f (1-p)/(1 - p F(to)).
  double Offset(double logit) const;
};

/// Which set each feature belongs to, by position; of a cross's cell also which cross.
struct FeatureGroups {
  std::vector<FeatureSet> set{};
  std::vector<std::uint8_t> cross{};

  FeatureGroups() = default;
  /// Plain features only.
  explicit FeatureGroups(std::size_t dimension) : set(dimension, kPlainFeatures), cross(dimension, 0) {}
  std::size_t size() const { return set.size(); }
  /// Positions of the plain features and of those in `sets`, of crosses only the ones in `admitted` (bits). Empty: all.
  std::vector<std::uint16_t> Used(FeatureSet sets, std::uint8_t admitted) const;
  /// Such a list written out.
  std::vector<std::uint16_t> Listed(const std::vector<std::uint16_t>& used) const;
  /// How many positions it stands for.
  std::size_t Count(const std::vector<std::uint16_t>& used) const { return used.empty() ? size() : used.size(); }
};

/// Variants of one response model. The leader is served; beside it learn its neighbours: half-lives divided by a pace four
/// times as high and as low, prior variances of slopes one step wider and narrower, other sets of features; each as far as
/// the plan wants it and a record holds it. Each keeps its own calibrator and its decayed log-loss, predicted before it
/// learns. Another leads when its loss is lower by kLead for kPatience labels; then those that are not its neighbours start
/// anew from it, while other sets of features keep what they learned. Every kRestart labels the worst of the paces tries
/// one between instead. Crosses are screened: a pair takes part once the leader's errors differ between its cells. Without a
/// race this is the plain model. Deterministic, no draws. One owner, not thread-safe. (README, "Race")
class ModelRace {
 public:
  static constexpr double kStep = 4, kPaceMax = 64;
  /// Factors on the prior variance of slopes: .03, .1, .3.
  static constexpr std::array<double, 3> kWidths = {.3, 1, 3};
  static constexpr double kLead = 3;
  static constexpr std::int64_t kPatience = 1'000, kRestart = 50'000;
  /// Loss memory in labels: differences of 1 % need thousands.
  static constexpr double kMemory = 5'000;
  /// Larger models do not race: four covariances (a mature head among them) have to fit into one record of 900 kB.
  static constexpr std::size_t kDimensionMax = 224;
  /// Early labels, as weight in the calibrators.
  static constexpr double kEarlyLabelWeight = 0.2;
  /// Chi-square over a cross's 16 cells at which it takes part.
  static constexpr double kAdmit = 60;

  ModelRace(FeatureGroups groups, RaceSpec spec);
  /// Plain features.
  ModelRace(std::size_t dimension, RaceSpec spec) : ModelRace(FeatureGroups(dimension), std::move(spec)) {}

  /// The leading variant. Its dimension is that of the features it sees.
  const ResponseModel& served() const { return variants_.front().model; }
  /// What is served says, before calibration. O(d^2), pooled: times the variants.
  ResponseModel::Prediction Predict(std::span<const float> x) const;
  const Calibrator& calibrator() const { return spec_.pool ? pool_calibrator_ : variants_.front().calibrator; }
  /// What is served as one model over all features: those it does not see have mean and variance 0.
  void Write(std::vector<double>& mean, std::vector<float>& covariance) const;
  /// Half-lives of the leader are the configured ones divided by this; its slopes' prior variance the configured one times
  /// `width()`; `features()` is what it sees.
  double pace() const { return variants_.front().pace; }
  double width() const { return variants_.front().width; }
  FeatureSet features() const { return variants_.front().features; }
  std::size_t variants() const { return variants_.size(); }
  /// How often another variant took the lead.
  std::int64_t changes() const { return changes_; }
  /// Crosses that take part, as bits.
  std::uint8_t admitted() const { return admitted_; }

  /// One label for all; returns the served calibrated logit of it, before it was learned.
  double Learn(std::span<const float> x, double y, const LabelInterval& interval);
  /// A matured label of a logit that was served `late` after its decision (late labels only).
  void LearnMature(double served_logit, double y, double weight) {
    (spec_.pool ? pool_calibrator_ : variants_.front().calibrator).Learn(served_logit, y, weight);
  }
  /// Event time passes.
  void Drift(double hours, const HalfLives& half_lives);
  void Birth(std::span<const float> mean, std::span<const float> variance);
  void SetPriorLevel(double logit);
  /// After a drift alarm.
  void Widen(double level, double slopes);
  /// Checks every covariance (due every 10^4 updates): how many had to be mended.
  int CheckSound();
  /// Another feature schema; `groups` is the new one's.
  void Reshape(const SchemaChange& change, FeatureGroups groups);
  /// What races from now on. The leader stays, as far as its features are still wanted. `means` of the features.
  void Configure(const RaceSpec& spec, std::span<const double> means);

  /// What serving needs, then the rest: Save in this order with anything between.
  void SaveServed(ByteWriter& out) const;
  void SaveOthers(ByteWriter& out) const;
  /// Fails the reader on damage. `format`: as ResponseLearner::Restore has it.
  static ModelRace RestoreServed(FeatureGroups groups, ByteReader& in, int format);
  void RestoreOthers(ByteReader& in, int format);

 private:
  struct Variant {
    ResponseModel model;
    Calibrator calibrator{};
    double pace = 1, width = 1, loss = 0;
    std::int64_t ahead = 0;   // labels for which it has led the served one by kLead
    FeatureSet features = kPlainFeatures;
    std::vector<std::uint16_t> used{};   // positions it sees; empty: all
  };
  struct Place {
    double pace = 1, width = 1;
    FeatureSet features = kPlainFeatures;
  };
  std::vector<Place> Neighbours() const;
  const Variant* Find(const Place& place) const;
  bool Fits(std::size_t more) const;
  std::size_t BytesOf(FeatureSet features) const;
  ResponseModel::Prediction Pooled(std::span<const ResponseModel::Prediction> said) const;
  Variant Copy(const Place& place) const;
  void Spawn();
  void Promote(std::size_t k);
  void TryBetween();
  void Screen(std::span<const float> x, double error, double information);
  void Admit();
  void See(Variant& variant, FeatureSet features, std::span<const double> means) const;
  std::span<const float> Seen(const Variant& variant, std::span<const float> x) const;
  void Weigh() const;
  void SaveRest(ByteWriter& out) const;
  void RestoreRest(ByteReader& in, int format);
  void SaveVariant(const Variant& variant, ByteWriter& out) const;
  void RestoreVariant(Variant& variant, ByteReader& in, int format) const;

  FeatureGroups groups_;
  RaceSpec spec_;
  std::vector<Variant> variants_;   // the served one first; the others by features, width and pace
  Calibrator pool_calibrator_{};
  std::int64_t changes_ = 0, labels_ = 0, restarts_ = 0;
  std::uint8_t admitted_ = 0;
  std::vector<double> error_, information_;   // of the served logit, by feature: cells of crosses alone
  std::vector<ResponseModel::Prediction> before_{};   // scratch
  mutable std::vector<float> seen_{};
  mutable std::vector<double> weight_{};      // of the pool
};

}  // namespace offerstream
