// What decision folds see of the models: frozen views, made by the learning fold, adopted between transactions.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "models/domain/ids.h"

namespace offerstream {

/// Label interval cuts below an outcome's window W: {1 h, 6 h, 1 d, 3 d, 7 d, 14 d, 30 d} and then W itself.
inline constexpr std::array<Duration, 7> kLabelCuts = {3'600'000,   21'600'000,    86'400'000,   259'200'000,
                                                       604'800'000, 1'209'600'000, 2'592'000'000};
inline constexpr std::size_t kLabelCutsMax = kLabelCuts.size() + 1;

/// One response model (offer/outcome) as scored: calibrated probability = Logistic(a + b * moderated logit),
/// moderated logit = m.x / sqrt(1 + pi v / 8).
struct ResponseView {
  IdHash model = 0;
  std::uint64_t version = 0;            ///< next observations offset when published
  std::uint32_t schema_epoch = 0;
  std::vector<double> mean{};             ///< d posterior means (serving head)
  std::vector<float> covariance{};        ///< d x d, symmetric, row-major; rounded to float32 here and only here
  std::vector<double> feature_mean{};     ///< decayed mean of x, for explanations
  double calibration_a = 0, calibration_b = 1;
  double base_rate = 0.05;              ///< slow mature base rate
  double calibration_ratio = 1;         ///< mean prediction / mean outcome of mature labels (1 when unknown)
  std::int64_t labels = 0;              ///< mature labels learned
  /// F at each cut of kLabelCuts that lies below W, then 1 at W: share of conversions by that age.
  std::array<double, kLabelCutsMax> delay_share{};
  std::uint32_t cuts = 0;               ///< how many entries of delay_share are used
};

/// The impression curve of one segment x channel and the cap it yields.
struct CapCell {
  std::uint32_t segment = 0;
  ChannelIndex channel{};
  std::uint16_t limit = 0, low = 0, high = 0;  ///< learned cap and its interval; 0 limit = not learned yet
  std::int64_t impressions = 0;
  struct Point {
    std::uint16_t n = 0;
    double click_rate = 0, conversion_rate = 0, unsubscribe_rate = 0, net_value = 0, se = 0;
  };
  std::vector<Point> points{};            ///< n = 1..25
};

/// All cells; `version` as above. Cells ordered by (segment, channel).
struct CapView {
  std::uint64_t version = 0;
  std::vector<CapCell> cells{};
  /// The cell, or null when this segment x channel has never been seen. O(log cells).
  const CapCell* Find(std::uint32_t segment, ChannelIndex channel) const;
};

/// Segments as assigned: standardisation epoch, micro-clusters (for Move), macro-clusters (for the segment).
struct SegmentView {
  static constexpr std::size_t kSlots = 12;  ///< one-hot slots; a segment keeps its slot for life
  std::uint64_t version = 0;
  std::uint32_t epoch = 0;                   ///< standardisation epoch
  std::uint32_t dimension = 0;
  std::vector<double> centre{}, scale{}, low{}, high{};  ///< per raw feature; low/high: winsorising limits (raw units)
  struct Micro {
    std::uint64_t id = 0;
    double radius2 = 0;
    std::vector<double> centre{};              ///< in z
  };
  std::vector<Micro> micros{};                 ///< ordered by id
  struct Macro {
    std::uint32_t id = 0;                    ///< stable segment id, from 1
    std::uint8_t slot = 0;                   ///< 0..kSlots-1
    double share = 0;
    std::vector<double> centre{};              ///< in z
  };
  std::vector<Macro> macros{};                 ///< ordered by id; at least one once learned
};

/// Arms' counts and the lift between policy and holdout with its 95 % interval (absolute rates).
struct LiftView {
  std::uint64_t version = 0;
  struct Arm {
    std::int64_t customers = 0, converted = 0;
    double revenue = 0;
  };
  std::array<Arm, 3> arms{};                   ///< by Arm: policy, holdout, random
  double lift = 0, low = 0, high = 0;        ///< difference of conversion rates policy - holdout
};

/// The views a decision fold uses now; missing ones are null. Immutable once adopted; shared between threads.
struct AdoptedModels {
  std::vector<std::shared_ptr<const ResponseView>> responses{};  ///< by ModelIndex of the plan
  std::shared_ptr<const CapView> caps{};
  std::shared_ptr<const SegmentView> segments{};
  std::shared_ptr<const LiftView> lift{};
};

}  // namespace offerstream
