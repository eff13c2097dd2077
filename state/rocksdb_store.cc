#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <rocksdb/write_buffer_manager.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <utility>

#include "state/formats/codecs.h"
#include "state/state_store.h"
#include "state/store_directory.h"
#include "state/tombstones.h"

namespace offerstream {
namespace {

using rocksdb::ColumnFamilyHandle;
using rocksdb::Slice;

// Families and their order in the handle list.
enum Family : std::size_t { kDefault, kProfiles, kModels, kMeta, kFamilies };
constexpr std::array<const char*, kFamilies> kFamilyNames = {"default", "profiles", "models", "meta"};

// Second part of a key in the family `meta`, after the partition.
constexpr char kDecisionMeta = 'D', kGone = 'G', kLearnerFloor = 'L', kPlan = 'P';
// Plans belong to no partition.
constexpr std::int32_t kNoPartition = 0xffff;
constexpr std::size_t kDropBatch = 10'000;

Slice ToSlice(std::string_view v) { return {v.data(), v.size()}; }
std::string_view ToView(const Slice& s) { return {s.data(), s.size()}; }

template <typename T>
void PutBigEndian(std::string& key, T v) {
  for (int shift = static_cast<int>(sizeof(T) - 1) * 8; shift >= 0; shift -= 8) key.push_back(static_cast<char>(v >> shift));
}
std::uint64_t GetBigEndian(std::string_view bytes) {
  std::uint64_t v = 0;
  for (char c : bytes) v = v << 8 | static_cast<unsigned char>(c);
  return v;
}

std::string PartitionKey(std::int32_t partition, std::string_view rest = {}) {
  assert(partition >= 0 && partition <= kNoPartition);
  std::string key;
  PutBigEndian(key, static_cast<std::uint16_t>(partition));
  return key.append(rest);
}
std::string MetaKey(std::int32_t partition, char kind) { return PartitionKey(partition, std::string_view(&kind, 1)); }
std::string GoneKey(std::int32_t partition, TxnSeq as_of, std::string_view id) {
  std::string key = MetaKey(partition, kGone);
  PutBigEndian(key, as_of);
  return key.append(id);
}
// The first key after all that begin with `prefix`. REQUIRES: prefix is not all 0xff.
std::string AfterPrefix(std::string prefix) {
  while (static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  ++prefix.back();
  return prefix;
}

// RocksDB's own log would lie on the disk it may fill (after ENOSPC its info log is what aborts the process). What matters
// goes to stderr, one line each.
class StderrLogger final : public rocksdb::Logger {
 public:
  StderrLogger() : Logger(rocksdb::InfoLogLevel::ERROR_LEVEL) {}
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < rocksdb::InfoLogLevel::ERROR_LEVEL || level == rocksdb::InfoLogLevel::HEADER_LEVEL) return;
    std::array<char, 1024> line;
    (void)std::vsnprintf(line.data(), line.size(), format, arguments);
    std::string_view text(line.data());
    while (text.ends_with('\n') || text.ends_with(' ')) text.remove_suffix(1);
    fmt::print(stderr, "offerstream: rocksdb: {}\n", text);
  }
};

// Crash only: after a failed flush or compaction RocksDB's own recovery may abort or hang later (7.8), the data on disk was
// intact every time. So the first background error ends the process; a restart recovers.
class CrashOnError final : public rocksdb::EventListener {
 public:
  explicit CrashOnError(const StoreDirectory& directory) : directory_(directory) {}
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) override { End(*error); }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status error, bool* auto_recovery) override {
    *auto_recovery = false;
    End(error);
  }

 private:
  [[noreturn]] void End(const rocksdb::Status& error) {
    if (error.IsCorruption()) directory_.MarkDamaged();
    fmt::print(stderr, "offerstream: the state store failed in the background: {} cause={}\n", error.ToString(),
               error.IsNoSpace() ? "disk_low" : "store_failed");
    (void)std::fflush(stderr);
    ::_exit(75);
  }
  const StoreDirectory& directory_;
};

