#include "consumers/config/config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "models/domain/event.h"

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

// A sound minimal file to break in one place.
std::string Minimal(const std::string& more = "") {
  return "version: 1\nchannels: { push: {} }\noffers: [ { id: a } ]\n" + more;
}

std::vector<std::string> MistakesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (const ConfigError& error : ParseConfig(text, "c.yaml").errors) lines.push_back(error.Text());
  return lines;
}

TEST(Config, TenMistakesAreToldAtOnceEachAtItsLineAndColumn) {
  const std::string text =
      "version: 2\n"                                                  // 1: out of range
      "comit: { interval: 100ms }\n"                                  // 2: unknown key
      "commit: { interval: 100 }\n"                                   // 3: no duration
      "state: { memory: 2GB, shards: two }\n"                         // 4, 5: no size, no number
      "kafka: { consumer: { isolation.level: read_uncommitted } }\n"  // 6: reserved
      "channels:\n"
      "  push: { cap: { start: 9, max: 5 } }\n"  // 7: start above max
      "offers:\n"
      "  - { id: a, channels: [pusch] }\n"                                  // 8: bad reference
      "  - { id: b, eligible: { attribute: age, min: 18 }, budget: wintr }\n"  // 9, 10: undeclared attribute, unknown
      "budgets: [ { id: winter, amount: 0 } ]\n"                            // 11: nothing to spend
      "explore: { policy: gredy }\n";                                       // 12: no such choice
  const std::vector<std::string> expected = {
      "c.yaml:1:10: version: 2 is out of range, 1 to 1",
      "c.yaml:2:1: comit: unknown key; did you mean 'commit'?",
      "c.yaml:3:21: commit.interval: a duration like 90s, 10m, 6h or 7d is wanted, not '100'",
      "c.yaml:4:18: state.memory: a size like 64MiB or 2GiB is wanted, not '2GB'",
      "c.yaml:4:31: state.shards: a whole number or 'auto' is wanted, not 'two'",
      "c.yaml:5:22: kafka.consumer.isolation.level: is not yours to set: inputs are always read committed",
      "c.yaml:7:25: channels.push.cap.start: 9 is above cap.max 5",
      "c.yaml:9:25: offers[0].channels[0]: no channel 'pusch'; did you mean 'push'?",
      "c.yaml:10:37: eligible.attribute: 'age' is not declared in features.attributes",
      "c.yaml:10:61: offers[1].budget: no budget 'wintr'; did you mean 'winter'?",
      "c.yaml:11:34: budgets[0].amount: must be above 0; leave the offers of 'winter' out to spend nothing",
      "c.yaml:12:20: explore.policy: one of inverse_gap, squarecb, epsilon_greedy, thompson, greedy, uniform is wanted, not "
      "'gredy'; did you mean 'greedy'?",
  };
  EXPECT_EQ(MistakesOf(text), expected);
}

TEST(Config, MistakesOfBudgetsAndExperimentsAreTold) {
  const std::string offers = "version: 1\nchannels: { push: { cost: 0.1 } }\noffers: [ { id: a, campaign: winter, budget: b } ]\n";
  EXPECT_EQ(MistakesOf(offers + "budgets: [ { id: b, amount: -5 } ]\n").size(), 2u);   // out of range, and not above 0
  EXPECT_EQ(MistakesOf(offers + "budgets: [ { id: b, amount: 5 }, { id: b, amount: 5 } ]\n"),
            std::vector<std::string>{"c.yaml:4:40: budget 'b' is given twice"});
  EXPECT_EQ(MistakesOf(offers + "budgets: [ { id: b, amount: 5, pace: evn } ]\n"),
            std::vector<std::string>{"c.yaml:4:38: budgets[0].pace: one of even, asap is wanted, not 'evn'; did you mean 'even'?"});
  EXPECT_EQ(MistakesOf(offers + "budgets: [ { id: b, amount: 5 } ]\nlearning: { adopt: never }\n"),
            std::vector<std::string>{"c.yaml:4:10: budgets: money is granted with learned models; learning.adopt must be commit"});
  EXPECT_EQ(MistakesOf(offers + "budgets: [ { id: b, amount: 5 } ]\nexperiment: { campaigns: { wintr: { holdout: 0.1 } } }\n"),
            std::vector<std::string>{
                "c.yaml:5:28: experiment.campaigns: no offer has campaign 'wintr'; did you mean 'winter'?"});
}

