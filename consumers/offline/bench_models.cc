// Models for the workload: taught by drawn observations, published as a learner publishes.
#include <vector>

#include "consumers/offline/bench_world.h"
#include "models/domain/fixed_math.h"
#include "models/domain/observation.h"
#include "models/learning_fold.h"

namespace offerstream {
namespace {

constexpr std::size_t kRowsOfAModel = 400, kMoves = 6'000, kCapRows = 4'000, kBlobs = 4;
constexpr EventTime kTaughtUntil = 1'772'236'800'000;  // the day before the workload begins

// One head: rows that look like customers (numbers around 0, one level of each category), labels by a planted logit.
void TeachResponse(const CampaignPlan& plan, ModelIndex model, std::uint64_t seed, LearningFold& fold,
                   std::uint64_t& offset) {
  Draws draws(seed, plan.ModelHash(model), 1, Purpose::kSimulation);
  const std::size_t d = plan.features.size();
  std::vector<double> truth(d);
  for (double& t : truth) t = 0.3 * draws.Normal();
  truth[0] = -2.5;
  std::vector<float> x(d);
  for (std::size_t i = 0; i < kRowsOfAModel; ++i) {
    double z = 0;
    for (std::size_t j = 0; j < d; ++j) {
      const FeatureSpec& f = plan.features.features[j];
      const bool number = f.kind == FeatureKind::kAttributeNumber || f.kind == FeatureKind::kProfileNumber ||
                          f.kind == FeatureKind::kHourSin || f.kind == FeatureKind::kHourCos;
      x[j] = j == 0 ? 1.0f : number ? static_cast<float>(0.7 * draws.Normal()) : draws.Below(8) == 0 ? 1.0f : 0.0f;
      z += truth[j] * static_cast<double>(x[j]);
    }
    Observation row;
    row.model = plan.ModelHash(model);
    row.time = kTaughtUntil - static_cast<EventTime>(kRowsOfAModel - i) * 600'000;
    row.y = draws.Uniform() < fixed::Logistic(z) ? 1.0f : 0.0f;
    row.from = 0;
    row.to = 86'400'000;
    fold.Apply(row, x, ++offset);
    row.kind = ObservationKind::kMature;
    row.delay = row.y > 0 ? static_cast<Duration>(draws.Uniform() * 8e7) : 0;
    row.probability = fixed::Logistic(z + 0.2 * draws.Normal());
    row.served_logit = fixed::Logit(row.probability);
    fold.Apply(row, x, ++offset);
  }
}

void TeachSegments(const CampaignPlan& plan, std::uint64_t seed, LearningFold& fold, std::uint64_t& offset) {
  Draws draws(seed, 3, 1, Purpose::kSimulation);
  for (std::size_t i = 0; i < kMoves; ++i) {
    const std::size_t blob = i % kBlobs;
    Observation row;
    row.kind = ObservationKind::kMove;
    row.model = H64("segments");
    row.time = kTaughtUntil - static_cast<EventTime>(kMoves - i) * 10'000;
    row.customer = H64({i, seed});
    MovePlaces places;
    row.places = &places;
    places.new_place.micro = row.customer;
    places.new_place.time = row.time;
    for (std::size_t j = 0; j < plan.segments.features.size(); ++j) {
      const double centre = j % kBlobs == blob ? 1.5 : -0.5;
      places.new_place.z.push_back(static_cast<float>(centre + 0.2 * draws.Normal()));
    }
    fold.Apply(row, {}, ++offset);
  }
}

void TeachCaps(const CampaignPlan& plan, std::uint64_t seed, LearningFold& fold, std::uint64_t& offset) {
  Draws draws(seed, 5, 1, Purpose::kSimulation);
  for (std::size_t i = 0; i < kCapRows; ++i) {
    Observation row;
    row.kind = ObservationKind::kCapRow;
    row.model = H64("caps");
    row.time = kTaughtUntil - static_cast<EventTime>(kCapRows - i) * 60'000;
    row.outcome = static_cast<std::uint16_t>(i % 2);
    row.segment = 1 + static_cast<std::uint32_t>(draws.Below(kBlobs));
    row.channel = static_cast<std::uint16_t>(draws.Below(plan.channels.size()));
    row.n = 1 + static_cast<std::uint32_t>(draws.Below(15));
    row.served_logit = -2.7 + 0.5 * draws.Normal();
    row.value = 4'000;
    row.y = draws.Uniform() < fixed::Logistic(row.served_logit - 0.5 * fixed::Log(static_cast<double>(row.n))) ? 1.0f
                                                                                                               : 0.0f;
    row.unsubscribed = draws.Uniform() < 0.003;
    fold.Apply(row, {}, ++offset);
  }
}

}  // namespace

AdoptedModels BenchModels(const std::shared_ptr<const CampaignPlan>& plan, std::uint64_t seed) {
  LearningFold fold(plan);
  std::uint64_t offset = 0;
  for (std::size_t m = 0; m < plan->models(); ++m) TeachResponse(*plan, ModelIndex(m), seed, fold, offset);
  TeachSegments(*plan, seed, fold, offset);
  TeachCaps(*plan, seed, fold, offset);
  AdoptedModels models;
  models.responses.resize(plan->models());
  for (PublishedModel& published : fold.Publish(offset)) {
    for (std::size_t m = 0; published.response && m < plan->models(); ++m) {
      if (plan->ModelHash(ModelIndex(m)) == published.model) models.responses[m] = published.response;
    }
    if (published.caps) models.caps = std::move(published.caps);
    if (published.segments) models.segments = std::move(published.segments);
  }
  return models;
}

}  // namespace offerstream
