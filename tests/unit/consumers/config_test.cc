#include "consumers/config/config.h"

#include <gtest/gtest.h>

namespace offerstream {
namespace {

TEST(Config, TheDefaultFileIsSound) {
  const LoadedConfig loaded = ParseConfig(DefaultConfigText(), "offerstream.yaml");
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
  ASSERT_NE(loaded.config, nullptr);
  EXPECT_EQ(loaded.config->plan->offers.size(), 2u);
  EXPECT_EQ(loaded.config->plan->features.features[0].name, "bias");
}

TEST(Config, APlanReadBackFromItsTextIsTheSamePlan) {
  const LoadedConfig loaded = ParseConfig(DefaultConfigText(), "offerstream.yaml");
  ASSERT_NE(loaded.config, nullptr);
  const CampaignPlan& plan = *loaded.config->plan;
  const auto again = ParsePlan(plan.text, 7);
  ASSERT_TRUE(again.has_value()) << again.error().detail << "\n" << plan.text;
  EXPECT_EQ((*again)->text, plan.text);
  EXPECT_EQ((*again)->digest, plan.digest);
  EXPECT_EQ((*again)->features.epoch, plan.features.epoch);
  EXPECT_EQ((*again)->epoch, 7u);
}

}  // namespace
}  // namespace offerstream
