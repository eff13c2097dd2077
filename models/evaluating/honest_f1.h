// F1, precision and recall of a threshold that was chosen before the labels it is judged by.
#pragma once

#include <cstdint>
#include <vector>

namespace offerstream {

/// The threshold of each moment is the one with the best expected F1 over the previous 5,000 predictions,
/// 2 sum_{p >= t} p / (#{p >= t} + sum p): no label is needed to choose it, only to judge it. Chosen anew every 250
/// predictions, first after 250. Undecayed counts. One owner. 20 ns a label, 20 kB.
class HonestF1 {
 public:
  /// What the chosen thresholds gave so far.
  struct Standing {
    double threshold = 0;                      ///< the one that holds now; 0 before the first
    std::int64_t judged = 0, shown = 0, hits = 0, positives = 0;
    double f1() const { return shown + positives > 0 ? 2.0 * static_cast<double>(hits) / static_cast<double>(shown + positives) : 0; }
    double precision() const { return shown > 0 ? static_cast<double>(hits) / static_cast<double>(shown) : 0; }
    double recall() const { return positives > 0 ? static_cast<double>(hits) / static_cast<double>(positives) : 0; }
  };

  HonestF1();
  /// p: said before the label was known. REQUIRES: p in [0, 1].
  void Add(double p, bool y);
  const Standing& standing() const { return standing_; }

 private:
  void Choose();

  Standing standing_{};
  std::uint32_t until_choice_ = 0;
  std::size_t next_ = 0;                  // oldest place of the ring once it is full
  std::vector<float> ring_{};
  std::vector<std::uint32_t> count_{};    // by bin of ProgressiveScore
};

}  // namespace offerstream
