// An observations or control record of any bytes: refused, or what was read survives another round trip.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "state/formats/framing.h"
#include "tests/support/record_samples.h"

namespace offerstream {
namespace {

// The bytes as they are; or, when the first one is odd, as a frame of the right format with a true checksum, so that the
// fuzzer gets behind it.
std::string Input(std::string_view bytes, FrameFormat format) {
  if (bytes.empty() || bytes[0] % 2 == 0) return std::string(bytes);
  std::string framed;
  const std::size_t begin = BeginFrame(format, 1, framed);
  framed += bytes.substr(1);
  EndFrame(begin, framed);
  return framed;
}

void Try(std::string_view input) {
  static const auto plan = samples::Plan();
  const std::string bytes = Input(input, FrameFormat::kObservations);
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
