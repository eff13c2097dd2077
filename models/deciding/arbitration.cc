#include "models/deciding/arbitration.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstring>
#include <map>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

// Lanes are written out as vector types so that the order of additions is in the source, not in an optimiser.
typedef double Lanes4 __attribute__((vector_size(32)));
typedef float Lanes8 __attribute__((vector_size(32)));
typedef float Lanes4f __attribute__((vector_size(16)));

// Double times float, widened lane by lane.
double MixedDot(const double* a, const float* b, std::size_t n) {
  Lanes4 sum{};
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    Lanes4 wide;
    Lanes4f narrow;
    std::memcpy(&wide, a + i, 32);
    std::memcpy(&narrow, b + i, 16);
    sum += wide * __builtin_convertvector(narrow, Lanes4);
  }
  double total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  for (; i < n; ++i) total += a[i] * b[i];
  return total;
}

float FloatDot(const float* a, const float* b, std::size_t n) {
  Lanes8 sum{};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    Lanes8 x, y;
    std::memcpy(&x, a + i, 32);
    std::memcpy(&y, b + i, 32);
    sum += x * y;
  }
  float total = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
  for (; i < n; ++i) total += a[i] * b[i];
  return total;
}

}  // namespace

double Dot(const double* a, const double* b, std::size_t n) {
  Lanes4 sum0{}, sum1{};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    Lanes4 a0, a1, b0, b1;
    std::memcpy(&a0, a + i, 32);
    std::memcpy(&b0, b + i, 32);
    std::memcpy(&a1, a + i + 4, 32);
    std::memcpy(&b1, b + i + 4, 32);
    sum0 += a0 * b0;
    sum1 += a1 * b1;
  }
  sum0 += sum1;
  double sum = (sum0[0] + sum0[1]) + (sum0[2] + sum0[3]);
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

void WeightedRows(const float* rows, const float* x, std::size_t n, float* out) {
  assert(n <= kFeaturesMax);
  std::array<std::uint16_t, kFeaturesMax> used;   // one-hot features: most are zero
  std::size_t count = 0;
  for (std::size_t i = 0; i < n; ++i) {
    used[count] = static_cast<std::uint16_t>(i);
    count += x[i] != 0;
  }
  std::size_t column = 0;
  for (; column + 32 <= n; column += 32) {   // four registers of sums; a row is read once per stripe
    Lanes8 s0{}, s1{}, s2{}, s3{};
    for (std::size_t k = 0; k < count; ++k) {
      const std::size_t i = used[k];
      const float* row = rows + i * n + column;
      Lanes8 r0, r1, r2, r3;
      std::memcpy(&r0, row, 32);
      std::memcpy(&r1, row + 8, 32);
      std::memcpy(&r2, row + 16, 32);
      std::memcpy(&r3, row + 24, 32);
      s0 += r0 * x[i];
      s1 += r1 * x[i];
      s2 += r2 * x[i];
      s3 += r3 * x[i];
    }
    std::memcpy(out + column, &s0, 32);
    std::memcpy(out + column + 8, &s1, 32);
    std::memcpy(out + column + 16, &s2, 32);
    std::memcpy(out + column + 24, &s3, 32);
  }
  for (; column < n; ++column) {
    float sum = 0;
    for (std::size_t k = 0; k < count; ++k) sum += rows[used[k] * n + column] * x[used[k]];
    out[column] = sum;
  }
}

ScoreTable::ScoreTable(std::shared_ptr<const CampaignPlan> plan)
    : plan_(std::move(plan)), d_(plan_->features.size()), models_(plan_->models()) {
  means_.resize(models_.size() * d_);
  diagonals_.resize(models_.size() * d_);
  BuildPriors();
}

void ScoreTable::LayOut(std::size_t m, const double* mean) {
  std::copy_n(mean, d_, means_.begin() + static_cast<std::ptrdiff_t>(m * d_));
}

