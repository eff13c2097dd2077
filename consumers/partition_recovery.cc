#include "consumers/partition_recovery.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <random>
#include <string>

#include <fmt/format.h>

#include "consumers/failpoint.h"
#include "consumers/log.h"
#include "consumers/position_text.h"
#include "models/domain/random.h"
#include "state/formats/codecs.h"
#include "state/formats/journal.h"

namespace offerstream {
namespace {

constexpr std::size_t kLoadRows = 5000;           // rows written to the store at a time while loading
constexpr std::int64_t kAnchorOffsets = 200;      // of the journal, in which a transaction with input is looked for
// A local copy older than half the tombstones' life could bring back erased customers: it is made anew.
constexpr std::int64_t kLocalCopyAgeMaxMs = 302'400'000;

/// What Kafka says of the partition.
struct CommittedPosition {
  bool found = false;
  bool known = false;         // with our text
  TxnSeq seq = 0;
  LogId log_id{};
  std::vector<std::int64_t> offsets{};
};

CommittedPosition Read(const std::vector<CommittedOffset>& committed) {
  CommittedPosition c;
  c.known = !committed.empty();
  for (const CommittedOffset& one : committed) {
    c.found = c.found || one.found;
    c.offsets.push_back(one.offset);
    const auto text = ReadPositionText(one.metadata);
    if (!text || (c.seq != 0 && text->seq != c.seq)) c.known = false;
    if (text) {
      c.seq = std::max(c.seq, text->seq);
      c.log_id = text->log_id;
    }
  }
  return c;
}

std::string Offsets(const std::vector<std::int64_t>& offsets) { return fmt::format("{}", fmt::join(offsets, ",")); }

LogId NewLogId() {
  std::random_device device;
  const auto word = [&] { return std::uint64_t{device()} << 32 | device(); };
  return {word(), word() | 1};
}

class Recovery {
 public:
  Recovery(const ShardEnvironment& environment, std::int32_t partition, std::uint64_t memory_bytes,
           std::atomic<std::uint64_t>& remaining)
      : env_(environment), config_(*environment.config), partition_(partition), memory_bytes_(memory_bytes),
        remaining_(remaining) {}

  Result<RecoveredPartition> Run(const std::vector<CommittedOffset>& committed);

 private:
  tl::unexpected<Error> Disagree(std::string_view what) const {
    return Fail(Code::kLogAndStateDisagree, fmt::format("partition {}: {}", partition_, what));
  }
  Status Load(std::int64_t from, std::optional<TxnSeq> wanted);
  Status Settle(const CommittedPosition& c);
  Status ReadJournal(const FoldPosition& floor, TxnSeq to, const CampaignPlan& plan,
                     const std::function<Status(const JournalRecord&)>& each);
  Status Refold(RecoveredPartition& made);
  Status RefoldOne(RecoveredPartition& made, const JournalRecord& record);
  Status CheckBounds(const FoldPosition& c);
  Status CheckAnchor(RecoveredPartition& made);
  void OpenDecoders(const std::shared_ptr<const CampaignPlan>& plan);
  const Decoded& Decode(const Record& record);
  Status RefoldRecord(RecoveredPartition& made, const JournalRecord& journal, const Record& record);

