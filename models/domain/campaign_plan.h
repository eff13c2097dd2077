// The campaign plan: everything the configuration says about what may be decided and how it is learned, resolved to
// dense indices. Made by consumers/config from the YAML text; a change of it is a new epoch.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/domain/ids.h"

namespace offerstream {

/// Named limits of a plan; the configuration refuses more.
inline constexpr std::size_t kChannelsMax = 16;
inline constexpr std::size_t kOffersMax = 1000;
inline constexpr std::size_t kOutcomesMax = 4;
inline constexpr std::size_t kAttributesMax = 256;
inline constexpr std::size_t kProductsMax = 64;
inline constexpr std::size_t kPlacementsMax = 8;
inline constexpr std::size_t kFeaturesMax = 256;
inline constexpr std::size_t kSegmentDimensionMax = 16;
inline constexpr std::size_t kCapMax = 50;
/// Campaigns whose effect is measured; what lies beyond is only part of the programme.
inline constexpr std::size_t kCampaignsMax = 63;
inline constexpr std::size_t kBudgetsMax = 64;
static_assert(kCampaignsMax < 64, "a bit each, and one for the programme");

/// What a customer-level or context attribute looks like.
enum class AttributeType : std::uint8_t { kNumber, kCategory, kBool };

/// A declared attribute: named by features, eligibility, ownership or consent.
struct AttributeSpec {
  std::string name{};
  IdHash hash = 0;
  AttributeType type = AttributeType::kNumber;
  double centre = 0, scale = 1;            ///< kNumber: feature = (value - centre) / scale
  std::vector<double> knots{};               ///< kNumber: where a curve may bend, ascending; empty: quantiles of a normal
  bool afterwards = false;                 ///< known only after the answer: no forecast may use it, reports say so
  std::vector<std::string> levels{};         ///< kCategory: one-hot levels in order; others fall to no level
  std::vector<IdHash> level_hashes{};
};

/// Customer-level numbers the fold keeps itself and features or segments may use. Stable numbers (segment epochs).
enum class ProfileNumber : std::uint8_t {
  kRecency,            ///< ln(1 + days since the last transaction or conversion); 365 days when never
  kFrequency,          ///< ln(1 + decayed number of conversions and transactions, half-life 90 d)
  kMonetary,           ///< ln(1 + decayed value in major units, half-life 90 d)
  kDeposits,           ///< ln(1 + decayed deposits in major units, half-life 30 d)
  kWithdrawals,        ///< ln(1 + decayed withdrawals in major units, half-life 30 d)
  kNetFlow,            ///< signed ln(1 + |deposits - withdrawals|), half-life 30 d
  kTenure,             ///< ln(1 + days since first seen)
  kProductsOwned,      ///< number of owned products
  kDaysSinceClick,     ///< ln(1 + days since the last click); 365 days when never
  kClickRate,          ///< (decayed clicks + 1) / (decayed impressions + 20) over all channels, half-life 30 d
  kEngagement,         ///< ln(1 + decayed engagement events, half-life 30 d)
  kImpressions,        ///< ln(1 + decayed impressions over all channels, half-life 7 d)
};
inline constexpr std::size_t kProfileNumbers = 12;

/// The configuration's word for it, e.g. "days_since_click".
std::string_view Name(ProfileNumber number);

/// One entry of x. The schema is the ordered list; its hash is the schema epoch's identity.
enum class FeatureKind : std::uint8_t {
  kBias,              ///< always 1, always first
  kAttributeNumber,   ///< (value - centre) / scale, 0 when missing
  kAttributeMissing,  ///< 1 when the attribute is missing
  kAttributeLevel,    ///< 1 when the attribute has this level (index `level`); kBool: level 0 means true
  kProfileNumber,     ///< (value - centre) / scale
  kOwnsProduct,       ///< 1 when product `index` is owned
  kSegmentSlot,       ///< 1 when the learned segment has slot `level`
  kAffinity,          ///< (share of category `index` among what the customer turned to - centre) / scale (affinity.h)
  kChurn,             ///< level 0: (P(does not buy) as said at the last look - centre) / scale, 0 before one; 1: never looked at
  kHourSin, kHourCos, ///< time of day (UTC) on the circle
  kWeekday,           ///< 1 on weekday `level` (0 = Monday)
  kCurve,             ///< part `level` of curve `index` of the schema: what a straight line misses
  kCell,              ///< 1 in cell `level` of cross `index` of the schema
  // Candidate features: they depend on the channel considered.
  kChannel,           ///< 1 when the channel is `index`
  kChannelClickRate,  ///< (decayed clicks + 1) / (decayed impressions + 20) on the channel, half-life 30 d, centred at .05, scale .1
  kImpressionOrdinal, ///< ln(n), n = ordinal of this impression in the channel's cap window
  kSegmentChannel,    ///< 1 when slot `level` and channel `index`
};

/// One feature of the schema.
struct FeatureSpec {
  FeatureKind kind = FeatureKind::kBias;
  std::uint16_t index = 0;   ///< attribute, profile number, product or channel
  std::uint16_t level = 0;
  double centre = 0, scale = 1;
  std::string name{};          ///< e.g. "job=retired", "days_since_click", "channel=push"
  bool ByCandidate() const { return kind >= FeatureKind::kChannel; }
};

/// A curve over feature `source`, as features [begin, begin + knots): linear between knots, which are values of that feature.
struct CurveSpec {
  std::uint16_t source = 0, begin = 0;
  std::vector<double> knots{};
};

/// Two features cut into quarters each, as 16 features of which one is 1; cuts are values of the features.
struct CrossSpec {
  static constexpr std::size_t kCuts = 3, kCells = 16;
  std::uint16_t first = 0, second = 0, begin = 0;
  std::array<double, kCuts> first_cuts{}, second_cuts{};
};
inline constexpr std::size_t kCrossesMax = 6;

/// The order is: customer-level features first (those made of others, curves and crosses, after them), candidate features
/// last (from `candidate_begin`).
struct FeatureSchema {
  std::uint32_t epoch = 0;             ///< H64 of the names, low 32 bits
  std::vector<FeatureSpec> features{};
  std::vector<CurveSpec> curves{};
  std::vector<CrossSpec> crosses{};
  std::size_t candidate_begin = 0;
  std::size_t size() const { return features.size(); }
};

/// A cap on impressions per customer and channel.
struct CapSpec {
  Duration window = 7 * 86'400'000LL;
  std::uint16_t start = 8;             ///< until a cap is learned
  std::uint16_t max = 20;              ///< hard maximum, wins over everything; <= kCapMax
  bool learn = true;
};

/// A way to reach a customer: what an impression costs there, its cap and its rest time.
struct ChannelSpec {
  std::string id{};
  IdHash hash = 0;
  double cost = 0;                     ///< major units an impression
  CapSpec cap{};
  Duration cooldown = 0;               ///< least time between two impressions on the channel
  double unsubscribe_value = 0;        ///< U: value of a reachable customer, major units
};

/// What a customer can own.
struct ProductSpec {
  std::string id{}, category{};
  IdHash hash = 0;
  CategoryIndex category_index{};      ///< filled by Index(); kNone without a category
};

/// A category of products; made by Index() in the order of the products.
struct CategorySpec {
  std::string id{};
  IdHash hash = 0;
};

/// A predicate over profile, attributes, segment and ownership; an expression tree in prefix order (see Eligibility).
struct Condition {
  enum class Op : std::uint8_t { kAll, kAny, kNot, kAttributeRange, kAttributeIn, kSegmentIn, kOwns, kTrue };
  Op op = Op::kTrue;
  std::uint16_t index = 0;             ///< attribute or product
  double min = -1e300, max = 1e300;    ///< kAttributeRange, inclusive; a missing attribute never matches
  std::vector<IdHash> values{};          ///< kAttributeIn: hashes of the texts (bool: "true"/"false")
  std::vector<std::string> texts{};      ///< the texts of `values`, for the plan text
  std::vector<std::uint32_t> segments{};
  std::vector<Condition> children{};
};

/// What can be offered: when, on which channels, to whom, and what reaching its goal is worth.
struct OfferSpec {
  std::string id{}, campaign_id{};
  IdHash hash = 0;
  ProductIndex product{};
  std::vector<ChannelIndex> channels{};
  double value = 0;                    ///< V: value of the goal, major units
  OutcomeIndex goal{};
  double lever = 1.0;                  ///< L in [0, 10]
  EventTime starts = kNever, ends = INT64_MAX;  ///< [starts, ends)
  bool repeatable = true;              ///< false: excluded (ownership) once the customer owns the product
  CampaignIndex campaign{};            ///< filled by Index(); kNone without one, or past kCampaignsMax
  BudgetIndex budget{};                ///< what its impressions are paid from; kNone: nothing to pay
  Condition eligible{};
};

/// What may follow an impression, within its window.
struct OutcomeSpec {
  std::string id{};
  Duration window = 7 * 86'400'000LL;  ///< W
  bool value_from_event = false;
};

/// How the offer is drawn once scores are known (models/README.md, "Exploration").
enum class ExplorePolicy : std::uint8_t { kInverseGap, kSquareCb, kEpsilonGreedy, kThompson, kGreedy };
/// The draw's parameters: shares of decisions for the lotteries, gamma of inverse gap, epsilon, and the seed.
struct ExploreSpec {
  ExplorePolicy policy = ExplorePolicy::kInverseGap;
  double kappa = 10, lottery = 0.01, cap_lottery = 0.1;
  double gamma0 = 100, epsilon = 0.05;
  std::uint64_t seed = 1;
};

/// Offers of one name, measured together; made by Index() in the order of the offers.
struct CampaignSpec {
  std::string id{};
  IdHash hash = 0, lift_model = 0;     ///< lift_model: H64("lift/" + id)
  std::vector<OfferIndex> offers{};
  EventTime starts = INT64_MAX, ends = kNever;  ///< around its offers' schedules
};

/// How fast a budget is spent.
enum class BudgetPace : std::uint8_t {
  kEven,   ///< over the whole period with the decisions as they come, each at the price that makes it last
  kAsap,   ///< no price: until it is gone
};

/// Money for impressions.
struct BudgetSpec {
  std::string id{};
  IdHash hash = 0, model = 0;          ///< model: H64("budget/" + id)
  double amount = 0;                   ///< major units a period; > 0
  Duration period = 30 * 86'400'000LL;
  EventTime starts = 0;                ///< begin of the first period; before it nothing may be spent
  BudgetPace pace = BudgetPace::kEven;

