// The stream part of `offerstream bench`: a shard over real Kafka against a loop that only passes records through.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "consumers/offline/bench_world.h"
#include "models/domain/status.h"
#include "models/model_view.h"

namespace offerstream {

/// What is streamed: records [0, end) go into a new topic; the clock runs from record `begin` on.
struct BenchStream {
  std::string brokers{};
  BenchWorkload workload{};
  const BenchRecords* records = nullptr;
  std::size_t begin = 0, end = 0;
  std::uint64_t decisions = 0;  ///< how many the reference made of them: ours must make as many
  int rounds = 3;
  std::shared_ptr<const AdoptedModels> models{};
};

/// Rates over the rounds, ours and the floor's alternately, and the CPU time of this process (client and store threads
/// included, the broker not).
struct BenchStreamFindings {
  std::vector<double> events_per_second{}, floor_events_per_second{}, ratio{};
  std::vector<double> cpu_us_per_event{}, floor_cpu_us_per_event{};
  double output_bytes_per_event = 0;
};

/// Fills the topic, then for each round: the shard (decision worker, RocksDB, transactions of 100 ms), and the floor
/// with as many output bytes. Topics are new each time and stay behind. kKafkaUnreachable, kTopicMissing; kGateFailed
/// when a count is wrong.
Result<BenchStreamFindings> MeasureBenchStream(const BenchStream& stream);

}  // namespace offerstream
