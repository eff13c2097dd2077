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

/// Candidates whose variance is exact at least; the others have the diagonal's, times what the exact ones had of theirs.
inline constexpr std::size_t kExact = 4;

/// Scores the candidates of one customer: the customer's part of every logit once for all offers, what a channel adds
/// once for each candidate, everything after that four candidates at a time. Every sum has one fixed order. No allocation
/// after construction; not thread-safe. Plan and table outlive the scorer.
class CandidateScorer {
 public:
  CandidateScorer(const CampaignPlan& plan, const ScoreTable& table);

  /// The customer's features, x[0, candidate_begin). Forgets channels.
  void SetCustomer(std::span<const float> x);
  /// What differs on a channel: x[candidate_begin, d), `penalty` = cost + U u_n, and by outcome what an impression curve
  /// adds to the calibrated logit (empty: nothing). Call for each channel that is scored.
  void SetChannel(ChannelIndex channel, std::span<const float> rest, double penalty, std::span<const double> shift = {});
  /// Price of money by offer (its budget's); empty: money costs nothing. Owned by the caller until the next call.
  void SetPrices(std::span<const double> by_offer) { prices_ = by_offer; }
  /// Candidates get P, its standard error and the score (README, "Score"). The best one's variance is exact, whichever it
  /// is. About 0.4 us for 20 candidates of 64 features. REQUIRES: SetChannel of each.
  void Score(std::span<Candidate> candidates);
  /// Variance of score(best) - score(c) of every candidate as far as both share a model, whose doubt they share; -1 for
  /// other offers, which are independent. REQUIRES: `candidates` came from Score, some may have been left out since.
  void ShareDoubt(std::span<const Candidate> candidates, std::size_t best, std::vector<double>& difference);

  /// x on a channel that was set; valid until the next call.
  const FeatureRow& At(ChannelIndex channel) { return With({channel_x_.data() + channel.value * rest_, rest_}); }
  /// x with these candidate features; valid until the next call.
  const FeatureRow& With(std::span<const float> rest);
  /// x as it was last put together.
  const FeatureRow& x() const { return x_; }
  /// Variance of the goal's logit at At(channel) as Score found it, or negative when it was not among the exact ones.
  double ExactVariance(OfferIndex offer, ChannelIndex channel) const { return exact_[Cell(offer, channel)]; }

 private:
  std::size_t Cell(OfferIndex offer, ChannelIndex channel) const {
    return std::size_t{offer.value} * plan_.channels.size() + channel.value;
  }
  void SumCustomer();
  void MakeExact(std::span<const Candidate> candidates, std::size_t k);
  void Finish(std::size_t begin, std::size_t end, std::span<Candidate> candidates);

  const CampaignPlan& plan_;
  const ScoreTable& table_;
  std::size_t base_, rest_;
  FeatureRow x_{};
  std::vector<float> channel_x_;           // by channel: rest_ features
  std::vector<std::uint16_t> channel_used_, channel_count_;  // and which of them are not zero
  std::vector<double> penalty_;            // by channel
  std::vector<std::array<double, kOutcomesMax>> shift_;      // by channel
  FeatureRow apart_{};                     // zero up to base_
  std::vector<float> apart_rest_;
  std::span<const double> prices_{};       // by offer
  std::vector<double> base_z_, base_v_;    // by offer, padded to four
  std::vector<double> worth_;              // by offer: V L
  // By position, padded to four.
  std::vector<double> z_, v_, a_, b_, value_, cost_, moderated_, probability_, se_, score_, sd_;
  std::vector<double> exact_;              // by offer and channel: the exact variance, or -1
};

}  // namespace offerstream
