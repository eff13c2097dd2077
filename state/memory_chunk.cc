#include "state/memory_chunk.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <new>

namespace offerstream {

void ChunkDeleter::operator()(std::byte* chunk) const { (void)::munmap(chunk, kChunkBytes); }

MemoryChunk NewMemoryChunk(bool huge_pages) {
  // Twice the size has an aligned chunk in it; the ends go back.
  void* const mapped = ::mmap(nullptr, 2 * kChunkBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    if (const std::new_handler handler = std::get_new_handler(); handler != nullptr) handler();
    std::abort();
  }
  auto* const begin = static_cast<std::byte*>(mapped);
  const std::size_t before = (kChunkBytes - reinterpret_cast<std::uintptr_t>(begin) % kChunkBytes) % kChunkBytes;
  if (before > 0) (void)::munmap(begin, before);
  (void)::munmap(begin + before + kChunkBytes, kChunkBytes - before);
  if (huge_pages) (void)::madvise(begin + before, kChunkBytes, MADV_HUGEPAGE);
  return MemoryChunk(begin + before);
}

}  // namespace offerstream
