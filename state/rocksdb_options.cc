#include "state/rocksdb_options.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <string_view>

namespace offerstream {
namespace {

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
  // The manifest names the first and last key of tables, also of those that are gone: it has to be written anew to forget them.
  options.max_manifest_file_size = kManifestBytes;
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

}  // namespace

RocksDbOptions MakeRocksDbOptions(const StoreDirectory& directory, std::uint64_t memory_bytes) {
  const std::uint64_t write_buffers = memory_bytes / 2;
  const std::uint64_t write_buffer = std::clamp<std::uint64_t>(memory_bytes / 8, 1u << 20, 64u << 20);
  const auto cache = rocksdb::NewLRUCache(memory_bytes, -1, /*strict_capacity_limit=*/false);
  return {DatabaseOptions(directory, write_buffers, cache), FamilyOptions(write_buffer, cache)};
}

}  // namespace offerstream
