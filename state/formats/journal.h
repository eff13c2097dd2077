// The journal record: one per partition and transaction, numbered pieces when large. Grammar in FORMAT.md, "Journal".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/decision_fold.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/status.h"
#include "state/marks.h"

namespace offerstream {

/// What a transaction read and what entered from outside. Order of application: adopted versions, clock, then the
/// inputs' ranges slice by slice in configuration order.
struct JournalRecord {
  TxnSeq seq = 0;
  LogId log_id{};
  std::uint32_t plan_epoch = 1;
  struct Range {
    std::uint16_t input = 0;
    std::int64_t from = 0, to = 0;             ///< [from, to)
  };
  std::vector<Range> ranges{};
  std::vector<std::pair<IdHash, std::uint64_t>> adopted{};  ///< model -> version, only what changed
  EventTime clock = kNever;                    ///< idle clock advance, kNever: none
  std::uint64_t sweep_max = 0;                 ///< sweep bound the transaction ran with
  EventTime max_event_time = kNever, watermark = kNever, frontier = kNever;  ///< after it
  std::vector<RecordedFacts> facts{};          ///< in order of cause
  std::vector<TurnFact> turns{};               ///< in the order they came
  bool takes_turns = true;                     ///< false: of version 1, written before customers had turns
  std::uint64_t records = 0, decisions = 0, dead_letters = 0;
  std::uint64_t records_digest = 0, decisions_digest = 0;
};

/// Journal pieces of at most `piece_bytes_max`, each framed (format, version, length, checksum).
std::vector<std::string> EncodeJournal(const CampaignPlan& plan, const JournalRecord& record,
                                       std::size_t piece_bytes_max = 500'000);

/// Collects pieces into records. One partition, log order.
class JournalReader {
 public:
  /// Adds a piece. True when `record` is complete (and overwritten), false when more pieces are needed. kCorrupt or
  /// kFormatTooNew on damage. A piece with seq = next and piece 0 starts a record; an unfinished older one is dropped
  /// (cannot happen at read_committed).
  Result<bool> Add(const CampaignPlan& plan, std::string_view piece, JournalRecord& record);

 private:
  std::string pending_{};
  TxnSeq seq_ = 0;
  std::uint32_t next_piece_ = 0;
};

/// The seq of an encoded piece without decoding it; 0 on damage.
TxnSeq PeekJournalSeq(std::string_view piece);
/// The plan epoch an encoded first piece says its facts are to be read with; 0 for later pieces and on damage.
std::uint32_t PeekJournalEpoch(std::string_view piece);

}  // namespace offerstream
