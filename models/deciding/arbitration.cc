#include "models/deciding/arbitration.h"

#include <algorithm>
#include <cassert>

namespace offerstream {
namespace {

using fixed::Lanes4;

// The first offers of four, or of sixteen with all sums in registers.
template <std::size_t Width>
void SumOffers(const double* means, const double* diagonals, std::size_t stride, const FeatureRow& x, std::size_t base,
               double* z_out, double* v_out) {
  Lanes4 z[Width] = {}, v[Width] = {};
  for (const std::uint16_t j : x.used()) {
    if (j >= base) break;
    const double value = static_cast<double>(x[j]), square = value * value;
    for (std::size_t w = 0; w < Width; ++w) {
      z[w] += fixed::Load4(means + j * stride + 4 * w) * value;
      v[w] += fixed::Load4(diagonals + j * stride + 4 * w) * square;
    }
  }
  for (std::size_t w = 0; w < Width; ++w) {
    fixed::Store4(z_out + 4 * w, z[w]);
    fixed::Store4(v_out + 4 * w, v[w]);
  }
}

// The best few by score, lower index first among equals.
std::size_t BestFew(std::span<const Candidate> candidates, std::array<std::size_t, kExact>& best) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    std::size_t at = std::min(found, kExact);
    while (at > 0 && candidates[i].score > candidates[best[at - 1]].score) --at;
    if (at >= kExact) continue;
    for (std::size_t k = std::min(found, kExact - 1); k > at; --k) best[k] = best[k - 1];
    best[at] = i;
    found = std::min(found + 1, kExact);
  }
  return found;
}

}  // namespace

CandidateScorer::CandidateScorer(const CampaignPlan& plan, const ScoreTable& table)
    : plan_(plan), table_(table), base_(plan.features.candidate_begin), rest_(plan.features.size() - base_) {
  channel_x_.resize(plan.channels.size() * rest_);
  channel_used_.resize(plan.channels.size() * rest_);
  channel_count_.resize(plan.channels.size());
  penalty_.resize(plan.channels.size());
  base_z_.resize(table.goal_stride());
  base_v_.resize(table.goal_stride());
  std::size_t candidates = 0;
  for (const OfferSpec& offer : plan.offers) {
    worth_.push_back(offer.value * offer.lever);
    candidates += offer.channels.size();
  }
  for (auto* column : {&z_, &v_, &a_, &b_, &value_, &cost_, &moderated_, &probability_, &se_, &score_, &sd_}) {
    column->resize((candidates + 3) / 4 * 4);
  }
}

void CandidateScorer::SetCustomer(std::span<const float> x) {
  assert(x.size() == base_);
  x_.SetFrom(0, x);
}

void CandidateScorer::SetChannel(ChannelIndex channel, std::span<const float> rest, double penalty) {
  assert(rest.size() == rest_);
  std::copy(rest.begin(), rest.end(), channel_x_.begin() + static_cast<std::ptrdiff_t>(channel.value * rest_));
  penalty_[channel.value] = penalty;
  std::uint16_t* used = channel_used_.data() + channel.value * rest_;
  std::uint16_t count = 0;
  for (std::size_t j = 0; j < rest_; ++j) {
    if (rest[j] != 0) used[count++] = static_cast<std::uint16_t>(j);
  }
  channel_count_[channel.value] = count;
}

const FeatureRow& CandidateScorer::With(std::span<const float> rest) {
  x_.SetFrom(base_, rest);
  return x_;
}

double CandidateScorer::ExactVariance(OfferIndex offer, ChannelIndex channel) const {
  for (std::size_t k = 0; k < exact_count_; ++k) {
    if (exact_[k].offer == offer && exact_[k].channel == channel) return exact_[k].variance;
  }
  return -1;
}

