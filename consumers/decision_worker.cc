#include "consumers/decision_worker.h"

#include <malloc.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <iterator>
#include <thread>

#include <fmt/format.h>

#include "consumers/failpoint.h"
#include "consumers/log.h"
#include "consumers/position_text.h"
#include "consumers/retention_watch.h"

namespace offerstream {
namespace {

constexpr std::size_t kChunkRecords = 1000;            // folded before the clock is looked at again
constexpr std::size_t kChunkBytes = 4u << 20;
constexpr std::int64_t kIdleWriteMs = 1000;            // without input for so long: all dirty rows are written
constexpr std::int64_t kPublishMs = 1000;              // the view is refreshed at least so often
constexpr std::int64_t kDiskCheckMs = 1000;
constexpr std::int64_t kRetentionCheckMs = 10'000;
constexpr std::uint64_t kDiskLowBytes = 256u << 20;
constexpr std::int64_t kAdoptPatienceMs = 30'000;      // older models than before are taken after this
constexpr std::int64_t kStopWriteMs = 5000;
constexpr int kIdleWaitMs = 50;
constexpr std::uint64_t kTailEventsMin = 1000;

void Pause(std::int64_t ms) {
  if (ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

double Seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

}  // namespace

DecisionWorker::DecisionWorker(const ShardEnvironment& environment, std::uint32_t shard, EventSource& source, Outbox& outbox,
                               std::uint64_t memory_bytes)
    : environment_(environment), config_(*environment.config), shard_(shard), source_(source), outbox_(outbox),
      memory_bytes_(memory_bytes) {
  totals_.shard = shard;
  totals_.event_to_decision_ms.assign(std::size(kLatencyBoundsMs) + 1, 0);
  last_input_ms_ = environment_.clock->SteadyMs();
  clock_from_ms_ = last_input_ms_;
  view_ = totals_;
}

DecisionWorker::~DecisionWorker() { batch_.Clear(); }

Status DecisionWorker::Run(const std::atomic<bool>& stop) {
  while (!stop) {
    if (Status turned = Turn(kIdleWaitMs); !turned) return turned;
  }
  // A clean stop leaves no tail; what does not get written in time stays tail.
  for (const std::int64_t deadline = environment_.clock->SteadyMs() + kStopWriteMs; environment_.clock->SteadyMs() < deadline;) {
    bool dirty = false;
    for (const auto& [p, owned] : partitions_) dirty = dirty || owned->state().sizes().dirty > 0;
    if (!dirty) break;
    if (Status written = WriteAll(); !written) return written;
  }
  Publish();
  return {};
}

Status DecisionWorker::Turn(int wait_ms) {
  progress_.fetch_add(1, std::memory_order_relaxed);
  if (Status attended = AttendOwnership(); !attended) return attended;
  if (Status recovered = RecoverMissing(); !recovered) return recovered;
  if (Status raised = RaisePlans(); !raised) return raised;
  Answer();
  const std::int64_t now = environment_.clock->SteadyMs();
  if (now - last_publish_ms_ >= kPublishMs) Publish();
  if (now - last_retention_check_ms_ >= kRetentionCheckMs) {
    if (Status watched = WatchRetention(); !watched) return watched;
  }
  if (partitions_.empty() || !missing_.empty() || DiskLow() || AwaitModels()) {
    Pause(wait_ms);
    return {};
  }
  // Drained input commits at once, but at most every `commit.pause`.
  Pause(std::min<std::int64_t>(config_.commit_pause - (now - last_commit_ms_), config_.commit_pause));
  if (PassFailpoint(Step::kPoll)) return GiveUp({Code::kKafkaAborted, 0, "failpoint poll"});
  batch_.Clear();
  if (Status polled = source_.Poll(std::min<std::size_t>(kChunkRecords, config_.commit_events_max), kChunkBytes, wait_ms, batch_); !polled) return polled;
  return batch_.count > 0 ? Transact(batch_) : TransactIdle();
}

// ---- Ownership ---------------------------------------------------------------------------------------------------------

Status DecisionWorker::AttendOwnership() {
  auto change = source_.Attend();
  if (!change) return tl::unexpected(change.error());
  if (change->empty()) return {};
  ++totals_.rebalances;
  share_known_ = change->answered;   // what was revoked is given anew
  // Rows not yet written stay tail for the next owner: RocksDB is a valid checkpoint at any time.
  KeepCounters();
  for (const std::int32_t p : change->revoked) {
    partitions_.erase(p);
    std::erase(missing_, p);
  }
  for (const std::int32_t p : change->assigned) missing_.push_back(p);
  Log(LogLevel::kInfo, fmt::format("shard {}: {} partitions revoked{}, {} assigned", shard_, change->revoked.size(),
                                   change->lost ? " (lost)" : "", change->assigned.size()));
  ready_ = share_known_ && missing_.empty();
  return {};
}

std::uint64_t DecisionWorker::MemoryEach() const {
  return memory_bytes_ / std::max<std::size_t>(1, partitions_.size() + missing_.size());
}

Status DecisionWorker::RecoverMissing() {
  const bool any = !missing_.empty();
  while (!missing_.empty()) {
    ready_ = false;
    const std::int32_t partition = missing_.back();
    Status recovered = RecoverOne(partition);
    progress_.fetch_add(1, std::memory_order_relaxed);
    if (!recovered) {
      const Code code = recovered.error().code;
      if (code != Code::kKafkaUnreachable && code != Code::kKafkaRetriable) return recovered;
      Log(LogLevel::kWarn, fmt::format("shard {}: partition {}: {}; trying again", shard_, partition, recovered.error().detail));
      Pause(250);
      return {};
    }
    // Not when the transaction that writes an older plan's rows was given up: then it starts over.
    if (partitions_.contains(partition)) std::erase(missing_, partition);
    // Recovery takes its time: the group is attended between partitions.
    if (Status attended = AttendOwnership(); !attended) return attended;
  }
  ready_ = share_known_;
  if (any) (void)malloc_trim(0);   // what was read to recover is done with
  return {};
}

Status DecisionWorker::RecoverOne(std::int32_t partition) {
  const auto begin = std::chrono::steady_clock::now();
  auto committed = source_.Committed(partition);
  if (!committed) return tl::unexpected(committed.error());
  auto recovered = RecoverPartition(environment_, partition, *committed, MemoryEach(), remaining_);
  if (!recovered) return tl::unexpected(recovered.error());
  if (recovered->refolded_events > 1000) refold_per_second_ = static_cast<double>(recovered->refolded_events) / recovered->refold_seconds;
  Log(LogLevel::kInfo, fmt::format("partition {}: at transaction {}, floor {}, {} events re-folded, ready in {:.2f} s", partition,
                                   recovered->position.seq, recovered->meta.floor.seq, recovered->refolded_events, Seconds(begin)));
  if (Status sought = source_.Seek(partition, recovered->position.offsets); !sought) return sought;
  auto owned = std::make_unique<OwnedPartition>(environment_, partition, std::move(*recovered));
  OwnedPartition& added = *partitions_.insert_or_assign(partition, std::move(owned)).first->second;
  last_input_ms_ = clock_from_ms_ = environment_.clock->SteadyMs();
  if (added.plan()->epoch > environment_.plan->epoch) {
    // Its former owner was ahead of this instance: one plan for all, the newest.
    SetPlan(added.plan());
    if (environment_.plan_met) environment_.plan_met(environment_.plan);
  }
  return RaisePlans();
}

// ---- Plan epochs -------------------------------------------------------------------------------------------------------

void DecisionWorker::Activate(std::shared_ptr<const CampaignPlan> plan) {
  const std::lock_guard lock(mutex_);
  if (next_plan_ == nullptr || next_plan_->epoch < plan->epoch) next_plan_ = std::move(plan);
}

/// A transaction without input that writes what is dirty of `members`, at most a share's worth.
Status DecisionWorker::Write(const std::vector<OwnedPartition*>& members) {
  progress_.fetch_add(1, std::memory_order_relaxed);
  if (Status begun = outbox_.Begin(); !begun) return GiveUp(begun.error());
  open_ = true;
  for (OwnedPartition* member : members) member->Begin();
  return CommitAll(true, members);
}

/// Brings every partition to the plan in force, as a restart would: what is of the older plan is written whole under it, the rows
/// are opened under the new one, and a transaction of its own says so in journal, changelog and to the owners of the models, before
/// anything is folded. A transaction that is given up on the way leaves the partition to recovery, which comes here again.
Status DecisionWorker::RaisePlans() {
  {
    const std::lock_guard lock(mutex_);
    if (next_plan_ != nullptr && next_plan_->epoch > environment_.plan->epoch) SetPlan(next_plan_);
    next_plan_.reset();
  }
  std::vector<OwnedPartition*> old, unwritten;
  do {
    old.clear();
    unwritten.clear();
    for (auto& [p, owned] : partitions_) {
      if (!owned->plan_is_old()) continue;
      old.push_back(owned.get());
      if (owned->unwritten()) unwritten.push_back(owned.get());
    }
    if (unwritten.empty()) break;
    if (Status written = Write(unwritten); !written) return written;
  } while (!partitions_.empty());
  if (!old.empty() && !partitions_.empty()) {
    const auto begin = std::chrono::steady_clock::now();
    for (OwnedPartition* one : old) {
      KeepCountersOf(*one);
      if (Status changed = one->ChangePlan(MemoryEach()); !changed) return changed;
      progress_.fetch_add(1, std::memory_order_relaxed);
    }
    if (Status told = Write(old); !told) return told;
    Log(LogLevel::kInfo, fmt::format("shard {}: {} partitions are in plan epoch {} after {:.2f} s", shard_, old.size(),
                                     environment_.plan->epoch, Seconds(begin)));
  }
  if (missing_.empty()) plan_epoch_ = environment_.plan->epoch;
  return {};
}

// ---- Transactions ------------------------------------------------------------------------------------------------------

void DecisionWorker::Open(OwnedPartition& partition) {
  if (partition.in_transaction()) return;
  partition.Begin();
  if (!environment_.adopt) {
    if (!partition.fold().account().adopted.empty()) partition.AdoptNothing();
    return;
  }
  const std::shared_ptr<const AdoptedModels> models = environment_.newest_models ? environment_.newest_models(environment_.plan->epoch) : nullptr;
  if (models != nullptr && partition.MayAdopt(*models)) {
    partition.Adopt(models);
  } else if (partition.needs_models()) {
    // Waited long enough (AwaitModels): a step back, journaled.
    Log(LogLevel::kWarn, fmt::format("partition {}: only older models than before are offered; taking them", partition.partition()));
    partition.AdoptNothing();
    partition.Adopt(models);
  }
}

/// True while a recovered partition's models are not offered yet: deciding without them would not be what the journal says.
bool DecisionWorker::AwaitModels() {
  if (!environment_.adopt) return false;
  const std::shared_ptr<const AdoptedModels> models = environment_.newest_models ? environment_.newest_models(environment_.plan->epoch) : nullptr;
  for (const auto& [p, owned] : partitions_) {
    if (!owned->needs_models() || (models != nullptr && owned->MayAdopt(*models))) continue;
    const std::int64_t now = environment_.clock->SteadyMs();
    if (adopt_waiting_since_ms_ == 0) adopt_waiting_since_ms_ = now;
    return now - adopt_waiting_since_ms_ < kAdoptPatienceMs;
  }
  adopt_waiting_since_ms_ = 0;
  return false;
}

Status DecisionWorker::FoldBatch(const RecordBatch& batch, bool& folded) {
  // Per partition and input in offset order; the batch may interleave them.
  const auto begin = std::chrono::steady_clock::now();
  std::size_t done = 0;
  for (auto& [p, owned] : partitions_) {
    for (std::uint16_t input = 0; done < batch.count && input < config_.events.size(); ++input) {
      slice_.clear();
      for (std::size_t i = 0; i < batch.count; ++i) {
        const Cause& cause = batch.records[i].cause;
        if (cause.partition == p && cause.input == input) slice_.push_back(&batch.records[i]);
      }
      if (slice_.empty()) continue;
      done += slice_.size();
      folded = true;
      Open(*owned);
      if (Status one = owned->Fold(slice_, outbox_, counts_); !one) return one;
    }
  }
  fold_seconds_ += Seconds(begin);
  return {};
}

Status DecisionWorker::Transact(RecordBatch& batch) {
  opened_ms_ = environment_.clock->SteadyMs();
  last_input_ms_ = clock_from_ms_ = opened_ms_;
  if (PassFailpoint(Step::kBegin)) return GiveUp({Code::kKafkaAborted, 0, "failpoint begin"});
  if (Status begun = outbox_.Begin(); !begun) return GiveUp(begun.error());
  open_ = true;
  fold_seconds_ = 0;
  std::size_t records = 0, bytes = 0;
  bool folded = false;
  while (batch.count > 0) {
    records += batch.count;
    bytes += batch.bytes;
    if (Status one = FoldBatch(batch, folded); !one) return GiveUp(one.error());
    batch.Clear();
    if (records >= config_.commit_events_max || bytes >= config_.commit_bytes_max) break;
    if (environment_.clock->SteadyMs() - opened_ms_ >= config_.commit_interval) break;
    const std::size_t room = std::min<std::size_t>(kChunkRecords, config_.commit_events_max - records);
    if (Status polled = source_.Poll(room, kChunkBytes, 0, batch); !polled) return GiveUp(polled.error());
  }
  if (fold_seconds_ > 0) events_per_second_ += 0.1 * (static_cast<double>(records) / fold_seconds_ - events_per_second_);
  totals_.busy_seconds += fold_seconds_;
  totals_.last_commit_events = static_cast<std::uint32_t>(records);
  std::vector<OwnedPartition*> members;
  for (auto& [p, owned] : partitions_) {
    if (owned->in_transaction()) members.push_back(owned.get());
  }
  return CommitAll(false, std::move(members));
}

Status DecisionWorker::TransactIdle() {
  const std::int64_t now = environment_.clock->SteadyMs();
  const bool write = now - last_input_ms_ >= kIdleWriteMs;
  const bool tick = now - last_input_ms_ >= config_.idle_after && now - last_clock_ms_ >= kIdleWriteMs;
  std::vector<OwnedPartition*> members;
  for (auto& [p, owned] : partitions_) {
    const PartitionState::Sizes sizes = owned->state().sizes();
    const EventTime newest = owned->fold().account().max_event_time;
    const bool clock = tick && sizes.timers > 0 && newest != kNever;
    if (!clock && !owned->backlog() && !(write && sizes.dirty > 0)) continue;
    if (!open_) {
      if (PassFailpoint(Step::kBegin)) return GiveUp({Code::kKafkaAborted, 0, "failpoint begin"});
      if (Status begun = outbox_.Begin(); !begun) return GiveUp(begun.error());
      open_ = true;
    }
    Open(*owned);
    // What has passed, not what the wall clock says: that may be set, and event time never goes back.
    if (clock) owned->AdvanceClock(newest + (now - clock_from_ms_));
    members.push_back(owned.get());
  }
  if (tick) {
    // What has passed is in the event time now; the next tick adds only what comes on top.
    last_clock_ms_ = now;
    if (!members.empty()) clock_from_ms_ = now;
  }
  return members.empty() ? Status{} : CommitAll(write, std::move(members));
}

Status DecisionWorker::WriteAll() {
  std::vector<OwnedPartition*> members;
  for (auto& [p, owned] : partitions_) {
    if (owned->state().sizes().dirty > 0) members.push_back(owned.get());
  }
  if (members.empty()) return {};
  if (Status begun = outbox_.Begin(); !begun) return GiveUp(begun.error());
  open_ = true;
  for (OwnedPartition* member : members) member->Begin();
  return CommitAll(true, std::move(members));
}

ShareRequest DecisionWorker::Share(bool write_all) const {
  ShareRequest share;
  share.all = write_all || config_.recovery_target == 0;
  const double speed = refold_per_second_ > 0 ? refold_per_second_ : events_per_second_ / 2;
  const double events = static_cast<double>(config_.recovery_target) / 1000 * speed / static_cast<double>(std::max<std::size_t>(1, partitions_.size()));
  share.tail_events_max = share.all ? 0 : std::max(kTailEventsMin, static_cast<std::uint64_t>(events));
  return share;
}

Status DecisionWorker::CommitAll(bool write_all, std::vector<OwnedPartition*> members) {
  const ShareRequest share = Share(write_all);
  for (OwnedPartition* member : members) {
    if (Status finished = member->Finish(share, outbox_, counts_); !finished) return GiveUp(finished.error());
  }
  std::vector<InputPosition> positions;
  for (const auto& [p, owned] : partitions_) owned->AppendPositions(positions);
  if (PassFailpoint(Step::kOffsets)) return GiveUp({Code::kKafkaAborted, 0, "failpoint offsets"});
  const auto waiting = std::chrono::steady_clock::now();
  if (Status sent = outbox_.SendPositions(positions); !sent) return GiveUp(sent.error());
  if (PassFailpoint(Step::kCommit)) return GiveUp({Code::kKafkaAborted, 0, "failpoint commit"});
  Error why{Code::kKafkaUnknownOutcome, 0, "failpoint"};
  Outbox::Outcome outcome = PassFailpoint(Step::kCommitRequest) ? Outbox::Outcome::kUnknown : outbox_.Commit(why);
  if (PassFailpoint(Step::kCommitAnswer)) outcome = Outbox::Outcome::kUnknown;
  totals_.commit_seconds += Seconds(waiting);
  open_ = false;
  if (outcome == Outbox::Outcome::kAborted) return GiveUp(why);
  if (outcome == Outbox::Outcome::kUnknown) {
    ++totals_.unknown;
    Log(LogLevel::kWarn, fmt::format("shard {}: outcome unknown: {}", shard_, why.detail));
    Count(ReasonText(why.code));
    if (Status recycled = outbox_.Recycle(); !recycled) return recycled;
    // The old transaction has ended: what is committed says how.
    for (const OwnedPartition* member : members) {
      auto committed = source_.Committed(member->partition());
      if (!committed) return GiveUp(committed.error());
      const auto text = ReadPositionText(committed->front().metadata);
      if (!text || text->seq != member->expected_seq() || text->log_id != member->log_id()) return GiveUp(why);
    }
  }
  last_commit_ms_ = environment_.clock->SteadyMs();
  if (!StoreAll()) return Fail(Code::kStoreFailed, "the state store failed; the transaction is committed, a restart goes on from it");
  ++totals_.committed;
  totals_.last_commit_wall_ms = environment_.clock->WallMs();
  CountLatency(totals_.last_commit_wall_ms);
  committed_counts_ = counts_;
  Publish();
  if (outbox_.Clean()) return {};
  // A request that was sent twice or is still under way could end the next transaction (KAFKA-17754): a new epoch fences it.
  Log(LogLevel::kWarn, fmt::format("shard {}: a request of the transaction was repeated or not answered; making the producer anew", shard_));
  Count("unclean");
  return outbox_.Recycle();
}

bool DecisionWorker::StoreAll() {
  const auto begin = std::chrono::steady_clock::now();
  bool failed = PassFailpoint(Step::kStore);
  Code why = Code::kStoreFailed;
  for (auto& [p, owned] : partitions_) {
    if (failed || !owned->in_transaction()) continue;
    Status stored = owned->Store(outbox_.Delivered());
    if (!stored) {
      Log(LogLevel::kError, fmt::format("cause={} partition {}: {}", ReasonText(stored.error().code), p, stored.error().detail));
      failed = true;
      if (stored.error().code == Code::kLogAndStateDisagree) why = stored.error().code;
    }
  }
  if (failed) {
    // Crash only: no repair, no closing. The log has everything.
    if (why == Code::kStoreFailed) Log(LogLevel::kError, "cause=store_failed stopping; a restart is safe");
    FlushLog();
    _exit(ExitCode(why));
  }
  totals_.store_seconds += Seconds(begin);
  return !PassFailpoint(Step::kStored);
}

/// The transaction is lost: the writer is made sound and memory, which is ahead, is dropped and recovered.
Status DecisionWorker::GiveUp(const Error& why) {
  switch (why.code) {
    case Code::kLogAndStateDisagree:
    case Code::kKafkaUnauthorized:
    case Code::kTopicMissing:
    case Code::kConfiguration: return tl::unexpected(why);
    default: break;
  }
  // A bad record under on_bad_record: fail stops the process; everything before it is committed.
  if (WhatNow(why.code) == Next::kDeadLetter && why.code != Code::kTooLarge) return tl::unexpected(why);
  Log(LogLevel::kWarn, fmt::format("shard {}: transaction given up: {} {}", shard_, Sentence(why.code), why.detail));
  ++totals_.aborted;
  Count(ReasonText(why.code));
  open_ = false;
  batch_.Clear();
  counts_ = committed_counts_;
  KeepCounters();
  if (Status recycled = outbox_.Recycle(); !recycled) return recycled;
  ready_ = false;
  for (const auto& [p, owned] : partitions_) {
    if (std::find(missing_.begin(), missing_.end(), p) == missing_.end()) missing_.push_back(p);
  }
  partitions_.clear();
  return {};
}

// ---- What others see ---------------------------------------------------------------------------------------------------

void DecisionWorker::Count(std::string_view recycle_cause) { ++totals_.recycles[std::string(recycle_cause)]; }

bool DecisionWorker::DiskLow() {
  const std::int64_t now = environment_.clock->SteadyMs();
  if (now - last_disk_check_ms_ < kDiskCheckMs) return disk_low_;
  last_disk_check_ms_ = now;
  struct statvfs disk{};
  const bool low = statvfs(config_.state_dir.c_str(), &disk) == 0 &&
                   static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize < kDiskLowBytes;
  if (low != disk_low_) Log(LogLevel::kWarn, fmt::format("shard {}: {}", shard_, low ? "cause=disk_low waiting for free disk space" : "disk has room again"));
  return disk_low_ = low;
}

/// Where retention comes near the tail, everything is written: nothing is left that a restart would have to read again.
Status DecisionWorker::WatchRetention() {
  last_retention_check_ms_ = environment_.clock->SteadyMs();
  for (const auto& [p, owned] : partitions_) {
    const auto near = FindRetentionNear(environment_, p, owned->state().floor(), owned->position());
    if (!near) return {};   // Kafka does not answer now; the next check asks again
    if (near->empty()) continue;
    Log(LogLevel::kError, fmt::format("cause=retention shard {}: {}; writing everything now", shard_, *near));
    ++totals_.retention_alarms;
    return WriteAll();
  }
  return {};
}

}  // namespace offerstream
