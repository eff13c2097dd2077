// The frame around every internal record: what it is, in which version, how long, and whether it is whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "models/domain/status.h"

namespace offerstream {

/// First byte of a frame. Stored: add at the end, never renumber.
enum class FrameFormat : std::uint8_t {
  kProfile = 1,
  kObservations = 2,
  kControl = 3,
  kModel = 4,
  kMeta = 5,
  kJournal = 6,
  kTombstone = 7,
};

/// format u8, version u8, CRC-32C u32 of everything else, payload length u32; all little endian. Fixed for all versions.
inline constexpr std::size_t kFrameHeaderBytes = 10;

/// CRC-32C (Castagnoli, reflected 0x82F63B78; RFC 3720 B.4), continuing from `crc` (0 at the start). About 0.1 us for a
/// row of 600 bytes. Thread-safe.
std::uint32_t Crc32c(std::string_view bytes, std::uint32_t crc = 0);

/// Appends a frame's header with room for length and checksum; returns where the frame begins. Append the payload, then
/// call EndFrame with the same place.
std::size_t BeginFrame(FrameFormat format, std::uint8_t version, std::string& out);
/// Fills length and checksum of the frame that began at `begin` and ends where `out` ends now.
/// REQUIRES: payload below 4 GiB.
void EndFrame(std::size_t begin, std::string& out);

/// What lies in a frame. The view points into the input.
struct Frame {
  std::uint8_t version = 0;
  std::string_view payload{};
};
/// Checks and opens a frame that spans all of `bytes`. kCorrupt: not this format, wrong length or checksum;
/// kFormatTooNew: whole, but of a version above `newest`.
Result<Frame> OpenFrame(FrameFormat format, std::uint8_t newest, std::string_view bytes);
/// The format a frame claims to have, without checking it; 0 when too short.
std::uint8_t PeekFormat(std::string_view bytes);

}  // namespace offerstream
