#include "models/domain/random.h"

#include <bit>
#include <cassert>
#include <cstring>
#include <initializer_list>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

// The project key. Stored hashes depend on it: never change it.
constexpr std::uint64_t kKey0 = 0x6f66666572737472ULL;  // "offerstr"
constexpr std::uint64_t kKey1 = 0x65616d2d68363421ULL;  // "eam-h64!"

class Sip {
 public:
  Sip(std::uint64_t k0, std::uint64_t k1)
      : v0_(k0 ^ 0x736f6d6570736575ULL), v1_(k1 ^ 0x646f72616e646f6dULL), v2_(k0 ^ 0x6c7967656e657261ULL),
        v3_(k1 ^ 0x7465646279746573ULL) {}
  void Word(std::uint64_t m) {
    v3_ ^= m;
    Round();
    Round();
    v0_ ^= m;
  }
  std::uint64_t Finish() {
    v2_ ^= 0xff;
    for (int i = 0; i < 4; ++i) Round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void Round() {
    v0_ += v1_; v1_ = std::rotl(v1_, 13); v1_ ^= v0_; v0_ = std::rotl(v0_, 32);
    v2_ += v3_; v3_ = std::rotl(v3_, 16); v3_ ^= v2_;
    v0_ += v3_; v3_ = std::rotl(v3_, 21); v3_ ^= v0_;
    v2_ += v1_; v1_ = std::rotl(v1_, 17); v1_ ^= v2_; v2_ = std::rotl(v2_, 32);
  }
  std::uint64_t v0_, v1_, v2_, v3_;
};

}  // namespace

std::uint64_t SipHash24(std::uint64_t key0, std::uint64_t key1, std::span<const std::byte> bytes) {
  static_assert(std::endian::native == std::endian::little);
  Sip sip(key0, key1);
  const std::size_t whole = bytes.size() / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    sip.Word(word);
  }
  std::uint64_t last = static_cast<std::uint64_t>(bytes.size()) << 56;
  if (bytes.size() > whole) std::memcpy(&last, bytes.data() + whole, bytes.size() - whole);  // little endian: low bytes
  sip.Word(last);
  return sip.Finish();
}

IdHash H64(std::string_view text) { return SipHash24(kKey0, kKey1, std::as_bytes(std::span(text))); }

IdHash H64(std::initializer_list<std::uint64_t> words) {
  Sip sip(kKey0, kKey1);
  for (std::uint64_t word : words) sip.Word(word);
  sip.Word(static_cast<std::uint64_t>(words.size() * 8) << 56);
  return sip.Finish();
}

std::array<std::uint32_t, 4> Philox4x32(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p0)};
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return c;
}

Draws::Draws(std::uint64_t seed, IdHash subject, IdHash event, Purpose purpose)
    : key_{static_cast<std::uint32_t>(seed ^ subject), static_cast<std::uint32_t>((seed ^ subject) >> 32)},
      counter_{static_cast<std::uint32_t>(event), static_cast<std::uint32_t>(event >> 32),
               static_cast<std::uint32_t>(purpose), 0} {}

std::uint64_t Draws::Bits() {
  if (left_ == 0) {
    block_ = Philox4x32(counter_, key_);
    ++counter_[3];
    left_ = 2;
  }
  const int at = left_ == 2 ? 0 : 2;
  --left_;
  return (std::uint64_t{block_[at + 1]} << 32) | block_[at];
}

double Draws::Uniform() { return static_cast<double>(Bits() >> 11) * 0x1p-53; }

double Draws::UniformOpen() { return (static_cast<double>(Bits() >> 11) + 0.5) * 0x1p-53; }

double Draws::Normal() {
  const double radius = std::sqrt(-2.0 * fixed::Log(UniformOpen()));
  return radius * fixed::CosTurn(Uniform());
}

std::uint64_t Draws::Below(std::uint64_t bound) {
  assert(bound > 0);
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(Bits()) * bound) >> 64);
}

}  // namespace offerstream
