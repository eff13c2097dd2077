// Sixty simulated days in which nothing drifts: no alarms, and predictions that come true, although labels come late and
// the engine begins cold.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <string>

#include "consumers/config/embedded_files.h"
#include "consumers/offline/closed_loop.h"
#include "models/learning/drift_detector.h"

namespace offerstream {
namespace {

constexpr double kDays = 60;

std::unique_ptr<ClosedLoop> Simulate(const Config& config) {
  MarketOptions market;
  market.customers = 1'000;
  market.days = kDays;
  auto loop = ClosedLoop::Make(config, market);
  if (!loop.has_value()) return nullptr;
  while ((*loop)->Step()) {
  }
  return std::move(*loop);
}

LoadedConfig Configuration(const std::string& name) {
  return ParseConfig(std::string(EmbeddedFile(name)), name, {{"app.instance", "test"}});
}

// Windows of 7 and 30 days where answers come within hours: F has to be learned long before a window closes.
TEST(UndriftedWorld, WindowsFarLongerThanDelaysRaiseNoAlarms) {
  const LoadedConfig loaded = Configuration("deploy/offerstream.yaml");
  ASSERT_NE(loaded.config, nullptr) << (loaded.errors.empty() ? "" : loaded.errors[0].Text());
  const auto loop = Simulate(*loaded.config);
  ASSERT_NE(loop, nullptr);
  double labels = 0;
  std::int64_t alarms = 0;
  for (const ModelReport& model : loop->engine().Reports()) {
    if (model.id.find('/') == std::string::npos) continue;
    std::printf("%s: %lld observations, %lld alarms, calibration %.3f\n", model.id.c_str(),
                static_cast<long long>(model.observations), static_cast<long long>(model.drift_alarms),
                model.calibration_ratio);
    labels += static_cast<double>(model.observations);
    alarms += model.drift_alarms;
  }
  EXPECT_GT(labels, 300'000);
  EXPECT_LE(static_cast<double>(alarms), 1 + labels / DriftDetector::kAlarm);
}

TEST(UndriftedWorld, ConversionsArePredictedAsOftenAsTheyCome) {
  const LoadedConfig loaded = Configuration("deploy/demo/offerstream.yaml");
  ASSERT_NE(loaded.config, nullptr) << (loaded.errors.empty() ? "" : loaded.errors[0].Text());
  const auto loop = Simulate(*loaded.config);
  ASSERT_NE(loop, nullptr);
  double predicted = 0, positives = 0;
  for (const ModelReport& model : loop->engine().Reports()) {
    if (!model.id.ends_with("/conversion")) continue;
    std::printf("%s: %lld labels, %lld alarms, calibration %.3f\n", model.id.c_str(),
                static_cast<long long>(model.labels), static_cast<long long>(model.drift_alarms),
                model.calibration_ratio);
    // Four standard errors of the positives' number around 1, and 3 % for the cold start.
    EXPECT_NEAR(model.calibration_ratio, 1.03, .03 + 4 / std::sqrt(static_cast<double>(model.positives))) << model.id;
    EXPECT_EQ(model.drift_alarms, 0) << model.id;
    predicted += model.calibration_ratio * static_cast<double>(model.positives);
    positives += static_cast<double>(model.positives);
  }
  std::printf("all conversions: calibration %.3f of %.0f\n", predicted / positives, positives);
  EXPECT_GT(positives, 1'000);
  EXPECT_NEAR(predicted / positives, 1.0, .05);
}

}  // namespace
}  // namespace offerstream
