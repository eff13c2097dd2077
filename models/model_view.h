// What decision folds see of the models: frozen views, made by the learning fold, adopted between transactions.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
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
    /// By outcome of the plan: what the curve adds to a customer's own logit at its first impression.
    std::array<double, 4> shift{};
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
  /// Id of the segment that has the slot now, 0: none. Slots are the features' affair; people are told ids.
  std::uint32_t InSlot(std::size_t slot) const;
};

/// An effect treated - control with its 95 % interval for one look; relative figures are NaN when they have no end.
struct LiftEffect {
  bool known = false;                          ///< both arms have customers
  double treated = 0, control = 0;             ///< (adjusted) means
  double difference = 0, standard_error = 0, low = 0, high = 0;
  double relative = kUnknown, relative_low = kUnknown, relative_high = kUnknown;  ///< treated / control - 1, Fieller
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
};

/// What an experiment measures on a customer within the horizon. Values are stored.
enum class LiftMeasure : std::uint8_t { kVisit = 0, kConversion = 1, kRevenue = 2 };
inline constexpr std::size_t kLiftMeasures = 3;

/// One measure of one experiment.
struct LiftOutcome {
  LiftEffect plain{}, adjusted{};              ///< as counted; with the spend before taken out (CUPED)
  double theta = 0;                            ///< of the adjustment
  bool watched = false;                        ///< enough seen for the next three
  double anytime_low = 0, anytime_high = 0;    ///< around the adjusted effect; hold whenever one looks
  double log_evidence = 0;                     ///< ln of the e-value against "no effect"
};

/// What may be said of an experiment.
enum class LiftVerdict : std::uint8_t { kNothingYet, kUndecided, kHelps, kHarms, kBrokenSplit };
std::string_view Name(LiftVerdict verdict);

/// One experiment (the whole programme, or a campaign): arms' counts, effects of policy against holdout by intention to
/// treat, and whether the split was kept.
struct LiftView {
  std::uint64_t version = 0;
  struct Arm {
    std::int64_t customers = 0, converted = 0;
    double revenue = 0;
    std::int64_t visited = 0;
    double cost = 0;                           ///< of reaching them within the horizon
    double planned = 0;                        ///< planned share of the last allocation epoch; 0 unknown
  };
  std::array<Arm, 3> arms{};                   ///< by Arm: policy, holdout, random
  double lift = 0, low = 0, high = 0;        ///< difference of conversion rates policy - holdout, one look
  std::array<LiftOutcome, kLiftMeasures> measures{};
  double sample_ratio_p = 1;                   ///< of the split policy : holdout; below 1e-3: no verdict
  LiftVerdict verdict = LiftVerdict::kNothingYet;  ///< on revenue when any was seen, else on conversion
  double cost = 0;                             ///< of the policy arm's impressions, and what was told as campaign cost
  bool roi_known = false;
  double incremental_roi = 0, roi_low = 0, roi_high = 0;  ///< (revenue caused x margin - cost) / cost, interval of the effect
  struct Offer {
    IdHash offer = 0;
    LiftEffect conversion{};                   ///< on the offer's product
  };
  std::vector<Offer> offers{};                 ///< of the campaign, those with a product
};

/// A budget: its price, and what was granted to whom.
struct BudgetView {
  std::uint64_t version = 0;
  bool priced = false;                         ///< the market is known well enough for a price
  double price = 0;                            ///< mu: what a unit of money must earn
  Micros amount = 0;                           ///< of a period
  struct Period {
    EventTime begin = kNever;
    Micros spent = 0;                          ///< as told
    std::map<std::uint32_t, Micros> granted{}; ///< in all, by holder; never falls
  };
  std::vector<Period> periods{};               ///< the last few, by begin
  /// Null when the owner does not (or no longer) know the period.
  const Period* Find(EventTime begin) const;
};

/// What customers turn to: shares of product categories.
struct PreferenceView {
  std::uint64_t version = 0;
  struct Segment {
    std::uint32_t segment = 0;                 ///< stable id; 0: everybody
    double weight = 0;                         ///< decayed sum of actions' weights
    std::vector<std::pair<IdHash, double>> shares{};  ///< by category, falling; they add up to 1
  };
  std::vector<Segment> segments{};             ///< ordered by segment; everybody first
};

/// Who buys again: what is said of a customer at its turn, how good that was, and what is at risk.
struct ChurnView {
  std::uint64_t version = 0;
  std::vector<double> mean{}, covariance{};    ///< of ChurnModel's coefficients; row-major
  std::int64_t labels = 0, bought = 0;         ///< looks whose horizon is over; those of customers who bought
  double auc = 0.5, log_loss_ratio = 1, calibration_ratio = 1;  ///< of what was said at the looks
  struct Segment {
    std::uint32_t segment = 0;                 ///< stable id; 0: everybody
    std::int64_t customers = 0;                ///< looked at within the last turn (28 d)
    double leave = 0;                          ///< mean P(does not buy within the horizon)
    double spend = 0, at_risk = 0;             ///< what they spend a year; sum of P(does not buy) times it; major units
  };
  std::vector<Segment> segments{};             ///< ordered by segment; everybody first
};

/// What is bought together.
struct ItemsView {
  std::uint64_t version = 0;
  struct Similar {
    IdHash item = 0;
    double similarity = 0, together = 0;       ///< together: decayed number of customers with both
  };
  struct Item {
    IdHash item = 0;
    double bought = 0;                         ///< decayed number of customers who bought it
    std::vector<Similar> similar{};            ///< falling
  };
  std::vector<Item> items{};                   ///< ordered by item
  std::int64_t purchases = 0, refused = 0;     ///< refused: of items there was no room for
  /// Null when nothing is known of the item. O(log items).
  const Item* Find(IdHash item) const;
};

/// The views a decision fold uses now; missing ones are null. Immutable once adopted; shared between threads.
struct AdoptedModels {
  std::vector<std::shared_ptr<const ResponseView>> responses{};  ///< by ModelIndex of the plan
  std::shared_ptr<const CapView> caps{};
  std::shared_ptr<const SegmentView> segments{};
  std::map<IdHash, std::shared_ptr<const BudgetView>> budgets{};  ///< by BudgetSpec::model
  std::shared_ptr<const LiftView> lift{};                        ///< of the whole programme
  /// By CampaignSpec::lift_model; for display alone: nothing is decided by them and no version is accounted.
  std::map<IdHash, std::shared_ptr<const LiftView>> campaign_lifts{};
  std::shared_ptr<const PreferenceView> preferences{};           ///< for display alone, too
  std::shared_ptr<const ChurnView> churn{};
  std::shared_ptr<const ItemsView> items{};                      ///< for display alone
};

}  // namespace offerstream
