#include "consumers/offline/study.h"

#include <algorithm>
#include <cmath>

namespace offerstream {
namespace {

constexpr Duration kChurnHorizon = 91 * 86'400'000LL;  // 13 weeks
constexpr double kFirstRate = 0.05, kFirstRateLabels = 20;  // base rate before anything is known: that many labels' worth

std::vector<std::size_t> NumericFeatures(const FeatureSchema& schema) {
  std::vector<std::size_t> numeric;
  for (std::size_t j = 0; j < schema.features.size(); ++j) {
    const FeatureKind kind = schema.features[j].kind;
    if (kind == FeatureKind::kAttributeNumber || kind == FeatureKind::kProfileNumber) numeric.push_back(j);
  }
  return numeric;
}

}  // namespace

StudyOptions StudyWith(const std::vector<std::string>& names, std::uint32_t every, std::uint64_t seed) {
  StudyOptions options;
  for (const TreeSettings::Kind kind : {TreeSettings::Kind::kForest, TreeSettings::Kind::kBoosting}) {
    if (std::find(names.begin(), names.end(), Name(kind)) != names.end()) options.challengers.push_back(kind);
  }
  options.schedule.every = every;
  options.schedule.seed = seed;
  return options;
}

double ModelStudy::deviation(std::size_t j) const {
  const double n = static_cast<double>(record.score.labels());
  if (n < 2) return 0;
  const double mean = feature_sum[j] / n;
  return std::sqrt(std::max(0.0, feature_squares[j] / n - mean * mean));
}

Study::Study(std::shared_ptr<const CampaignPlan> plan, StudyOptions options)
    : plan_(std::move(plan)), options_(std::move(options)), numeric_(NumericFeatures(plan_->features)),
      numbers_(numeric_.size()), factors_(numeric_.size(), plan_->explore.seed), churn_(kChurnHorizon), preferences_(plan_) {
  for (std::size_t m = 0; m < plan_->models(); ++m) model_of_[plan_->ModelHash(ModelIndex(m))] = ModelIndex(m);
}

const ModelStudy* Study::Find(std::string_view id) const {
  const auto found = models_.find(id);
  return found == models_.end() ? nullptr : &found->second;
}

void Study::See(const Event& event) {
  now_ = std::max(now_, event.time);
  preferences_.See(event);
  if (event.kind != EventKind::kTransaction || !event.has_value || event.direction == Direction::kOut) return;
  churn_.Purchase(event.customer_hash, event.time, event.value);
}

Status Study::Label(const Observation& row, std::span<const float> x) {
  const auto at = model_of_.find(row.model);
  if (at == model_of_.end() || x.size() != plan_->features.size()) return {};
  const auto [place, fresh] = models_.try_emplace(plan_->ModelId(at->second));
  ModelStudy& model = place->second;
  if (fresh) {
    model.feature_sum.assign(x.size(), 0);
    model.feature_squares.assign(x.size(), 0);
    model.rates = std::make_unique<RateStudy>(plan_);
    if (!options_.challengers.empty() && x.size() > 1) {
      model.challenge = std::make_unique<Challenge>(options_.challengers, x.size() - 1, options_.schedule);
    }
  }
  const ProgressiveScore& score = model.record.score;
  const double base_rate = (static_cast<double>(score.positives()) + kFirstRate * kFirstRateLabels) /
                           (static_cast<double>(score.labels()) + kFirstRateLabels);
  const bool y = row.y > 0.5F;
  model.record.Add(row.probability, y, base_rate);
  model.rates->Add(x, y);
  for (std::size_t j = 0; j < x.size(); ++j) {
    const double v = static_cast<double>(x[j]);
    model.feature_sum[j] += v;
    model.feature_squares[j] += v * v;
  }
  const OutcomeIndex outcome = plan_->OutcomeOf(at->second);
  // A window that closes at W tells of an exposure W ago; history tells at once.
  const EventTime exposed = row.instant ? row.time : row.time - plan_->outcomes[outcome.value].window;
  if (outcome.value == CampaignPlan::kConversion && !numeric_.empty()) {
    for (std::size_t k = 0; k < numeric_.size(); ++k) numbers_[k] = x[numeric_[k]];
    factors_.Add(exposed, row.time, numbers_, y, row.probability, base_rate);
  }
  if (!model.challenge) return {};
  return model.challenge->Add(exposed, row.time, x.subspan(1), y, row.probability, base_rate);
}

Status Study::Finish() {
  factors_.Finish();
  for (auto& [id, model] : models_) {
    if (!model.challenge) continue;
    if (Status status = model.challenge->Finish(); !status) return status;
  }
  return {};
}

}  // namespace offerstream
