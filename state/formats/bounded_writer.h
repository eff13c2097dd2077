// Building blocks of rows that are written many times an event: as models/domain/bytes.h, into memory known to be enough.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace offerstream {

/// As ByteWriter, into a caller's memory: no growth check per piece. REQUIRES: room for all that is written.
class BoundedWriter {
 public:
  explicit BoundedWriter(char* at) : at_(at) {}
  char* at() const { return at_; }

  void U8(std::uint8_t v) { *at_++ = static_cast<char>(v); }
  void U64(std::uint64_t v) { Raw(v); }
  void F32(float v) { Raw(v); }
  void F64(double v) { Raw(v); }
  /// LEB128.
  void Varint(std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) *at_++ = static_cast<char>(v | 0x80);
    *at_++ = static_cast<char>(v);
  }
  /// Signed numbers near zero stay short.
  void ZigZag(std::int64_t v) { Varint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63)); }
  /// Bytes as they are.
  void Bytes(const char* bytes, std::size_t n) {
    std::memcpy(at_, bytes, n);
    at_ += n;
  }

 private:
  template <typename T>
  void Raw(T v) {
    static_assert(std::endian::native == std::endian::little);
    std::memcpy(at_, &v, sizeof(T));
    at_ += sizeof(T);
  }
  char* at_;
};

}  // namespace offerstream
