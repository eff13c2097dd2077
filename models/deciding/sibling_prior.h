// What is believed of a model nobody has published yet: the pooled experience of its siblings, or a wide default.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "models/domain/campaign_plan.h"
#include "models/learning/delay_curve.h"
#include "models/model_view.h"

namespace offerstream {

/// Prior of one response model: per coefficient mean and variance, and the share of conversions by age at each cut.
struct SiblingPrior {
  bool from_siblings = false;
  std::vector<double> mean{}, variance{};
  std::array<double, kLabelCutsMax> delay_share{};
};

/// F of an exponential delay with mean W/7, cut at W, at the cuts below W and at W (README, "Delays").
std::array<double, kLabelCutsMax> DefaultDelayShare(Duration window);
/// Bit per cut below W, 0 where the interval ending there holds less than 5 % of F and is merged into the next.
std::uint8_t MergeMask(const std::array<double, kLabelCutsMax>& delay_share, Duration window);

/// Pools siblings: m0_j = mean weighted by 1/(P_jj + tau_j^2), variance tau_j^2 + mean P_jj, tau_j^2 = max(0, Var m_j -
/// mean P_jj); one sibling alone says nothing about the spread, then tau_j^2 is the default variance. Without siblings:
/// level logit(.05), variance 1; slopes 0, variance .1. O(siblings x d).
SiblingPrior PoolSiblings(std::span<const ResponseView* const> siblings, std::size_t dimension, Duration window);

}  // namespace offerstream
