// A process in memory: its store, a shard and its worker over tests/support/memory_kafka.h, and what is fed to it.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/decision_worker.h"
#include "consumers/wire/event_mapping.h"
#include "models/domain/random.h"
#include "state/formats/codecs.h"
#include "tests/support/memory_kafka.h"

namespace offerstream::testing {

inline constexpr std::int32_t kPartitions = 2;
inline constexpr std::uint64_t kMemory = 64u << 20;

inline constexpr const char* kConfig = R"(
version: 1
app: { id: sim, instance: i0 }
kafka: { brokers: "nowhere:1" }
events: [ { topic: events, mapping: segment } ]
state: { dir: /nonexistent/offerstream, memory: 256MiB, shards: 1 }
http: { listen: "" }
commit: { events_max: 40, pause: 0ms }
time: { idle_after: 1d }
channels:
  push: { cost: 0.0005, cap: { window: 2d, start: 3, max: 6, learn: true }, cooldown: 5m, unsubscribe_value: 12 }
  email: { cost: 0.002, cap: { window: 1d, start: 2, max: 6, learn: true }, cooldown: 1h, unsubscribe_value: 20 }
offers:
  - { id: savings-plus, channels: [push, email], value: 40 }
  - { id: gold-card, channels: [push, email], value: 90 }
decide: { on: [request, click, conversion], min_interval: 10m, placements: [home] }
learning: { adopt: never }
churn: { horizon: 7d }
items: {}
)";

/// Moves only when told.
class ManualClock final : public Clock {
 public:
  std::int64_t SteadyMs() const override { return now; }
  std::int64_t WallMs() const override { return 1'780'000'000'000 + now + set; }
  std::int64_t now = 1'000'000;
  std::int64_t set = 0;   // by how much somebody has set the wall clock
};

/// The configuration of `kConfig`.
inline const Config& TheConfig() {
  static const LoadedConfig loaded = ParseConfig(kConfig, "sim.yaml");
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
  return *loaded.config;
}

/// The topics a shard writes to.
inline const std::vector<std::string>& Outputs() {
  static const std::vector<std::string> names = {"decisions", "caps", "sim-profiles", "sim-journal", "sim-observations", "sim-models", "sim-erasures", "events.dlq"};
  return names;
}

/// Customers' events on two partitions; a few of them repeated, some garbage.
inline void Feed(MemoryKafka& kafka, int events, int customers) {
  Draws draws(7, 8, 9, Purpose::kSimulation);
  std::int64_t second = 0;
  std::string last;
  for (int i = 0; i < events; ++i) {
    second += static_cast<std::int64_t>(draws.Below(60));
    const auto number = draws.Below(static_cast<std::uint64_t>(customers));
    const std::string customer = "c" + std::to_string(number);
    char time[64];
    std::snprintf(time, sizeof time, "2026-03-%02dT%02d:%02d:%02dZ", static_cast<int>(1 + second / 86400), static_cast<int>(second / 3600 % 24),
                  static_cast<int>(second / 60 % 60), static_cast<int>(second % 60));
    static constexpr std::array<const char*, 6> kKinds = {
        R"("type":"page"})", R"("type":"track","event":"Promotion Viewed","properties":{"offer_id":"gold-card","channel":"push"}})",
        R"("type":"track","event":"Promotion Viewed","properties":{"offer_id":"savings-plus","channel":"email"}})",
        R"("type":"track","event":"Promotion Clicked","properties":{"offer_id":"gold-card","channel":"push"}})",
        R"("type":"track","event":"Order Completed","properties":{"revenue":12.5}})", R"("type":"identify","traits":{}})"};
    std::string event = R"({"messageId":"m)" + std::to_string(i) + R"(","userId":")" + customer + R"(","timestamp":")" + time + "\"," +
                        kKinds[draws.Below(kKinds.size())];
    if (const std::size_t at = event.find("12.5"); at != std::string::npos) {
      event.insert(at + 4, ",\"product_id\":\"item-" + std::to_string(i % 23) + "\"");
    }
    auto& log = kafka.Log("events", static_cast<std::int32_t>(number % kPartitions));
    log.push_back({customer, event, false, false, {}});
    if (i % 37 == 0) log.push_back({customer, event, false, false, {}});
    if (i % 101 == 0) log.push_back({customer, "garbage", false, false, {}});
  }
}

/// One process: its own store, a shard, its worker.
struct Process {
  explicit Process(MemoryKafka& k, std::uint64_t memory_bytes = kMemory) : kafka(k), logs(k), memory(memory_bytes) { Start(true); }
  void Start(bool disk_lost) {
    worker.reset();
    if (disk_lost) store = OpenMemoryStore();
    environment.config = &TheConfig();
    auto plan = std::make_shared<CampaignPlan>(*TheConfig().plan);
    plan->epoch = 1;
    environment.plan = plan;
    environment.mappings = {LoadMapping("segment").mapping};
    environment.store = store.get();
    environment.logs = &logs;
    environment.clock = &clock;
    environment.partitions = environment.caps_partitions = kPartitions;
    environment.dead_letter_partitions = {kPartitions};
    environment.plan_of = [plan](std::uint32_t) -> Result<std::shared_ptr<const CampaignPlan>> { return plan; };
    environment.adopt = false;
    shard = std::make_unique<MemoryShard>(kafka, std::vector<std::string>{"events"}, Outputs());
    worker = std::make_unique<DecisionWorker>(environment, 0, *shard, *shard, memory);
  }
  void Turn() {
    clock.now += 5;
    const Status turned = worker->Turn(0);
    ASSERT_TRUE(turned.has_value()) << ReasonText(turned.error().code) << " " << turned.error().detail;
  }
  /// Every stored customer and the partition's time.
  std::string Dump(std::int32_t partition) {
    const auto meta = store->LoadMeta(partition);
    if (!meta) return "none";
    EXPECT_EQ(meta->floor.seq, meta->committed.seq) << "everything was written";
    std::string text = std::to_string(meta->account.watermark) + " " + std::to_string(meta->account.frontier) + "\n";
    EXPECT_TRUE(store->Scan(partition, [&](std::string_view id, std::string_view row) {
      text.append(id).append(" ").append(ProfileBody(row)).append("\n");
      return true;
    }).has_value());
    return text;
  }

  MemoryKafka& kafka;
  ManualClock clock;
  MemoryLogReader logs;
  std::uint64_t memory;
  std::unique_ptr<StateStore> store;
  ShardEnvironment environment;
  std::unique_ptr<MemoryShard> shard;
  std::unique_ptr<DecisionWorker> worker;
};

}  // namespace offerstream::testing