TEST(Config, BudgetsAndExperimentsSurviveThePlansText) {
  const std::string text =
      "version: 1\nchannels: { push: { cost: 0.1 } }\noffers: [ { id: a, campaign: winter, budget: b }, { id: c, campaign: spring } ]\n"
      "budgets: [ { id: b, amount: 2500.5, period: 7d, starts: 2026-01-05, pace: asap } ]\n"
      "experiment: { margin: 0.3, planned: 5000, campaigns: { spring: { holdout: 0.25 } } }\n";
  const auto first = ParseConfig(text, "c.yaml");
  ASSERT_TRUE(first.errors.empty()) << first.errors.front().Text();
  const auto again = ParseConfig(first.config->plan->text, "plan");
  ASSERT_TRUE(again.errors.empty()) << again.errors.front().Text();
  const CampaignPlan& plan = *again.config->plan;
  EXPECT_EQ(plan.text, first.config->plan->text);
  ASSERT_EQ(plan.budgets.size(), 1u);
  EXPECT_EQ(plan.budgets[0].amount, 2500.5);
  EXPECT_EQ(plan.budgets[0].period, 7 * Duration{86'400'000});
  EXPECT_EQ(plan.budgets[0].pace, BudgetPace::kAsap);
  EXPECT_EQ(plan.budgets[0].PeriodAt(plan.budgets[0].starts + 8 * Duration{86'400'000}), plan.budgets[0].starts + 7 * Duration{86'400'000});
  EXPECT_EQ(plan.budgets[0].PeriodAt(plan.budgets[0].starts - 1), kNever);
  EXPECT_EQ(plan.offers[0].budget, BudgetIndex(0));
  EXPECT_FALSE(plan.offers[1].budget.known());
  EXPECT_EQ(plan.experiment.campaign_holdout.at("spring"), .25);
  EXPECT_EQ(plan.experiment.margin, .3);
  EXPECT_EQ(plan.experiment.planned, 5000);
}

TEST(Config, ASectionChurnTurnsItOnAndReadsBack) {
  const auto off = ParseConfig(Minimal(), "c.yaml"), bare = ParseConfig(Minimal("churn:\n"), "c.yaml");
  ASSERT_TRUE(off.config && bare.config);
  EXPECT_FALSE(off.config->plan->churn.on);
  EXPECT_EQ(off.config->plan->text.find("churn"), std::string::npos);
  EXPECT_TRUE(bare.config->plan->churn.on);
  EXPECT_EQ(bare.config->plan->churn.horizon, 91 * Duration{86'400'000});
  const auto full = ParseConfig(Minimal("churn: { horizon: 28d, inactive_after: 365d, purchases: [transaction] }\nfeatures: { churn: true }\nitems: { purchases: [conversion] }\n"), "c.yaml");
  ASSERT_TRUE(full.config) << full.errors.front().Text();
  const auto again = ParseConfig(full.config->plan->text, "plan");
  ASSERT_TRUE(again.config) << again.errors.front().Text();
  const CampaignPlan& plan = *again.config->plan;
  EXPECT_EQ(plan.text, full.config->plan->text);
  EXPECT_EQ(plan.churn.horizon, 28 * Duration{86'400'000});
  EXPECT_EQ(plan.churn.inactive_after, 365 * Duration{86'400'000});
  EXPECT_EQ(plan.churn.purchase_kinds, 1u << static_cast<unsigned>(EventKind::kTransaction));
  EXPECT_EQ(plan.features.epoch, full.config->plan->features.epoch);
  EXPECT_TRUE(plan.items.on);
  EXPECT_EQ(plan.items.purchase_kinds, 1u << static_cast<unsigned>(EventKind::kConversion));
  const auto nobody = MistakesOf(Minimal("features: { churn: true }\n"));
  ASSERT_EQ(nobody.size(), 1u);
  EXPECT_NE(nobody[0].find("features.churn: nobody is looked at without a section churn"), std::string::npos) << nobody[0];
}