void ScoreTable::Adopt(const AdoptedModels& models) {
  bool changed = false;
  most_labels_ = 0;
  for (std::size_t m = 0; m < models_.size(); ++m) {
    std::shared_ptr<const ResponseView> view = m < models.responses.size() ? models.responses[m] : nullptr;
    if (view != nullptr && (view->schema_epoch != plan_->features.epoch || view->mean.size() != d_ ||
                            view->covariance.size() != d_ * d_)) {
      view = nullptr;
    }
    ScoredModel& model = models_[m];
    if (view != nullptr) most_labels_ = std::max(most_labels_, view->labels);
    if (view == model.view) continue;
    changed = true;
    model = ScoredModel{};
    model.view = std::move(view);
    if (model.view == nullptr) continue;
    const ResponseView& v = *model.view;
    model.calibration_a = v.calibration_a;
    model.calibration_b = v.calibration_b;
    model.version = v.version;
    model.labels = v.labels;
    const Duration window = plan_->outcomes[plan_->OutcomeOf(ModelIndex(m)).value].window;
    const bool curve = v.cuts == CutsBelow(window) + 1;
    model.mask = MergeMask(curve ? v.delay_share : DefaultDelayShare(window), window);
    LayOut(m, v.mean.data());
    for (std::size_t j = 0; j < d_; ++j) diagonals_[m * d_ + j] = v.covariance[j * d_ + j];
  }
  if (changed) BuildPriors();
}

void ScoreTable::BuildPriors() {
  priors_.clear();
  std::map<std::pair<std::size_t, std::string_view>, std::uint32_t> known;   // (outcome, category; "*" = all)
  std::vector<const ResponseView*> siblings;
  const auto category = [this](OfferIndex offer) -> std::string_view {
    const ProductIndex product = plan_->offers[offer.value].product;
    return product.value < plan_->products.size() ? std::string_view(plan_->products[product.value].category) : "";
  };
  for (std::size_t m = 0; m < models_.size(); ++m) {
    if (models_[m].view != nullptr) continue;
    const OutcomeIndex outcome = plan_->OutcomeOf(ModelIndex(m));
    const std::string_view own = category(plan_->OfferOf(ModelIndex(m)));
    auto [at, fresh] = known.try_emplace({outcome.value, own}, static_cast<std::uint32_t>(priors_.size()));
    if (fresh) {
      for (const bool same : {true, false}) {
        if (!siblings.empty() || (same && own.empty())) continue;
        for (std::size_t s = outcome.value; s < models_.size(); s += plan_->outcomes.size()) {
          if (models_[s].view == nullptr) continue;
          if (same && category(plan_->OfferOf(ModelIndex(s))) != own) continue;
          siblings.push_back(models_[s].view.get());
        }
      }
      priors_.push_back(PoolSiblings(siblings, d_, plan_->outcomes[outcome.value].window));
      siblings.clear();
    }
    models_[m] = ScoredModel{};
    models_[m].prior = at->second;
    UsePrior(m);
  }
}

void ScoreTable::UsePrior(std::size_t m) {
  const SiblingPrior& prior = priors_[models_[m].prior];
  models_[m].mask = MergeMask(prior.delay_share, plan_->outcomes[plan_->OutcomeOf(ModelIndex(m)).value].window);
  LayOut(m, prior.mean.data());
  std::copy(prior.variance.begin(), prior.variance.end(), diagonals_.begin() + static_cast<std::ptrdiff_t>(m * d_));
}

LogitEstimate Moderate(const ScoredModel& model, double z, double v) {
  LogitEstimate p;
  p.mean = z;
  p.variance = v;
  p.moderated = z / std::sqrt(1 + fixed::kPi * v / 8);
  p.probability = fixed::Logistic(model.calibration_a + model.calibration_b * p.moderated);
  return p;
}

