#include "consumers/wire/event_decoder.h"

#include <gtest/gtest.h>

#include "consumers/config/config.h"
#include "consumers/wire/event_mapping.h"
#include "models/domain/event_time.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr std::int64_t kRecordTime = 1772359200000;  // 2026-03-01T10:00:00Z

class EventDecoderTest : public ::testing::Test {
 protected:
  EventDecoderTest() { Use("segment"); }

  void Use(const std::string& mapping, bool reject = true) {
    const LoadedConfig loaded = ParseConfig(DefaultConfigText(), "offerstream.yaml");
    ASSERT_NE(loaded.config, nullptr);
    plan_ = loaded.config->plan;
    const LoadedMapping map =
        mapping.find('\n') == std::string::npos ? LoadMapping(mapping) : ParseMapping(mapping, "test.yaml");
    for (const ConfigError& error : map.errors) ADD_FAILURE() << error.Text();
    decoder_ = std::make_unique<EventDecoder>(plan_, map.mapping, reject);
  }

  const Decoded& Decode(std::string_view value, std::string_view key = {}, std::vector<Header> headers = {}) {
    batch_.Clear();
    Record record;
    record.value = value;
    record.key = key;
    record.null_key = key.empty();
    record.headers = std::move(headers);
    record.timestamp_ms = kRecordTime;
    record.cause = {0, 3, 77};
    decoder_->Decode(record, batch_);
    return batch_.records.back();
  }

  std::shared_ptr<const CampaignPlan> plan_;
  std::unique_ptr<EventDecoder> decoder_;
  DecodedBatch batch_;
};

