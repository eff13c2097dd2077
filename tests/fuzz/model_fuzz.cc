// A framed model snapshot of any bytes: refused, or equal after another round trip.
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
  const std::string bytes = FramedInput(input, FrameFormat::kModel);
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
