#include "consumers/wire/decision_encoder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "consumers/config/config.h"

namespace offerstream {
namespace {

constexpr EventTime kTime = 1772359200000;  // 2026-03-01T10:00:00Z

std::shared_ptr<const CampaignPlan> Plan(const std::string& detail) {
  return ParseConfig("version: 1\ndecisions: { detail: " + detail +
                         " }\nchannels: { push: { cost: 0.002 }, email: {} }\n"
                         "products: [ { id: savings } ]\noffers:\n"
                         "  - { id: \"plus\\\"1\", campaign: winter, product: savings, value: 3.6 }\n  - { id: gold, "
                         "value: 5 }\n"
                         "features: { profile: [recency], time: false, segment: false }\nsegments: { features: [] }\n",
                     "c.yaml")
      .config->plan;
}

Decision Offered() {
  Decision d;
  d.id = 0xab;
  d.cause = {0, 4, 99120};
  d.customer_id = "u\n1";
  d.cause_event_id = "m1";
  d.event_time = kTime;
  d.valid_until = kTime + 3'600'000;
  d.placement = PlacementIndex(0);
  d.has_offer = true;
  d.chosen = 3;
  for (std::size_t i = 0; i < 4; ++i) {
    Candidate c;
    c.offer = OfferIndex(i / 2);
    c.channel = ChannelIndex(i % 2);
    c.propensity = 0.25;
    c.score = 0.1 * static_cast<double>(i);
    c.probability = 0.0117;
    c.probability_se = 0.0021;
    d.candidates.push_back(c);
  }
  d.explain.push_back({1, -0.81, 0.99});
  d.features = {1.0f, 0.5f};
  d.cap = {ChannelIndex(1), 9, 3, CapSource::kLearned, kTime + 1000, 7 * 86'400'000LL};
  d.segment = 3;
  d.segment_version = 17;
  d.segment_margin = 0.42;
  d.model_version = 99120;
  d.plan_epoch = 4;
  return d;
}

TEST(DecisionEncoder, ACompactDecisionIsOneLineInTheContractsOrder) {
  DecisionEncoder encoder(Plan("compact"), {"events"});
  std::string out;
  encoder.EncodeDecision(Offered(), out);
  EXPECT_EQ(
      out,
      R"({"schema":"1-0-0","decision_id":"00000000000000ab","customer_id":"u\u000a1","event_time":"2026-03-01T10:00:00.000Z",)"
      R"("valid_until":"2026-03-01T11:00:00.000Z","placement":"home","mode":"live","arm":"policy",)"
      R"("offer":{"offer_id":"gold","campaign_id":"","channel":"email","product_id":null},)"
      R"("score":0.300000,"propensity":0.250000000,"explored":false,"probability":0.011700,"probability_se":0.002100,)"
      R"("value":5,"cost":0,"price":0,)"
      R"("candidates":[{"offer_id":"gold","channel":"email","propensity":0.250000000,"score":0.300000,"probability":0.011700},)"
      R"({"offer_id":"gold","channel":"push","propensity":0.250000000,"score":0.200000,"probability":0.011700},)"
      R"({"offer_id":"plus\"1","channel":"email","propensity":0.250000000,"score":0.100000,"probability":0.011700}],)"
      R"("eligible":[0,1,2,3],"excluded":[],"explain":[{"feature":"recency","contribution":-0.8100,"sign_probability":0.9900}],)"
      R"("cap":{"channel":"email","limit":9,"used":3,"window":"7d","resets_at":"2026-03-01T10:00:01.000Z","source":"learned"},)"
      R"("segment":{"id":3,"version":17,"margin":0.4200},"model":{"id":"gold/conversion","version":99120},"config_epoch":4,)"
      R"("cause":{"topic":"events","partition":4,"offset":99120,"event_id":"m1"}})");
}

