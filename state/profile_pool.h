// Memory for the small arrays of profiles: free lists by size over large chunks, counted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <vector>

#include "state/memory_chunk.h"

namespace offerstream {

/// Blocks are rounded up to 8 bytes (to 256 above 2 KiB, to whole allocations of the system above 16 KiB) and return to
/// the list of their size. Why not std::pmr::unsynchronized_pool_resource: it rounds 576 bytes up to 768 and does not
/// tell how much is in use, which the memory bound of a partition needs. One thread.
class ProfilePool final : public std::pmr::memory_resource {
 public:
  ProfilePool() = default;
  ProfilePool(const ProfilePool&) = delete;
  ProfilePool& operator=(const ProfilePool&) = delete;
  ~ProfilePool() override = default;

  /// Bytes in blocks handed out, rounding included.
  std::uint64_t used_bytes() const { return used_; }
  /// Bytes taken from the system: used, free-listed and not yet carved.
  std::uint64_t resident_bytes() const { return resident_; }

 private:
  static constexpr std::size_t kFine = 8, kFineMax = 2048, kCoarse = 256, kCoarseMax = 16'384;
  static constexpr std::size_t kClasses = kFineMax / kFine + (kCoarseMax - kFineMax) / kCoarse;
  static constexpr std::size_t kFirstChunkBytes = 64u << 10;
  struct FreeBlock {
    FreeBlock* next;
  };

  static std::size_t Rounded(std::size_t bytes);
  static std::size_t ClassOf(std::size_t rounded);
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::array<FreeBlock*, kClasses> free_{};

  std::unique_ptr<std::byte[]> first_{};   // a partition with few customers should cost little
  std::vector<MemoryChunk> chunks_{};
  std::byte* carve_ = nullptr;
  std::size_t carve_left_ = 0;
  std::uint64_t used_ = 0, resident_ = 0;
};

}  // namespace offerstream
