// What can go wrong, in one list: every error has a sentence for people and an answer to "what now".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace offerstream {

/// Every error this program knows. Values are internal (never stored); the names of the bad-record reasons are the
/// wire text of `offerstream.error.reason` (see ReasonText).
enum class Code : std::uint8_t {
  // Bad records: the reason they carry into the dead-letter topic.
  kDecode,
  kSchema,
  kMapping,
  kNoEventId,
  kNoCustomerId,
  kKeyMismatch,
  kTimestampInvalid,
  kTimestampFuture,
  kTooLarge,
  kUnsupportedEncoding,
  // What a person must mend before the program can go on.
  kUsage,
  kConfiguration,
  kNotFound,
  kIo,
  kGateFailed,
  // Kafka.
  kKafkaUnreachable,
  kKafkaUnauthorized,
  kTopicMissing,
  kKafkaRetriable,   // the same call again with the same arguments
  kKafkaFenced,      // another owner is alive
  kKafkaAborted,     // the transaction is lost; recycle the producer
  kKafkaUnknownOutcome,
  kKafkaFatal,
  // State.
  kCorrupt,
  kDiskLow,
  kStoreFailed,
  kLocked,           // another process owns the directory
  kLogAndStateDisagree,
  kFormatTooNew,
};

/// What the caller does about an error.
enum class Next : std::uint8_t { kDeadLetter, kSameCallAgain, kRecycle, kStopShard, kExit };

/// Total over Code: a code without an answer does not compile (-Wswitch).
Next WhatNow(Code code);
/// One plain sentence, e.g. "The event names no customer."
std::string_view Sentence(Code code);
/// The snake_case wire text, e.g. "no_customer_id".
std::string_view ReasonText(Code code);
/// The process's exit code for an error that ends it: 1, 2, 3, 4, 5 or 75 (README, "Exit codes").
int ExitCode(Code code);

/// An error as a value. On the hot path `detail` stays empty (no allocation); at the edge it names file, line, address
/// or record and says what to do.
struct Error {
  Code code = Code::kIo;
  std::uint32_t byte_offset = 0;  ///< where in the record, for bad records
  std::string detail{};
};

/// Outcome of something that returns nothing. Ignoring one does not compile.
struct [[nodiscard]] Status : tl::expected<void, Error> {
  using tl::expected<void, Error>::expected;
};

/// A value or an Error.
template <typename T>
using Result = tl::expected<T, Error>;

/// Shorthand for returning an error: `return Fail(Code::kIo, "…");`
inline tl::unexpected<Error> Fail(Code code, std::string detail = {}, std::uint32_t byte_offset = 0) {
  return tl::unexpected<Error>(Error{code, byte_offset, std::move(detail)});
}

}  // namespace offerstream
