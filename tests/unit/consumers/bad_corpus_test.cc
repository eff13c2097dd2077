// Every file of tests/corpus/bad gets the reason its name says, and the good event after it is read as if it were not
// there.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "consumers/config/config.h"
#include "consumers/wire/event_decoder.h"
#include "consumers/wire/event_mapping.h"

namespace offerstream {
namespace {

namespace fs = std::filesystem;

class BadCorpus : public ::testing::Test {
 protected:
  BadCorpus() {
    plan_ = ParseConfig(DefaultConfigText(), "offerstream.yaml").config->plan;
    decoder_ = std::make_unique<EventDecoder>(plan_, LoadMapping("segment").mapping, true);
  }
  const Decoded& Decode(std::string_view value) {
    Record record;
    record.value = value;
    record.key = "u1";
    record.null_key = false;
    record.timestamp_ms = 1772359200000;
    decoder_->Decode(record, batch_);
    return batch_.records.back();
  }
  std::shared_ptr<const CampaignPlan> plan_;
  std::unique_ptr<EventDecoder> decoder_;
  DecodedBatch batch_;
};

TEST_F(BadCorpus, EachFileGetsTheReasonItsNameSays) {
  const fs::path folder = fs::path(OFFERSTREAM_SOURCE_DIR) / "tests/corpus/bad";
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    std::ifstream in(entry.path(), std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    const Decoded& bad = Decode(bytes.str());
    EXPECT_TRUE(bad.bad) << name;
    EXPECT_EQ(ReasonText(bad.reason), name.substr(0, name.find("--"))) << name << ": " << bad.detail;
    EXPECT_EQ(bad.detail.find("u1"), std::string::npos) << name << ": a customer's id in the reason";
    const Decoded& good = Decode(R"({"type":"page","messageId":"g","userId":"u1","timestamp":"2026-03-01T10:00:00Z"})");
    EXPECT_FALSE(good.bad) << "after " << name;
    EXPECT_EQ(good.size, 1u) << "after " << name;
    ++files;
  }
  EXPECT_GE(files, 60u);
}

TEST_F(BadCorpus, LargeRecordsAreRefusedWithoutReadingThem) {
  EXPECT_EQ(Decode(R"({"a":")" + std::string(10u << 20, 'x') + "\"}").reason, Code::kTooLarge);
  std::string array = R"({"type":"page","messageId":"m","userId":"u1","list":[0)";
  for (int i = 0; i < 400'000; ++i) array += ",1";
  EXPECT_FALSE(Decode(array + "]}").bad) << "a long list in a field nobody reads harms nothing";
  EXPECT_EQ(Decode(std::string(100'000, '[')).reason, Code::kDecode);
  std::string deep = R"({"type":"page","messageId":"m","userId":"u1","deep":)" + std::string(100'000, '[') +
                     std::string(100'000, ']') + "}";
  EXPECT_EQ(Decode(deep).reason, Code::kDecode);
}

TEST_F(BadCorpus, EveryPrefixOfAGoodEventIsRefusedOrReadButNeverBelieved) {
  const std::string good =
      R"({"type":"page","messageId":"g","userId":"u1","timestamp":"2026-03-01T10:00:00Z","properties":{"a":[1,{"b":"c"}]}})";
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_TRUE(Decode(good.substr(0, n)).bad) << n;
}

}  // namespace
}  // namespace offerstream