  /// Begin of the period that holds `at`; kNever before the first.
  EventTime PeriodAt(EventTime at) const { return at < starts ? kNever : at - (at - starts) % period; }
};

/// Rounded up, so that what is counted is never less than what is spent.
Micros MicrosOf(double major);

/// Shares of customers in the holdout and random arms, by salted hash.
struct ExperimentSpec {
  double holdout = 0.05, random = 0.01;
  std::string salt = "offerstream";
  Duration horizon = 28 * 86'400'000LL;  ///< lift outcome: converted within this after enrolment
  double margin = 1;                   ///< of revenue, for the incremental return
  double planned = 20'000;             ///< customers at which the any-time interval is tightest
  std::map<std::string, double> campaign_holdout{};  ///< a campaign's own holdout, of customers outside the programme's
};

/// Bits of kinds that trigger a decision: 1 << EventKind.
struct DecideSpec {
  std::uint32_t trigger_kinds = 0;
  Duration min_interval = 600'000;
  Duration valid_for = 6 * 3'600'000LL;
  double threshold = 0;
  std::vector<std::string> placements{};
};

/// What a variant of a response model sees beside the plain features: bits.
using FeatureSet = std::uint8_t;
inline constexpr FeatureSet kPlainFeatures = 0, kCurveFeatures = 1, kCrossFeatures = 2;

/// Which variants of a response model learn side by side (models/learning/README.md, "Race").
struct RaceSpec {
  bool half_lives = true;              ///< four times as fast and as slow as the served one
  bool variances = false;              ///< prior variances of slopes .03, .1, .3
  bool pool = false;                   ///< true: all are served, weighted by their losses; false: the best one
  std::vector<FeatureSet> features{kPlainFeatures};  ///< at least one, none twice; the race starts with the first

