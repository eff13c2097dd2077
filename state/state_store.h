// The durable copy of profiles, models and marks, as a seam: RocksDB in production, memory in tests.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/domain/status.h"
#include "state/marks.h"
#include "state/state_batch.h"

namespace offerstream {

/// One store per process, shared by its shards; each partition has one writer. All calls are safe from several threads
/// for different partitions. Partition numbers are those of the events topic; learner partitions use their own families.
class StateStore {
 public:
  virtual ~StateStore() = default;

  /// The row of a customer, or empty when there is none. `value` is overwritten. An erased customer's row is a tombstone
  /// (PeekProfile tells) until the floor has passed its as_of.
  virtual Status Load(std::int32_t partition, std::string_view customer_id, std::string& value) = 0;
  /// Many at once, ids in ascending order; calls back with index and value for those found.
  virtual Status LoadMany(std::int32_t partition, const std::vector<std::string_view>& ids,
                          const std::function<void(std::size_t, std::string_view)>& found) = 0;
  /// Every row of a partition in key order, tombstones included; stops when the callback says false. The callback does
  /// not call the store.
  virtual Status Scan(std::int32_t partition,
                      const std::function<bool(std::string_view customer_id, std::string_view value)>& row) = 0;
  /// Writes the batch and the partition's meta row: after a crash all are there or none is. A row without value becomes a
  /// tombstone with its as_of; tombstones with as_of <= meta.floor.seq go, unless meta.restoring.
  /// Any error is fatal to the process (exit 75; a restart recovers from the older checkpoint): no retry, no repair.
  /// REQUIRES: the broker has confirmed the transaction.
  virtual Status Write(std::int32_t partition, const StateBatch& batch, const PartitionMeta& meta) = 0;
  /// The partition's meta row; kNotFound when the store has never seen the partition.
  virtual Result<PartitionMeta> LoadMeta(std::int32_t partition) = 0;
  /// Removes rows and meta of a partition (meta first, synced).
  virtual Status DropPartition(std::int32_t partition) = 0;

  /// Learner rows: model id -> framed snapshot, and the floor, in one write.
  virtual Status WriteModels(std::int32_t partition, const std::vector<std::pair<std::string, std::string>>& models,
                             std::uint64_t floor) = 0;
  struct StoredModels {
    std::map<std::string, std::string> models{};
    std::uint64_t floor = 0;      ///< observations below it are contained in every model
    bool found = false;
  };
  virtual Result<StoredModels> LoadModels(std::int32_t partition) = 0;

  /// Plan texts by epoch (the tail may need an older one). Epoch 0 is the plan of this instance's own file as last activated.
  virtual Status WritePlan(std::uint32_t epoch, std::string_view text) = 0;
  virtual Result<std::map<std::uint32_t, std::string>> LoadPlans() = 0;

  /// What there are meta rows of, ascending.
  struct HeldPartitions {
    std::vector<std::int32_t> decided{};   ///< partitions of the decision fold
    std::vector<std::int32_t> learned{};   ///< of the learning fold
  };
  virtual Result<HeldPartitions> Held() = 0;
  /// Wall clock, ms, when the oldest row went that still lingers in files (Purge); 0: none does.
  virtual std::int64_t ErasedSince() const = 0;
  /// Erased rows linger in files that hold older versions, in logs and in lists of files: rewrites those concerned by what
  /// went since the last purge, also before a restart. False: nothing to do, or `stop` was set (what is left is done next time).
  /// May take long, beside all other calls; one at a time.
  virtual Result<bool> Purge(std::atomic<bool>& stop) = 0;
  /// A copy of the database as of now into the new directory `path`; unchanged tables are shared with it where the disk can.
  virtual Status Checkpoint(const std::string& path) = 0;

  /// A row turned out to be damaged although the store read it without complaint: the next open sets this copy aside
  /// (quarantine) and starts afresh. Call before ending the process.
  virtual void MarkDamaged() = 0;
  /// Makes everything written durable (fsync of the log). Called on a clean stop.
  virtual Status Sync() = 0;
  /// Sizes for the metrics: bytes and estimated keys by family name.
  virtual std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> Sizes() const = 0;
};

/// Opens (creates) the RocksDB store in `dir`, holding its lock. kLocked: another process has it; kIo with path and
/// reason; a store that cannot be opened for corruption is renamed to quarantine-<n> and a fresh one opened
/// (`quarantined` set). `memory_bytes` bounds block cache and write buffers together.
struct OpenedStore {
  std::unique_ptr<StateStore> store{};
  bool quarantined = false;
};
Result<OpenedStore> OpenRocksDbStore(const std::string& dir, std::uint64_t memory_bytes);
/// Opens what lies in `dir` for reads alone, holding its lock; nothing is changed. kNotFound: no state; kLocked: a service runs on
/// it; kCorrupt.
Result<std::unique_ptr<StateStore>> OpenRocksDbReadOnly(const std::string& dir);
/// A store in memory with the same contract, for tests and offline runs.
std::unique_ptr<StateStore> OpenMemoryStore();

}  // namespace offerstream
