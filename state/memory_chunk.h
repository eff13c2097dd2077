// 2 MiB of memory from the system itself, for what partitions keep.
#pragma once

#include <cstddef>
#include <memory>

namespace offerstream {

/// The size of a chunk, and what its address is a multiple of: a huge page.
inline constexpr std::size_t kChunkBytes = 2u << 20;

/// Gives a chunk back to the system, all of it, at once.
struct ChunkDeleter {
  void operator()(std::byte* chunk) const;
};
using MemoryChunk = std::unique_ptr<std::byte, ChunkDeleter>;

/// kChunkBytes, zero, at an address that is a multiple of its size; with huge pages when asked for. Not from the heap: partitions come
/// and go on threads of their own, and the C library keeps for each thread what was freed there. Without memory it does what
/// operator new does.
MemoryChunk NewMemoryChunk(bool huge_pages);

}  // namespace offerstream
