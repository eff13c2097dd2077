#include <fmt/format.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <utility>

#include "state/formats/codecs.h"
#include "state/rocksdb_options.h"
#include "state/state_store.h"
#include "state/store_directory.h"
#include "state/store_keys.h"
#include "state/tombstones.h"

namespace offerstream {
namespace {

using rocksdb::ColumnFamilyHandle;
using rocksdb::Slice;

// Families and their order in the handle list.
enum Family : std::size_t { kDefault, kProfiles, kModels, kMeta, kFamilies };
constexpr std::array<const char*, kFamilies> kFamilyNames = {"default", "profiles", "models", "meta"};

constexpr std::size_t kDropBatch = 10'000;
constexpr std::size_t kPurgeKeysMax = 16;          // erased customers whose tables are rewritten one by one; more: all between

Slice ToSlice(std::string_view v) { return {v.data(), v.size()}; }
std::string_view ToView(const Slice& s) { return {s.data(), s.size()}; }

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

  /// `read_only`: as the files are; nothing is written, no damage is marked, and only reads may be asked for.
  rocksdb::Status Open(bool read_only = false) {
    read_only_ = read_only;
    RocksDbOptions options = MakeRocksDbOptions(directory_, memory_bytes_);
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    for (const char* name : kFamilyNames) descriptors.emplace_back(name, options.family);
    rocksdb::DB* database = nullptr;
    if (read_only) options.database.listeners.clear();
    const rocksdb::Status opened =
        read_only ? rocksdb::DB::OpenForReadOnly(options.database, directory_.database(), descriptors, &families_, &database)
                  : rocksdb::DB::Open(options.database, directory_.database(), descriptors, &families_, &database);
    if (!opened.ok()) return opened;
    database_.reset(database);
    std::string since;
    erased_.others = database_->Get({}, families_[kMeta], MetaKey(kNoPartition, kPurgeDue), &since).ok();
    if (erased_.others) erased_.since_ms = static_cast<std::int64_t>(GetBigEndian(since));
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
        const Status removed = RemoveTombstones(partition, batch, meta, writes);
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
    erased_.others = true;
    rocksdb::WriteBatch mark;
    MarkErased(0, mark);
    return status ? Told(database_->Write({}, &mark), "drop") : status;
  }

  Result<HeldPartitions> Held() override {
    HeldPartitions held;
    const Status scanned = ScanPrefix(kMeta, "", [&](std::string_view key, std::string_view) {
      const auto partition = static_cast<std::int32_t>(GetBigEndian(key.substr(0, 2)));
      if (key.size() == 3 && key[2] == kDecisionMeta) held.decided.push_back(partition);
      if (key.size() == 3 && key[2] == kLearnerFloor) held.learned.push_back(partition);
      return true;
    });
    if (!scanned) return tl::unexpected<Error>(scanned.error());
    return held;
  }

  std::int64_t ErasedSince() const override {
    const std::lock_guard lock(tombstones_mutex_);
    return erased_.since_ms;
  }

  Result<bool> Purge(std::atomic<bool>& stop) override {
    ErasedRows erased;
    {
      const std::lock_guard lock(tombstones_mutex_);
      if (erased_.since_ms == 0) return false;
      std::swap(erased.keys, erased_.keys);
      erased.others = std::exchange(erased_.others, false);
    }
    Status done = Told(database_->Flush({}, families_), "flush of what was erased");   // and the log's files go
    const bool all = erased.others, between = erased.keys.size() > kPurgeKeysMax;
    if (done && all) done = Rewrite(kProfiles, "", "", stop);
    else if (done && between) done = Rewrite(kProfiles, *erased.keys.begin(), *erased.keys.rbegin(), stop);
    for (const std::string& key : erased.keys) done = done && !all && !between ? Rewrite(kProfiles, key, key, stop) : done;
    if (done) done = Rewrite(kMeta, "", "", stop);
    if (done) done = RenewManifest(stop);
    const std::lock_guard lock(tombstones_mutex_);
    if (!done || stop) erased_.others = true;
    if (done && erased_.empty()) {
      erased_.since_ms = 0;
      done = Told(database_->Delete({}, families_[kMeta], MetaKey(kNoPartition, kPurgeDue)), "purge");
    }
    if (!done) return tl::unexpected<Error>(done.error());
    return !stop;
  }

