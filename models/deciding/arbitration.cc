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
  shift_.resize(plan.channels.size());
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
  exact_.resize(plan.offers.size() * plan.channels.size());
  apart_rest_.resize(rest_);
  apart_.SetFrom(0, std::vector<float>(base_, 0.0f));
}

void CandidateScorer::SetCustomer(std::span<const float> x) {
  assert(x.size() == base_);
  x_.SetFrom(0, x);
}

void CandidateScorer::SetChannel(ChannelIndex channel, std::span<const float> rest, double penalty,
                                 std::span<const double> shift) {
  assert(rest.size() == rest_);
  std::copy(rest.begin(), rest.end(), channel_x_.begin() + static_cast<std::ptrdiff_t>(channel.value * rest_));
  penalty_[channel.value] = penalty;
  shift_[channel.value].fill(0);
  std::copy(shift.begin(), shift.end(), shift_[channel.value].begin());
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

// From logits to scores, four positions at a time.
void CandidateScorer::Finish(std::size_t begin, std::size_t end, std::span<Candidate> candidates) {
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
    Candidate& c = candidates[k];
    c.logit = moderated_[k];
    c.probability = probability_[k];
    c.probability_se = se_[k];
    c.score = score_[k];
    c.score_sd = sd_[k];
  }
}

void CandidateScorer::MakeExact(std::span<const Candidate> candidates, std::size_t k) {
  const Candidate& c = candidates[k];
  v_[k] = table_.Variance(plan_.ModelOf(c.offer, plan_.offers[c.offer.value].goal), At(c.channel));
  exact_[Cell(c.offer, c.channel)] = v_[k];
}

void CandidateScorer::Score(std::span<Candidate> candidates) {
  SumCustomer();
  const std::size_t stride = table_.goal_stride();
  const double* means = table_.goal_means() + base_ * stride;
  const double* diagonals = table_.goal_diagonals() + base_ * stride;
  for (std::size_t k = 0; k < candidates.size(); ++k) {
    const Candidate& c = candidates[k];
    const OfferSpec& offer = plan_.offers[c.offer.value];
    const ScoredModel& model = table_.model(plan_.ModelOf(c.offer, offer.goal));
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
    a_[k] = model.calibration_a + shift_[c.channel.value][offer.goal.value];
    b_[k] = model.calibration_b;
    value_[k] = worth_[c.offer.value];
    cost_[k] = penalty_[c.channel.value];
    if (!prices_.empty()) cost_[k] += prices_[c.offer.value] * plan_.channels[c.channel.value].cost;
    exact_[Cell(c.offer, c.channel)] = -1;
  }
  Finish(0, candidates.size(), candidates);
  // The exact variance where it decides. The diagonal says too much where features exclude each other, and doubt raises P:
  // a candidate with it would beat those without.
  std::array<std::size_t, kExact> best{};
  const std::size_t found = BestFew(candidates, best);
  double whole = 0, diagonal = 0;
  for (std::size_t n = 0; n < found; ++n) {
    diagonal += v_[best[n]];
    MakeExact(candidates, best[n]);
    whole += v_[best[n]];
  }
  const double ratio = diagonal > 0 ? whole / diagonal : 1;
  for (std::size_t k = 0; k < candidates.size(); ++k) {
    if (ExactVariance(candidates[k].offer, candidates[k].channel) < 0) v_[k] *= ratio;
  }
  Finish(0, candidates.size(), candidates);
  for (;;) {
    std::size_t top = 0;
    for (std::size_t k = 1; k < candidates.size(); ++k) top = candidates[k].score > candidates[top].score ? k : top;
    if (candidates.empty() || ExactVariance(candidates[top].offer, candidates[top].channel) >= 0) break;
    MakeExact(candidates, top);
    Finish(top / 4 * 4, std::min(candidates.size(), top / 4 * 4 + 4), candidates);
  }
}

// Candidates of one offer are one model at x and x': what they do not share is (x - x')P(x - x'), few features wide.
// With g = V L p(1-p): var(g m.x - g' m.x') = (g - g')(g v - g' v') + g g' (x - x')P(x - x'), the first with the mean v.
void CandidateScorer::ShareDoubt(std::span<const Candidate> candidates, std::size_t best,
                                 std::vector<double>& difference) {
  difference.assign(candidates.size(), -1.0);
  const Candidate& top = candidates[best];
  const ModelIndex model = plan_.ModelOf(top.offer, plan_.offers[top.offer.value].goal);
  const double worth = worth_[top.offer.value];
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Candidate& c = candidates[i];
    if (i == best || c.offer != top.offer) continue;
    const float* own = channel_x_.data() + c.channel.value * rest_;
    const float* other = channel_x_.data() + top.channel.value * rest_;
    for (std::size_t j = 0; j < rest_; ++j) apart_rest_[j] = own[j] - other[j];
    apart_.SetFrom(base_, apart_rest_);
    const double g = worth * c.probability * (1 - c.probability);
    const double h = worth * top.probability * (1 - top.probability);
    if (!(g > 0 && h > 0)) continue;
    const double v = 0.5 * (c.score_sd * c.score_sd / (g * g) + top.score_sd * top.score_sd / (h * h));
    difference[i] = (g - h) * (g - h) * v + g * h * table_.Variance(model, apart_);
  }
}

}  // namespace offerstream