TEST(DecisionEncoder, AReasonNamesTheSegmentThatHasTheSlotNowAndTheSlotWhenNobodyHas) {
  const auto plan = ParseConfig("version: 1\nchannels: { push: {}, email: {} }\noffers: [ { id: gold, value: 5 } ]\n"
                                "features: { profile: [recency], time: false, crosses: [[segment, channel]] }\n",
                                "c.yaml").config->plan;
  const auto at = [&](std::string_view name) {
    for (std::size_t j = 0; j < plan->features.size(); ++j) {
      if (plan->features.features[j].name == name) return static_cast<std::uint16_t>(j);
    }
    ADD_FAILURE() << "no feature " << name;
    return std::uint16_t{0};
  };
  DecisionEncoder encoder(plan, {"events"});
  Decision d = Offered();
  d.candidates.resize(1);
  d.chosen = 0;
  d.candidates[0].offer = OfferIndex(0);
  d.candidates[0].channel = ChannelIndex(0);
  d.explain = {{at("segment_slot=2"), 0.5, 1, 14}, {at("segment_slot=2*channel=email"), 0.4, 1, 14}, {at("segment_slot=11"), 0.3, 1, 0}};
  std::string out;
  encoder.EncodeDecision(d, out);
  EXPECT_NE(out.find(R"("explain":[{"feature":"segment=14","contribution":0.5000,"sign_probability":1.0000},)"
                     R"({"feature":"segment=14*channel=email","contribution":0.4000,"sign_probability":1.0000},)"
                     R"({"feature":"segment_slot=11","contribution":0.3000,"sign_probability":1.0000}])"), std::string::npos) << out;
}

TEST(DecisionEncoder, NoOfferIsADecisionWithItsReasonAndItsThreeFirstLosers) {
  DecisionEncoder encoder(Plan("compact"), {"events"});
  Decision d = Offered();
  d.candidates.clear();
  d.explain.clear();
  d.has_offer = false;
  d.reason = NoOfferReason::kAllCapped;
  d.segment = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    d.excluded.push_back(
        {OfferIndex(i / 2), ChannelIndex(i % 2), Stage::kCap, ExclusionReason::kCapReached, i == 0 ? kTime : kNever});
  }
  std::string out;
  encoder.EncodeDecision(d, out);
  EXPECT_NE(out.find(R"("offer":null,"reason":"all_capped","score":0.000000,"propensity":0.000000000,"explored":false,"probability":0.000000,"probability_se":0.000000,"value":0,"cost":0,"price":0,)"), std::string::npos) << out;
  EXPECT_NE(
      out.find(
          R"("excluded":[{"offer_id":"plus\"1","channel":"push","stage":"cap","reason":"cap_reached","until":"2026-03-01T10:00:00.000Z"},)"
          R"({"offer_id":"plus\"1","channel":"email","stage":"cap","reason":"cap_reached","until":null},)"
          R"({"offer_id":"gold","channel":"push","stage":"cap","reason":"cap_reached","until":null}])"),
      std::string::npos)
      << out;
  EXPECT_NE(out.find(R"("cap":null,"segment":null,"model":null)"), std::string::npos) << out;
}

TEST(DecisionEncoder, AFullDecisionHasEveryCandidateInOrderAndTheFeatures) {
  DecisionEncoder encoder(Plan("full"), {"events"});
  std::string out;
  encoder.EncodeDecision(Offered(), out);
  std::size_t candidates = 0;
  for (std::size_t at = out.find("\"candidates\""); (at = out.find("\"score\":", at)) != std::string::npos; ++at)
    ++candidates;
  EXPECT_EQ(candidates, 4u);
  EXPECT_NE(out.find(R"("features":[1.000000000,0.500000000])"), std::string::npos) << out;
  EXPECT_NE(out.find(R"("value":5.000000000,"cost":0.000000000,"price":0.000000000)"), std::string::npos) << out;
  EXPECT_NE(out.find(R"("contribution":-0.810000000,"sign_probability":0.990000000)"), std::string::npos) << out;
  EXPECT_EQ(out.find("\"eligible\""), std::string::npos);
}

