// Which one: propensities over the final eligible set and the draw from exactly these.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/domain/campaign_plan.h"
#include "models/domain/decision.h"

namespace offerstream {

/// Reused from decision to decision.
struct ExplorationScratch {
  std::vector<double> weights{};      ///< of Thompson's quadrature
  /// By candidate: variance of score(best) - score(candidate), negative where the two are independent. Empty: all are.
  std::vector<double> difference{};
};

/// Index of the best score; equal scores are settled by H64(tie, offer hash, channel hash), the larger wins.
std::size_t BestOf(std::span<const Candidate> candidates, const CampaignPlan& plan, std::uint64_t tie);
/// Fills propensities so that they sum to 1 (README, "Exploration"). `best`: BestOf. `most_labels`: experience for
/// SquareCB's gamma = gamma0 sqrt(t). REQUIRES: candidates not empty.
void AssignPropensities(const ExploreSpec& spec, const CampaignPlan& plan, std::span<Candidate> candidates,
                        std::size_t best, std::int64_t most_labels, ExplorationScratch& scratch);
/// The same propensity for all (arm random).
void AssignUniform(std::span<Candidate> candidates);
/// The candidate at which the running sum of propensities, in order, first exceeds u in [0, 1). Never one with
/// propensity 0. REQUIRES: propensities sum to 1.
std::size_t DrawFrom(std::span<const Candidate> candidates, double u);

/// Normal distribution function to 1.5e-7 (Abramowitz & Stegun 7.1.26): for displays and Thompson's quadrature, where
/// any propensity really drawn from is valid. About 15 ns against up to 500 ns of fixed::NormalCdf.
double FastNormalCdf(double x);

}  // namespace offerstream
