// Names for customers where nobody may be named: receipts of erasures and the log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace offerstream {

/// Keyed hashes of customers' ids. With a secret key (privacy.key_file) only who has it can tell whether a hash is of a given
/// id; without one everybody can who guesses the id. All instances of an application need the same key. Copyable, thread-safe.
class IdHashing {
 public:
  /// The project's own key, which is public.
  IdHashing();
  /// `secret`: any text, best 32 random bytes or more; empty is the public key.
  explicit IdHashing(std::string_view secret);

  /// 32 hexadecimal digits: SipHash-2-4 under two keys derived from the secret.
  std::string Of(std::string_view id) const;

 private:
  std::uint64_t keys_[4];
};

}  // namespace offerstream
