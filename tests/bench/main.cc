// bench_stages STAGE COUNT: prints "digest allocations", and on stderr the processor time an item took (means nothing under
// callgrind). gate.py runs it there.
#include <valgrind/callgrind.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>
#include <string>

#include "tests/bench/stages.h"

namespace {

std::uint64_t allocations = 0;
bool counting = false;
std::clock_t began = 0, took = 0;

void Begin() {
  counting = true;
  CALLGRIND_ZERO_STATS;
  CALLGRIND_START_INSTRUMENTATION;
  began = std::clock();
}

void End() {
  took = std::clock() - began;
  CALLGRIND_STOP_INSTRUMENTATION;
  counting = false;
}

}  // namespace

void* operator new(std::size_t size) {
  if (counting) ++allocations;
  if (void* p = std::malloc(size)) return p;
  std::abort();
}
void* operator new(std::size_t size, std::align_val_t align) {
  if (counting) ++allocations;
  const auto a = static_cast<std::size_t>(align);
  if (void* p = std::aligned_alloc(a, (size + a - 1) / a * a)) return p;
  std::abort();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

namespace offerstream::bench {

std::map<std::string, Stage>& Stages() {
  static std::map<std::string, Stage> stages;
  return stages;
}

}  // namespace offerstream::bench

int main(int argc, char** argv) {
  const auto& stages = offerstream::bench::Stages();
  const auto at = argc == 3 ? stages.find(argv[1]) : stages.end();
  if (at == stages.end()) {
    for (const auto& [name, stage] : stages) std::printf("%s\n", name.c_str());
    return argc == 1 ? 0 : 2;
  }
  const std::uint64_t count = std::strtoull(argv[2], nullptr, 10);
  const std::uint64_t digest = at->second(count, {&Begin, &End});
  const double seconds = static_cast<double>(took) / CLOCKS_PER_SEC;
  if (count > 0) std::fprintf(stderr, "%.1f ns of processor time an item\n", 1e9 * seconds / static_cast<double>(count));
  std::printf("%016llx %llu\n", static_cast<unsigned long long>(digest), static_cast<unsigned long long>(allocations));
}
