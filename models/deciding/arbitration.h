// How good and how sure: all candidates of a decision at once, score_a = P_a V_a L_a - price c_a - U u_n.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "models/deciding/feature_row.h"
#include "models/deciding/score_table.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/decision.h"

namespace offerstream {

/// Candidates whose variance is exact; the others have the diagonal's.
inline constexpr std::size_t kExact = 4;

/// Scores the candidates of one customer: the customer's part of every logit once for all offers, what a channel adds
/// once for each candidate, everything after that four candidates at a time. Every sum has one fixed order. No allocation
/// after construction; not thread-safe. Plan and table outlive the scorer.
class CandidateScorer {
 public:
  CandidateScorer(const CampaignPlan& plan, const ScoreTable& table);

  /// The customer's features, x[0, candidate_begin). Forgets channels.
  void SetCustomer(std::span<const float> x);
  /// What differs on a channel: x[candidate_begin, d), and `penalty` = cost + U u_n. Call for each channel that is scored.
  void SetChannel(ChannelIndex channel, std::span<const float> rest, double penalty);
  /// Price of money by offer (its budget's); empty: money costs nothing. Owned by the caller until the next call.
  void SetPrices(std::span<const double> by_offer) { prices_ = by_offer; }
  /// Candidates get P, its standard error and the score, with the variance of the diagonal; then the best `kExact` by
  /// score the same with the exact one. About 0.3 us for 20 candidates of 64 features. REQUIRES: SetChannel of each.
  void Score(std::span<Candidate> candidates);

  /// x on a channel that was set; valid until the next call.
  const FeatureRow& At(ChannelIndex channel) { return With({channel_x_.data() + channel.value * rest_, rest_}); }
  /// x with these candidate features; valid until the next call.
  const FeatureRow& With(std::span<const float> rest);
  /// x as it was last put together.
  const FeatureRow& x() const { return x_; }
  /// Variance of the goal's logit as Score found it, or negative when it was not among the exact ones.
  double ExactVariance(OfferIndex offer, ChannelIndex channel) const;

 private:
  struct Exact {
    OfferIndex offer{};
    ChannelIndex channel{};
    double variance = 0;
  };
  void SumCustomer();
  void Finish(std::size_t begin, std::size_t end, std::span<const std::size_t> which, std::span<Candidate> candidates);

  const CampaignPlan& plan_;
  const ScoreTable& table_;
  std::size_t base_, rest_;
  FeatureRow x_{};
  std::vector<float> channel_x_;           // by channel: rest_ features
  std::vector<std::uint16_t> channel_used_, channel_count_;  // and which of them are not zero
  std::vector<double> penalty_;            // by channel
  std::span<const double> prices_{};       // by offer
  std::vector<double> base_z_, base_v_;    // by offer, padded to four
  std::vector<double> worth_;              // by offer: V L
  // By position, padded to four.
  std::vector<double> z_, v_, a_, b_, value_, cost_, moderated_, probability_, se_, score_, sd_;
  std::array<Exact, kExact> exact_{};
  std::size_t exact_count_ = 0;
};

}  // namespace offerstream
