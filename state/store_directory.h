// The directory of the state store: one process at a time, damaged copies set aside, never deleted.
#pragma once

#include <string>

#include "models/domain/status.h"

namespace offerstream {

/// Holds the lock of a state directory for its lifetime. Inside: `lock`, the database under `db`, a marker `damaged`, and
/// `quarantine-<n>` for copies that could not be trusted. Movable; MarkDamaged may be called from any thread.
class StoreDirectory {
 public:
  /// Makes the directory if need be and takes its lock. kLocked: another process (or another store of this one) has it;
  /// kIo with path and reason.
  static Result<StoreDirectory> Open(const std::string& path);

  StoreDirectory(StoreDirectory&& other) noexcept;
  StoreDirectory& operator=(StoreDirectory&&) = delete;
  ~StoreDirectory();

  /// Where the database lies.
  std::string database() const { return path_ + "/db"; }
  /// The database's files cannot be opened as they are: a marker says so, or tables or logs lie there without the file
  /// that names the current manifest.
  bool Damaged() const;
  /// Leaves the marker, so that the next start sets the copy aside. Survives a crash of the process.
  void MarkDamaged() const;
  /// Renames the database and leaves an empty one; the name is the first free quarantine-<n>. Removes the marker. kIo.
  Status Quarantine() const;

 private:
  Status MakeDatabase() const;  // RocksDB complains loudly about a missing one
  StoreDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  int lock_ = -1;
};

}  // namespace offerstream
