// SHA-256, for manifests that `sha256sum -c` can check.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "models/domain/status.h"

namespace offerstream {

/// FIPS 180-4. One thread. Not for secrets: nothing here takes constant time.
class Sha256 {
 public:
  /// The next bytes.
  void Add(std::string_view bytes);
  /// 64 hexadecimal digits. Ends it: add nothing afterwards.
  std::string Hex();

 private:
  void Block(const unsigned char* bytes);

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> held_{};
  std::uint64_t bytes_ = 0;
};

/// Of a file's bytes. kIo with path and reason.
Result<std::string> Sha256OfFile(const std::string& path);

}  // namespace offerstream
