// A partition while its shard owns it: folds records, and writes what followed from a transaction into the outbox.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "consumers/partition_recovery.h"
#include "consumers/seams/outbox.h"
#include "consumers/shard_environment.h"
#include "consumers/wire/dead_letter.h"
#include "consumers/wire/decision_encoder.h"
#include "models/domain/observation_order.h"
#include "state/formats/journal.h"
#include "state/state_batch.h"

namespace offerstream {

/// Numbers of a shard that partitions add to; plain, one thread.
struct ShardCounts {
  std::uint64_t records = 0, record_bytes = 0, key_mismatches = 0, timestamps_from_record = 0;
  std::map<std::string, std::uint64_t> rejected{};
  std::uint64_t dead_letters = 0, decisions = 0, caps = 0, observations = 0, profile_rows = 0, erasures = 0;
  std::vector<std::int64_t> decided_record_times{};   ///< of this transaction: record timestamps of decisions
  std::vector<std::string> recent{};                  ///< of this transaction: the last few decisions as JSON
};

/// One thread. Per transaction: Begin, then Adopt, Clock, Fold in this order, then Finish, and after the commit Store.
/// Any error of Fold or Finish loses the transaction; the partition must then be recovered anew (its memory is ahead).
class OwnedPartition {
 public:
  OwnedPartition(const ShardEnvironment& environment, std::int32_t partition, RecoveredPartition recovered);
  ~OwnedPartition();

  std::int32_t partition() const { return partition_; }
  const FoldPosition& position() const { return made_.position; }
  /// True between Begin and Store (or recovery).
  bool in_transaction() const { return open_; }
  const std::shared_ptr<const CampaignPlan>& plan() const { return made_.plan; }
  /// Of an older plan: everything must be written (Begin, Finish with share.all) before ChangePlan.
  bool plan_is_old() const { return made_.plan->epoch < environment_.plan->epoch; }
  /// Something of the old plan is not written yet, or due timers are left that belong to it.
  bool unwritten() const { return made_.state->sizes().dirty > 0 || backlog_; }
  /// Nothing is unwritten: opens the rows under the plan in force, and forgets the versions adopted of models that it has not.
  Status ChangePlan(std::uint64_t memory_bytes);

  /// Opens the partition's part of a transaction: its seq is one more than the last.
  void Begin();
  /// True when these models may be adopted: none is older than what was adopted before.
  bool MayAdopt(const AdoptedModels& models) const;
  /// Recovered with models adopted, and none in use yet: it must not decide before it has them again.
  bool needs_models() const { return adopted_ == nullptr && !made_.fold->account().adopted.empty(); }
  /// Takes over the views when they differ from those in use; journaled.
  void Adopt(const std::shared_ptr<const AdoptedModels>& models);
  /// Forgets what was adopted before a restart (adoption is off now); journaled.
  void AdoptNothing();
  /// The idle clock: event time is at least `time`.
  void AdvanceClock(EventTime time);
  /// Decodes, folds and writes decisions, caps and dead letters of these records of one input, in offset order.
  Status Fold(std::span<const Record* const> records, Outbox& outbox, ShardCounts& counts);
  /// Fires overdue timers as far as the transaction's bound allows, then writes observations, the share of changed rows,
  /// the meta record and the journal.
  Status Finish(const ShareRequest& share, Outbox& outbox, ShardCounts& counts);
  /// Position and text to commit for every input; of the open transaction, or as they stand.
  void AppendPositions(std::vector<InputPosition>& positions) const;
  /// The transaction is committed: the same share goes into the store.
  Status Store(std::span<const Delivery> delivered);

  /// A backlog of due timers is left for a transaction without input.
  bool backlog() const { return backlog_; }
  std::uint64_t transaction_events() const { return events_; }
  TxnSeq expected_seq() const { return made_.position.seq + (open_ ? 1 : 0); }
  const LogId& log_id() const { return made_.meta.log_id; }
  PartitionState& state() { return *made_.state; }
  const DecisionFold& fold() const { return *made_.fold; }

 private:
  Status EmitFolded(Outbox& outbox, ShardCounts& counts);
  Status EmitReceipts(Outbox& outbox, ShardCounts& counts);
  const std::vector<std::string>& RetiredChannels();
  Status WriteDeadLetter(const Record& record, const Decoded& what, Outbox& outbox, ShardCounts& counts);
  Status AppendObservations(Outbox& outbox, ShardCounts& counts);
  Status AppendModelRows(std::int32_t partition, IdHash model, std::span<const std::uint32_t> rows, Outbox& outbox);
  Status AppendShare(const ShareRequest& share, Outbox& outbox, ShardCounts& counts);
  Status AppendJournal(Outbox& outbox);
  Status Announce(Outbox& outbox);
  void OpenDecoders();

  const ShardEnvironment& environment_;
  const std::int32_t partition_;
  RecoveredPartition made_;
  std::vector<std::unique_ptr<EventDecoder>> decoders_;
  std::unique_ptr<DecisionEncoder> encoder_;
  std::shared_ptr<const AdoptedModels> adopted_;
  DecodedBatch decoded_;
  std::vector<std::string_view> ids_;
  std::vector<IdHash> hashes_;
  // The open transaction.
  bool open_ = false, backlog_ = false, announced_ = false;
  std::uint64_t events_ = 0;
  FoldOutput output_;
  JournalRecord journal_;
  RecordDigest digest_;
  std::vector<std::int64_t> offsets_;
  StateBatch batch_;
  PartitionMeta meta_;
  std::string text_, key_;
  ObservationOrder order_;
  DeadLetterWriter dead_letters_;
  std::optional<std::vector<std::string>> retired_channels_;   // asked for at the first erasure
  std::vector<std::pair<std::string_view, std::string_view>> headers_;
};

}  // namespace offerstream