rocksdb::DBOptions DatabaseOptions(const StoreDirectory& directory, std::uint64_t write_buffers,
                                   const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;  // a new version may bring a family
  options.info_log = std::make_shared<StderrLogger>();
  options.listeners.push_back(std::make_shared<CrashOnError>(directory));
  // WAL on: without it a kill tears two families apart. A torn end of it is dropped, never more than that; the changelog
  // gives back what power loss may cost. Not set, each for a reason (reliability page): WAL recycling, WAL compression,
  // atomic_flush, manifest tracking of WALs.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // The family `meta` is small and flushes rarely; without a bound its oldest entry would keep every WAL file alive.
  options.max_total_wal_size = std::max<std::uint64_t>(64u << 20, 4 * write_buffers);
  options.paranoid_checks = true;          // damage is reported, not served
  options.max_open_files = 512;            // a bound on descriptors; tables beyond it are opened as needed
  options.max_background_jobs = 2;         // well below 8: many failing flushes at once can delete pending files (fixed in 8.7)
  options.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(write_buffers, cache, /*allow_stall=*/false);
  options.stats_dump_period_sec = 0;       // there is no log to dump them to
  options.stats_persist_period_sec = 0;
  return options;
}

rocksdb::ColumnFamilyOptions FamilyOptions(std::uint64_t write_buffer, const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = write_buffer;
  options.max_write_buffer_number = 2;     // one fills while one flushes
  options.level_compaction_dynamic_level_bytes = true;  // about 1.1 times the data on disk
  options.force_consistency_checks = true;
  options.compression = rocksdb::kLZ4Compression;
  rocksdb::BlockBasedTableOptions table;
  table.format_version = 5;                // the fast bloom filter
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));  // a new customer's first look-up reads no block
  table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;  // point reads are the rule
  table.data_block_hash_table_util_ratio = 0.75;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;            // inside the memory bound, not beside it
  table.pin_l0_filter_and_index_blocks_in_cache = true;  // the newest tables are asked first
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

class RocksDbStore final : public StateStore {
 public:
  RocksDbStore(StoreDirectory directory, std::uint64_t memory_bytes)
      : directory_(std::move(directory)), memory_bytes_(std::max<std::uint64_t>(memory_bytes, 8u << 20)) {}

  ~RocksDbStore() override {
    // After a failure a late Close may abort or hang; the process is about to end anyway.
    if (failed_.load()) {
      (void)database_.release();
      return;
    }
    for (ColumnFamilyHandle* family : families_) (void)database_->DestroyColumnFamilyHandle(family);
    if (database_ != nullptr) (void)database_->Close();
  }

  rocksdb::Status Open() {
    const std::uint64_t write_buffers = memory_bytes_ / 2;
    const std::uint64_t write_buffer = std::clamp<std::uint64_t>(memory_bytes_ / 8, 1u << 20, 64u << 20);
    const auto cache = rocksdb::NewLRUCache(memory_bytes_, -1, /*strict_capacity_limit=*/false);
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    for (const char* name : kFamilyNames) descriptors.emplace_back(name, FamilyOptions(write_buffer, cache));
    rocksdb::DB* database = nullptr;
    const rocksdb::Status opened = rocksdb::DB::Open(DatabaseOptions(directory_, write_buffers, cache),
                                                     directory_.database(), descriptors, &families_, &database);
    if (!opened.ok()) return opened;
    database_.reset(database);
    return FindTombstones();
  }
  const StoreDirectory& directory() const { return directory_; }

  Status Load(std::int32_t partition, std::string_view customer_id, std::string& value) override {
    value.clear();
    const rocksdb::Status got = database_->Get({}, families_[kProfiles], PartitionKey(partition, customer_id), &value);
    if (got.IsNotFound()) value.clear();
    return got.IsNotFound() ? Status{} : Told(got, "read of a customer");
  }

