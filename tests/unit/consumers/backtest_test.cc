#include "consumers/offline/backtest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "consumers/commands/backtest.h"
#include "consumers/offline/backtest_report.h"
#include "consumers/config/config.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr const char* kConfig = R"(version: 1
channels: { push: { cost: 0.5, unsubscribe_value: 10, cap: { start: 50, max: 50, learn: false } }, email: { cost: 0.1 } }
offers: [ { id: a, value: 10 }, { id: b, value: 20 } ]
outcomes: { click: { window: 1h }, conversion: { window: 1h } }
time: { lateness: 0s }
decide: { on: [], valid_for: 1h }
experiment: { holdout: 0, random: 0 }
explore: { policy: uniform }
segments: { features: [] }
)";

std::shared_ptr<const CampaignPlan> Plan(const std::map<std::string, std::string>& set = {}) {
  const LoadedConfig loaded = ParseConfig(kConfig, "test.yaml", set);
  EXPECT_NE(loaded.config, nullptr) << (loaded.errors.empty() ? "" : loaded.errors[0].Text());
  return loaded.config == nullptr ? nullptr : loaded.config->plan;
}

std::string At(int minute) {
  char text[40];
  std::snprintf(text, sizeof(text), "2026-03-01T%02d:%02d:00Z", minute / 60, minute % 60);
  return text;
}

std::string Event(const std::string& id, const std::string& name, int minute, const std::string& properties) {
  return R"({"messageId":")" + id + R"(","type":"track","event":")" + name + R"(","userId":"u1","timestamp":")" + At(minute) +
         R"(","properties":{)" + properties + "}}";
}

BacktestReport Evaluate(const std::vector<std::string>& events, const std::vector<NamedPolicy>& policies, const DecisionLog* log = nullptr,
                   EventTime since = kNever) {
  BacktestOptions options;
  options.replicates = 0;
  options.since = since;
  Backtest backtest(Plan(), LoadMapping("segment").mapping, policies, log, options);
  for (const std::string& event : events) {
    Record record;
    record.value = event;
    backtest.Apply(record);
  }
  return backtest.Finish();
}

std::string Shown(const std::string& id, int minute, const std::string& offer, const std::string& more) {
  return Event(id, "Promotion Viewed", minute, R"("offer_id":")" + offer + R"(","channel":"push")" + more);
}

TEST(Backtest, AForeignImpressionEarnsItsGoalLessItsCostAndWeighsItsPropensity) {
  const std::vector<std::string> events = {
      Shown("1", 0, "a", R"(,"propensity":0.25)"),
      Event("2", "Order Completed", 10, R"("offer_id":"a","channel":"push")"),
      Shown("3", 20, "b", R"(,"propensity":0.5)"),
      Event("9", "Product Viewed", 600, ""),
  };
  const BacktestReport report = Evaluate(events, {{"uniform", Plan()}});
  EXPECT_EQ(report.log.decisions, 2u);
  EXPECT_EQ(report.log.weighed, 2);
  EXPECT_NEAR(report.log.value, ((10 - .5) + (0 - .5)) / 2, 1e-12);
  const OffPolicyResult& r = report.policies[0].result;
  EXPECT_EQ(r.n, 2);
  EXPECT_NEAR(r.max_weight, .5 / .25, 1e-12);   // two offers on the channel that was given
  EXPECT_NEAR(r.of(OffPolicyMethod::kIps).value, (2 * 9.5 + 1 * -.5) / 2, 1e-12);
}

TEST(Backtest, WhatIsNotFinalWhenTheLogEndsIsLeftOut) {
  const BacktestReport report = Evaluate({Shown("1", 0, "a", R"(,"propensity":0.5)"), Shown("2", 70, "a", R"(,"propensity":0.5)")}, {{"u", Plan()}});
  EXPECT_EQ(report.log.weighed, 1);
  EXPECT_EQ(report.log.open, 1u);
}

TEST(Backtest, AChoiceFarBehindTheOthersIsLeftOut) {
  const BacktestReport report = Evaluate({Event("9", "Product Viewed", 600, ""), Shown("1", 0, "a", R"(,"propensity":0.5)")}, {{"u", Plan()}});
  EXPECT_EQ(report.log.late, 1u);
  EXPECT_EQ(report.log.weighed, 0);
}

