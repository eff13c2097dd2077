// A customer row of any bytes: refused, or what was read survives another round trip.
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
  static const auto plan = samples::Plan();
  const std::string bytes = FramedInput(input, FrameFormat::kProfile);
  (void)PeekProfile(bytes);
  CustomerProfile first, second;
  if (!DecodeProfile(*plan, bytes, first)) return;
  std::string once, twice;
  EncodeProfile(*plan, first, first.as_of, once);
  if (!DecodeProfile(*plan, once, second)) std::abort();
  EncodeProfile(*plan, second, second.as_of, twice);
  if (once != twice) std::abort();
}

}  // namespace
}  // namespace offerstream

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  offerstream::Try({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
