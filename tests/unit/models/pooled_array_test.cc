#include "models/domain/pooled_array.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "models/domain/pooled_text.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

// Counts what is handed out; a block that comes back with another size than it went with is seen at the end.
class Counted final : public std::pmr::memory_resource {
 public:
  std::int64_t bytes = 0, blocks = 0, allocations = 0;

 private:
  void* do_allocate(std::size_t n, std::size_t) override {
    bytes += static_cast<std::int64_t>(n);
    ++blocks;
    ++allocations;
    return ::operator new(n);
  }
  void do_deallocate(void* block, std::size_t n, std::size_t) override {
    bytes -= static_cast<std::int64_t>(n);
    --blocks;
    ::operator delete(block);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

// An element that owns memory of the pool itself.
struct Row {
  explicit Row(std::pmr::memory_resource* pool) : cells(pool) {}
  Row() = default;
  static constexpr bool kMovesByBytes = true;
  PooledArray<std::uint32_t> cells{};
  int number = 0;
};

TEST(PooledArray, TakesOneWordInItsOwnerAndOneBesideItsElements) {
  static_assert(sizeof(PooledArray<std::uint64_t>) == 8);
  Counted pool;
  PooledArray<std::uint64_t> a(&pool);
  EXPECT_TRUE(a.empty());
  EXPECT_EQ(a.begin(), a.end());
  EXPECT_EQ(pool.bytes, 0);
  a.push_back(7);
  EXPECT_EQ(pool.bytes, 16);
  EXPECT_EQ(a.pool(), &pool);
  a.erase(a.begin());
  EXPECT_EQ(pool.bytes, 0);
  EXPECT_EQ(a.pool(), &pool);
}

TEST(PooledArray, BehavesLikeAVectorWhateverIsDoneToIt) {
  Counted pool;
  Draws draws(1, 2, 3, Purpose::kSimulation);
  {
    PooledArray<std::uint32_t> a(&pool);
    std::vector<std::uint32_t> b;
    for (std::uint32_t step = 0; step < 20'000; ++step) {
      const std::size_t at = draws.Below(b.size() + 1), to = at + draws.Below(b.size() - at + 1);
      const auto place = b.begin() + static_cast<std::ptrdiff_t>(at), end = b.begin() + static_cast<std::ptrdiff_t>(to);
      switch (draws.Below(8)) {
        case 0:
        case 1:
        case 2: a.push_back(step); b.push_back(step); break;
        case 3: EXPECT_EQ(*a.insert(a.begin() + at, step), step); b.insert(place, step); break;
        case 4: a.insert(a.begin() + at, 3, step); b.insert(place, 3, step); break;
        case 5: a.erase(a.begin() + at, a.begin() + to); b.erase(place, end); break;
        case 6: a.resize(at, step); b.resize(at, step); break;
        default: {
          const auto fifth = [](std::uint32_t v) { return v % 5 == 0; };
          EXPECT_EQ(a.EraseIf(fifth), std::erase_if(b, fifth));
        }
      }
      ASSERT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << step;
      ASSERT_EQ(pool.blocks, b.empty() ? 0 : 1);
      ASSERT_LE(a.capacity(), std::max<std::size_t>(2 * b.size() + 2, 4)) << step;
    }
  }
  EXPECT_EQ(pool.bytes, 0);
}

TEST(PooledArray, GrowsByAnEighthSoThatLongOnesAreNotCopiedForEveryElement) {
  Counted pool;
  PooledArray<std::uint64_t> a(&pool);
  for (std::uint64_t i = 0; i < 4096; ++i) a.push_back(i);
  EXPECT_LT(pool.allocations, 80);
  EXPECT_LE(a.capacity(), 4096u * 9 / 8);
}

TEST(PooledArray, ElementsDrawFromItsPoolAndMoveWithoutCopies) {
  Counted pool;
  {
    PooledArray<Row> rows(&pool);
    for (int i = 0; i < 40; ++i) {
      Row& row = rows.emplace_back();
      EXPECT_EQ(row.cells.pool(), &pool);
      row.number = i;
      row.cells.resize(static_cast<std::size_t>(i), 9);
    }
    rows.EraseIf([](const Row& r) { return r.number % 2 == 0; });
    ASSERT_EQ(rows.size(), 20u);
    for (const Row& r : rows) EXPECT_EQ(r.cells.size(), static_cast<std::size_t>(r.number));
    EXPECT_EQ(pool.blocks, 21);
    PooledArray<Row> copy = rows;
    EXPECT_EQ(copy.pool(), std::pmr::get_default_resource());
    EXPECT_EQ(copy[3].cells.pool(), std::pmr::get_default_resource());
    EXPECT_EQ(copy[3].cells, rows[3].cells);
    EXPECT_EQ(pool.blocks, 21);
    PooledArray<Row> other(&pool);
    other = copy;   // assigned values stay in the pool of the one assigned to
    EXPECT_EQ(other[3].cells.pool(), &pool);
    other = std::move(copy);
    EXPECT_EQ(other[3].cells.pool(), &pool);
    PooledArray<Row> moved = std::move(rows);
    EXPECT_TRUE(rows.empty());
    EXPECT_EQ(rows.pool(), &pool);
    EXPECT_EQ(moved.size(), 20u);
  }
  EXPECT_EQ(pool.bytes, 0);
}

TEST(PooledText, KeepsShortTextsInPlaceAndLongOnesInThePool) {
  static_assert(sizeof(PooledText) == 16);
  Counted pool;
  for (std::size_t length : {0u, 1u, 15u, 16u, 128u, 70'000u}) {
    const std::string text(length, 'x');
    {
      PooledText a;
      a.Assign(text, &pool);
      EXPECT_EQ(pool.blocks, length > 15 ? 1 : 0);
      EXPECT_EQ(a.view(), text);
      PooledText b = std::move(a);
      EXPECT_EQ(b, text);
      PooledText c = b;
      EXPECT_EQ(c, text);
      a = std::move(c);
      EXPECT_EQ(a.view(), text);
      b = std::string_view("y");
      EXPECT_EQ(b, "y");
    }
    EXPECT_EQ(pool.bytes, 0);
  }
}

}  // namespace
}  // namespace offerstream
