// The latency part of `offerstream bench`: from an event's due time to its decision in a committed reader's hands.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "consumers/offline/bench_world.h"
#include "models/domain/status.h"

namespace offerstream {

/// What is sent to a whole service with shipped defaults: records [0, begin) as fast as they go, some seconds that do not
/// count, then `seconds` at each rate.
struct BenchLatency {
  std::string brokers{};
  BenchWorkload workload{};
  const BenchRecords* records = nullptr;
  const std::vector<bool>* decided = nullptr;   ///< by record: whether a decision must come
  std::size_t begin = 0;                        ///< introductions
  std::vector<std::uint32_t> rates{};           ///< events a second
  std::uint32_t seconds = 15;
};

/// Milliseconds over all decisions of one rate.
struct LatencyFinding {
  std::uint32_t rate = 0;
  std::size_t decisions = 0;
  double p50_ms = 0, p99_ms = 0, max_ms = 0;
};

/// How many records it needs after `begin`.
std::size_t LatencyRecords(const BenchLatency& latency);

/// One finding a rate, in their order. Events go out on a fixed schedule: a late one counts from its due time. Feeder,
/// service and reader share this process and its cores. kGateFailed when a decision does not come within ten seconds;
/// otherwise as Service::Start.
Result<std::vector<LatencyFinding>> MeasureBenchLatency(const BenchLatency& latency);

}  // namespace offerstream
