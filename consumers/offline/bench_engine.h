// The engine without Kafka and without a disk: decode, fold, write what follows from it; the same calls in the same
// order as a shard makes them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "consumers/offline/bench_world.h"
#include "consumers/wire/decision_encoder.h"
#include "consumers/wire/event_decoder.h"
#include "consumers/wire/event_mapping.h"
#include "models/decision_fold.h"
#include "models/domain/observation_order.h"
#include "models/fold_output.h"
#include "state/partition_state.h"
#include "state/state_store.h"

namespace offerstream {

/// CPU time of this thread and wall time, nanoseconds.
struct BenchTime {
  std::int64_t cpu_ns = 0, wall_ns = 0;
  static BenchTime Now();
  BenchTime operator-(const BenchTime& from) const { return {cpu_ns - from.cpu_ns, wall_ns - from.wall_ns}; }
  void operator+=(const BenchTime& other) {
    cpu_ns += other.cpu_ns;
    wall_ns += other.wall_ns;
  }
};

/// What a slice of the events led to. Two engines that agree here made the same decisions and observations.
struct BenchAnswer {
  std::uint64_t events = 0, decisions = 0, offers = 0, observations = 0, blocks = 0, timers = 0, caps = 0;
  std::uint64_t decision_bytes = 0, observation_bytes = 0, bad = 0;
  std::uint64_t digest = 0;  ///< over records folded and decisions made
  friend bool operator==(const BenchAnswer&, const BenchAnswer&) = default;
};

/// Micro-batches and transactions as they are when a shard is busy.
inline constexpr std::size_t kBenchBatch = 32, kBenchTransaction = 20'000;

/// One shard in memory. One thread.
class BenchEngine {
 public:
  BenchEngine(std::shared_ptr<const CampaignPlan> plan, std::shared_ptr<const EventMapping> mapping,
              const AdoptedModels& models, const std::string& topic);
  ~BenchEngine();

  /// Decodes records [from, to) and drops them; the number of events and a digest over their ids.
  BenchAnswer Decode(const BenchRecords& records, std::size_t from, std::size_t to);
  /// Decodes, folds and encodes records [from, to) in transactions.
  BenchAnswer Fold(const BenchRecords& records, std::size_t from, std::size_t to);
  /// The same for one record in a micro-batch of its own (transactions as above, between calls); the last decision, or
  /// null. Valid until the next call.
  const Decision* FoldOne(const BenchRecords& records, std::size_t at, BenchAnswer& answer);
  /// Ends the transaction FoldOne left open.
  void Finish(BenchAnswer& answer);
  /// From now on the encoded observation blocks are kept.
  void KeepBlocks(std::vector<std::string>* blocks) { blocks_ = blocks; }

  PartitionState& state() { return state_; }
  const FoldCounters& counters() const { return fold_.counters(); }

 private:
  void Begin();
  void DecodeBatch(const BenchRecords& records, std::size_t from, std::size_t to);
  void FoldBatch(BenchAnswer& answer);
  void Emit(BenchAnswer& answer);
  void EmitObservations(BenchAnswer& answer);

  std::shared_ptr<const CampaignPlan> plan_;
  std::unique_ptr<StateStore> store_;
  PartitionState state_;
  DecisionFold fold_;
  EventDecoder decoder_;
  DecisionEncoder encoder_;
  AdoptedModels models_;
  DecodedBatch decoded_{};
  Record record_{};
  std::vector<std::string_view> ids_{};
  std::vector<IdHash> hashes_{};
  FoldOutput output_{};
  ObservationOrder order_{};
  std::string text_{}, key_{};
  std::vector<std::string>* blocks_ = nullptr;
  TxnSeq seq_ = 0;
  std::size_t transaction_events_ = 0;
};

}  // namespace offerstream
