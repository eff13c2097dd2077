#include "models/deciding/score_table.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "models/domain/fixed_math.h"

namespace offerstream {

using fixed::Lanes4;
using fixed::Lanes8;

namespace {

constexpr std::size_t kUnrolledBlocks = 8;   // of eight features: 64, what the design keeps schemas near

// Adds one block's rows: of each x_i (2 P_i,left x_left + P_i,own x_own). How many blocks are left of the own one is
// known here, so nothing loops inside a row. `at` goes on to the first position past the block.
template <std::size_t... Left>
void AddRows(std::index_sequence<Left...>, const float* rows, const float* columns, const std::uint16_t*& at,
             const std::uint16_t* end, Lanes8& sum) {
  constexpr std::size_t kOwn = 8 * sizeof...(Left);
  for (; at != end && *at < kOwn + 8; ++at) {
    const float* const row = rows + (*at - kOwn) * (kOwn + 8);
    Lanes8 left{};
    ((left += fixed::Load8(row + 8 * Left) * fixed::Load8(columns + 8 * Left)), ...);
    sum += (fixed::Load8(row + kOwn) * fixed::Load8(columns + kOwn) + (left + left)) * columns[*at];
  }
}

}  // namespace

ScoreTable::ScoreTable(std::shared_ptr<const CampaignPlan> plan)
    : plan_(std::move(plan)), d_(plan_->features.size()), models_(plan_->models()) {
  const std::size_t blocks = (d_ + 7) / 8;
  square_ = 32 * blocks * (blocks + 1);
  goal_stride_ = (plan_->offers.size() + 3) / 4 * 4;
  means_.resize(models_.size() * d_);
  diagonals_.resize(models_.size() * d_);
  goal_means_.resize(d_ * goal_stride_);
  goal_diagonals_.resize(d_ * goal_stride_);
  squares_.resize(models_.size() * square_);
  BuildPriors();
  LayOutGoals();
}

void ScoreTable::LayOut(std::size_t m, const double* mean) {
  std::copy_n(mean, d_, means_.begin() + static_cast<std::ptrdiff_t>(m * d_));
}

// Rows in blocks of eight, as far as their own block: half the memory to come from the cache. Zeros past the dimension.
void ScoreTable::LayOutSquare(std::size_t m, const float* covariance) {
  for (std::size_t i = 0; i < d_; ++i) {
    auto* row = const_cast<float*>(Row(ModelIndex(m), i));
    const std::size_t columns = 8 * (i / 8 + 1), known = std::min(columns, d_);
    std::copy_n(covariance + i * d_, known, row);
    std::fill(row + known, row + columns, 0.0f);
  }
}

void ScoreTable::LayOutGoals() {
  for (std::size_t o = 0; o < plan_->offers.size(); ++o) {
    const ModelIndex m = plan_->ModelOf(OfferIndex(o), plan_->offers[o].goal);
    for (std::size_t j = 0; j < d_; ++j) {
      goal_means_[j * goal_stride_ + o] = mean(m)[j];
      goal_diagonals_[j * goal_stride_ + o] = diagonal(m)[j];
    }
  }
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
    LayOutSquare(m, v.covariance.data());
    for (std::size_t j = 0; j < d_; ++j) diagonals_[m * d_ + j] = v.covariance[j * d_ + j];
  }
  if (!changed) return;
  BuildPriors();
  LayOutGoals();
}

void ScoreTable::BuildPriors() {
  priors_.clear();
  any_from_siblings_ = false;
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
    any_from_siblings_ = any_from_siblings_ || priors_[at->second].from_siblings;
    UsePrior(m);
  }
}

void ScoreTable::UsePrior(std::size_t m) {
  const SiblingPrior& prior = priors_[models_[m].prior];
  models_[m].mask = MergeMask(prior.delay_share, plan_->outcomes[plan_->OutcomeOf(ModelIndex(m)).value].window);
  LayOut(m, prior.mean.data());
  std::copy(prior.variance.begin(), prior.variance.end(), diagonals_.begin() + static_cast<std::ptrdiff_t>(m * d_));
}

double ScoreTable::Mean(ModelIndex m, const FeatureRow& x) const {
  const double* means = mean(m);
  double z = 0;
  for (const std::uint16_t j : x.used()) z += means[j] * static_cast<double>(x[j]);
  return z;
}

double ScoreTable::Variance(ModelIndex m, const FeatureRow& x) const {
  if (model(m).view == nullptr) {
    const double* variances = diagonal(m);
    double v = 0;
    for (const std::uint16_t j : x.used()) v += variances[j] * (static_cast<double>(x[j]) * static_cast<double>(x[j]));
    return v;
  }
  // Sum over rows of x_i (2 P_i,left x_left + P_i,own x_own): blocks left of the row's own count for their mirror image.
  Lanes8 sum{};
  const float* columns = x.padded();
  const std::uint16_t* at = x.used().data();
  const std::uint16_t* const end = at + x.used().size();
  const auto unrolled = [&]<std::size_t... Block>(std::index_sequence<Block...>) {
    (AddRows(std::make_index_sequence<Block>{}, Row(m, 8 * Block), columns, at, end, sum), ...);
  };
  unrolled(std::make_index_sequence<kUnrolledBlocks>{});
  for (; at != end; ++at) {   // schemas of more features
    const std::uint16_t i = *at;
    const float* row = Row(m, i);
    const std::size_t own = i / 8 * 8;
    Lanes8 left{};
    for (std::size_t c = 0; c < own; c += 8) left += fixed::Load8(row + c) * fixed::Load8(columns + c);
    sum += (fixed::Load8(row + own) * fixed::Load8(columns + own) + (left + left)) * x[i];
  }
  const float v = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
  return std::max(0.0, static_cast<double>(v));
}

LogitEstimate ScoreTable::Predict(ModelIndex m, const FeatureRow& x) const {
  const ScoredModel& scored = model(m);
  LogitEstimate p;
  p.mean = Mean(m, x);
  p.variance = Variance(m, x);
  p.moderated = p.mean / std::sqrt(1 + fixed::kPi * p.variance / 8);
  p.probability = fixed::Logistic(scored.calibration_a + scored.calibration_b * p.moderated);
  return p;
}

// (P x)_row: the row as far as it is stored, then its column below.
double ScoreTable::RowTimes(ModelIndex m, const FeatureRow& x, std::size_t row) const {
  if (model(m).view == nullptr) return diagonal(m)[row] * static_cast<double>(x[row]);
  const float* values = Row(m, row);
  const std::size_t stored = row / 8 * 8 + 8;
  float sum = 0;
  for (const std::uint16_t j : x.used()) sum += (j < stored ? values[j] : Row(m, j)[row]) * x[j];
  return static_cast<double>(sum);
}

void ScoreTable::Replace(ModelIndex m, const FeatureRow& x, std::size_t index, float value, double& z, double& v) const {
  if (index >= d_ || x[index] == value) return;
  const double delta = static_cast<double>(value) - static_cast<double>(x[index]);
  z += mean(m)[index] * delta;
  v = std::max(0.0, v + 2 * delta * RowTimes(m, x, index) + delta * delta * diagonal(m)[index]);
}

}  // namespace offerstream
