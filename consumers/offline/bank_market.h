// The planted world of the simulator: a bank's customers in four segments, what they answer, and how many impressions
// are too many for them. Knows the truth; emits nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "models/domain/ids.h"

namespace offerstream {

/// Sizes of the planted world.
inline constexpr std::size_t kBankSegments = 4;
inline constexpr std::size_t kBankChannels = 4;
inline constexpr std::size_t kBankOffers = 6;
/// Cap windows of the planted world: impressions of the last seven days count.
inline constexpr Duration kBankCapWindow = 7 * 86'400'000LL;

/// How a planted segment behaves and what its people are like.
struct BankSegment {
  std::string_view id;
  double share;                       ///< of all customers
  double payments_per_week, payment;  ///< withdrawals: how often, typical amount in major units
  double deposits_per_week, deposit;
  double age, age_sd;
  std::array<double, 6> jobs;  ///< shares of kBankJobs
};

/// Price list of a channel: what the planted caps are the optimum of. deploy/demo/offerstream.yaml says the same.
struct BankChannel {
  std::string_view id;
  double cost;               ///< major units an impression
  double unsubscribe_value;  ///< U, major units
  double unsubscribe_level;  ///< a0 of logit u_n = a0 + b0 (n-1)
};

/// One of the bank's offers.
struct BankOffer {
  std::string_view id, campaign, product;
};

extern const std::array<BankSegment, kBankSegments> kBankSegmentTable;
extern const std::array<BankChannel, kBankChannels> kBankChannelTable;
extern const std::array<BankOffer, kBankOffers> kBankOfferTable;
extern const std::array<std::string_view, 6> kBankJobs;
/// Value of every offer's goal, major units.
inline constexpr double kBankGoalValue = 40.0;

/// One simulated customer: a pure function of seed and index.
struct BankCustomer {
  std::string id{};
  IdHash hash = 0;
  std::uint8_t segment = 0;
  std::uint8_t job = 0;
  std::uint8_t age = 0;
  float affinity = 0;       ///< g in logits: raises responses, visits and (confounding) the bank's own impressions
  float amount_factor = 1;  ///< times the segment's typical amounts
};

/// The truth. Logits of the goal: o + offer effect + g + f(n) with f(n) = a ln n + b max(0, ln(n/6)); the level o of
/// each segment x channel is solved so that Net(n) = V E[p_n] - c - U u_n changes sign half-way between the planted cap
/// and the next impression, for a policy that shows the segment's favourite offer two times in three. Immutable; all
/// functions are pure and thread-safe.
class BankMarket {
 public:
  /// `drift_at`: from then on tastes turn (each segment's favourite is another offer) and the level falls by 0.3;
  /// INT64_MAX: never.
  explicit BankMarket(std::uint64_t seed, EventTime drift_at = INT64_MAX);

  /// Customer number `index`; ids are "c" and seven digits.
  BankCustomer Customer(std::size_t index) const;

  /// Probability that the n-th impression (n >= 1) in the window leads to the offer's goal. Exact, O(1).
  double Response(const BankCustomer& customer, std::size_t offer, std::size_t channel, unsigned n, EventTime at) const;
  /// Probability of a click; never below Response (who converts has clicked).
  double Click(const BankCustomer& customer, std::size_t offer, std::size_t channel, unsigned n, EventTime at) const;
  /// Probability that the n-th impression makes the customer leave the channel.
  double Unsubscribe(std::size_t channel, unsigned n) const;

  /// False for the cells that answer nothing: one segment all digital channels, one segment one channel.
  static bool Answers(std::size_t segment, std::size_t channel);
  /// The planted cap: the last n whose impression is worth more than it costs; 0 where nobody answers.
  static unsigned PlantedCap(std::size_t segment, std::size_t channel);
  /// V E[p_n] - c - U u_n, averaged over the segment's affinities, the favourite offer two times in three, before any
  /// drift.
  double PlantedNet(std::size_t segment, std::size_t channel, unsigned n) const;
  /// Logit effect of an offer for a segment: 0 for the favourite.
  double OfferEffect(std::size_t segment, std::size_t offer, EventTime at) const;

  /// The whole truth as one JSON object (simulate --truth).
  std::string TruthJson() const;

  std::uint64_t seed() const { return seed_; }

 private:
  double Logit(const BankCustomer& customer, std::size_t offer, std::size_t channel, unsigned n, EventTime at) const;
  double MeanResponse(double level, unsigned n) const;

  std::uint64_t seed_;
  EventTime drift_at_;
  std::array<std::array<double, kBankChannels>, kBankSegments> level_{};
};

}  // namespace offerstream
