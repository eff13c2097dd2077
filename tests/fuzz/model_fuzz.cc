// A framed model snapshot of any bytes: refused, or equal after another round trip.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "state/formats/codecs.h"
#include "state/formats/framing.h"
#include "tests/support/state_samples.h"

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
  const std::string bytes = Input(input, FrameFormat::kModel);
  const Result<StoredModel> model = DecodeModel(bytes);
  if (!model) return;
  std::string once;
  EncodeModel(model->id, model->version, model->body, once);
  const Result<StoredModel> again = DecodeModel(once);
  if (!again || again->id != model->id || again->version != model->version || again->body != model->body) std::abort();
}

}  // namespace
}  // namespace offerstream

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  offerstream::Try({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
