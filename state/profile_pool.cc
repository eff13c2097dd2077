#include "state/profile_pool.h"

#include <cassert>
#include <new>

namespace offerstream {

std::size_t ProfilePool::Rounded(std::size_t bytes) {
  const std::size_t step = bytes <= kFineMax ? kFine : kCoarse;
  return bytes == 0 ? kFine : (bytes + step - 1) / step * step;
}

std::size_t ProfilePool::ClassOf(std::size_t rounded) {
  return rounded <= kFineMax ? rounded / kFine - 1 : kFineMax / kFine + (rounded - kFineMax) / kCoarse - 1;
}

void* ProfilePool::do_allocate(std::size_t bytes, std::size_t alignment) {
  assert(alignment <= kFine);
  const std::size_t rounded = Rounded(bytes);
  used_ += rounded;
  if (rounded > kCoarseMax) {
    resident_ += rounded;
    return ::operator new(rounded);
  }
  FreeBlock*& head = free_[ClassOf(rounded)];
  if (head != nullptr) {
    FreeBlock* block = head;
    head = block->next;
    return block;
  }
  if (carve_left_ < rounded) {  // the rest of the old chunk, under one block, stays unused
    // Whole chunks ask for huge pages: half of a look-up among 400,000 customers would be page walks.
    if (first_ == nullptr) {
      first_.reset(new std::byte[kFirstChunkBytes]);
      carve_ = first_.get();
      carve_left_ = kFirstChunkBytes;
    } else {
      carve_ = chunks_.emplace_back(NewMemoryChunk(true)).get();
      carve_left_ = kChunkBytes;
    }
    resident_ += carve_left_;
  }
  void* block = carve_;
  carve_ += rounded;
  carve_left_ -= rounded;
  return block;
}

void ProfilePool::do_deallocate(void* block, std::size_t bytes, std::size_t) {
  const std::size_t rounded = Rounded(bytes);
  used_ -= rounded;
  if (rounded > kCoarseMax) {
    resident_ -= rounded;
    return ::operator delete(block);
  }
  FreeBlock*& head = free_[ClassOf(rounded)];
  head = new (block) FreeBlock{head};
}

}  // namespace offerstream