  Status LoadMany(std::int32_t partition, const std::vector<std::string_view>& ids,
                  const std::function<void(std::size_t, std::string_view)>& found) override {
    // Equal keys in one MultiGet are a known crash; the contract says ascending.
    assert(std::adjacent_find(ids.begin(), ids.end(), [](auto a, auto b) { return a >= b; }) == ids.end());
    std::vector<std::string> keys;
    keys.reserve(ids.size());
    for (std::string_view id : ids) keys.push_back(PartitionKey(partition, id));
    std::vector<Slice> slices(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(ids.size());
    std::vector<rocksdb::Status> statuses(ids.size());
    database_->MultiGet({}, families_[kProfiles], ids.size(), slices.data(), values.data(), statuses.data(),
                        /*sorted_input=*/true);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (statuses[i].IsNotFound()) continue;
      if (!statuses[i].ok()) return Told(statuses[i], "read of customers");
      found(i, ToView(values[i]));
    }
    return {};
  }

  Status Scan(std::int32_t partition,
              const std::function<bool(std::string_view customer_id, std::string_view value)>& row) override {
    return ScanPrefix(kProfiles, PartitionKey(partition), row);
  }

  Status Write(std::int32_t partition, const StateBatch& batch, const PartitionMeta& meta) override {
    rocksdb::WriteBatch writes;
    std::string tombstone;
    {
      const std::lock_guard lock(tombstones_mutex_);
      for (const StateRow& row : batch.rows) {
        const std::string key = PartitionKey(partition, batch.Id(row));
        if (row.value_size > 0) {
          (void)writes.Put(families_[kProfiles], key, ToSlice(batch.Value(row)));
          continue;
        }
        tombstone.clear();
        EncodeTombstone(row.as_of, tombstone);
        (void)writes.Put(families_[kProfiles], key, tombstone);
        (void)writes.Put(families_[kMeta], GoneKey(partition, row.as_of, batch.Id(row)), Slice());
        tombstones_[partition].Add(row.as_of, batch.Id(row));
      }
      if (!meta.restoring) {
        const Status removed = RemoveTombstones(partition, batch, meta.floor.seq, writes);
        if (!removed) return removed;
      }
    }
    std::string encoded;
    EncodeMeta(meta, encoded);
    (void)writes.Put(families_[kMeta], MetaKey(partition, kDecisionMeta), encoded);
    return Told(database_->Write({}, &writes), "write of a transaction's rows");
  }

  Result<PartitionMeta> LoadMeta(std::int32_t partition) override {
    std::string value;
    const rocksdb::Status got = database_->Get({}, families_[kMeta], MetaKey(partition, kDecisionMeta), &value);
    if (got.IsNotFound()) return Fail(Code::kNotFound);
    if (const Status told = Told(got, "read of a partition's meta row"); !told) return tl::unexpected<Error>(told.error());
    return DecodeMeta(value);
  }

  Status DropPartition(std::int32_t partition) override {
    // Without its meta row an interrupted drop is seen as "never seen" and repeats.
    rocksdb::WriteOptions synced;
    synced.sync = true;
    Status status = Told(database_->Delete(synced, families_[kMeta], MetaKey(partition, kDecisionMeta)), "drop");
    const std::string begin = PartitionKey(partition), end = AfterPrefix(begin);
    const Slice from(begin), to(end);
    if (status) status = Told(rocksdb::DeleteFilesInRange(database_.get(), families_[kProfiles], &from, &to, false), "drop");
    if (status) status = DeletePrefix(kProfiles, begin);
    if (status) status = DeletePrefix(kMeta, MetaKey(partition, kGone));
    if (status) status = Sync();
    const std::lock_guard lock(tombstones_mutex_);
    tombstones_.erase(partition);
    return status;
  }

