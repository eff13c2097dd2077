// A configuration file of arbitrary bytes: either a plan or a list of mistakes, each with a place; never a crash.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "consumers/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  const offerstream::LoadedConfig loaded = offerstream::ParseConfig(text, "fuzz.yaml");
  if ((loaded.config == nullptr) != !loaded.errors.empty()) std::abort();
  for (const offerstream::ConfigError& error : loaded.errors) {
    if (error.message.empty()) std::abort();
  }
  if (loaded.config == nullptr) return 0;
  // What was accepted travels as plan text and must be read again by the learners.
  const auto plan = offerstream::ParsePlan(loaded.config->plan->text, 1);
  if (!plan || (*plan)->digest != loaded.config->plan->digest) std::abort();
  return 0;
}
