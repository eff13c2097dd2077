#include "state/formats/framing.h"

#include <array>
#include <cassert>
#include <cstring>

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

namespace offerstream {
namespace {

constexpr std::size_t kChecksumAt = 2, kLengthAt = 6;

void PutU32(std::string& out, std::size_t at, std::uint32_t v) { std::memcpy(out.data() + at, &v, sizeof v); }

std::uint32_t GetU32(std::string_view bytes, std::size_t at) {
  std::uint32_t v = 0;
  std::memcpy(&v, bytes.data() + at, sizeof v);
  return v;
}

// Everything but the checksum's own four bytes, so a damaged header is noticed as well.
std::uint32_t FrameChecksum(std::string_view frame) {
  return Crc32c(frame.substr(kLengthAt), Crc32c(frame.substr(0, kChecksumAt)));
}

#ifndef __SSE4_2__
constexpr std::array<std::uint32_t, 256> MakeTable() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t v = i;
    for (int bit = 0; bit < 8; ++bit) v = (v >> 1) ^ ((v & 1) ? 0x82F63B78u : 0u);
    table[i] = v;
  }
  return table;
}
constexpr auto kTable = MakeTable();
#endif

}  // namespace

std::uint32_t Crc32c(std::string_view bytes, std::uint32_t crc) {
  crc = ~crc;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
#ifdef __SSE4_2__
  std::uint64_t wide = crc;
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; left > 0; --left, ++at) crc = _mm_crc32_u8(crc, static_cast<unsigned char>(*at));
#else
  for (; left > 0; --left, ++at) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(*at)) & 0xff];
#endif
  return ~crc;
}

std::size_t BeginFrame(FrameFormat format, std::uint8_t version, std::string& out) {
  const std::size_t begin = out.size();
  out.push_back(static_cast<char>(format));
  out.push_back(static_cast<char>(version));
  out.append(kFrameHeaderBytes - 2, '\0');
  return begin;
}

void EndFrame(std::size_t begin, std::string& out) {
  const std::size_t payload = out.size() - begin - kFrameHeaderBytes;
  assert(out.size() >= begin + kFrameHeaderBytes && payload <= UINT32_MAX);
  PutU32(out, begin + kLengthAt, static_cast<std::uint32_t>(payload));
  PutU32(out, begin + kChecksumAt, FrameChecksum(std::string_view(out).substr(begin)));
}

Result<Frame> OpenFrame(FrameFormat format, std::uint8_t newest, std::string_view bytes) {
  if (bytes.size() < kFrameHeaderBytes) return Fail(Code::kCorrupt, "frame shorter than its header");
  if (PeekFormat(bytes) != static_cast<std::uint8_t>(format)) return Fail(Code::kCorrupt, "frame of another format");
  if (GetU32(bytes, kLengthAt) != bytes.size() - kFrameHeaderBytes) return Fail(Code::kCorrupt, "frame of wrong length");
  if (GetU32(bytes, kChecksumAt) != FrameChecksum(bytes)) return Fail(Code::kCorrupt, "frame with wrong checksum");
  const auto version = static_cast<std::uint8_t>(bytes[1]);
  if (version == 0) return Fail(Code::kCorrupt, "frame of version 0");
  if (version > newest) return Fail(Code::kFormatTooNew, "format version " + std::to_string(version));
  return Frame{version, bytes.substr(kFrameHeaderBytes)};
}

std::uint8_t PeekFormat(std::string_view bytes) { return bytes.empty() ? 0 : static_cast<std::uint8_t>(bytes[0]); }

}  // namespace offerstream