TEST(Backtest, TheUniformPolicyDrawsFromAllCandidatesAlike) {
  const auto plan = Plan({{"explore.epsilon", "0.2"}});
  EXPECT_EQ(plan->explore.policy, ExplorePolicy::kEpsilonGreedy);
  EXPECT_EQ(plan->explore.epsilon, 1);   // whatever the file says of epsilon
}

TEST(Backtest, ImpressionsWithoutAPropensityOnlyTeach) {
  const BacktestReport report = Evaluate({Shown("1", 0, "a", ""), Event("9", "Product Viewed", 600, "")}, {{"u", Plan()}});
  EXPECT_EQ(report.log.decisions, 0u);
  EXPECT_EQ(report.policies[0].result.n, 0);
}

TEST(Backtest, AnOfferThePolicyDoesNotHaveWeighsNothingAndOneItAddsIsUnsupported) {
  const std::vector<std::string> events = {Shown("1", 0, "a", R"(,"propensity":0.5)"), Shown("2", 5, "b", R"(,"propensity":0.5)"),
                                           Event("9", "Product Viewed", 600, "")};
  const BacktestReport report = Evaluate(events, {{"only b", Plan({{"offers", "[{id: b, value: 20}]"}})}, {"only new", Plan({{"offers", "[{id: c, value: 99}]"}})}});
  EXPECT_NEAR(report.policies[0].result.max_weight, 2, 1e-12);
  EXPECT_NEAR(report.policies[0].result.mean_weight, 1, 1e-12);
  EXPECT_EQ(report.policies[1].result.max_weight, 0);
  EXPECT_FALSE(report.policies[1].result.supported);
  EXPECT_NE(report.policies[1].result.refusal.find("does not contain"), std::string::npos) << report.policies[1].result.refusal;
}

