// The whole service over real Kafka: killed at chosen steps it ends where an uninterrupted one does.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/kafka/kafka_producer.h"
#include "consumers/kafka/kafka_topics.h"
#include "state/formats/codecs.h"
#include "state/formats/journal.h"
#include "state/state_store.h"
#include "tests/robustness/support/broker.h"
#include "tests/robustness/support/service_process.h"

namespace offerstream {
namespace {

using testing::Broker;
using testing::ServiceProcess;

constexpr std::int32_t kPartitions = 2;

/// A random but seeded customer base's events in Segment's shape.
std::vector<std::pair<std::string, std::string>> Events(int seed, int count, int from_second) {
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<std::uint64_t>(n)); };
  std::vector<std::pair<std::string, std::string>> events;
  double second = from_second;
  const char* const channels[] = {"push", "email"};
  const char* const offers[] = {"savings-plus", "gold-card"};
  for (int i = 0; i < count; ++i) {
    second += below(40);
    const std::string customer = "c" + std::to_string(below(300));
    const int kind = below(100);
    char time[128];
    const auto whole = static_cast<long>(second);
    std::snprintf(time, sizeof time, "2026-03-%02ldT%02ld:%02ld:%02ld.%03dZ", 1 + whole / 86400, whole / 3600 % 24, whole / 60 % 60,
                  whole % 60, below(1000));
    std::string rest;
    const std::string shown = std::string(R"("properties":{"offer_id":")") + offers[below(2)] + R"(","channel":")" + channels[below(2)] + "\"}";
    if (kind < 45) rest = R"("type":"page","properties":{}})";
    else if (kind < 75) rest = R"("type":"track","event":"Promotion Viewed",)" + shown + "}";
    else if (kind < 85) rest = R"("type":"track","event":"Promotion Clicked",)" + shown + "}";
    else if (kind < 91) rest = R"("type":"track","event":"Order Completed","properties":{"revenue":)" + std::to_string(1 + below(90)) + R"(,"currency":"EUR"}})";
    else if (kind < 96) rest = R"("type":"track","event":"Deposit Made","properties":{"direction":"in","value":)" + std::to_string(1 + below(900)) + "}}";
    else rest = R"("type":"identify","traits":{"age":)" + std::to_string(18 + below(60)) + "}}";
    events.emplace_back(customer, R"({"messageId":")" + std::to_string(seed) + "-" + std::to_string(i) + R"(","userId":")" + customer +
                                      R"(","timestamp":")" + time + "\"," + rest);
  }
  return events;
}