TEST(DecisionEncoder, NumbersAreFixedWhateverTheirSize) {
  DecisionEncoder encoder(Plan("compact"), {"events"});
  Decision d = Offered();
  const auto price = [&](double value) {
    d.price = value;
    std::string out;
    encoder.EncodeDecision(d, out);
    const auto at = out.find("\"price\":") + 8;
    return out.substr(at, out.find(',', at) - at);
  };
  EXPECT_EQ(price(-0.0000000004), "0.000000000");
  EXPECT_EQ(price(-1.5), "-1.500000000");
  EXPECT_EQ(price(1e12), "1000000000000.000000000");
  EXPECT_EQ(price(HUGE_VAL), "null");
  EXPECT_EQ(price(8999999999.25), "8999999999.250000000");
  EXPECT_EQ(price(0), "0");
}

TEST(DecisionEncoder, ACompactDecisionRoundsWhatIsOnlyRead) {
  DecisionEncoder encoder(Plan("compact"), {"events"});
  Decision d = Offered();
  const auto score = [&](double value) {
    d.candidates[3].score = value;
    std::string out;
    encoder.EncodeDecision(d, out);
    const auto at = out.find("\"score\":") + 8;
    return out.substr(at, out.find(',', at) - at);
  };
  EXPECT_EQ(score(0.1234565), "0.123456");   // half to even, of the double
  EXPECT_EQ(score(-12.3456789), "-12.345679");
  EXPECT_EQ(score(-0.0000004), "0.000000");
  EXPECT_EQ(score(3999.9999999), "4000.000000");
  EXPECT_EQ(score(-4000), "-4000.000000000");
  EXPECT_EQ(score(NAN), "null");
}

TEST(DecisionEncoder, HeadersMakeItACloudEvent) {
  DecisionEncoder encoder(Plan("compact"), {"events"});
  const Decision d = Offered();
  std::string all;
  for (const auto& [name, value] : encoder.Headers(d)) all += std::string(name) + "=" + std::string(value) + ";";
  EXPECT_EQ(
      all,
      "ce_specversion=1.0;ce_id=00000000000000ab;ce_type=offerstream.decision.v1;ce_source=/offerstream/offerstream;"
      "ce_time=2026-03-01T10:00:00.000Z;ce_subject=u\n1;content-type=application/json;");
}

TEST(DecisionEncoder, CapsOfCustomersAndSegmentsHaveTheirKeys) {
  DecisionEncoder encoder(Plan("compact"), {"events"});
  CapChange change;
  change.customer_id = "u1";
  change.state = {ChannelIndex(0), 9, 9, CapSource::kLearned, kTime, 7 * 86'400'000LL};
  change.capped = true;
  change.segment = 2;
  change.time = 5;
  std::string key, value;
  encoder.EncodeCap(change, key, value);
  EXPECT_EQ(key, "customer|u1|push");
  EXPECT_EQ(
      value,
      R"({"customer_id":"u1","channel":"push","limit":9,"used":9,"remaining":0,"window":"7d","capped":true,)"
      R"("resets_at":"2026-03-01T10:00:00.000Z","source":"learned","segment":2,"next_impression_value":0.000000000,"version":5})");
  change.tombstone = true;
  encoder.EncodeCap(change, key, value);
  EXPECT_TRUE(value.empty());
  CapCell cell;
  cell.segment = 2;
  cell.channel = ChannelIndex(1);
  cell.limit = 9;
  cell.points.push_back({1, 0.5, 0.25, 0, -1, 0.125});
  encoder.EncodeCapCell(cell, 77, key, value);
  EXPECT_EQ(key, "segment|2|email");
  EXPECT_EQ(
      value,
      R"({"limit":9,"low":0,"high":0,"impressions":0,"points":[{"n":1,"click_rate":0.500000000,"conversion_rate":0.250000000,)"
      R"("unsubscribe_rate":0.000000000,"net_value":-1.000000000,"se":0.125000000}],"version":77})");
}

}  // namespace
}  // namespace offerstream
