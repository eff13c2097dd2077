// How fast to forget is not a constant of nature: the same model with several half-lives learns the same labels, and the
// one that predicts best is served.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/domain/bytes.h"
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

/// Variants of one response model on a ladder of paces: half-lives divided by the pace. Three take part: the leader, one
/// four times as fast and one four times as slow. Each keeps its own calibrator and its decayed log-loss, predicted before
/// it learns. Another leads when its loss is lower by kLead for kPatience labels; then the two that are not next to it
/// on the ladder start anew from its coefficients. So any pace between 1/64 and 64 can be reached, and what is served
/// never jumps by more than one step. With one variant (race: false) this is the plain model. Deterministic, no draws. One
/// owner, not thread-safe. (README, "Race")
class ModelRace {
 public:
  static constexpr double kStep = 4, kPaceMax = 64;
  static constexpr double kLead = 3;
  static constexpr std::int64_t kPatience = 1'000;
  /// Loss memory in labels: differences of 1 % need thousands.
  static constexpr double kMemory = 5'000;
  /// Larger models do not race: four covariances (a mature head among them) have to fit into one record of 900 kB.
  static constexpr std::size_t kDimensionMax = 224;
  /// Early labels, as weight in the calibrators.
  static constexpr double kEarlyLabelWeight = 0.2;

  ModelRace(std::size_t dimension, bool race);

  /// The served variant.
  const ResponseModel& served() const { return variants_.front().model; }
  const Calibrator& calibrator() const { return variants_.front().calibrator; }
  /// Half-lives of the served variant are the configured ones divided by this.
  double pace() const { return variants_.front().pace; }
  std::size_t variants() const { return variants_.size(); }
  /// How often another variant took the lead.
  std::int64_t changes() const { return changes_; }

  /// One label for all; returns the served variant's calibrated logit of it, before it was learned.
  double Learn(std::span<const float> x, double y, const LabelInterval& interval);
  /// A matured label of a logit that was served `late` after its decision (late labels only).
  void LearnMature(double served_logit, double y, double weight) {
    variants_.front().calibrator.Learn(served_logit, y, weight);
  }
  /// Event time passes.
  void Drift(double hours, const HalfLives& half_lives);
  void Birth(std::span<const float> mean, std::span<const float> variance);
  void SetPriorLevel(double logit);
  /// After a drift alarm.
  void Widen(double level, double slopes);
  /// Checks every covariance (due every 10^4 updates): how many had to be mended.
  int CheckSound();
  void Reshape(const SchemaChange& change);
  /// Turns the race on or off; off keeps the leader.
  void Configure(bool race);

  /// What serving needs, then the rest: Save in this order with anything between.
  void SaveServed(ByteWriter& out) const;
  void SaveOthers(ByteWriter& out) const;
  /// Fails the reader on damage.
  static ModelRace RestoreServed(std::size_t dimension, ByteReader& in);
  void RestoreOthers(ByteReader& in);

 private:
  struct Variant {
    ResponseModel model;
    Calibrator calibrator{};
    double pace = 1, loss = 0;
    std::int64_t ahead = 0;   // labels for which it has led the served one by kLead
  };
  void Spawn();
  void Promote(std::size_t k);
  bool Has(double pace) const;

  std::vector<Variant> variants_;   // the served one first; the others by pace
  std::int64_t changes_ = 0;
};

}  // namespace offerstream
