#include "models/domain/status.h"

namespace offerstream {
namespace {

struct Row {
  std::string_view reason;
  std::string_view sentence;
  Next next;
  int exit_code;
};

constexpr Row RowOf(Code code) {
  switch (code) {
    case Code::kDecode: return {"decode", "The record is not well-formed.", Next::kDeadLetter, 1};
    case Code::kSchema: return {"schema", "A field has a type or value the schema does not allow.", Next::kDeadLetter, 1};
    case Code::kMapping: return {"mapping", "The mapping does not produce an event from this record.", Next::kDeadLetter, 1};
    case Code::kNoEventId: return {"no_event_id", "The event has no id.", Next::kDeadLetter, 1};
    case Code::kNoCustomerId: return {"no_customer_id", "The event names no customer.", Next::kDeadLetter, 1};
    case Code::kKeyMismatch: return {"key_mismatch", "The record's key is not the event's customer.", Next::kDeadLetter, 1};
    case Code::kTimestampInvalid: return {"timestamp_invalid", "The event's time cannot be read.", Next::kDeadLetter, 1};
    case Code::kTimestampFuture: return {"timestamp_future", "The event claims to be from the future.", Next::kDeadLetter, 1};
    case Code::kTooLarge: return {"too_large", "The record or what follows from it is too large.", Next::kDeadLetter, 1};
    case Code::kUnsupportedEncoding: return {"unsupported_encoding", "The record's encoding is not supported.", Next::kDeadLetter, 1};
    case Code::kUsage: return {"usage", "The command line is not understood.", Next::kExit, 2};
    case Code::kConfiguration: return {"configuration", "The configuration is not valid.", Next::kExit, 3};
    case Code::kNotFound: return {"not_found", "What was asked for does not exist.", Next::kExit, 1};
    case Code::kIo: return {"io", "Reading or writing failed.", Next::kExit, 1};
    case Code::kGateFailed: return {"gate_failed", "A check did not hold.", Next::kExit, 4};
    case Code::kKafkaUnreachable: return {"kafka_unreachable", "No Kafka broker answers.", Next::kExit, 5};
    case Code::kKafkaUnauthorized: return {"kafka_unauthorized", "Kafka refuses the access.", Next::kStopShard, 5};
    case Code::kTopicMissing: return {"topic_missing", "A topic does not exist.", Next::kExit, 5};
    case Code::kKafkaRetriable: return {"kafka_retriable", "Kafka asks for the same call again.", Next::kSameCallAgain, 1};
    case Code::kKafkaFenced: return {"kafka_fenced", "Another instance with the same identity is alive.", Next::kRecycle, 1};
    case Code::kKafkaAborted: return {"kafka_aborted", "The transaction was lost.", Next::kRecycle, 1};
    case Code::kKafkaUnknownOutcome: return {"kafka_unknown_outcome", "Whether the transaction committed is not known yet.", Next::kRecycle, 1};
    case Code::kKafkaFatal: return {"kafka_fatal", "Kafka reports a fatal error.", Next::kStopShard, 1};
    case Code::kCorrupt: return {"corrupt", "Stored bytes are damaged.", Next::kExit, 75};
    case Code::kDiskLow: return {"disk_low", "The disk is almost full.", Next::kExit, 75};
    case Code::kStoreFailed: return {"store_failed", "The state store failed.", Next::kExit, 75};
    case Code::kLocked: return {"locked", "Another process uses this directory.", Next::kExit, 1};
    case Code::kLogAndStateDisagree: return {"log_and_state_disagree", "Log and state disagree.", Next::kExit, 1};
    case Code::kFormatTooNew: return {"format_too_new", "Stored by a newer version of this program.", Next::kExit, 1};
  }
  return {"unknown", "Unknown error.", Next::kExit, 1};
}

}  // namespace

Next WhatNow(Code code) { return RowOf(code).next; }
std::string_view Sentence(Code code) { return RowOf(code).sentence; }
std::string_view ReasonText(Code code) { return RowOf(code).reason; }
int ExitCode(Code code) { return RowOf(code).exit_code; }

}  // namespace offerstream
