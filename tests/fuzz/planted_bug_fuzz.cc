// The fuzzer that must fail: it stops on one spelling. If the fuzz preset does not find it in its few
// seconds, the other fuzzers' silence means nothing (fuzz.planted_bug is WILL_FAIL).
#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size >= 3 && bytes[0] == 'c' && bytes[1] == 'a' && bytes[2] == 'p') std::abort();
  return 0;
}