TEST_F(EventDecoderTest, AShownOfferIsAnImpressionWithItsReferencesResolved) {
  const Decoded& d = Decode(
      R"({"type":"track","event":"Promotion Viewed","messageId":"m1","userId":"u1","timestamp":"2026-03-01T09:59:00.250Z",)"
      R"("properties":{"offer_id":"gold-card","channel":"email","decision_id":"00000000000000ff","propensity":0.25}})");
  ASSERT_FALSE(d.bad) << d.detail;
  ASSERT_EQ(d.size, 1u);
  const Event& e = batch_.events[d.begin];
  EXPECT_EQ(e.kind, EventKind::kImpression);
  EXPECT_EQ(e.event_id, "m1");
  EXPECT_EQ(e.customer_id, "u1");
  EXPECT_EQ(e.customer_hash, H64("u1"));
  EXPECT_EQ(e.time, kRecordTime - 60'000 + 250);
  EXPECT_EQ(e.offer, OfferIndex(1));
  EXPECT_EQ(e.channel, ChannelIndex(1));
  EXPECT_EQ(e.decision_id, 0xffu);
  EXPECT_DOUBLE_EQ(e.propensity, 0.25);
  EXPECT_EQ(e.cause.offset, 77);
}

TEST_F(EventDecoderTest, AnOrderIsAConversionAndATransactionWithIdsOfTheirOwn) {
  const Decoded& d = Decode(
      R"({"event":"Order Completed","messageId":"m2","userId":"u1","properties":{"revenue":"12.345","currency":"EUR"}})");
  ASSERT_FALSE(d.bad) << d.detail;
  ASSERT_EQ(d.size, 2u);
  EXPECT_EQ(batch_.events[0].kind, EventKind::kConversion);
  EXPECT_EQ(batch_.events[1].kind, EventKind::kTransaction);
  EXPECT_EQ(batch_.events[1].event_id, "m2#1");
  EXPECT_EQ(batch_.events[0].value, 1235);
  EXPECT_TRUE(d.timestamp_from_record);
  EXPECT_EQ(batch_.events[0].time, kRecordTime);
}

TEST_F(EventDecoderTest, OnlyDeclaredAttributesAreKeptAndNullUnsetsOne) {
  Decode(R"({"type":"identify","messageId":"m3","userId":"u1","traits":{"age":41,"shoe":44,"consent_push":false}})");
  ASSERT_EQ(batch_.records[0].size, 1u);
  ASSERT_EQ(batch_.events[0].attributes.size(), 2u);
  EXPECT_EQ(batch_.events[0].attributes[0].value.type, AttributeValue::Type::kNumber);
  EXPECT_DOUBLE_EQ(batch_.events[0].attributes[0].value.number, 41);
  EXPECT_EQ(batch_.events[0].attributes[1].value.type, AttributeValue::Type::kBool);
  Decode(R"({"type":"identify","messageId":"m3","userId":"u1","traits":{"age":null}})");
  ASSERT_EQ(batch_.events[0].attributes.size(), 1u);
  EXPECT_EQ(batch_.events[0].attributes[0].value.type, AttributeValue::Type::kUnset);
}

TEST_F(EventDecoderTest, AnUnknownKindBecomesNoEventAndIsNotBad) {
  const Decoded& d = Decode(R"({"event":"Coffee Made","messageId":"m","userId":"u"})");
  EXPECT_FALSE(d.bad);
  EXPECT_EQ(d.size, 0u);
}

TEST_F(EventDecoderTest, AKeyOfAnotherCustomerIsRefusedOrCounted) {
  const std::string_view page = R"({"type":"page","messageId":"m","userId":"u1"})";
  EXPECT_EQ(Decode(page, "u2").reason, Code::kKeyMismatch);
  EXPECT_TRUE(Decode(page, "u2").bad);
  EXPECT_FALSE(Decode(page, "u1").bad);
  Use("segment", false);
  const Decoded& d = Decode(page, "u2");
  EXPECT_FALSE(d.bad);
  EXPECT_TRUE(d.key_mismatch);
}

TEST_F(EventDecoderTest, ARecordWithoutValueErasesItsKeysCustomer) {
  Record record;
  record.null_value = true;
  record.key = "u9";
  record.null_key = false;
  record.timestamp_ms = kRecordTime;
  decoder_->Decode(record, batch_);
  ASSERT_EQ(batch_.events.size(), 1u);
  EXPECT_EQ(batch_.events[0].kind, EventKind::kDelete);
  EXPECT_EQ(batch_.events[0].customer_id, "u9");
  EXPECT_FALSE(batch_.events[0].event_id.empty());
}

TEST_F(EventDecoderTest, ACloudEventIsReadInBinaryAndStructuredMode) {
  const std::string_view data = R"({"type":"page","properties":{"placement":"home"}})";
  const std::vector<Header> headers = {
      {"ce_specversion", "1.0"}, {"ce_id", "c1"}, {"ce_subject", "u5"}, {"ce_time", "2026-03-01T09:00:00Z"}};
  const Decoded& binary = Decode(data, {}, headers);
  ASSERT_FALSE(binary.bad) << binary.detail;
  EXPECT_EQ(batch_.events[0].event_id, "c1");
  EXPECT_EQ(batch_.events[0].customer_id, "u5");
  EXPECT_EQ(batch_.events[0].kind, EventKind::kRequest);
  EXPECT_EQ(batch_.events[0].placement, PlacementIndex(0));
  const std::string structured =
      R"({"specversion":"1.0","id":"c2","subject":"u5","time":"2026-03-01T09:00:00Z","type":"x","data":)" +
      std::string(data) + "}";
  const Decoded& whole = Decode(structured);
  ASSERT_FALSE(whole.bad) << whole.detail;
  EXPECT_EQ(batch_.events[0].event_id, "c2");
  EXPECT_EQ(batch_.events[0].time, kRecordTime - 3'600'000);
}

TEST_F(EventDecoderTest, JsonBehindAConfluentSchemaIdIsReadOtherPayloadsAreNot) {
  const std::string frame("\0\0\0\0\7", 5);
  EXPECT_FALSE(Decode(frame + R"({"type":"page","messageId":"m","userId":"u"})").bad);
  EXPECT_EQ(Decode(frame + "\x02u1").reason, Code::kUnsupportedEncoding);
  EXPECT_EQ(Decode("\x1f\x8b\x08 gzip").reason, Code::kUnsupportedEncoding);
}

TEST_F(EventDecoderTest, SegmentsSkewRuleCorrectsADeviceClock) {
  // The device's clock is an hour slow: it sends at 08:00:10 what was received at 09:00:10.
  Decode(
      R"({"type":"page","messageId":"m","userId":"u","originalTimestamp":"2026-03-01T08:00:00Z","sentAt":"2026-03-01T08:00:10Z","receivedAt":"2026-03-01T09:00:10Z"})");
  ASSERT_EQ(batch_.events.size(), 1u);
  EXPECT_EQ(FormatTime(batch_.events[0].time), "2026-03-01T09:00:00.000Z");
}

TEST_F(EventDecoderTest, LimitsHoldAtTheirEdges) {
  const auto with_id = [](std::size_t n) {
    return R"({"type":"page","messageId":")" + std::string(n, 'x') + R"(","userId":"u"})";
  };
  EXPECT_FALSE(Decode(with_id(128)).bad);
  EXPECT_EQ(Decode(with_id(129)).reason, Code::kTooLarge);
  const auto at = [](const char* time) {
    return std::string(R"({"type":"page","messageId":"m","userId":"u","timestamp":")") + time + "\"}";
  };
  EXPECT_FALSE(Decode(at("2026-03-01T10:05:00.000Z")).bad);
  EXPECT_EQ(Decode(at("2026-03-01T10:05:00.001Z")).reason, Code::kTimestampFuture);
  const auto propensity = [](const char* p) {
    return std::string(R"({"event":"Promotion Viewed","messageId":"m","userId":"u","properties":{"propensity":)") + p +
           "}}";
  };
  EXPECT_FALSE(Decode(propensity("1")).bad);
  EXPECT_EQ(Decode(propensity("0")).reason, Code::kSchema);
  EXPECT_EQ(Decode(propensity("1.0001")).reason, Code::kSchema);
  const std::string start = R"({"type":"page","messageId":"m","userId":"u","pad":")";
  const std::string fits = start + std::string((1u << 20) - start.size() - 2, 'x') + "\"}";
  EXPECT_FALSE(Decode(fits).bad);
  EXPECT_EQ(Decode(fits + " ").reason, Code::kTooLarge);
}

