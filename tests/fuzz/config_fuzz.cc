// Any text as a configuration: a plan that reads back to itself, or mistakes.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>

#include "consumers/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace offerstream;
  const LoadedConfig loaded = ParseConfig(std::string(reinterpret_cast<const char*>(data), size), "fuzz.yaml");
  assert((loaded.config == nullptr) == !loaded.errors.empty());
  if (loaded.config != nullptr) {
    const auto again = ParsePlan(loaded.config->plan->text, 1);
    assert(again.has_value());
    assert((*again)->digest == loaded.config->plan->digest);
  }
  return 0;
}
