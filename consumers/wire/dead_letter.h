// The dead-letter record of a record that could not be read: its bytes and headers untouched, the error as headers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "consumers/seams/record.h"
#include "consumers/wire/event_decoder.h"

namespace offerstream {

/// A record for "<input>.dlq". Views point into the bad record, the decoded reason or this object's buffers.
struct DeadLetter {
  std::string_view key{}, value{};
  bool null_key = true, null_value = false;
  std::vector<Header> headers{};  ///< the record's own, then ours
  std::int64_t timestamp_ms = 0;
};

/// Builds dead letters, one at a time over the same buffers. One thread.
class DeadLetterWriter {
 public:
  /// `record_bytes_max`: largest record the topic takes (kafka message.max.bytes less framing). A record whose copy
  /// would not fit keeps key and a prefix of its value, with its size and H64 as headers.
  explicit DeadLetterWriter(std::size_t record_bytes_max = 900'000) : record_bytes_max_(record_bytes_max) {}
  /// Headers: Kafka Connect's __connect.errors.topic, .partition, .offset, .stage, .class.name, .exception.message, and
  /// offerstream.error.reason. The result lives until the next call. REQUIRES: decoded.bad.
  const DeadLetter& Write(const Record& record, const Decoded& decoded, std::string_view topic);

 private:
  std::size_t record_bytes_max_;
  DeadLetter letter_{};
  std::string partition_{}, offset_{}, class_name_{}, message_{}, size_{}, hash_{};
};

}  // namespace offerstream
