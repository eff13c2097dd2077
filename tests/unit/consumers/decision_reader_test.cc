#include "consumers/wire/decision_reader.h"

#include <gtest/gtest.h>

#include "consumers/config/embedded_files.h"
#include "consumers/offline/closed_loop.h"

namespace offerstream {
namespace {

TEST(ReadDecision, ReadsWhatTheEncoderWrites) {
  const LoadedConfig loaded = ParseConfig(std::string(EmbeddedFile("deploy/demo/offerstream.yaml")), "demo", {});
  ASSERT_NE(loaded.config, nullptr);
  auto loop = ClosedLoop::Make(*loaded.config, DemoMarket(3, 60, 13));
  ASSERT_TRUE(loop.has_value());
  while ((*loop)->Step()) {
  }
  ASSERT_FALSE((*loop)->sample().empty());
  DecisionText decision;
  ASSERT_TRUE(ReadDecision((*loop)->sample(), decision));
  EXPECT_NE(decision.decision_id, 0u);
  EXPECT_GE((*loop)->market().CustomerOf(decision.customer_id), 0);
  EXPECT_GE(BankOfferOf(decision.offer_id), 0) << decision.offer_id;
  EXPECT_GE(BankChannelOf(decision.channel), 0) << decision.channel;
  EXPECT_EQ(decision.valid_until - decision.event_time, 86'400'000);
}

TEST(ReadDecision, NoActionHasNoOfferAndOtherTextIsRefused) {
  DecisionText decision;
  EXPECT_TRUE(ReadDecision(
      R"({"schema":"1-0-0","decision_id":"00000000000000ff","customer_id":"u1","event_time":"2026-01-01T00:00:00.000Z",)"
      R"("valid_until":"2026-01-02T00:00:00.000Z","offer":null,"reason":"holdout","segment":{"id":3}})",
      decision));
  EXPECT_EQ(decision.decision_id, 0xffu);
  EXPECT_TRUE(decision.offer_id.empty());
  EXPECT_EQ(decision.segment, 3u);
  EXPECT_FALSE(ReadDecision("", decision));
  EXPECT_FALSE(ReadDecision(R"({"decision_id":"zz"})", decision));
}

}  // namespace
}  // namespace offerstream
