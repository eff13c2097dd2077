// How RocksDB is run here: every option that is not its default, and what happens on its errors. For rocksdb_store.cc alone.
#pragma once

#include <rocksdb/options.h>

#include <cstddef>
#include <cstdint>

#include "state/store_directory.h"

namespace offerstream {

/// A longer manifest is written anew with the next change of the files.
inline constexpr std::size_t kManifestBytes = 64 << 10;

/// Of the database, and of each of its families.
struct RocksDbOptions {
  rocksdb::DBOptions database{};
  rocksdb::ColumnFamilyOptions family{};
};
/// `memory_bytes` bounds block cache and write buffers together. `directory` outlives the database.
RocksDbOptions MakeRocksDbOptions(const StoreDirectory& directory, std::uint64_t memory_bytes);

}  // namespace offerstream
