// Why this offer: the largest contributions to the chosen candidate's logit.
#pragma once

#include <span>
#include <vector>

#include "models/deciding/arbitration.h"
#include "models/domain/decision.h"

namespace offerstream {

/// Reasons given for a decision.
inline constexpr std::size_t kReasonsMax = 3;

/// The three largest |phi_j|, phi_j = m_j (x_j - mean x_j), largest first, with P(sign) = Phi(|m_j| / se_j). The bias
/// and features at their mean explain nothing and are left out. A prior's mean of x is 0. O(d).
void Explain(const ScoreTable& table, ModelIndex model, std::span<const float> x, std::vector<Contribution>& out);

}  // namespace offerstream