// Published decisions: one shown and bought, one never shown, one with no offer, one in the holdout, one without a propensity.
class OwnLog : public ::testing::Test {
 protected:
  OwnLog() {
    Decision(1, "r1", R"({"offer_id":"a","campaign_id":"","channel":"push","product_id":null})", "policy", "0.5");
    Decision(2, "r2", R"({"offer_id":"b","campaign_id":"","channel":"email","product_id":null})", "random", "0.25");
    Decision(3, "r3", R"(null,"reason":"below_threshold")", "policy", "0");
    Decision(4, "r4", R"(null,"reason":"holdout")", "holdout", "0");
    Decision(5, "r5", R"({"offer_id":"a","campaign_id":"","channel":"push","product_id":null})", "policy", "0.000000000");
    log.Seal();
    for (int i = 1; i <= 5; ++i) events.push_back(Event("r" + std::to_string(i), "Offer Requested", i * 10, ""));
    events.push_back(Event("v", "Promotion Viewed", 55, R"("decision_id":"0000000000000001","offer_id":"a","channel":"push")"));
    events.push_back(Event("o", "Order Completed", 60, R"("decision_id":"0000000000000001","offer_id":"a","channel":"push")"));
    events.push_back(Event("l", "Unsubscribed", 61, R"("decision_id":"0000000000000001","channel":"push")"));
    events.push_back(Event("end", "Product Viewed", 900, ""));
  }
  void Decision(int id, const std::string& event, const std::string& offer, const std::string& arm, const std::string& propensity) {
    char text[32];
    std::snprintf(text, sizeof(text), "%016d", id);
    EXPECT_TRUE(log.Add(std::string(R"({"schema":"1-0-0","decision_id":")") + text + R"(","customer_id":"u1","event_time":"2026-03-01T00:00:00.000Z",)" +
                        R"("valid_until":"2026-03-01T01:00:00.000Z","placement":"home","mode":"live","arm":")" + arm + R"(","offer":)" + offer +
                        R"(,"score":1,"propensity":)" + propensity + R"(,"cause":{"topic":"events","partition":0,"offset":1,"event_id":")" + event + R"("}})"));
  }

  DecisionLog log{};
  std::vector<std::string> events{};
};

TEST_F(OwnLog, RewardsComeFromTheDecisionsOutcomesAndWhatIsNotDrawnIsLeftOut) {
  const BacktestReport report = Evaluate(events, {{"uniform", Plan()}}, &log);
  EXPECT_EQ(report.log.decisions, 5u);
  EXPECT_EQ(report.log.holdout, 1u);
  EXPECT_EQ(report.log.invalid, 1u);
  EXPECT_EQ(report.log.unmet, 0u);
  ASSERT_EQ(report.log.weighed, 3);
  // Bought for 10, shown for .5, and the customer (worth 10) left; the others earned and cost nothing.
  EXPECT_NEAR(report.log.value, (10 - .5 - 10) / 3, 1e-12);
  const OffPolicyResult& r = report.policies[0].result;
  // Four candidates each: weights .5, 1, and 0 where the log made no offer and the policy would have.
  EXPECT_NEAR(r.mean_weight, (.5 + 1 + 0) / 3, 1e-9);
  EXPECT_FALSE(r.supported);
}

TEST_F(OwnLog, APolicyThatOffersNothingEarnsNothingForCertain) {
  const BacktestReport report = Evaluate(events, {{"never", Plan({{"decide.threshold", "1e6"}})}}, &log);
  const PolicyReport& never = report.policies[0];
  EXPECT_EQ(never.declined, 3u);
  EXPECT_NEAR(never.result.mean_weight, 1, 1e-12);
  EXPECT_EQ(never.result.of(OffPolicyMethod::kSndr).value, 0);
  EXPECT_NEAR(never.result.difference, .5 / 3, 1e-12);
}

TEST_F(OwnLog, DecisionsBeforeTheTimeOnlyTeach) {
  const BacktestReport report = Evaluate(events, {{"uniform", Plan()}}, &log, 1'772'323'200'000 + 15 * 60'000);
  EXPECT_EQ(report.log.early, 1u);
  EXPECT_EQ(report.log.weighed, 2);
  EXPECT_EQ(report.log.value, 0);
}

TEST_F(OwnLog, ADecisionWithoutItsEventIsCountedAndARepeatIsOneDecision) {
  DecisionLog twice;
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(twice.Add(R"({"decision_id":"00000000000000aa","customer_id":"u1","event_time":"2026-03-01T00:00:00.000Z","valid_until":"2026-03-01T01:00:00.000Z","placement":"home","arm":"policy","offer":null,"cause":{"event_id":"elsewhere"}})"));
  }
  EXPECT_FALSE(twice.Add("{}"));
  twice.Seal();
  EXPECT_EQ(twice.size(), 1u);
  EXPECT_EQ(twice.repeated(), 1u);
  EXPECT_EQ(twice.unreadable(), 1u);
  EXPECT_EQ(twice.Find(H64("elsewhere"), H64("u1")).size(), 1u);
  EXPECT_TRUE(twice.Find(H64("elsewhere"), H64("u2")).empty());
  EXPECT_EQ(Evaluate(events, {{"uniform", Plan()}}, &twice).log.unmet, 1u);
}

TEST(BacktestReport, VerdictsFollowThePairedIntervalAndTheGateLetsNothingUnsupportedThrough) {
  OffPolicyResult r;
  r.difference_interval = {.1, .2};
  EXPECT_EQ(VerdictOf(r), "no verdict");
  EXPECT_FALSE(PassesGate(r));
  r.supported = true;
  EXPECT_EQ(VerdictOf(r), "earns more");
  EXPECT_TRUE(PassesGate(r));
  r.difference_interval = {-.1, .2};
  EXPECT_EQ(VerdictOf(r), "no difference shown");
  EXPECT_TRUE(PassesGate(r));
  r.difference_interval = {-.2, -.1};
  EXPECT_EQ(VerdictOf(r), "earns less");
  EXPECT_FALSE(PassesGate(r));
}

TEST(PolicyArgument, IsANameAFileAndOverrides) {
  PolicyArgument p;
  ASSERT_TRUE(ParsePolicyArgument("b=dir/x.yaml,explore.policy=uniform,decide.placements=[home, top]", p));
  EXPECT_EQ(p.name, "b");
  EXPECT_EQ(p.file, "dir/x.yaml");
  EXPECT_EQ(p.set.at("explore.policy"), "uniform");
  EXPECT_EQ(p.set.at("decide.placements"), "[home, top]");
  ASSERT_TRUE(ParsePolicyArgument("a=odd,name.yaml", p));
  EXPECT_EQ(p.file, "odd,name.yaml");
  for (const char* bad : {"", "x", "=file", "name="}) EXPECT_FALSE(ParsePolicyArgument(bad, p)) << bad;
}

}  // namespace
}  // namespace offerstream
