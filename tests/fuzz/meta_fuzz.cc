// A partition meta record of any bytes: refused, or what was read survives another round trip.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "state/formats/codecs.h"
#include "tests/fuzz/framed_input.h"
#include "tests/support/state_samples.h"

namespace offerstream {
namespace {

void Try(std::string_view input) {
  const std::string bytes = FramedInput(input, FrameFormat::kMeta);
  const Result<PartitionMeta> first = DecodeMeta(bytes);
  if (!first) return;
  std::string once, twice;
  EncodeMeta(*first, once);
  const Result<PartitionMeta> second = DecodeMeta(once);
  if (!second) std::abort();
  EncodeMeta(*second, twice);
  if (once != twice) std::abort();
}

}  // namespace
}  // namespace offerstream

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  offerstream::Try({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