  const ShardEnvironment& env_;
  const Config& config_;
  const std::int32_t partition_;
  const std::uint64_t memory_bytes_;
  std::atomic<std::uint64_t>& remaining_;
  std::optional<PartitionMeta> meta_;
  std::vector<std::unique_ptr<EventDecoder>> decoders_;
  std::vector<std::unique_ptr<LogCursor>> inputs_;
  DecodedBatch decoded_;
  RecordDigest digest_;
  std::size_t next_fact_ = 0;
};

/// Applies the changelog from `from` to the store; afterwards meta_ is the last meta record met.
Status Recovery::Load(std::int64_t from, std::optional<TxnSeq> wanted) {
  if (PassFailpoint(Step::kLoad)) return Fail(Code::kKafkaRetriable, "failpoint load");
  auto bounds = env_.logs->Bounds(config_.ProfilesTopic(), partition_);
  if (!bounds) return tl::unexpected(bounds.error());
  StateBatch batch;
  PartitionMeta progress = meta_.value_or(PartitionMeta{});
  progress.restoring = true;
  const std::int64_t began_ms = env_.clock->SteadyMs();
  std::uint64_t rows = 0;
  Status failed{};
  const auto flush = [&]() {
    progress.applied_at_ms = env_.clock->WallMs();
    Status written = env_.store->Write(partition_, batch, progress);
    batch.Clear();
    return written;
  };
  remaining_ = static_cast<std::uint64_t>(std::max<std::int64_t>(0, bounds->high - from));
  Status read = ReadLogRange(*env_.logs, config_.ProfilesTopic(), partition_, from, bounds->high, 0, kLogPatienceMs,
                             [&](const Record& record) {
    progress.changelog_offset = record.cause.offset + 1;
    if (remaining_ > 0) --remaining_;
    if (record.key == kMetaKey) {
      auto meta = DecodeMeta(record.value);
      if (!meta) {
        failed = tl::unexpected(meta.error());
        return false;
      }
      const std::int64_t changelog = progress.changelog_offset;
      progress = std::move(*meta);
      progress.restoring = true;
      progress.changelog_offset = changelog;
      meta_ = progress;
    } else if (const std::string_view id = CustomerOfKey(record.key); !id.empty()) {
      StateRow row;
      row.id_begin = static_cast<std::uint32_t>(batch.arena.size());
      row.id_size = static_cast<std::uint32_t>(id.size());
      batch.arena.append(id);
      row.value_begin = static_cast<std::uint32_t>(batch.arena.size());
      if (!record.null_value) {
        row.value_size = static_cast<std::uint32_t>(record.value.size());
        batch.arena.append(record.value);
        if (const auto peek = PeekProfile(record.value)) row.as_of = peek->as_of;
      } else {
        for (const Header& header : record.headers) {
          if (header.name == "as_of") row.as_of = std::strtoull(std::string(header.value).c_str(), nullptr, 10);
        }
      }
      batch.rows.push_back(row);
      if (++rows % kLoadRows == 0 && !(failed = flush())) return false;
    }
    return true;
  });
  if (!failed) return failed;
  if (!read) return read;
  if (!meta_) return batch.rows.empty() ? Status{} : Status(Disagree("the changelog has rows but no meta record"));
  meta_->changelog_offset = std::max(meta_->changelog_offset, progress.changelog_offset);
  if (wanted && meta_->committed.seq != *wanted) {
    return Disagree(fmt::format("committed transaction {} but the changelog ends at {} ({} offset {})", *wanted,
                                meta_->committed.seq, config_.ProfilesTopic(), bounds->high));
  }
  progress = *meta_;
  progress.restoring = false;
  meta_->restoring = false;
  if (Status written = flush(); !written) return written;
  Log(LogLevel::kInfo, fmt::format("partition {}: loaded {} rows from {} in {:.2f} s", partition_, rows, config_.ProfilesTopic(),
                                       static_cast<double>(env_.clock->SteadyMs() - began_ms) / 1000));
  return {};
}

/// Brings the local checkpoint to the committed position.
Status Recovery::Settle(const CommittedPosition& c) {
  auto local = env_.store->LoadMeta(partition_);
  if (local) meta_ = std::move(*local);
  else if (local.error().code != Code::kNotFound) return tl::unexpected(local.error());
  const bool foreign = meta_ && c.known && meta_->log_id.known() && meta_->log_id != c.log_id;
  const bool old = meta_ && meta_->applied_at_ms > 0 && env_.clock->WallMs() - meta_->applied_at_ms > kLocalCopyAgeMaxMs;
  if (foreign || old) {
    Log(LogLevel::kWarn, fmt::format("partition {}: the local copy is {}; rebuilding from {}", partition_,
                                     foreign ? "of another log" : "too old", config_.ProfilesTopic()));
    if (Status dropped = env_.store->DropPartition(partition_); !dropped) return dropped;
    meta_.reset();
  }
  if (meta_) {
    // A changelog that was made anew would have only what is written from now on: whoever takes over would lose the rest.
    auto changelog = env_.logs->Bounds(config_.ProfilesTopic(), partition_);
    if (!changelog) return tl::unexpected(changelog.error());
    if (changelog->high < meta_->changelog_offset) {
      return Disagree(fmt::format("{} ends at offset {} but the state knows what lies below {}: it was cut or made anew",
                                  config_.ProfilesTopic(), changelog->high, meta_->changelog_offset));
    }
  }
  if (c.known) {
    if (meta_ && !meta_->restoring && meta_->committed.seq > c.seq) {
      return Disagree(fmt::format("the local state is at transaction {} but committed is {}", meta_->committed.seq, c.seq));
    }
    if (!meta_ || meta_->restoring || meta_->committed.seq < c.seq) {
      if (Status loaded = Load(meta_ ? meta_->changelog_offset : 0, c.seq); !loaded) return loaded;
      if (!meta_) return Disagree(fmt::format("committed transaction {} but {} is empty", c.seq, config_.ProfilesTopic()));
    }
    if (meta_->committed.offsets != c.offsets) {
      return Disagree(fmt::format("at transaction {} the state is at input offsets {} but committed are {}", c.seq,
                                  Offsets(meta_->committed.offsets), Offsets(c.offsets)));
    }
    return {};
  }
  // Group offsets lost, or moved by hand: what the state says decides. The changelog's, since another instance may have gone on
  // after the local copy.
  if (Status loaded = Load(meta_ ? meta_->changelog_offset : 0, std::nullopt); !loaded) return loaded;
  if (meta_ && c.found && meta_->committed.offsets != c.offsets && !env_.accept_offset_reset) {
    return Disagree(fmt::format("committed offsets {} were set by hand; the state is at {}: run with --accept-offset-reset "
                                "to go on at the former", Offsets(c.offsets), Offsets(meta_->committed.offsets)));
  }
  return {};
}

/// Hands the journal's records from the floor to `to` to `each`, none missing, one in memory at a time.
Status Recovery::ReadJournal(const FoldPosition& floor, TxnSeq to, const CampaignPlan& plan,
                             const std::function<Status(const JournalRecord&)>& each) {
  auto bounds = env_.logs->Bounds(config_.JournalTopic(), partition_);
  if (!bounds) return tl::unexpected(bounds.error());
  JournalReader reader;
  JournalRecord record;
  TxnSeq next = floor.seq + 1;
  Status failed{};
  Status read = ReadLogRange(*env_.logs, config_.JournalTopic(), partition_, floor.journal_offset, bounds->high, 0,
                             kLogPatienceMs, [&](const Record& piece) {
    const TxnSeq seq = PeekJournalSeq(piece.value);
    if (seq < next && seq != 0) return true;
    const auto whole = reader.Add(plan, piece.value, record);
    if (!whole) {
      failed = tl::unexpected(whole.error());
      return false;
    }
    if (!*whole || record.log_id != meta_->log_id) return true;
    if (record.seq != next) {
      failed = Disagree(fmt::format("{} has transaction {} where {} is due", config_.JournalTopic(), record.seq, next));
      return false;
    }
    failed = each(record);
    return failed && next++ < to;
  });
  if (!failed) return failed;
  if (!read) return read;
  if (next <= to) return Disagree(fmt::format("{} ends before transaction {} of {}", config_.JournalTopic(), next, to));
  return {};
}

/// Decodes into decoded_ and adds to the digest, as when live.
const Decoded& Recovery::Decode(const Record& record) {
  decoded_.Clear();
  decoders_[record.cause.input]->Decode(record, decoded_);
  const Decoded& what = decoded_.records.front();
  ++digest_.records;
  digest_.bad += what.bad ? 1 : 0;
  for (std::uint32_t i = 0; !what.bad && i < what.size; ++i) digest_.Add(decoded_.events[what.begin + i]);
  return what;
}

Status Recovery::RefoldRecord(RecoveredPartition& made, const JournalRecord& journal, const Record& record) {
  const Decoded& what = Decode(record);
  for (std::uint32_t i = 0; !what.bad && i < what.size; ++i) {
    const Event& event = decoded_.events[what.begin + i];
    const EventFacts* facts = nullptr;   // they come in the order of events, none for most
    if (next_fact_ < journal.facts.size() && journal.facts[next_fact_].cause == event.cause) {
      facts = &journal.facts[next_fact_++].facts;
    }
    made.fold->Refold(event, facts, journal.frontier);
    ++made.refolded_events;
  }
  return {};
}

void Recovery::OpenDecoders(const std::shared_ptr<const CampaignPlan>& plan) {
  for (const InputConfig& input : config_.events) {
    decoders_.push_back(std::make_unique<EventDecoder>(plan, env_.mappings[decoders_.size()], input.reject_key_mismatch));
  }
}

/// What is next must still be there, and what is contained must have been: retention, or a log that was cut.
Status Recovery::CheckBounds(const FoldPosition& c) {
  for (std::size_t i = 0; i < c.offsets.size(); ++i) {
    const std::string& topic = config_.events[i].topic;
    auto bounds = env_.logs->Bounds(topic, partition_);
    if (!bounds) return tl::unexpected(bounds.error());
    if (bounds->high < c.offsets[i]) {
      return Disagree(fmt::format("{} ends at offset {} but the state contains what lies below {}: it was cut or made anew", topic,
                                  bounds->high, c.offsets[i]));
    }
    if (bounds->low > c.offsets[i]) {
      return Disagree(fmt::format("{} begins at offset {} but the state ends at {}: retention has passed it", topic, bounds->low, c.offsets[i]));
    }
  }
  return {};
}

/// Without a tail nothing is read again, so the last records contained are: a log that was made anew, or cut and written on,
/// is not what the journal says. A warning only: another mapping reads the same records otherwise, and may be changed between
/// runs. What retention has taken cannot be compared.
Status Recovery::CheckAnchor(RecoveredPartition& made) {
  const FoldPosition& c = made.meta.committed;
  if (c.seq == 0) return {};
  auto bounds = env_.logs->Bounds(config_.JournalTopic(), partition_);
  if (!bounds) return tl::unexpected(bounds.error());
  if (bounds->high <= c.journal_offset) {
    return Disagree(fmt::format("{} ends at offset {} but transaction {} lies at {}", config_.JournalTopic(), bounds->high, c.seq, c.journal_offset));
  }
  if (bounds->low > c.journal_offset) return {};
  JournalReader reader;
  JournalRecord record, last;
  Status read = ReadLogRange(*env_.logs, config_.JournalTopic(), partition_, std::max(bounds->low, c.journal_offset - kAnchorOffsets),
                             bounds->high, 0, kLogPatienceMs, [&](const Record& piece) {
    const auto whole = reader.Add(*made.plan, piece.value, record);
    if (!whole || !*whole || record.log_id != made.meta.log_id || record.plan_epoch != made.plan->epoch) return true;   // begun before, or of old
    if (!record.ranges.empty()) last = record;
    return record.seq < c.seq;
  });
  if (!read) return read;
  OpenDecoders(made.plan);
  digest_ = {};
  for (const JournalRecord::Range& range : last.ranges) {
    const std::string& topic = config_.events[range.input].topic;
    auto held = env_.logs->Bounds(topic, partition_);
    if (!held) return tl::unexpected(held.error());
    if (held->low > range.from) return {};
    read = ReadLogRange(*env_.logs, topic, partition_, range.from, range.to, range.input, kLogPatienceMs, [&](const Record& one) {
      (void)Decode(one);
      return true;
    });
    if (!read) return read;
  }
  if (digest_.records == last.records && digest_.digest.value() == last.records_digest) return {};
  made.anchor_differs = true;
  Log(LogLevel::kError, fmt::format("cause=anchor partition {}: transaction {} had {} records with digest {:x}; its inputs now give {} and {:x}: "
                                    "the mapping was changed, or a topic was made anew", partition_, last.seq, last.records,
                                    last.records_digest, digest_.records, digest_.digest.value()));
  return {};
}

Status Recovery::RefoldOne(RecoveredPartition& made, const JournalRecord& journal) {
  if (PassFailpoint(Step::kRefold)) return Fail(Code::kKafkaRetriable, "failpoint refold");
  digest_ = {};
  next_fact_ = 0;
  const std::uint64_t before = made.refolded_events;
  made.fold->Begin(journal.seq, static_cast<std::size_t>(journal.sweep_max));
  made.fold->Recall(journal.takes_turns ? &journal.turns : nullptr);
  if (journal.clock != kNever) made.fold->RefoldClock(journal.clock, journal.frontier);
  FoldPosition position = made.position;
  for (const JournalRecord::Range& range : journal.ranges) {
    auto& input = inputs_[range.input];
    const std::string& topic = config_.events[range.input].topic;
    if (input == nullptr) {
      auto bounds = env_.logs->Bounds(topic, partition_);
      if (!bounds) return tl::unexpected(bounds.error());
      if (bounds->low > range.from) {
        return Disagree(fmt::format("{} begins at offset {} but the tail needs {}: retention has passed the checkpoint", topic,
                                    bounds->low, range.from));
      }
      input = std::make_unique<LogCursor>(*env_.logs, topic, partition_, range.from, range.input, kLogPatienceMs);
    }
    Status failed{};
    Status read = input->AdvanceTo(range.to, [&](const Record& record) {
      failed = RefoldRecord(made, journal, record);
      return failed.has_value();
    });
    if (!failed) return failed;
    if (!read) return read;
    position.offsets[range.input] = range.to;
  }
  const PartitionAccount& account = made.fold->account();
  if (account.max_event_time != kNever) made.fold->RefoldClock(account.max_event_time, journal.frontier);
  position.seq = journal.seq;
  position.max_event_time = account.max_event_time;
  position.watermark = account.watermark;
  position.frontier = account.frontier;
  position.plan_epoch = journal.plan_epoch;
  if (account.watermark != journal.watermark || account.frontier != journal.frontier ||
      account.max_event_time != journal.max_event_time) {
    return Disagree(fmt::format("re-folding transaction {} ends at watermark {} and frontier {}; the journal says {} and {}",
                                journal.seq, account.watermark, account.frontier, journal.watermark, journal.frontier));
  }
  if (digest_.records != journal.records || digest_.bad != journal.dead_letters ||
      digest_.digest.value() != journal.records_digest || next_fact_ != journal.facts.size()) {
    return Disagree(fmt::format("transaction {} had {} records, {} of them bad; re-reading its inputs gives {} and {}, digest {:x} "
                                "instead of {:x}", journal.seq, journal.records, journal.dead_letters, digest_.records,
                                digest_.bad, digest_.digest.value(), journal.records_digest));
  }
  if (made.fold->turns_missing() > 0) {
    return Disagree(fmt::format("re-folding transaction {}, {} customers have their turn of whom the journal says nothing",
                                journal.seq, made.fold->turns_missing()));
  }
  made.position = position;
  made.state->Refolded(position, made.refolded_events - before);
  made.state->EndTransaction();   // clean customers met on the way leave memory again
  return {};
}

Status Recovery::Refold(RecoveredPartition& made) {
  const PartitionMeta& meta = made.meta;
  if (meta.floor.seq >= meta.committed.seq) return CheckAnchor(made);
  OpenDecoders(made.plan);
  inputs_.resize(config_.events.size());
  PartitionAccount account = meta.account;
  account.max_event_time = meta.floor.max_event_time;
  account.watermark = meta.floor.watermark;
  account.frontier = meta.floor.frontier;
  made.fold->SetAccount(std::move(account));
  made.position = meta.floor;
  made.position.offsets.resize(config_.events.size());
  Status read = ReadJournal(meta.floor, meta.committed.seq, *made.plan, [&](const JournalRecord& journal) -> Status {
    if (journal.plan_epoch != made.plan->epoch) {
      return Disagree(fmt::format("transaction {} of the tail is of plan epoch {}, the checkpoint of {}", journal.seq,
                                  journal.plan_epoch, made.plan->epoch));
    }
    return RefoldOne(made, journal);
  });
  if (!read) return read;
  if (made.position.offsets != meta.committed.offsets) {
    return Disagree(fmt::format("the tail ends at input offsets {} but committed are {}", Offsets(made.position.offsets),
                                Offsets(meta.committed.offsets)));
  }
  return {};
}

Result<RecoveredPartition> Recovery::Run(const std::vector<CommittedOffset>& committed) {
  const CommittedPosition c = Read(committed);
  if (Status settled = Settle(c); !settled) return tl::unexpected(settled.error());
  if (!meta_) {
    // The first start of this partition.
    PartitionMeta fresh;
    fresh.log_id = NewLogId();
    for (std::size_t i = 0; i < config_.events.size(); ++i) {
      auto bounds = env_.logs->Bounds(config_.events[i].topic, partition_);
      if (!bounds) return tl::unexpected(bounds.error());
      fresh.committed.offsets.push_back(committed[i].found ? committed[i].offset : bounds->low);
    }
    fresh.committed.plan_epoch = env_.plan->epoch;
    fresh.floor = fresh.committed;
    fresh.account.plan_epoch = env_.plan->epoch;
    meta_ = fresh;
  }
  std::shared_ptr<const CampaignPlan> plan = env_.plan;
  if (meta_->committed.plan_epoch != plan->epoch) {
    auto older = env_.plan_of(meta_->committed.plan_epoch);
    if (!older) return tl::unexpected(older.error());
    plan = std::move(*older);
  }
  Status opened{};
  RecoveredPartition made = OpenPartition(env_, partition_, plan, *meta_, memory_bytes_, opened);
  if (!opened) return tl::unexpected(opened.error());
  const auto begin = std::chrono::steady_clock::now();
  if (!env_.accept_offset_reset) {
    if (Status sound = CheckBounds(meta_->committed); !sound) return tl::unexpected(sound.error());
  }
  if (Status refolded = Refold(made); !refolded) return tl::unexpected(refolded.error());
  made.refold_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (made.state->sizes().dirty == 0 && meta_->floor.seq < meta_->committed.seq) {
    // Every row is as of C already. In a partition where nothing happens any more nobody else would say so, and tombstones would stay.
    meta_->floor = meta_->committed;
    meta_->applied_at_ms = env_.clock->WallMs();
    if (Status written = env_.store->Write(partition_, {}, *meta_); !written) return tl::unexpected(written.error());
    made.meta = *meta_;
    made.state->SetFloor(meta_->floor);
  }
  made.fold->SetAccount(meta_->account);
  const std::int64_t journal_offset = std::max(made.position.journal_offset, meta_->committed.journal_offset);
  made.position = meta_->committed;
  made.position.journal_offset = journal_offset;
  if (env_.accept_offset_reset && c.found && !c.known) made.position.offsets = c.offsets;
  remaining_ = 0;
  return made;
}

}  // namespace

RecoveredPartition OpenPartition(const ShardEnvironment& environment, std::int32_t partition,
                                 std::shared_ptr<const CampaignPlan> plan, const PartitionMeta& meta,
                                 std::uint64_t memory_bytes, Status& status) {
  RecoveredPartition made;
  made.plan = std::move(plan);
  made.meta = meta;
  made.position = meta.committed;
  made.state = std::make_unique<PartitionState>(made.plan, *environment.store, partition, memory_bytes);
  status = made.state->LoadAll();
  made.state->SetFloor(meta.floor);
  made.fold = std::make_unique<DecisionFold>(made.plan, *made.state);
  std::vector<IdHash> salts;
  for (const InputConfig& input : environment.config->events) salts.push_back(H64(input.topic));
  made.fold->SetInputSalts(std::move(salts));
  made.fold->SetHolder(static_cast<std::uint32_t>(partition));
  made.fold->SetAccount(meta.account);
  return made;
}

Result<RecoveredPartition> RecoverPartition(const ShardEnvironment& environment, std::int32_t partition,
                                            const std::vector<CommittedOffset>& committed, std::uint64_t memory_bytes,
                                            std::atomic<std::uint64_t>& remaining) {
  return Recovery(environment, partition, memory_bytes, remaining).Run(committed);
}

}  // namespace offerstream