  Status Checkpoint(const std::string& path) override {
    rocksdb::Checkpoint* made = nullptr;
    if (const Status created = Told(rocksdb::Checkpoint::Create(database_.get(), &made), "checkpoint"); !created) return created;
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    return Told(checkpoint->CreateCheckpoint(path, 0), "checkpoint");
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
    if (status.IsCorruption() && !read_only_) directory_.MarkDamaged();
    const Code code = status.IsCorruption() ? Code::kCorrupt : status.IsNoSpace() ? Code::kDiskLow : Code::kStoreFailed;
    return Fail(code, fmt::format("{} in {}: {}", what, directory_.database(), status.ToString()));
  }

  // Every key with the prefix, which is cut off.
  Status ScanPrefix(Family family, const std::string& prefix,
                    const std::function<bool(std::string_view rest, std::string_view value)>& row) {
    const std::string end = prefix.empty() ? std::string() : AfterPrefix(prefix);
    const Slice bound(end);
    rocksdb::ReadOptions options;
    if (!prefix.empty()) options.iterate_upper_bound = &bound;
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

  // Under tombstones_mutex_.
  void MarkErased(std::int64_t at_ms, rocksdb::WriteBatch& writes) {
    if (!erased_.Note(at_ms)) return;
    std::string since;
    PutBigEndian(since, erased_.since_ms);
    (void)writes.Put(families_[kMeta], MetaKey(kNoPartition, kPurgeDue), since);
  }

  // Every table with keys from..to (both empty: all) is written anew down to the last level; what was deleted is in none of them.
  Status Rewrite(Family family, const std::string& from, const std::string& to, std::atomic<bool>& stop) {
    rocksdb::CompactRangeOptions options;
    options.exclusive_manual_compaction = false;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    options.canceled = &stop;
    const Slice begin(from), end(to);
    const rocksdb::Status status = database_->CompactRange(options, families_[family], from.empty() ? nullptr : &begin, to.empty() ? nullptr : &end);
    return stop || status.IsManualCompactionPaused() ? Status{} : Told(status, "purge");
  }

  // There is no call for it: a key as long as a manifest may be, written and removed, makes the next two changes write new ones.
  Status RenewManifest(std::atomic<bool>& stop) {
    const std::string filler(kManifestBytes, 'x');
    ColumnFamilyHandle* family = families_[kDefault];
    Status done = Told(database_->Put({}, family, filler, Slice()), "purge");
    if (done) done = Told(database_->Flush({}, family), "purge");
    if (done) done = Told(database_->Delete({}, family, filler), "purge");
    if (done) done = Told(database_->Flush({}, family), "purge");
    return done ? Rewrite(kDefault, "", "", stop) : done;
  }

  // Tombstones the floor has passed go, unless a newer row of the customer took their place.
  Status RemoveTombstones(std::int32_t partition, const StateBatch& batch, const PartitionMeta& meta, rocksdb::WriteBatch& writes) {
    const auto due = tombstones_[partition].TakeUpTo(meta.floor.seq);
    if (due.empty()) return {};
    std::map<std::string_view, const StateRow*> written;
    for (const StateRow& row : batch.rows) written[batch.Id(row)] = &row;
    std::string value;
    MarkErased(meta.applied_at_ms, writes);
    for (const auto& [as_of, id] : due) {
      erased_.keys.insert(PartitionKey(partition, id));
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
  mutable std::mutex tombstones_mutex_;
  std::map<std::int32_t, Tombstones> tombstones_{};   // guarded by tombstones_mutex_, as what follows
  ErasedRows erased_{};                               // since the last purge
  bool read_only_ = false;
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

Result<std::unique_ptr<StateStore>> OpenRocksDbReadOnly(const std::string& dir) {
  std::error_code error;
  if (!std::filesystem::exists(dir + "/db/CURRENT", error)) return Fail(Code::kNotFound, fmt::format("{} holds no state", dir));
  Result<StoreDirectory> directory = StoreDirectory::Open(dir);
  if (!directory) return tl::unexpected<Error>(directory.error());
  auto store = std::make_unique<RocksDbStore>(std::move(*directory), 64u << 20);
  const rocksdb::Status status = store->Open(true);
  if (!status.ok()) return Fail(MeansDamage(status) ? Code::kCorrupt : Code::kIo, fmt::format("{}: {}", store->directory().database(), status.ToString()));
  return store;
}

}  // namespace offerstream
