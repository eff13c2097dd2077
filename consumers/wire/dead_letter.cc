#include "consumers/wire/dead_letter.h"

#include <fmt/format.h>

#include <cassert>

#include "models/domain/random.h"

namespace offerstream {

namespace {
// What is kept of a value whose copy would not fit.
constexpr std::size_t kPrefixBytes = 1024;
// Room for our own headers beside the copy.
constexpr std::size_t kOwnBytes = 1024;
}  // namespace

const DeadLetter& DeadLetterWriter::Write(const Record& record, const Decoded& decoded, std::string_view topic) {
  assert(decoded.bad);
  letter_.key = record.key;
  letter_.value = record.value;
  letter_.null_key = record.null_key;
  letter_.null_value = record.null_value;
  letter_.timestamp_ms = record.timestamp_ms;
  letter_.headers.assign(record.headers.begin(), record.headers.end());
  std::size_t bytes = kOwnBytes + record.key.size() + record.value.size();
  for (const Header& header : record.headers) bytes += header.name.size() + header.value.size() + 8;
  if (bytes > record_bytes_max_) {
    size_ = fmt::to_string(record.value.size());
    hash_ = fmt::format("{:016x}", H64(record.value));
    letter_.value = record.value.substr(0, kPrefixBytes);
    letter_.headers.clear();
    letter_.headers.push_back({"offerstream.error.value.bytes", size_});
    letter_.headers.push_back({"offerstream.error.value.h64", hash_});
    if (letter_.key.size() > kPrefixBytes) letter_.key = letter_.key.substr(0, kPrefixBytes);
  }
  partition_ = fmt::to_string(record.cause.partition);
  offset_ = fmt::to_string(record.cause.offset);
  message_ = decoded.detail.empty() ? std::string(Sentence(decoded.reason)) : decoded.detail;
  class_name_ = fmt::format("offerstream.{}", ReasonText(decoded.reason));
  const std::string_view stage = decoded.reason == Code::kDecode || decoded.reason == Code::kUnsupportedEncoding
                                     ? "VALUE_CONVERTER"
                                     : "TRANSFORMATION";
  letter_.headers.insert(letter_.headers.end(), {{"__connect.errors.topic", topic},
                                                 {"__connect.errors.partition", partition_},
                                                 {"__connect.errors.offset", offset_},
                                                 {"__connect.errors.stage", stage},
                                                 {"__connect.errors.class.name", class_name_},
                                                 {"__connect.errors.exception.message", message_},
                                                 {"offerstream.error.reason", ReasonText(decoded.reason)}});
  return letter_;
}

}  // namespace offerstream
