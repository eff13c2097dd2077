// How a fuzzer's bytes become a stored record, for the fuzzers of framed formats.
#pragma once

#include <string>
#include <string_view>

#include "state/formats/framing.h"

namespace offerstream {

/// The bytes as they are; or, when the first one is odd, what follows it as a frame of `format` with a true checksum, so
/// that the fuzzer gets behind the checksum.
inline std::string FramedInput(std::string_view bytes, FrameFormat format) {
  if (bytes.empty() || bytes[0] % 2 == 0) return std::string(bytes);
  std::string framed;
  const std::size_t begin = BeginFrame(format, 1, framed);
  framed += bytes.substr(1);
  EndFrame(begin, framed);
  return framed;
}

}  // namespace offerstream