  Status WriteModels(std::int32_t partition, const std::vector<std::pair<std::string, std::string>>& models,
                     std::uint64_t floor) override {
    rocksdb::WriteBatch writes;
    for (const auto& [id, snapshot] : models) (void)writes.Put(families_[kModels], PartitionKey(partition, id), snapshot);
    std::string value;
    PutBigEndian(value, floor);
    (void)writes.Put(families_[kMeta], MetaKey(partition, kLearnerFloor), value);
    return Told(database_->Write({}, &writes), "write of models");
  }

  Result<StoredModels> LoadModels(std::int32_t partition) override {
    StoredModels stored;
    std::string value;
    const rocksdb::Status got = database_->Get({}, families_[kMeta], MetaKey(partition, kLearnerFloor), &value);
    if (got.IsNotFound()) return stored;
    Status status = Told(got, "read of the learner's floor");
    if (status) {
      stored.found = true;
      stored.floor = GetBigEndian(value);
      status = ScanPrefix(kModels, PartitionKey(partition), [&](std::string_view id, std::string_view snapshot) {
        stored.models.emplace(id, snapshot);
        return true;
      });
    }
    if (!status) return tl::unexpected<Error>(status.error());
    return stored;
  }

  Status WritePlan(std::uint32_t epoch, std::string_view text) override {
    std::string key = MetaKey(kNoPartition, kPlan);
    PutBigEndian(key, epoch);
    return Told(database_->Put({}, families_[kMeta], key, ToSlice(text)), "write of a plan");
  }

  Result<std::map<std::uint32_t, std::string>> LoadPlans() override {
    std::map<std::uint32_t, std::string> plans;
    const Status status = ScanPrefix(kMeta, MetaKey(kNoPartition, kPlan), [&](std::string_view epoch, std::string_view text) {
      plans.emplace(static_cast<std::uint32_t>(GetBigEndian(epoch)), text);
      return true;
    });
    if (!status) return tl::unexpected<Error>(status.error());
    return plans;
  }

  void MarkDamaged() override { directory_.MarkDamaged(); }
  Status Sync() override { return Told(database_->SyncWAL(), "sync of the log"); }

  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> Sizes() const override {
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> sizes;
    for (std::size_t family = kProfiles; family < kFamilies; ++family) {
      std::uint64_t tables = 0, memory = 0, keys = 0;
      (void)database_->GetIntProperty(families_[family], rocksdb::DB::Properties::kTotalSstFilesSize, &tables);
      (void)database_->GetIntProperty(families_[family], rocksdb::DB::Properties::kCurSizeAllMemTables, &memory);
      (void)database_->GetIntProperty(families_[family], rocksdb::DB::Properties::kEstimateNumKeys, &keys);
      sizes.emplace(kFamilyNames[family], std::pair(tables + memory, keys));
    }
    return sizes;
  }

 private:
  // A RocksDB status as ours. Damage leaves a marker: RocksDB fails only the one block's keys and would go on.
  Status Told(const rocksdb::Status& status, std::string_view what) {
    if (status.ok()) return {};
    failed_.store(true);
    if (status.IsCorruption()) directory_.MarkDamaged();
    const Code code = status.IsCorruption() ? Code::kCorrupt : status.IsNoSpace() ? Code::kDiskLow : Code::kStoreFailed;
    return Fail(code, fmt::format("{} in {}: {}", what, directory_.database(), status.ToString()));
  }