std::size_t Occurrences(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

/// One application: a configuration, its topics, and what it left.
class Application {
 public:
  Application(const std::string& name, const std::string& input, const std::string& more) : name_(name), input_(input) {
    directory_ = Broker::Get().directory() + "/" + name;
    std::filesystem::create_directories(directory_);
    std::ofstream out(config_path());
    out << "version: 1\napp: { id: " << name << ", instance: i0 }\nkafka: { brokers: \"" << Broker::Get().address() << "\" }\n"
        << "events: [ { topic: " << input << ", mapping: segment } ]\ntopics: { decisions: " << name << "-decisions, caps: " << name << "-caps }\n"
        << "state: { dir: " << state() << ", memory: 256MiB, shards: 1 }\nhttp: { listen: \"\" }\ncommit: { events_max: 100 }\n"
        << "channels:\n"
        << "  push: { cost: 0.0005, cap: { window: 7d, start: 8, max: 20, learn: true }, cooldown: 30m, unsubscribe_value: 12 }\n"
        << "  email: { cost: 0.002, cap: { window: 7d, start: 8, max: 20, learn: true }, cooldown: 6h, unsubscribe_value: 20 }\n"
        << "products: [ { id: savings, category: deposits } ]\noffers:\n"
        << "  - { id: savings-plus, campaign: spring, product: savings, channels: [push, email], value: 40 }\n"
        << "  - { id: gold-card, campaign: spring, channels: [push, email], value: 90 }\n"
        << "decide: { on: [request, click, conversion], min_interval: 10m, placements: [home] }\n"
        << more;
    out.close();
    LoadedConfig loaded = LoadConfig(config_path());
    for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
    config_ = std::move(loaded.config);
  }
  void MakeTopics() const {
    auto admin = KafkaAdmin::Open(config_->kafka, "test");
    Status made = (*admin)->Create(WantedTopics(*config_, kPartitions, 1), 15'000);
    ASSERT_TRUE(made.has_value()) << made.error().detail;
  }
  std::string config_path() const { return directory_ + "/offerstream.yaml"; }
  std::string state() const { return directory_ + "/state"; }
  std::string log() const { return directory_ + "/log"; }
  const Config& config() const { return *config_; }

  /// Committed offsets over all input partitions.
  std::int64_t Consumed() const {
    if (group_ == nullptr) group_ = std::move(*KafkaConsumer::Open({config_->kafka, "look", name_}));
    std::vector<TopicPosition> positions;
    for (std::int32_t p = 0; p < kPartitions; ++p) positions.push_back({input_, p, kOffsetNone, {}});
    if (!group_->Committed(positions, 10'000)) return -1;
    std::int64_t sum = 0;
    for (const TopicPosition& p : positions) sum += std::max<std::int64_t>(0, p.offset);
    return sum;
  }
  /// Runs until `records` are consumed and stops cleanly; false with a failure otherwise.
  void RunToEnd(std::int64_t records) const {
    std::filesystem::remove(log());
    ServiceProcess process({"run", "-c", config_path()}, log());
    for (int i = 0; i < 600 && !(Occurrences(process.Log(), "ready in") >= kPartitions && Consumed() >= records) && !process.Ended(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_EQ(Consumed(), records) << process.Log();
    process.Signal(SIGTERM);
    EXPECT_EQ(process.AwaitCode(15), 0) << process.Log();
  }
  std::vector<std::string> Read(const std::string& topic) const {
    auto reader = OpenKafkaLogReader(config_->kafka, "check");
    std::vector<std::string> lines;
    for (std::int32_t p = 0; p < kPartitions; ++p) {
      auto bounds = reader->Bounds(topic, p);
      EXPECT_TRUE(bounds.has_value());
      Status read = ReadLogRange(*reader, topic, p, 0, bounds->high, 0, 20'000, [&](const Record& record) {
        lines.push_back(std::to_string(p) + "|" + std::string(record.key) + "|" + (record.null_value ? "null" : std::string(record.value)));
        return true;
      });
      EXPECT_TRUE(read.has_value()) << read.error().detail;
    }
    return lines;
  }
  /// Every stored customer without as_of, and the partition's time.
  std::vector<std::string> Dump() const {
    std::vector<std::string> rows;
    auto opened = OpenRocksDbStore(state(), 64 << 20);
    EXPECT_TRUE(opened.has_value());
    for (std::int32_t p = 0; p < kPartitions; ++p) {
      auto meta = opened->store->LoadMeta(p);
      EXPECT_TRUE(meta.has_value());
      EXPECT_EQ(meta->floor.seq, meta->committed.seq) << "a clean stop leaves no tail";
      rows.push_back(std::to_string(meta->account.watermark) + " " + std::to_string(meta->account.frontier));
      EXPECT_TRUE(opened->store->Scan(p, [&](std::string_view id, std::string_view value) {
        rows.push_back(std::string(id) + "|" + std::string(ProfileBody(value)));
        return true;
      }).has_value());
    }
    return rows;
  }

 private:
  std::string name_, input_, directory_;
  std::unique_ptr<Config> config_;
  mutable std::unique_ptr<KafkaConsumer> group_;
};

class RunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (Broker::Get().address().empty()) GTEST_SKIP() << "no java: a real broker cannot be started";
  }
  static void Feed(const std::string& topic, const std::vector<std::pair<std::string, std::string>>& events) {
    KafkaConfig kafka;
    kafka.brokers = Broker::Get().address();
    auto producer = KafkaProducer::Open({kafka, "feed", ""});
    for (const auto& [key, value] : events) {
      const auto partition = static_cast<std::int32_t>(std::hash<std::string>{}(key) % kPartitions);
      ASSERT_TRUE((*producer)->Send(topic, {.partition = partition, .key = key, .value = value}).has_value());
    }
    ASSERT_TRUE((*producer)->Flush(15'000).has_value());
  }
  /// The journal of each partition: every seq once, ranges without gap or overlap; the number of records and decisions.
  static std::pair<std::uint64_t, std::uint64_t> CheckJournal(const Application& app) {
    auto reader = OpenKafkaLogReader(app.config().kafka, "check");
    std::uint64_t records = 0, decisions = 0;
    for (std::int32_t p = 0; p < kPartitions; ++p) {
      auto bounds = reader->Bounds(app.config().JournalTopic(), p);
      JournalReader journal;
      JournalRecord record;
      TxnSeq next = 1;
      std::int64_t at = 0;
      Status read = ReadLogRange(*reader, app.config().JournalTopic(), p, 0, bounds->high, 0, 20'000, [&](const Record& piece) {
        const auto whole = journal.Add(*app.config().plan, piece.value, record);
        EXPECT_TRUE(whole.has_value());
        if (!whole || !*whole) return true;
        EXPECT_EQ(record.seq, next++);
        for (const JournalRecord::Range& range : record.ranges) {
          EXPECT_EQ(range.from, at);
          at = range.to;
        }
        records += record.records;
        decisions += record.decisions;
        return true;
      });
      EXPECT_TRUE(read.has_value());
    }
    return {records, decisions};
  }
  /// The account of a program that shares no code with the engine, from the topics; it finds errors planted in them.
  static void ExpectIndependentCountAgrees(const std::string& app, const std::string& events) {
    int status = 0;
    const std::string count = std::string(OFFERSTREAM_SOURCE_DIR) + "/tests/robustness/independent_count.py --brokers " +
                              Broker::Get().address() + " --events " + events + " --decisions " + app + "-decisions --caps " + app +
                              "-caps --channels push:7d:20,email:7d:20 --prove 2>&1";
    testing::Shell("command -v kcat", status);
    if (status != 0) GTEST_SKIP() << "no kcat";
    const std::string said = testing::Shell(count, status);
    EXPECT_EQ(status, 0) << said;
    EXPECT_NE(said.find("9 of 9 errors found"), std::string::npos) << said;
  }
  static std::set<std::string> DecisionIds(const std::vector<std::string>& lines) {
    std::set<std::string> ids;
    for (const std::string& line : lines) {
      const std::size_t at = line.find("\"decision_id\":\"");
      ids.insert(line.substr(at + 15, 16));
    }
    return ids;
  }
};

TEST_F(RunTest, KilledAtManyStepsWithFrozenModelsItEndsByteEqualToAnUninterruptedRun) {
  const std::string frozen = "learning: { adopt: never }\n";
  const Application plain("plain", "shared-events", frozen), killed("killed", "shared-events", frozen);
  plain.MakeTopics();
  killed.MakeTopics();
  Feed("shared-events", Events(1, 8000, 0));
  plain.RunToEnd(8000);
  // A new process for each; the n-th passage of a step, chosen so that every step is met while there is work.
  const char* const points[] = {"commit:3:kill", "store:2:kill", "stored:3:kill", "share:2:kill", "fold:4:kill", "offsets:2:kill",
                                "refold:1:kill", "load:1:kill,begin:3:kill", "produce:3:kill"};
  for (const char* point : points) {
    ServiceProcess process({"run", "-c", killed.config_path()}, killed.log(), point);
    ASSERT_EQ(process.AwaitCode(20), 128 + SIGKILL) << point << "\n" << process.Log();
  }
  killed.RunToEnd(8000);
  EXPECT_EQ(killed.Read("killed-decisions"), plain.Read("plain-decisions"));
  EXPECT_GT(plain.Read("plain-decisions").size(), 1000u);
  EXPECT_EQ(killed.Read("killed-caps"), plain.Read("plain-caps"));
  EXPECT_EQ(killed.Dump(), plain.Dump());
  EXPECT_EQ(CheckJournal(killed).first, 8000u);

  // The same from the changelog after the disk is gone, and on with new events.
  const std::vector<std::string> before = killed.Dump();
  std::filesystem::remove_all(killed.state());
  killed.RunToEnd(8000);
  EXPECT_EQ(killed.Dump(), before);
  Feed("shared-events", Events(2, 2000, 300'000));
  std::filesystem::remove_all(killed.state());
  plain.RunToEnd(10'000);
  killed.RunToEnd(10'000);
  EXPECT_EQ(killed.Read("killed-decisions"), plain.Read("plain-decisions"));
  EXPECT_EQ(killed.Dump(), plain.Dump());
}

TEST_F(RunTest, KilledWhileLearningNoDecisionIsMissingOrMadeTwice) {
  const Application app("learner", "learner-events", "learning: { adopt: commit, snapshot: { observations: 500, every: 200ms } }\n");
  app.MakeTopics();
  Feed("learner-events", Events(3, 8000, 0));
  const char* const points[] = {"commit:4:kill", "learn.publish:1:kill", "store:3:kill", "learn.store:1:kill", "offsets:4:kill"};
  for (const char* point : points) {
    ServiceProcess process({"run", "-c", app.config_path()}, app.log(), point);
    ASSERT_EQ(process.AwaitCode(20), 128 + SIGKILL) << point << "\n" << process.Log();
  }
  app.RunToEnd(8000);
  const auto [records, decisions] = CheckJournal(app);
  EXPECT_EQ(records, 8000u);
  const std::vector<std::string> lines = app.Read("learner-decisions");
  EXPECT_EQ(lines.size(), decisions);
  EXPECT_EQ(DecisionIds(lines).size(), lines.size());
  EXPECT_GT(app.Read(app.config().ModelsTopic()).size(), 0u);
  ExpectIndependentCountAgrees("learner", "learner-events");

  ServiceProcess verify({"replay", "--verify", "-c", app.config_path()}, app.log() + "-verify");
  EXPECT_EQ(verify.AwaitCode(30), 0) << verify.Log();
  EXPECT_NE(verify.Log().find("verified: "), std::string::npos) << verify.Log();
  // The check can fail: the caps are not the decisions.
  ServiceProcess other({"replay", "--verify", "-c", app.config_path(), "--set", "topics.decisions=learner-caps"}, app.log() + "-other");
  EXPECT_EQ(other.AwaitCode(30), 4) << other.Log();
}

TEST_F(RunTest, BadRecordsGoToTheDeadLettersInOrderAndGoodOnesAreDecided) {
  const Application app("dirty", "dirty-events", "");
  app.MakeTopics();
  std::vector<std::pair<std::string, std::string>> mixed, bad;
  const auto good = Events(4, 500, 0);
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(OFFERSTREAM_SOURCE_DIR) + "/tests/corpus/bad")) {
    if (entry.is_regular_file() && entry.file_size() < 800'000 && entry.path().extension() != ".md") files.insert(entry.path());
  }
  auto file = files.begin();
  for (const auto& event : good) {
    mixed.push_back(event);
    if (file == files.end()) continue;
    std::ifstream in(*file++, std::ios::binary);
    mixed.emplace_back("c0", std::string(std::istreambuf_iterator<char>(in), {}));
  }
  Feed("dirty-events", mixed);
  app.RunToEnd(static_cast<std::int64_t>(mixed.size()));
  const std::vector<std::string> letters = app.Read("dirty-events.dlq");
  EXPECT_GT(letters.size(), 10u);
  // In order and with their bytes: the letters are a subsequence of what was sent.
  std::size_t at = 0;
  for (const auto& [key, value] : mixed) {
    if (at < letters.size() && letters[at].ends_with("|" + key + "|" + value)) ++at;
  }
  EXPECT_EQ(at, letters.size());
  EXPECT_GT(app.Read("dirty-decisions").size(), 100u);
}

TEST_F(RunTest, ASecondProcessOnTheSameDirectoryEndsWithOneAndSaysWhy) {
  const Application app("twice", "twice-events", "");
  app.MakeTopics();
  Feed("twice-events", Events(5, 100, 0));
  ServiceProcess first({"run", "-c", app.config_path()}, app.log());
  for (int i = 0; i < 400 && app.Consumed() < 100; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ServiceProcess second({"run", "-c", app.config_path()}, app.log() + "2");
  EXPECT_EQ(second.AwaitCode(20), 1);
  EXPECT_NE(second.Log().find("Another process uses this directory"), std::string::npos) << second.Log();
  first.Signal(SIGTERM);
  EXPECT_EQ(first.AwaitCode(15), 0);
}

TEST_F(RunTest, MissingTopicsAndUnreachableBrokersEndWithFive) {
  const Application app("lonely", "lonely-events", "");
  ServiceProcess missing({"run", "-c", app.config_path()}, app.log());
  EXPECT_EQ(missing.AwaitCode(20), 5);
  EXPECT_NE(missing.Log().find("offerstream topics apply -c " + app.config_path()), std::string::npos) << missing.Log();
  ServiceProcess away({"run", "-c", app.config_path(), "--set", "kafka.brokers=127.0.0.1:1"}, app.log() + "2");
  EXPECT_EQ(away.AwaitCode(40), 5);
  EXPECT_NE(away.Log().find("127.0.0.1:1"), std::string::npos) << away.Log();
}

/// How often a text stands in another.
TEST_F(RunTest, AHangupIsAnsweredAndAQuietRunNeverMakesItsProducerAnew) {
  const Application app("hangup", "hangup-events", "");
  app.MakeTopics();
  Feed("hangup-events", Events(6, 2000, 0));
  ServiceProcess process({"run", "-c", app.config_path()}, app.log());
  for (int i = 0; i < 400 && app.Consumed() < 2000; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  process.Signal(SIGHUP);
  for (int i = 0; i < 100 && Occurrences(process.Log(), "configuration read again: nothing has changed") == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(Occurrences(process.Log(), "configuration read again: nothing has changed"), 1u);
  EXPECT_FALSE(process.Ended());
  process.Signal(SIGTERM);
  EXPECT_EQ(process.AwaitCode(15), 0) << process.Log();
  EXPECT_EQ(Occurrences(process.Log(), "making the producer anew"), 0u) << process.Log();
}

TEST_F(RunTest, AnUnknownOutcomeIsSettledByWhatIsCommitted) {
  const Application app("unknown", "unknown-events", "learning: { adopt: never }\n"), plain("known", "unknown-events", "learning: { adopt: never }\n");
  app.MakeTopics();
  plain.MakeTopics();
  Feed("unknown-events", Events(7, 3000, 0));
  plain.RunToEnd(3000);
  ServiceProcess process({"run", "-c", app.config_path()}, app.log(), "commit.answer:3:err,commit.request:6:err,commit.answer:9:err,offsets:12:err");
  for (int i = 0; i < 600 && app.Consumed() < 3000 && !process.Ended(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  process.Signal(SIGTERM);
  EXPECT_EQ(process.AwaitCode(15), 0) << process.Log();
  EXPECT_EQ(Occurrences(process.Log(), "outcome unknown"), 3u) << process.Log();
  EXPECT_EQ(Occurrences(process.Log(), "transaction given up"), 2u) << process.Log();
  EXPECT_EQ(app.Read("unknown-decisions"), plain.Read("known-decisions"));
  EXPECT_EQ(app.Read("unknown-caps"), plain.Read("known-caps"));
  EXPECT_EQ(app.Dump(), plain.Dump());
}

// commit_transaction itself runs out of time: the broker stands still from before the request until after the last answer
// the client waits for.
TEST_F(RunTest, ABrokerThatStandsStillDuringACommitLeavesNoDecisionMissingOrTwice) {
  const std::string frozen = "learning: { adopt: never }\n";
  const Application app("still", "still-events", frozen), plain("moving", "still-events", frozen);
  app.MakeTopics();
  plain.MakeTopics();
  Feed("still-events", Events(12, 3000, 0));
  plain.RunToEnd(3000);
  ServiceProcess process({"run", "-c", app.config_path()}, app.log(), "commit.request:8:delay=1000");
  for (int i = 0; i < 200 && Occurrences(process.Log(), "failpoint commit.request: waiting") == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ASSERT_EQ(Occurrences(process.Log(), "failpoint commit.request: waiting"), 1u) << process.Log();
  pid_t broker = 0;
  std::ifstream(Broker::Get().directory() + "/kafka/broker.pid") >> broker;
  ASSERT_GT(broker, 0);
  kill(broker, SIGSTOP);
  std::this_thread::sleep_for(std::chrono::seconds(36));
  kill(broker, SIGCONT);
  for (int i = 0; i < 600 && app.Consumed() < 3000 && !process.Ended(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(app.Consumed(), 3000) << process.Log();
  process.Signal(SIGTERM);
  EXPECT_EQ(process.AwaitCode(15), 0) << process.Log();
  EXPECT_EQ(Occurrences(process.Log(), "outcome unknown"), 1u) << process.Log();
  EXPECT_EQ(app.Read("still-decisions"), plain.Read("moving-decisions"));
  EXPECT_EQ(app.Read("still-caps"), plain.Read("moving-caps"));
  EXPECT_EQ(app.Dump(), plain.Dump());
}

// Two instances with directories of their own; static members leave only when their session ends, or by another's name.
TEST_F(RunTest, ASecondInstanceTakesPartitionsAndGivesThemBack) {
  const std::string frozen = "learning: { adopt: never }\n";
  const Application app("pair", "pair-events", frozen), plain("alone", "pair-events", frozen);
  app.MakeTopics();
  plain.MakeTopics();
  Feed("pair-events", Events(8, 3000, 0));
  ServiceProcess first({"run", "-c", app.config_path()}, app.log());
  for (int i = 0; i < 400 && app.Consumed() < 1000; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::vector<std::string> as_second = {"run", "-c", app.config_path(), "--set", "app.instance=i1", "--set", "state.dir=" + app.state() + "2",
                                              "--set", "kafka.consumer={session.timeout.ms: 6000}"};
  {
    ServiceProcess second(as_second, app.log() + "2");
    for (int i = 0; i < 600 && Occurrences(second.Log(), "ready in") == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_GE(Occurrences(second.Log(), "ready in"), 1u) << second.Log() << first.Log();
    Feed("pair-events", Events(9, 3000, 300'000));
    for (int i = 0; i < 600 && app.Consumed() < 6000; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(app.Consumed(), 6000) << first.Log() << second.Log();
    second.Signal(SIGKILL);
    EXPECT_EQ(second.AwaitCode(5), 128 + SIGKILL);
  }
  // The first has both again when the other's session of six seconds is over.
  Feed("pair-events", Events(10, 1000, 600'000));
  for (int i = 0; i < 600 && app.Consumed() < 7000; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(app.Consumed(), 7000) << first.Log();
  first.Signal(SIGTERM);
  EXPECT_EQ(first.AwaitCode(15), 0) << first.Log();
  plain.RunToEnd(7000);
  EXPECT_EQ(app.Read("pair-decisions"), plain.Read("alone-decisions"));
  EXPECT_EQ(app.Read("pair-caps"), plain.Read("alone-caps"));
  EXPECT_EQ(app.Dump(), plain.Dump());
  EXPECT_EQ(CheckJournal(app).first, 7000u);
}

/// Well before the session of a member that is gone ends.
void AwaitBothReady(const ServiceProcess& process) {
  const auto begin = std::chrono::steady_clock::now();
  while (Occurrences(process.Log(), "ready in") < 2 && std::chrono::steady_clock::now() - begin < std::chrono::seconds(40)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20)) << process.Log();
}

TEST_F(RunTest, FewerShardsThanBeforeTakeAllPartitionsAtOnce) {
  const Application app("fewer", "fewer-events", "");
  app.MakeTopics();
  Feed("fewer-events", Events(11, 1000, 0));
  {
    ServiceProcess two({"run", "-c", app.config_path(), "--set", "state.shards=2"}, app.log() + "2");
    for (int i = 0; i < 400 && app.Consumed() < 1000; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    two.Signal(SIGTERM);
    EXPECT_EQ(two.AwaitCode(15), 0) << two.Log();
  }
  ServiceProcess one({"run", "-c", app.config_path()}, app.log());
  AwaitBothReady(one);
  EXPECT_EQ(Occurrences(one.Log(), "its membership ends"), 1u) << one.Log();
  one.Signal(SIGTERM);
  EXPECT_EQ(one.AwaitCode(15), 0) << one.Log();
}

// A former shard's rejoin waits for the shard that is killed before it has rejoined.
TEST_F(RunTest, AFormerShardLeftInTheMiddleOfARebalanceGivesItsPartitionBack) {
  const Application app("torn", "torn-events", "");
  app.MakeTopics();
  Feed("torn-events", Events(12, 1000, 0));
  std::unique_ptr<KafkaConsumer> former;
  {
    ServiceProcess first({"run", "-c", app.config_path()}, app.log() + "1");
    for (int i = 0; i < 400 && app.Consumed() < 1000; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    first.Signal(SIGSTOP);
    former = std::move(*KafkaConsumer::Open({app.config().kafka, "former", "torn", "torn-i0-1"}));
    ASSERT_TRUE(former->Subscribe({"torn-events"}, [](KafkaConsumer::Change, std::vector<TopicPosition>& p) { return p.clear(), Status{}; }));
    for (int i = 0; i < 100; ++i, std::this_thread::sleep_for(std::chrono::milliseconds(20))) ASSERT_TRUE(former->Attend());
    EXPECT_FALSE(former->Joined());
    first.Signal(SIGKILL);
  }
  former.reset();
  ServiceProcess one({"run", "-c", app.config_path()}, app.log());
  AwaitBothReady(one);
  EXPECT_EQ(Occurrences(one.Log(), "its membership ends"), 1u) << one.Log();
}

TEST_F(RunTest, TopicsThatWouldLoseStateAreRefusedWithTheCommandThatMends) {
  const Application app("policy", "policy-events", "");
  auto admin = KafkaAdmin::Open(app.config().kafka, "test");
  std::vector<NewTopic> topics = WantedTopics(app.config(), kPartitions, 1);
  for (NewTopic& topic : topics) {
    if (topic.name == app.config().ProfilesTopic()) topic.settings["cleanup.policy"] = "delete";
    if (topic.name == app.config().JournalTopic()) topic.settings["retention.ms"] = "60000";
  }
  ASSERT_TRUE((*admin)->Create(topics, 15'000).has_value());
  ServiceProcess process({"run", "-c", app.config_path()}, app.log());
  EXPECT_EQ(process.AwaitCode(20), 3) << process.Log();
  EXPECT_NE(process.Log().find("--entity-name policy-profiles --add-config cleanup.policy=compact"), std::string::npos) << process.Log();
  EXPECT_NE(process.Log().find("--entity-name policy-journal --add-config retention.ms=604800000"), std::string::npos) << process.Log();
}

}  // namespace
}  // namespace offerstream
