#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "consumers/kafka/kafka_topics.h"

namespace offerstream {
namespace {

using Settings = std::map<std::string, std::map<std::string, std::string>>;

Config OneInput() {
  Config config;
  config.events.push_back({});
  return config;
}

Settings AsApplied(const Config& config) {
  Settings settings;
  for (const NewTopic& topic : WantedTopics(config, 4, 3)) settings[topic.name] = topic.settings;
  return settings;
}

TEST(TopicPolicies, WhatTopicsApplyMakesIsSound) {
  const PolicyFindings found = CheckPolicies(OneInput(), AsApplied(OneInput()));
  EXPECT_TRUE(found.errors.empty()) << found.errors.front();
  EXPECT_TRUE(found.warnings.empty()) << found.warnings.front();
}

TEST(TopicPolicies, EachSettingThatLosesWhatARestartNeedsIsNamedWithItsCure) {
  const std::vector<std::array<std::string, 4>> cases = {
      {"events", "cleanup.policy", "compact", "cleanup.policy=delete"},
      {"offerstream-journal", "cleanup.policy", "compact,delete", "cleanup.policy=delete"},
      {"offerstream-observations", "retention.ms", "1000", "retention.ms=604800000"},
      {"offerstream-profiles", "cleanup.policy", "delete", "cleanup.policy=compact"},
      {"offerstream-models", "cleanup.policy", "compact,delete", "cleanup.policy=compact"},
      {"offerstream-profiles", "delete.retention.ms", "86400000", "delete.retention.ms=604800000"},
  };
  for (const auto& [topic, name, value, cure] : cases) {
    Settings settings = AsApplied(OneInput());
    settings[topic][name] = value;
    const PolicyFindings found = CheckPolicies(OneInput(), settings);
    ASSERT_EQ(found.errors.size(), 1u) << topic << " " << name;
    EXPECT_NE(found.errors[0].find("--entity-name " + topic + " --add-config " + cure), std::string::npos) << found.errors[0];
  }
}

TEST(TopicPolicies, WithoutATailShortRetentionIsNoError) {
  Config config = OneInput();
  config.recovery_target = 0;
  Settings settings = AsApplied(config);
  settings["offerstream-journal"]["retention.ms"] = "1000";
  EXPECT_TRUE(CheckPolicies(config, settings).errors.empty());
}

TEST(TopicPolicies, ALoneReplicaIsOnlyAWarning) {
  Settings settings = AsApplied(OneInput());
  for (auto& [topic, of_topic] : settings) of_topic["min.insync.replicas"] = "1";
  const PolicyFindings found = CheckPolicies(OneInput(), settings);
  EXPECT_TRUE(found.errors.empty());
  ASSERT_EQ(found.warnings.size(), 1u);
  EXPECT_NE(found.warnings[0].find("and 8 more"), std::string::npos) << found.warnings[0];
}

}  // namespace
}  // namespace offerstream