  // Every key with the prefix, which is cut off.
  Status ScanPrefix(Family family, const std::string& prefix,
                    const std::function<bool(std::string_view rest, std::string_view value)>& row) {
    const std::string end = AfterPrefix(prefix);
    const Slice bound(end);
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &bound;
    options.fill_cache = false;  // a scan would drive out what point reads need
    const std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator(options, families_[family]));
    for (at->Seek(prefix); at->Valid(); at->Next()) {
      if (!row(ToView(at->key()).substr(prefix.size()), ToView(at->value()))) break;
    }
    return Told(at->status(), "scan");
  }

  Status DeletePrefix(Family family, const std::string& prefix) {
    rocksdb::WriteBatch writes;
    Status written;
    const auto flush = [&] {
      if (written) written = Told(database_->Write({}, &writes), "drop");
      writes.Clear();
    };
    const Status scanned = ScanPrefix(family, prefix, [&](std::string_view rest, std::string_view) {
      (void)writes.Delete(families_[family], prefix + std::string(rest));
      if (static_cast<std::size_t>(writes.Count()) >= kDropBatch) flush();
      return written.has_value();
    });
    flush();
    return scanned ? written : scanned;
  }

  // Tombstones the floor has passed go, unless a newer row of the customer took their place.
  Status RemoveTombstones(std::int32_t partition, const StateBatch& batch, TxnSeq floor, rocksdb::WriteBatch& writes) {
    const auto due = tombstones_[partition].TakeUpTo(floor);
    if (due.empty()) return {};
    std::map<std::string_view, const StateRow*> written;
    for (const StateRow& row : batch.rows) written[batch.Id(row)] = &row;
    std::string value;
    for (const auto& [as_of, id] : due) {
      (void)writes.Delete(families_[kMeta], GoneKey(partition, as_of, id));
      bool still = false;
      if (const auto row = written.find(id); row != written.end()) {
        still = row->second->value_size == 0 && row->second->as_of == as_of;
      } else {
        if (const Status loaded = Load(partition, id, value); !loaded) return loaded;
        const Result<RowPeek> peek = PeekProfile(value);
        still = peek && peek->gone && peek->as_of == as_of;
      }
      if (still) (void)writes.Delete(families_[kProfiles], PartitionKey(partition, id));
    }
    return {};
  }

  rocksdb::Status FindTombstones() {
    const std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator({}, families_[kMeta]));
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      const std::string_view key = ToView(at->key());
      if (key.size() < 11 || key[2] != kGone) continue;
      const auto partition = static_cast<std::int32_t>(GetBigEndian(key.substr(0, 2)));
      tombstones_[partition].Add(GetBigEndian(key.substr(3, 8)), key.substr(11));
    }
    return at->status();
  }

  StoreDirectory directory_;  // outlives the database: its lock is released last
  const std::uint64_t memory_bytes_;
  std::unique_ptr<rocksdb::DB> database_{};
  std::vector<ColumnFamilyHandle*> families_{};
  std::atomic<bool> failed_ = false;
  std::mutex tombstones_mutex_;
  std::map<std::int32_t, Tombstones> tombstones_{};
};

// Files damaged or missing, as opposed to a disk or rights problem, which another copy would meet as well.
bool MeansDamage(const rocksdb::Status& status) { return status.IsCorruption() || status.IsPathNotFound(); }

}  // namespace

Result<OpenedStore> OpenRocksDbStore(const std::string& dir, std::uint64_t memory_bytes) {
  OpenedStore opened;
  for (int attempt = 0;; ++attempt) {
    Result<StoreDirectory> directory = StoreDirectory::Open(dir);
    if (!directory) return tl::unexpected<Error>(directory.error());
    if (directory->Damaged()) {
      if (const Status aside = directory->Quarantine(); !aside) return tl::unexpected<Error>(aside.error());
      opened.quarantined = true;
    }
    auto store = std::make_unique<RocksDbStore>(std::move(*directory), memory_bytes);
    const rocksdb::Status status = store->Open();
    if (status.ok()) {
      opened.store = std::move(store);
      return opened;
    }
    const std::string where = fmt::format("{}: {}", store->directory().database(), status.ToString());
    if (attempt > 0 || !MeansDamage(status)) return Fail(status.IsNoSpace() ? Code::kDiskLow : Code::kIo, where);
    fmt::print(stderr, "offerstream: the state store cannot be opened and is set aside: {}\n", where);
    store->MarkDamaged();
  }
}

}  // namespace offerstream