  /// One variant, of these features.
  static RaceSpec None(FeatureSet features = kPlainFeatures) { return {false, false, false, {features}}; }
  friend bool operator==(const RaceSpec&, const RaceSpec&) = default;
};

/// How fast the models forget and how often they are published.
struct LearningSpec {
  Duration level_half_life = 7 * 86'400'000LL, slope_half_life = 28 * 86'400'000LL;
  std::uint32_t snapshot_observations = 1000;
  Duration snapshot_every = 1000;
  RaceSpec race{};
  bool adopt = true;                   ///< false (adopt: never) freezes what decides
};

/// What counts as consent.
struct ConsentSpec {
  bool opt_in = false;                 ///< true: a channel without a given consent is excluded
  bool from_attributes = true;         ///< attribute consent_<channel> = true/false sets it
  std::vector<AttributeIndex> attributes{};  ///< by channel: its consent attribute; filled by Index()
};

/// What customers are clustered by.
struct SegmentSpec {
  std::vector<ProfileNumber> features{};
  std::vector<AttributeIndex> attributes{};   ///< of type number; they come after the profile's
  std::vector<double> centre{}, scale{};   ///< first standardisation epoch, of features, then attributes
  std::uint32_t k = 0;                 ///< 0: chosen by prediction strength
  Duration retell = Duration{28} * 86'400'000;  ///< a customer is told anew at least this often, silent or not
  /// Dimensions; 0 turns segments off.
  std::size_t size() const { return features.size() + attributes.size(); }
};

/// Who is looked at for signs of leaving, and what counts as coming back.
struct ChurnSpec {
  bool on = false;
  Duration horizon = Duration{91} * 86'400'000;         ///< bought within it after a look: not gone
  Duration inactive_after = Duration{730} * 86'400'000; ///< after that long without a purchase nobody looks any more
  std::uint32_t purchase_kinds = 0;                     ///< 1 << EventKind; deposits and withdrawals never count
  Duration look_every = Duration{28} * 86'400'000;      ///< at each who bought; fixed: sums over a turn are over customers
};

/// Whether it is learned what is bought together, and from what.
struct ItemSpec {
  bool on = false;
  std::uint32_t purchase_kinds = 0;                     ///< 1 << EventKind; of events that name a product
};

struct CampaignPlan;
/// What segments are made of, by dimension: profile numbers, then attributes.
std::vector<std::string> SegmentNames(const CampaignPlan& plan);

/// Immutable once built; shared by all folds. Tables are in configuration order; indices are positions in them.
struct CampaignPlan {
  std::uint32_t epoch = 1;
  std::uint64_t digest = 0;            ///< H64 of the canonical plan text
  std::string text{};                    ///< plan text (configuration without kafka, http, state, secrets), for control records
  std::string app_id = "offerstream", currency = "EUR";
  Duration lateness = 600'000;         ///< watermark = largest event time - lateness
  Duration dedup_horizon = 7 * 86'400'000LL;
  std::vector<ChannelSpec> channels{};
  std::vector<ProductSpec> products{};
  std::vector<CategorySpec> categories{};  ///< made by Index()
  bool affinity = false;               ///< customers' weights of categories are kept and learned from
  std::vector<OfferSpec> offers{};
  std::vector<BudgetSpec> budgets{};
  std::vector<CampaignSpec> campaigns{};  ///< made by Index()
  std::vector<OutcomeSpec> outcomes{};   ///< "click" and "conversion" are always there, in this order (indices 0, 1)
  std::vector<AttributeSpec> attributes{};
  FeatureSchema features{};
  SegmentSpec segments{};
  ChurnSpec churn{};
  ItemSpec items{};
  DecideSpec decide{};
  ExploreSpec explore{};
  ExperimentSpec experiment{};
  LearningSpec learning{};
  ConsentSpec consent{};
  bool compact_decisions = true;

