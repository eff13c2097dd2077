#include "state/memory_chunk.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "state/profile_pool.h"

namespace offerstream {
namespace {

std::size_t ResidentBytes() {
  std::size_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

TEST(MemoryChunk, IsZeroAlignedAndItsOwn) {
  const MemoryChunk a = NewMemoryChunk(false), b = NewMemoryChunk(true);
  for (const MemoryChunk* chunk : {&a, &b}) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(chunk->get()) % kChunkBytes, 0u);
    EXPECT_EQ(chunk->get()[0], std::byte{0});
    EXPECT_EQ(chunk->get()[kChunkBytes - 1], std::byte{0});
    chunk->get()[0] = chunk->get()[kChunkBytes - 1] = std::byte{1};
  }
  EXPECT_NE(a.get(), b.get());
}

// A partition's memory is taken by the thread that recovers it and let go of by the shard's.
TEST(MemoryChunk, WhatPartitionsThatComeAndGoHadReturnsToTheSystem) {
  constexpr std::size_t kBlock = 640, kBlocks = 40'000;   // 25 MB
  constexpr std::size_t kPartitions = 4, kMoves = 10;
  const auto filled = [] {
    auto pool = std::make_unique<ProfilePool>();
    std::thread([&pool] {
      for (std::size_t i = 0; i < kBlocks; ++i) static_cast<std::byte*>(pool->allocate(kBlock, 8))[0] = std::byte{1};
    }).join();
    return pool;
  };
  const std::size_t before = ResidentBytes();
  std::size_t most = 0;
  for (std::size_t move = 0; move < kMoves; ++move) {
    std::vector<std::unique_ptr<ProfilePool>> pools;
    for (std::size_t p = 0; p < kPartitions; ++p) pools.push_back(filled());
    most = std::max(most, ResidentBytes());
  }
  EXPECT_GT(most, before + kPartitions * kBlocks * kBlock);
  EXPECT_LT(ResidentBytes(), before + (4u << 20));
}

}  // namespace
}  // namespace offerstream
