// A disk that fails or is slow, for one program: preloaded, it stands before the C library's writing functions. What the file
// named by FAULTY_DISK_ORDERS says holds for files below FAULTY_DISK_BELOW: "eio" fails every write and sync, "slow N" makes each
// wait N milliseconds, anything else nothing.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

bool Below(int fd) {
  const char* const below = std::getenv("FAULTY_DISK_BELOW");
  if (below == nullptr) return false;
  char link[64], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path);
  return size > 0 && std::strlen(below) <= static_cast<std::size_t>(size) && std::memcmp(path, below, std::strlen(below)) == 0;
}

// False: the call fails.
bool Passes(int fd) {
  const char* const name = std::getenv("FAULTY_DISK_ORDERS");
  if (name == nullptr || !Below(fd)) return true;
  static const auto real_read = Real<ssize_t (*)(int, void*, std::size_t)>("read");
  char text[32] = {};
  const int orders = open(name, O_RDONLY | O_CLOEXEC);
  if (orders < 0) return true;
  (void)real_read(orders, text, sizeof text - 1);
  close(orders);
  if (std::strncmp(text, "eio", 3) == 0) {
    errno = EIO;
    return false;
  }
  int ms = 0;
  if (std::sscanf(text, "slow %d", &ms) == 1) {
    const timespec pause{ms / 1000, ms % 1000 * 1'000'000L};
    nanosleep(&pause, nullptr);
  }
  return true;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, std::size_t size) {
  static const auto real = Real<ssize_t (*)(int, const void*, std::size_t)>("write");
  return Passes(fd) ? real(fd, bytes, size) : -1;
}

ssize_t pwrite64(int fd, const void* bytes, std::size_t size, off64_t at) {
  static const auto real = Real<ssize_t (*)(int, const void*, std::size_t, off64_t)>("pwrite64");
  return Passes(fd) ? real(fd, bytes, size, at) : -1;
}

int fsync(int fd) {
  static const auto real = Real<int (*)(int)>("fsync");
  return Passes(fd) ? real(fd) : -1;
}

int fdatasync(int fd) {
  static const auto real = Real<int (*)(int)>("fdatasync");
  return Passes(fd) ? real(fd) : -1;
}

}  // extern "C"
