// How good the predictions were, said before the label was known.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/domain/bytes.h"

namespace offerstream {

/// Decayed counts (half-life 20,000 labels, or none) of positives and negatives in 1,024 bins of the predicted logit in
/// [-10, 10], and sums of log-loss: AUC, ALIFT, F1, calibration. One owner, not thread-safe. 60 ns a label.
class ProgressiveScore {
 public:
  /// A threshold and what it gives; the best in hindsight, so optimistic.
  struct F1 {
    double threshold = 0, f1 = 0, precision = 0, recall = 0;
  };

  static constexpr std::size_t kBins = 1024;
  static constexpr double kHalfLifeLabels = 20'000;

  /// half_life: in labels; infinite: nothing is forgotten (studies of one file).
  explicit ProgressiveScore(double half_life = kHalfLifeLabels);

  /// The bin of a probability; its lower edge and its middle as probabilities.
  static std::size_t BinOf(double p);
  static double FloorOf(std::size_t bin);
  static double MiddleOf(std::size_t bin);

  /// p: what was said when the decision was made; y in {0, 1}; base_rate: what a model without features said.
  void Add(double p, bool y, double base_rate);

  std::int64_t labels() const { return labels_; }
  std::int64_t positives() const { return positives_; }
  /// Area under the ROC curve, ties within a bin count half; .5 while only one class was seen. O(bins).
  double Auc() const;
  /// Area under the cumulative lift curve: share / 2 + (1 - share) AUC.
  double Alift() const;
  F1 BestF1() const;
  /// An occupied bin: its lower edge and middle as probabilities, and the (decayed) labels in it.
  struct Bin {
    double floor = 0, middle = 0, positives = 0, negatives = 0;
  };
  /// From the highest prediction down: what gain, calibration and threshold curves are made of.
  std::vector<Bin> Bins() const;
  /// Mean log-loss (p within [1e-6, 1 - 1e-6]); 0 without labels.
  double LogLoss() const;
  /// Log-loss over that of the base rate; 1 without labels.
  double LogLossRatio() const;
  /// Mean prediction / mean outcome; 1 while no positive was seen.
  double Calibration() const;

  /// Occupied bins only.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  void Restore(ByteReader& in);

 private:
  void Rescale();

  // Instead of decaying every bin at every label, the weight of the next label grows.
  double growth_, weight_ = 1;
  std::array<double, kBins> positive_{}, negative_{};
  double loss_ = 0, base_loss_ = 0, predicted_ = 0, outcome_ = 0, total_ = 0;
  std::int64_t labels_ = 0, positives_ = 0;
};

}  // namespace offerstream
