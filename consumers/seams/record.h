// A record as it was read: bytes, headers and where it lay.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "models/domain/event.h"

namespace offerstream {

/// One record header. Views into the source's buffers, like the record's.
struct Header {
  std::string_view name{}, value{};
  bool null = false;
};

/// Views into the source's buffers; valid until the batch it came with is released.
struct Record {
  std::string_view key{}, value{};
  bool null_key = true, null_value = false;
  std::vector<Header> headers{};
  std::int64_t timestamp_ms = 0;   ///< the record's own; 0 = none (files)
  Cause cause{};
};

}  // namespace offerstream
