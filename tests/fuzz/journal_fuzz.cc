// Journal pieces of any bytes, one after the other: refused, or the record survives another round trip.
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
  const std::string bytes = FramedInput(input, FrameFormat::kJournal);
  (void)PeekJournalSeq(bytes);
  JournalReader reader;
  JournalRecord first, second;
  const Result<bool> complete = reader.Add(*plan, bytes, first);
  if (!complete || !*complete) return;
  const std::string once = EncodeJournal(*plan, first, 1u << 24).at(0);
  if (!reader.Add(*plan, once, second)) std::abort();
  if (EncodeJournal(*plan, second, 1u << 24).at(0) != once) std::abort();
}

}  // namespace
}  // namespace offerstream

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  offerstream::Try({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