  // Lookups by stored hash or text; built by Index() and used at decode and load, not per candidate.
  std::map<IdHash, OfferIndex> offer_by_hash{};
  std::map<IdHash, ChannelIndex> channel_by_hash{};
  std::map<IdHash, ProductIndex> product_by_hash{};
  std::map<IdHash, AttributeIndex> attribute_by_hash{};
  std::vector<IdHash> model_hashes{};    ///< by ModelIndex

  static constexpr std::size_t kClick = 0, kConversion = 1;

  /// Number of response models: offers x outcomes.
  std::size_t models() const { return offers.size() * outcomes.size(); }
  ModelIndex ModelOf(OfferIndex offer, OutcomeIndex outcome) const {
    return ModelIndex(std::size_t{offer.value} * outcomes.size() + outcome.value);
  }
  OfferIndex OfferOf(ModelIndex model) const { return OfferIndex(model.value / outcomes.size()); }
  OutcomeIndex OutcomeOf(ModelIndex model) const { return OutcomeIndex(model.value % outcomes.size()); }
  /// "offer/outcome".
  std::string ModelId(ModelIndex model) const;
  /// H64 of the model id; from the table once Index() was called.
  IdHash ModelHash(ModelIndex model) const;

  /// Fills hashes and lookup tables from ids; call once after building. With consent.from_attributes it also declares
  /// the attributes consent_<channel> (bool) that the plan does not declare itself.
  void Index();

 private:
  void IndexCategories();
  void IndexCampaigns();
};

}  // namespace offerstream
