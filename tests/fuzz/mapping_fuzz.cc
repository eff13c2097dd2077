// Any text as a mapping file: mistakes, or a mapping that decodes without harm.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>

#include "consumers/config/config.h"
#include "consumers/wire/event_mapping.h"
#include "consumers/wire/mapping_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace offerstream;
  static const auto plan = ParseConfig(DefaultConfigText(), "default").config->plan;
  const LoadedMapping loaded = ParseMapping(std::string(reinterpret_cast<const char*>(data), size), "fuzz.yaml");
  assert((loaded.mapping == nullptr) == !loaded.errors.empty());
  if (loaded.mapping != nullptr) TestMapping(loaded.mapping, plan);
  return 0;
}