LogitEstimate ScoreTable::Predict(ModelIndex m, std::span<const float> x, std::span<float> px) const {
  assert(x.size() == d_ && px.size() == d_);
  const ScoredModel& scored = model(m);
  const double* means = mean(m);
  if (scored.view == nullptr) {
    const double* variances = diagonal(m);
    for (std::size_t j = 0; j < d_; ++j) px[j] = static_cast<float>(variances[j] * x[j]);
  } else {
    WeightedRows(scored.view->covariance.data(), x.data(), d_, px.data());
  }
  const double v = FloatDot(px.data(), x.data(), d_);
  return Moderate(scored, MixedDot(means, x.data(), d_), std::max(0.0, v));
}

double ScoreTable::CalibratedLogitWith(ModelIndex m, std::span<const float> x, const LogitEstimate& at_x,
                                       std::span<const float> px, std::size_t index, float value) const {
  const ScoredModel& scored = model(m);
  if (index >= d_ || x[index] == value) return scored.calibration_a + scored.calibration_b * at_x.moderated;
  const double delta = double{value} - x[index];
  const double z = at_x.mean + mean(m)[index] * delta;
  const double v = at_x.variance + 2 * delta * px[index] + delta * delta * diagonal(m)[index];
  const LogitEstimate p = Moderate(scored, z, std::max(0.0, v));
  return scored.calibration_a + scored.calibration_b * p.moderated;
}

void ScoreCandidates(const ScoringInput& in, std::span<Candidate> candidates) {
  const std::size_t base = in.base_x.size(), rest = in.table.dimension() - base;
  const auto finish = [&in](Candidate& c, const OfferSpec& offer, const LogitEstimate& p) {
    const double worth = offer.value * offer.lever;
    c.logit = p.moderated;
    c.probability = p.probability;
    c.probability_se = p.probability * (1 - p.probability) * std::sqrt(p.variance);
    c.score = p.probability * worth - in.penalty[c.channel.value];
    c.score_sd = worth * c.probability_se;
  };
  OfferIndex last{};
  double z_base = 0, v_base = 0;
  for (Candidate& c : candidates) {
    const OfferSpec& offer = in.plan.offers[c.offer.value];
    const ModelIndex m = in.plan.ModelOf(c.offer, offer.goal);
    const double* mean = in.table.mean(m);
    const double* diagonal = in.table.diagonal(m);
    if (c.offer != last) {
      last = c.offer;
      z_base = Dot(mean, in.base_x.data(), base);
      v_base = Dot(diagonal, in.base_x2.data(), base);
    }
    double z = z_base, v = v_base;
    const double* cx = in.channel_x.data() + c.channel.value * rest;
    const double* cx2 = in.channel_x2.data() + c.channel.value * rest;
    for (std::size_t j = 0; j < rest; ++j) {
      z += mean[base + j] * cx[j];
      v += diagonal[base + j] * cx2[j];
    }
    finish(c, offer, Moderate(in.table.model(m), z, v));
  }
  // The exact variance where it decides: the best few by score, lower index first among equals.
  std::array<std::size_t, kExact> best{};
  std::size_t found = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    std::size_t at = std::min(found, kExact);
    while (at > 0 && candidates[i].score > candidates[best[at - 1]].score) --at;
    if (at >= kExact) continue;
    for (std::size_t k = std::min(found, kExact - 1); k > at; --k) best[k] = best[k - 1];
    best[at] = i;
    found = std::min(found + 1, kExact);
  }
  for (std::size_t k = 0; k < found; ++k) {
    Candidate& c = candidates[best[k]];
    const OfferSpec& offer = in.plan.offers[c.offer.value];
    std::copy_n(in.channel_xf.data() + c.channel.value * rest, rest, in.full_x.data() + base);
    finish(c, offer, in.table.Predict(in.plan.ModelOf(c.offer, offer.goal), in.full_x, in.px));
  }
}

}  // namespace offerstream
