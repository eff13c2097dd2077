#include "consumers/id_hashing.h"

#include <array>
#include <span>

#include <fmt/format.h>

#include "models/domain/random.h"

namespace offerstream {

IdHashing::IdHashing() : IdHashing(std::string_view{}) {}

IdHashing::IdHashing(std::string_view secret) {
  for (std::uint64_t i = 0; i < std::size(keys_); ++i) keys_[i] = H64({i, H64(fmt::format("{}|{}", i, secret))});
}

std::string IdHashing::Of(std::string_view id) const {
  const auto bytes = std::as_bytes(std::span(id));
  return fmt::format("{:016x}{:016x}", SipHash24(keys_[0], keys_[1], bytes), SipHash24(keys_[2], keys_[3], bytes));
}

}  // namespace offerstream
