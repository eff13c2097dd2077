#include "consumers/offline/study.h"

#include <tuple>

#include <gtest/gtest.h>

#include "consumers/config/config.h"
#include "consumers/offline/report/report.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

const std::string kBank = std::string(OFFERSTREAM_SOURCE_DIR) + "/deploy/studies/bank-marketing/offerstream.yaml";

// Labels of the bank's one offer: feature 1 decides, 1 to 3 share a factor.
std::string Report(const StudyOptions& options, int labels) {
  const LoadedConfig loaded = LoadConfig(kBank, {});
  const std::shared_ptr<const CampaignPlan> plan = loaded.config->plan;
  Study study(plan, options);
  Draws draws(1, 2, 3, Purpose::kSimulation);
  std::vector<float> x(plan->features.size());
  for (int i = 0; i < labels; ++i) {
    for (std::size_t j = 0; j < x.size(); ++j) x[j] = j == 0 ? 1.0F : j < 10 ? static_cast<float>(draws.Normal()) : 0.0F;
    const float f = static_cast<float>(draws.Normal());
    for (std::size_t j = 1; j < 4; ++j) x[j] = .8F * f + .6F * x[j];
    Observation row;
    row.kind = ObservationKind::kMature;
    row.model = plan->ModelHash(plan->ModelOf(OfferIndex(0), OutcomeIndex(CampaignPlan::kConversion)));
    row.time = i;
    row.instant = true;
    row.y = draws.Uniform() < (x[1] > 0 ? .6 : .1) ? 1.0F : 0.0F;
    row.probability = .35;
    EXPECT_TRUE(study.Label(row, x));
    row.model = 7;  // nobody's
    EXPECT_TRUE(study.Label(row, x));
  }
  EXPECT_TRUE(study.Finish());
  ModelReport model;
  model.id = "term-deposit/conversion";
  for (const FeatureSpec& feature : plan->features.features) model.drivers.push_back({feature.name, .1, 1.1, 1, 1.2, 2});
  const InputReport input;
  const FoldCounters counters;
  const AdoptedModels adopted;
  const std::vector<ModelReport> models = {model};
  return ReportJson({*plan, input, counters, models, adopted, &study});
}

bool Has(const std::string& json, const std::string& text) { return json.find(text) != std::string::npos; }

TEST(Study, ChallengersStandInTheReportBesideTheOnlineModelOnTheSameRows) {
  StudyOptions options;
  options.challengers = {TreeSettings::Kind::kForest, TreeSettings::Kind::kBoosting};
  options.schedule.every = 300;
  options.schedule.draws = 3;
  const std::string json = Report(options, 900);
  EXPECT_TRUE(Has(json, "\"name\": \"random-forest\", \"n\": 600,"));
  EXPECT_TRUE(Has(json, "\"name\": \"boosting\", \"n\": 600,"));
  EXPECT_TRUE(Has(json, "\"online_same_rows\": {\"n\": 600,"));
  EXPECT_TRUE(Has(json, "\"verdict\": \"challenger ahead\""));
  EXPECT_TRUE(Has(json, "\"importances\": [\n    {\"feature\": \"age\","));
  EXPECT_TRUE(Has(json, "\"rank_correlation_shap\": "));
}

TEST(Study, FactorsAndF1AreThereWithoutChallengersAndNothingIsWithoutLabels) {
  const std::string json = Report({}, 900);
  EXPECT_FALSE(Has(json, "challengers"));
  EXPECT_TRUE(Has(json, "\"regression\": {\"n\": 0,"));   // too few to judge, enough to tell the effects
  EXPECT_TRUE(Has(json, "\"factors\": {\"n\": 900, \"count\": 1,"));
  EXPECT_TRUE(Has(json, "\"hindsight\": "));
  EXPECT_TRUE(Has(json, "\"calibration_curve\": "));
  EXPECT_FALSE(Has(Report({}, 0), "factors"));
}

TEST(Study, PreferencesAndChurnAreLearnedFromPurchasesAsTheyGoBy) {
  const LoadedConfig loaded = LoadConfig(kBank, {});
  Study study(loaded.config->plan, {});
  study.preferences().names()[H64("tea")] = "tea";
  study.preferences().names()[H64("cups")] = "cups";
  for (int day = 0; day < 300; ++day) {  // tea and cups by a customer of its own each day, who comes back for a pot
    for (const auto& [item, who, later] : {std::tuple("tea", day, 0), {"cups", day, 0}, {"pot", day - 20, 1}, {"kettle", day - 20, 1}}) {
      if (who < 0 || (later == 1 && who % 2 == 1)) continue;
      Event event;
      event.kind = EventKind::kTransaction;
      event.customer_hash = H64({static_cast<std::uint64_t>(who)});
      event.product_hash = H64(item);
      event.has_value = true;
      event.value = 1000;
      event.time = (1000 + day) * 86'400'000LL + later;
      study.See(event);
    }
  }
  EXPECT_TRUE(study.Finish());
  const InputReport input;
  const FoldCounters counters;
  const AdoptedModels adopted;
  const std::vector<ModelReport> models;
  const std::string json = ReportJson({*loaded.config->plan, input, counters, models, adopted, &study});
  EXPECT_TRUE(Has(json, "{\"item\": \"tea\", \"bought\": "));
  EXPECT_TRUE(Has(json, "{\"item\": \"cups\", \"similarity\": "));
  EXPECT_TRUE(Has(json, "\"churn\": {\"horizon_days\": 91, \"customers\": 300"));
  EXPECT_TRUE(Has(json, "\"value_at_risk\": "));
}

}  // namespace
}  // namespace offerstream
