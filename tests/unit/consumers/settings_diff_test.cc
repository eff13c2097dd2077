#include "consumers/config/settings_diff.h"

#include <gtest/gtest.h>

#include "consumers/config/config.h"
#include "consumers/config/settings.h"

namespace offerstream {
namespace {

std::map<std::string, std::string> SettingsOfText(const std::string& more) {
  const LoadedConfig loaded = ParseConfig("version: 1\nchannels: { push: { cost: 0.1, cap: { start: 2, max: 5 } } }\noffers: [ { id: a, channels: [push], value: 4 } ]\n" + more, "x.yaml");
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
  return loaded.config == nullptr ? std::map<std::string, std::string>{} : loaded.config->settings;
}

TEST(SettingsDiff, SettingsHaveTheNamesAPersonWouldGiveThem) {
  const auto settings = SettingsOfText("events: [ { topic: clicks } ]\n");
  EXPECT_EQ(settings.at("offers[a].value"), "4");
  EXPECT_EQ(settings.at("offers[a].channels"), "[push]");
  EXPECT_EQ(settings.at("channels.push.cap.max"), "5");
  EXPECT_EQ(settings.at("events[clicks].topic"), "clicks");
}

TEST(SettingsDiff, WhatIsAddedTakenOutAndChangedIsToldAndADefaultWrittenOutIsNone) {
  auto before = SettingsOfText("explore: { kappa: 10 }\ndecide: { threshold: 1 }\n");
  auto after = SettingsOfText("explore: { kappa: 11 }\nstate: { memory: 2GiB }\n");
  const auto changes = ChangesOf(before, after);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].Text(), "decide.threshold: 1 -> (not given)");
  EXPECT_EQ(changes[1].Text(), "explore.kappa: (not given) -> 11") << "10 is the default";
  EXPECT_FALSE(changes[0].needs_restart || changes[1].needs_restart);
}

TEST(SettingsDiff, SecretsAreComparedAndNotTold) {
  const auto changes = ChangesOf(SettingsOfText("kafka: { common: { sasl.password: one } }\n"), SettingsOfText("kafka: { common: { sasl.password: two } }\n"));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_TRUE(changes[0].needs_restart);
  EXPECT_EQ(changes[0].Text().find("one"), std::string::npos);
  EXPECT_EQ(changes[0].Text().find("two"), std::string::npos);
}

TEST(SettingsDiff, EverySettingOutsideThePlanNeedsARestart) {
  for (const char* path : {"kafka.brokers", "state.dir", "http.listen", "events[].topic", "events[clicks].mapping", "app.id", "commit.interval", "learning.adopt",
                           "features.attributes[].knots", "offersome", "privacy.key_file", "segments.k", "time.idle_after"}) {
    EXPECT_TRUE(NeedsRestart(path)) << path;
  }
  for (const char* path : {"offers[a].value", "channels.push.cap.max", "budgets[x].amount", "explore.kappa", "experiment.holdout", "decide.threshold", "time.lateness",
                           "learning.half_life.level"}) {
    EXPECT_FALSE(NeedsRestart(path)) << path;
  }
}

}  // namespace
}  // namespace offerstream
