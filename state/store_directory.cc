#include "state/store_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace offerstream {
namespace {

namespace fs = std::filesystem;

std::string Reason(int number) { return std::error_code(number, std::generic_category()).message(); }

}  // namespace

Result<StoreDirectory> StoreDirectory::Open(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return Fail(Code::kIo, fmt::format("state directory {}: {}", path, error.message()));
  const std::string lock_path = path + "/lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return Fail(Code::kIo, fmt::format("state directory {}: lock: {}", path, Reason(errno)));
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const int number = errno;
    ::close(lock);
    if (number == EWOULDBLOCK) return Fail(Code::kLocked, fmt::format("state directory {}", path));
    return Fail(Code::kIo, fmt::format("state directory {}: lock: {}", path, Reason(number)));
  }
  StoreDirectory directory(path, lock);
  if (const Status made = directory.MakeDatabase(); !made) return tl::unexpected<Error>(made.error());
  return directory;
}

Status StoreDirectory::MakeDatabase() const {
  std::error_code error;
  fs::create_directories(database(), error);
  if (error) return Fail(Code::kIo, fmt::format("state directory {}: {}", database(), error.message()));
  return {};
}

StoreDirectory::StoreDirectory(StoreDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

StoreDirectory::~StoreDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

bool StoreDirectory::Damaged() const {
  std::error_code error;
  if (fs::exists(path_ + "/damaged", error)) return true;
  if (!fs::is_directory(database(), error) || fs::exists(database() + "/CURRENT", error)) return false;
  for (const fs::directory_entry& entry : fs::directory_iterator(database(), error)) {
    const std::string name = entry.path().filename().string();
    const std::string extension = entry.path().extension().string();
    if (extension == ".sst" || extension == ".log" || name.starts_with("MANIFEST-")) return true;
  }
  return false;
}

void StoreDirectory::MarkDamaged() const {
  const int marker = ::open((path_ + "/damaged").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (marker >= 0) ::close(marker);  // the process ends next; a marker that cannot be made costs one more attempt
}

Status StoreDirectory::Quarantine() const {
  std::error_code error;
  for (int n = 1;; ++n) {
    const std::string aside = fmt::format("{}/quarantine-{}", path_, n);
    if (fs::exists(aside, error)) continue;
    if (fs::exists(database(), error)) fs::rename(database(), aside, error);
    if (error) return Fail(Code::kIo, fmt::format("{}: {}", aside, error.message()));
    fs::remove(path_ + "/damaged", error);
    if (error) return Fail(Code::kIo, fmt::format("{}/damaged: {}", path_, error.message()));
    return MakeDatabase();
  }
}

}  // namespace offerstream
