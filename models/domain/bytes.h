// Little-endian building blocks of every internal byte format: fixed-width numbers, varints, length-prefixed texts.
// What a format means stands with the format; here is only how its parts are written.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace offerstream {

/// Appends to a caller-owned buffer, which may be reused to avoid allocation. Not thread-safe.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  void U8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void U16(std::uint16_t v) { Raw(v); }
  void U32(std::uint32_t v) { Raw(v); }
  void U64(std::uint64_t v) { Raw(v); }
  void I64(std::int64_t v) { Raw(v); }
  void F32(float v) { Raw(v); }
  void F64(double v) { Raw(v); }
  void Bool(bool v) { U8(v ? 1 : 0); }
  /// LEB128: 1 byte below 128, at most 10.
  void Varint(std::uint64_t v) {
    if (v < 0x80) return U8(static_cast<std::uint8_t>(v));
    char bytes[10];
    std::size_t n = 0;
    for (; v >= 0x80; v >>= 7) bytes[n++] = static_cast<char>(v | 0x80);
    bytes[n++] = static_cast<char>(v);
    out_.append(bytes, n);
  }
  /// Bytes as they are.
  void Bytes(const char* bytes, std::size_t n) { out_.append(bytes, n); }
  /// Signed numbers near zero stay short (zigzag).
  void ZigZag(std::int64_t v) { Varint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63)); }
  void Text(std::string_view text) {
    Varint(text.size());
    out_.append(text);
  }
  void F32s(std::span<const float> v) {
    Varint(v.size());
    out_.append(reinterpret_cast<const char*>(v.data()), v.size_bytes());
  }
  void F64s(std::span<const double> v) {
    Varint(v.size());
    out_.append(reinterpret_cast<const char*>(v.data()), v.size_bytes());
  }
  std::string& buffer() { return out_; }

 private:
  template <typename T>
  void Raw(T v) {
    static_assert(std::endian::native == std::endian::little);
    char bytes[sizeof(T)];
    std::memcpy(bytes, &v, sizeof(T));
    out_.append(bytes, sizeof(T));
  }
  std::string& out_;
};

/// Reads what ByteWriter wrote. Never reads past the end: after the first short read every value is zero or empty and
/// ok() stays false, so a decoder checks once at its end. Views point into the input. Not thread-safe.
class ByteReader {
 public:
  explicit ByteReader(std::string_view in) : in_(in) {}

  std::uint8_t U8() { return Raw<std::uint8_t>(); }
  std::uint16_t U16() { return Raw<std::uint16_t>(); }
  std::uint32_t U32() { return Raw<std::uint32_t>(); }
  std::uint64_t U64() { return Raw<std::uint64_t>(); }
  std::int64_t I64() { return Raw<std::int64_t>(); }
  float F32() { return Raw<float>(); }
  double F64() { return Raw<double>(); }
  bool Bool() { return U8() != 0; }
  /// LEB128 as written by ByteWriter::Varint; 0 once the bytes ran out.
  std::uint64_t Varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = U8();
      v |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return v;
    }
    ok_ = false;
    return 0;
  }
  /// A signed varint, zigzag coded; 0 once the bytes ran out.
  std::int64_t ZigZag() {
    const std::uint64_t v = Varint();
    return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
  }
  std::string_view Text() { return Take(Varint()); }
  /// A count of elements of at least `element_bytes` each; fails when the rest of the input cannot hold them, so a
  /// damaged length never causes a huge allocation.
  std::size_t Count(std::size_t element_bytes = 1) {
    const std::uint64_t n = Varint();
    if (element_bytes != 0 && n > left() / element_bytes) {
      ok_ = false;
      return 0;
    }
    return static_cast<std::size_t>(n);
  }
  /// Appends the floats to `out` (a std::vector or the like of float).
  template <typename Vector>
  void F32s(Vector& out) {
    Numbers<float>(out);
  }
  template <typename Vector>
  void F64s(Vector& out) {
    Numbers<double>(out);
  }
  std::string_view Take(std::size_t n) {
    if (n > left()) {
      ok_ = false;
      at_ = in_.size();
      return {};
    }
    const std::string_view v = in_.substr(at_, n);
    at_ += n;
    return v;
  }
  void Fail() { ok_ = false; }
  bool ok() const { return ok_; }
  bool AtEnd() const { return at_ == in_.size(); }
  std::size_t left() const { return in_.size() - at_; }
  std::size_t position() const { return at_; }

 private:
  template <typename T>
  T Raw() {
    T v{};
    const std::string_view bytes = Take(sizeof(T));
    if (bytes.size() == sizeof(T)) std::memcpy(&v, bytes.data(), sizeof(T));
    return v;
  }
  template <typename T, typename Vector>
  void Numbers(Vector& out) {
    const std::size_t n = Count(sizeof(T));
    const std::string_view bytes = Take(n * sizeof(T));
    const std::size_t before = out.size();
    out.resize(before + bytes.size() / sizeof(T));
    if (!bytes.empty()) std::memcpy(out.data() + before, bytes.data(), bytes.size());
  }
  std::string_view in_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace offerstream
