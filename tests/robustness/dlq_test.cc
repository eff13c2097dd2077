// `offerstream dlq` over real Kafka: what it lists, shows and sends back.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/kafka/kafka_producer.h"
#include "consumers/kafka/kafka_topics.h"
#include "tests/robustness/support/broker.h"
#include "tests/robustness/support/service_process.h"

namespace offerstream {
namespace {

using testing::Broker;
using testing::ServiceProcess;

class DlqTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = Broker::Get().directory() + "/dlq";
    std::filesystem::create_directories(directory_);
    std::ofstream(Path()) << "version: 1\napp: { id: dlq, instance: i0 }\nkafka: { brokers: \"" << Broker::Get().address()
                          << "\" }\nevents: [ { topic: spoiled, mapping: segment } ]\nstate: { dir: " << directory_
                          << "/state }\nchannels: { push: { cost: 0 } }\noffers: [ { id: gold, channels: [push], value: 1 } ]\n";
    LoadedConfig loaded = LoadConfig(Path());
    for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
    config_ = std::move(loaded.config);
    auto admin = KafkaAdmin::Open(config_->kafka, "test");
    ASSERT_TRUE((*admin)->Create(WantedTopics(*config_, 2, 1), 15'000).has_value());
  }
  std::string Path() const { return directory_ + "/offerstream.yaml"; }

  void Send(const std::string& value, const std::string& partition, const std::string& reason, bool part) {
    auto producer = KafkaProducer::Open({.kafka = config_->kafka, .client_id = "test", .transactional_id = {}});
    std::vector<std::pair<std::string_view, std::string_view>> headers = {{"own", "kept"}, {"__connect.errors.topic", "spoiled"},
        {"__connect.errors.partition", partition}, {"__connect.errors.offset", "7"}, {"__connect.errors.exception.message", "why"},
        {"offerstream.error.reason", reason}};
    if (part) headers.emplace_back("offerstream.error.value.bytes", "1000000");
    const OutRecord record{.partition = 0, .key = "c1", .value = value, .headers = headers, .timestamp_ms = 1'772'323'200'000};
    ASSERT_TRUE((*producer)->Send("spoiled.dlq", record).has_value());
    ASSERT_TRUE((*producer)->Flush(10'000).has_value());
  }
  std::string Run(const std::vector<std::string>& arguments) {
    const std::string log = directory_ + "/out" + std::to_string(++runs_);
    ServiceProcess process(arguments, log);
    EXPECT_EQ(process.AwaitCode(30), 0) << process.Log();
    return process.Log();
  }

  std::string directory_{};
  std::unique_ptr<Config> config_{};
  int runs_ = 0;
};

TEST_F(DlqTest, LettersAreCountedShownAndSentBackToWhereTheyCameFrom) {
  Send("{broken", "1", "decode", false);
  Send(std::string("\x01\x02", 2), "0", "decode", false);
  Send("{\"half", "0", "too_large", true);
  const std::string listed = Run({"dlq", "list", "-c", Path()});
  EXPECT_NE(listed.find("spoiled.dlq decode 2\nspoiled.dlq too_large 1\n3 dead letters\n"), std::string::npos) << listed;
  const std::string shown = Run({"dlq", "show", "-c", Path(), "--reason", "decode"});
  EXPECT_NE(shown.find(R"("from": "spoiled[1]@7")"), std::string::npos) << shown;
  EXPECT_NE(shown.find(R"("value": "{broken")"), std::string::npos) << shown;
  EXPECT_NE(shown.find(R"("value_hex": "0102")"), std::string::npos) << shown;
  EXPECT_NE(Run({"dlq", "replay", "-c", Path(), "--dry-run"}).find("2 letters would be sent, 1 left out"), std::string::npos);
  const auto reader = OpenKafkaLogReader(config_->kafka, "check");
  EXPECT_EQ(reader->Bounds("spoiled", 1)->high, 0);
  const std::string sent = Run({"dlq", "replay", "-c", Path()});
  EXPECT_NE(sent.find("spoiled.dlq[0]@2: left out: it holds only the beginning of its record"), std::string::npos) << sent;
  EXPECT_NE(sent.find("2 letters sent, 1 left out"), std::string::npos) << sent;
  std::vector<std::string> headers;
  Status read = ReadLogRange(*reader, "spoiled", 1, 0, 1, 0, 10'000, [&](const Record& record) {
    EXPECT_EQ(record.key, "c1");
    EXPECT_EQ(record.value, "{broken");
    EXPECT_EQ(record.timestamp_ms, 1'772'323'200'000);
    for (const Header& header : record.headers) headers.push_back(std::string(header.name) + "=" + std::string(header.value));
    return true;
  });
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(headers, (std::vector<std::string>{"own=kept", "offerstream.replayed=spoiled.dlq[0]@0"}));
  EXPECT_EQ(reader->Bounds("spoiled", 0)->high, 1);
}

}  // namespace
}  // namespace offerstream