TEST_F(EventDecoderTest, ABadRecordSpoilsNothingOfItsNeighbours) {
  Record record;
  record.value = R"({"type":"page","messageId":"m1","userId":"u1"})";
  record.timestamp_ms = kRecordTime;
  decoder_->Decode(record, batch_);
  record.value = R"({"event":"Order Completed","messageId":"m2","userId":"u1","properties":{"value":{}}})";
  decoder_->Decode(record, batch_);
  record.value = R"({"type":"page","messageId":"m3","userId":"u1"})";
  decoder_->Decode(record, batch_);
  ASSERT_EQ(batch_.records.size(), 3u);
  EXPECT_TRUE(batch_.records[1].bad);
  EXPECT_EQ(batch_.records[1].size, 0u);
  ASSERT_EQ(batch_.events.size(), 2u);
  EXPECT_EQ(batch_.events[0].event_id, "m1");
  EXPECT_EQ(batch_.events[batch_.records[2].begin].event_id, "m3");
}

TEST_F(EventDecoderTest, EscapedKeysAreTheKeysTheySpell) {
  EXPECT_FALSE(Decode(R"({"type":"page","messag\u0065Id":"m1","userId":"u1"})").bad);
}

TEST_F(EventDecoderTest, MoneyIsExactAndRoundsHalfAwayFromZero) {
  const auto value = [&](const std::string& text) -> Money {
    Decode(R"({"event":"Order Refunded","messageId":"m","userId":"u","properties":{"value":)" + text + "}}");
    return batch_.events.empty() ? -999'999 : batch_.events[0].value;
  };
  EXPECT_EQ(value("0.29"), 29);
  EXPECT_EQ(value("1.005"), 101);
  EXPECT_EQ(value("-1.005"), -101);
  EXPECT_EQ(value("1e2"), 10'000);
  EXPECT_EQ(value("\"80071992547409.93\""), 8'007'199'254'740'993);
  EXPECT_EQ(value("1e300"), -999'999);
}

}  // namespace
}  // namespace offerstream
