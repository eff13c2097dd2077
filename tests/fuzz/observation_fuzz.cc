// An observations or control record of any bytes: refused, or what was read survives another round trip.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/fuzz/framed_input.h"
#include "tests/support/record_samples.h"

namespace offerstream {
namespace {

void Try(std::string_view input) {
  static const auto plan = samples::Plan();
  const std::string bytes = FramedInput(input, FrameFormat::kObservations);
  (void)PeekObservationRecord(bytes);
  (void)DecodeControl(bytes);
  ObservationBatch first, second;
  if (!DecodeObservations(*plan, bytes, first) || first.rows.empty()) return;
  const std::string once = samples::Encoded(*plan, first);
  if (!DecodeObservations(*plan, once, second)) std::abort();
  if (samples::Encoded(*plan, second) != once) std::abort();
}

}  // namespace
}  // namespace offerstream

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  offerstream::Try({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