TEST(Config, YamlThatIsNoneIsAMistakeAtItsPlace) {
  const auto broken = MistakesOf("version: 1\noffers: [ {\n");
  ASSERT_EQ(broken.size(), 1u);
  EXPECT_TRUE(broken[0].starts_with("c.yaml:")) << broken[0];
  EXPECT_EQ(MistakesOf(Minimal("version: 1\n")), std::vector<std::string>{"c.yaml:4:1: 'version' is given twice"});
  EXPECT_FALSE(MistakesOf(Minimal("log: &x { level: info }\nhttp: *x\n")).empty());
  EXPECT_FALSE(MistakesOf(std::string(200'000, '[')).empty());
  EXPECT_FALSE(MistakesOf("just a text").empty());
}

TEST(Config, TooManyFeaturesNameTheirBlocks) {
  std::string levels;
  for (int i = 0; i < 60; ++i) levels += (i > 0 ? ", l" : "l") + std::to_string(i);
  const auto mistakes =
      MistakesOf(Minimal("features: { attributes: [ { name: job, type: category, levels: [" + levels + "] } ] }\n"));
  ASSERT_EQ(mistakes.size(), 1u);
  EXPECT_NE(
      mistakes[0].find("84 features are more than 64: bias 1, attributes 60, profile 8, time 2, segment 12, ordinal 1"),
      std::string::npos)
      << mistakes[0];
}

TEST(Config, CustomerFeaturesComeFirstAndCandidateFeaturesLast) {
  const LoadedConfig loaded = ParseConfig(DefaultConfigText(), "c.yaml");
  const FeatureSchema& schema = loaded.config->plan->features;
  EXPECT_LE(schema.size(), 64u);
  for (std::size_t i = 0; i < schema.size(); ++i)
    EXPECT_EQ(schema.features[i].ByCandidate(), i >= schema.candidate_begin) << schema.features[i].name;
}

TEST(Config, AFlagWinsOverTheFileAndKeepsItsNameInMistakes) {
  const LoadedConfig good =
      ParseConfig(Minimal("kafka: { brokers: a:1 }\n"), "c.yaml",
                  {{"kafka.brokers", "b:2"}, {"channels.push.cost", "0.5"}, {"kafka.common.security.protocol", "ssl"}});
  ASSERT_NE(good.config, nullptr);
  EXPECT_EQ(good.config->kafka.brokers, "b:2");
  EXPECT_DOUBLE_EQ(good.config->plan->channels[0].cost, 0.5);
  EXPECT_EQ(good.config->kafka.common.at("security.protocol"), "ssl");
  const LoadedConfig bad = ParseConfig(Minimal(), "c.yaml", {{"commit.interval", "soon"}});
  ASSERT_EQ(bad.errors.size(), 1u);
  EXPECT_TRUE(bad.errors[0].Text().starts_with("--set commit.interval: commit.interval: a duration"))
      << bad.errors[0].Text();
}

TEST(Config, WhatIsNotInThePlanDoesNotChangeItsDigest) {
  const LoadedConfig a = ParseConfig(Minimal(), "c.yaml"),
                     b = ParseConfig(Minimal("kafka: { brokers: x:1 }\nstate: { dir: /tmp/x }\n"), "c.yaml");
  const LoadedConfig c = ParseConfig(Minimal("explore: { kappa: 11 }\n"), "c.yaml");
  ASSERT_TRUE(a.config && b.config && c.config);
  EXPECT_EQ(a.config->plan->digest, b.config->plan->digest);
  EXPECT_NE(a.config->plan->digest, c.config->plan->digest);
}

TEST(Config, APlanOfEveryKindOfConditionReadsBack) {
  const std::string text =
      "version: 1\ncurrency: USD\nchannels: { push: {}, \"e mail\": { cooldown: 90s } }\n"
      "products: [ { id: \"a: b\" }, { id: c, category: d } ]\n"
      "outcomes: { visit: { window: 1d } }\n"
      "offers:\n"
      "  - { id: x, product: c, repeatable: false, starts: 2026-01-01, ends: 2026-03-31T12:00:00Z, goal: visit, "
      "eligible: { any: [ { attribute: age, min: 1.5, max: 1e6 },\n"
      "      { attribute: job, in: [a, \"true\"] }, { attribute: vip, is: true }, { segment: [2, 3] }, { not: { owns: "
      "\"a: b\" } }, { all: [] } ] } }\n"
      "features: { attributes: [ { name: age, missing: false }, { name: job, type: category, levels: [a, b] }, { name: "
      "vip, type: bool, feature: false } ],\n"
      "            profile: [ tenure, { name: net_flow, scale: 3 } ], products: true, time: week, max: 80 }\n";
  const LoadedConfig loaded = ParseConfig(text, "c.yaml");
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
  ASSERT_NE(loaded.config, nullptr);
  const auto again = ParsePlan(loaded.config->plan->text, 1);
  ASSERT_TRUE(again.has_value()) << again.error().detail << "\n" << loaded.config->plan->text;
  EXPECT_EQ((*again)->text, loaded.config->plan->text);
  EXPECT_EQ((*again)->features.epoch, loaded.config->plan->features.epoch);
  EXPECT_EQ((*again)->offers[0].eligible.children[1].values,
            loaded.config->plan->offers[0].eligible.children[1].values);
}

TEST(Config, CurvesAndCrossesAreFeaturesWhereTheyRaceAndReadBack) {
  const std::string features =
      "features: { attributes: [ { name: age, center: 40, scale: 10, knots: [20, 30, 45, 70] }, { name: balance } ],\n"
      "            profile: [recency], crosses: [[segment, channel], [age, balance]], max: 200 }\n";
  const std::string text =
      "version: 1\nchannels: { push: {}, email: {} }\noffers: [ { id: a } ]\n" + features +
      "learning: { variants: { variances: true, features: [linear, all], serve: pool } }\n";
  const LoadedConfig loaded = ParseConfig(text, "c.yaml");
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
  ASSERT_NE(loaded.config, nullptr);
  const CampaignPlan& plan = *loaded.config->plan;
  EXPECT_EQ(plan.learning.race, (RaceSpec{true, true, true, {kPlainFeatures, kCurveFeatures | kCrossFeatures}}));
  ASSERT_EQ(plan.features.curves.size(), 3u) << "age, balance, recency";
  EXPECT_EQ(plan.features.curves[0].knots, (std::vector<double>{-2, -1, .5, 3}));
  EXPECT_EQ(plan.features.curves[1].knots.size(), 12u);
  ASSERT_EQ(plan.features.crosses.size(), 1u);
  EXPECT_EQ(plan.features.features[plan.features.crosses[0].second].name, "balance");
  for (std::size_t i = 0; i < plan.features.size(); ++i) {
    EXPECT_EQ(plan.features.features[i].ByCandidate(), i >= plan.features.candidate_begin);
  }
  const auto again = ParsePlan(plan.text, 1);
  ASSERT_TRUE(again.has_value()) << again.error().detail << "\n" << plan.text;
  EXPECT_EQ((*again)->text, plan.text);
  EXPECT_EQ((*again)->features.epoch, plan.features.epoch);
  EXPECT_EQ((*again)->learning.race, plan.learning.race);
  // Other knots, other features: what was learned of the old ones means nothing for them.
  std::string other = text;
  other.replace(other.find("70]"), 3, "75]");
  const LoadedConfig moved = ParseConfig(other, "c.yaml");
  ASSERT_NE(moved.config, nullptr);
  EXPECT_NE(moved.config->plan->features.epoch, plan.features.epoch);
  const LoadedConfig straight = ParseConfig("version: 1\nchannels: { push: {} }\noffers: [ { id: a } ]\nlearning: { race: false }\n", "c.yaml");
  ASSERT_NE(straight.config, nullptr);
  EXPECT_EQ(straight.config->plan->learning.race, RaceSpec::None());
  EXPECT_TRUE(straight.config->plan->features.curves.empty());
}

TEST(Config, MistakesOfVariantsAreTold) {
  const auto told = [](const std::string& more, const char* what) {
    const auto mistakes = MistakesOf(Minimal(more));
    ASSERT_EQ(mistakes.size(), 1u) << more;
    EXPECT_NE(mistakes[0].find(what), std::string::npos) << mistakes[0];
  };
  told("features: { attributes: [ { name: age, knots: [3, 2, 1] } ] }\n", "ascending");
  told("features: { attributes: [ { name: age, knots: [1, 2] } ] }\n", "at least 3 knots");
  told("features: { crosses: [[recency, frequency]] }\n", "neither crosses nor all");
  told("features: { crosses: [[recency, age]], max: 200 }\nlearning: { variants: { features: [crosses] } }\n", "no number 'age'");
  told("features: { max: 256 }\nlearning: { variants: { features: [linear, crosses] } }\n", "28 pairs of numbers are more than 6");
  told("learning: { variants: { features: [linear, linear] } }\n", "given twice");
}

TEST(Config, SegmentsMayBeMadeOfNumberAttributesAndReadBack) {
  const std::string text =
      "version: 1\nevents: [ { topic: t, mapping: segment } ]\nchannels: { phone: {} }\noffers: [ { id: o } ]\nfeatures:\n  attributes:\n"
      "    - { name: income, center: 9000, scale: 2000, afterwards: true }\n    - { name: job, type: category, levels: [cook] }\n"
      "segments: { features: [income, recency, { name: monetary, center: 2, scale: 3 }], k: 4 }\n";
  const LoadedConfig loaded = ParseConfig(text, "c.yaml");
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
  ASSERT_NE(loaded.config, nullptr);
  const CampaignPlan& plan = *loaded.config->plan;
  EXPECT_EQ(SegmentNames(plan), (std::vector<std::string>{"recency", "monetary", "income"}));
  EXPECT_EQ(plan.segments.size(), 3u);
  EXPECT_EQ(plan.segments.centre[2], 9000);
  EXPECT_EQ(plan.segments.scale[2], 2000);
  EXPECT_TRUE(plan.attributes[0].afterwards);
  const auto again = ParsePlan(plan.text, 7);
  ASSERT_TRUE(again.has_value()) << again.error().detail << "\n" << plan.text;
  EXPECT_EQ((*again)->text, plan.text);
  EXPECT_EQ((*again)->segments.attributes, plan.segments.attributes);
  std::string wrong = text;
  wrong.replace(wrong.find("[income, recency"), 16, "[job, recency   ");
  const LoadedConfig bad = ParseConfig(wrong, "c.yaml");
  ASSERT_EQ(bad.errors.size(), 1u);
  EXPECT_NE(bad.errors[0].Text().find("no profile number 'job'"), std::string::npos) << bad.errors[0].Text();
}

TEST(Config, ACategoryOfTenThousandLevelsIsRefusedWithItsBlocks) {
  std::string levels;
  for (int i = 0; i < 10'000; ++i) levels += (i == 0 ? "" : ", ") + std::string("town") + std::to_string(i);
  const LoadedConfig loaded = ParseConfig(
      "version: 1\nevents: [ { topic: t, mapping: segment } ]\nchannels: { phone: {} }\noffers: [ { id: o } ]\nfeatures:\n  attributes:\n"
      "    - { name: town, type: category, levels: [" + levels + "] }\n", "c.yaml");
  ASSERT_FALSE(loaded.errors.empty());
  bool told = false;
  for (const ConfigError& error : loaded.errors) told = told || error.Text().find("features are more than 64: bias 1, attributes 10000") != std::string::npos;
  EXPECT_TRUE(told) << loaded.errors[0].Text();
}

TEST(Config, TheSchemaFileIsWhatTheTableSays) {
  std::ifstream in(std::string(OFFERSTREAM_SOURCE_DIR) + "/deploy/schemas/config.json");
  std::ostringstream text;
  text << in.rdbuf();
  EXPECT_EQ(text.str(), ConfigJsonSchema()) << "run: offerstream schema config > deploy/schemas/config.json";
}

}  // namespace
}  // namespace offerstream