void CandidateScorer::SumCustomer() {
  const std::size_t stride = table_.goal_stride();
  const double* means = table_.goal_means();
  const double* diagonals = table_.goal_diagonals();
  std::size_t o = 0;
  for (; o + 12 <= stride; o += 12) {
    SumOffers<3>(means + o, diagonals + o, stride, x_, base_, base_z_.data() + o, base_v_.data() + o);
  }
  for (; o + 8 <= stride; o += 8) {
    SumOffers<2>(means + o, diagonals + o, stride, x_, base_, base_z_.data() + o, base_v_.data() + o);
  }
  for (; o < stride; o += 4) {
    SumOffers<1>(means + o, diagonals + o, stride, x_, base_, base_z_.data() + o, base_v_.data() + o);
  }
}

// From logits to scores, four positions at a time; position k is candidate which[k].
void CandidateScorer::Finish(std::size_t begin, std::size_t end, std::span<const std::size_t> which,
                             std::span<Candidate> candidates) {
  for (std::size_t k = begin; k < end; k += 4) {
    const Lanes4 v = fixed::Load4(&v_[k]), worth = fixed::Load4(&value_[k]);
    const Lanes4 moderated = Moderated(fixed::Load4(&z_[k]), v);
    const Lanes4 p = fixed::Logistic(fixed::Load4(&a_[k]) + fixed::Load4(&b_[k]) * moderated);
    const Lanes4 se = p * (1 - p) * fixed::Sqrt(v);
    fixed::Store4(&moderated_[k], moderated);
    fixed::Store4(&probability_[k], p);
    fixed::Store4(&se_[k], se);
    fixed::Store4(&score_[k], p * worth - fixed::Load4(&cost_[k]));
    fixed::Store4(&sd_[k], worth * se);
  }
  for (std::size_t k = begin; k < end; ++k) {
    Candidate& c = candidates[which.empty() ? k : which[k]];
    c.logit = moderated_[k];
    c.probability = probability_[k];
    c.probability_se = se_[k];
    c.score = score_[k];
    c.score_sd = sd_[k];
  }
}

void CandidateScorer::Score(std::span<Candidate> candidates) {
  SumCustomer();
  const std::size_t stride = table_.goal_stride();
  const double* means = table_.goal_means() + base_ * stride;
  const double* diagonals = table_.goal_diagonals() + base_ * stride;
  const auto load = [&](std::size_t k, const Candidate& c) {
    const OfferSpec& offer = plan_.offers[c.offer.value];
    const ScoredModel& model = table_.model(plan_.ModelOf(c.offer, offer.goal));
    a_[k] = model.calibration_a;
    b_[k] = model.calibration_b;
    value_[k] = worth_[c.offer.value];
    cost_[k] = penalty_[c.channel.value];
    if (!prices_.empty()) cost_[k] += prices_[c.offer.value] * plan_.channels[c.channel.value].cost;
  };
  for (std::size_t k = 0; k < candidates.size(); ++k) {
    const Candidate& c = candidates[k];
    const std::size_t at = c.channel.value * rest_;
    double z = base_z_[c.offer.value], v = base_v_[c.offer.value];
    for (std::size_t n = 0; n < channel_count_[c.channel.value]; ++n) {
      const std::size_t j = channel_used_[at + n];
      const double value = static_cast<double>(channel_x_[at + j]);
      z += means[j * stride + c.offer.value] * value;
      v += diagonals[j * stride + c.offer.value] * (value * value);
    }
    z_[k] = z;
    v_[k] = v;
    load(k, c);
  }
  Finish(0, candidates.size(), {}, candidates);
  // The exact variance where it decides.
  std::array<std::size_t, kExact> best{};
  exact_count_ = BestFew(candidates, best);
  std::array<double, kExact> best_z{};
  for (std::size_t n = 0; n < exact_count_; ++n) best_z[n] = z_[best[n]];
  for (std::size_t n = 0; n < exact_count_; ++n) {
    const Candidate& c = candidates[best[n]];
    const double v = table_.Variance(plan_.ModelOf(c.offer, plan_.offers[c.offer.value].goal), At(c.channel));
    exact_[n] = {c.offer, c.channel, v};
    z_[n] = best_z[n];
    v_[n] = v;
    load(n, c);
  }
  Finish(0, exact_count_, best, candidates);
}

}  // namespace offerstream
