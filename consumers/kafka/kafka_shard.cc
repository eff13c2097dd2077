#include "consumers/kafka/kafka_shard.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "consumers/log.h"

namespace offerstream {
namespace {

constexpr int kCallTimeoutMs = 15'000;     // never milliseconds: repeated state transitions are live asserts inside
constexpr int kCommitTimeoutMs = 30'000;
constexpr int kCommittedTimeoutMs = 10'000;
constexpr int kCommittedPatienceMs = 60'000;   // transaction timeout and the broker's sweep fit in
constexpr int kFencedMax = 3;              // within a minute: another owner is alive
constexpr int kOwnJoinsMax = 3;            // each within a minute of the one before
constexpr std::int64_t kFencedAgainMs = 60'000;

std::int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void Pause(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

}  // namespace

KafkaShard::KafkaShard(Settings settings) : settings_(std::move(settings)) {}
KafkaShard::~KafkaShard() {
  if (open_ && sound_) (void)producer_->Abort(kCallTimeoutMs);
  consumer_.reset();
}

std::string KafkaShard::Identity() const {
  return fmt::format("{}-{}-{}", settings_.app_id, settings_.instance, settings_.shard);
}

Status KafkaShard::Start(int deadline_ms) {
  if (Status opened = OpenProducer(); !opened) return opened;
  if (Status ready = InitProducer(NowMs() + deadline_ms); !ready) return ready;
  return OpenConsumer();
}

Status KafkaShard::OpenConsumer() {
  consumer_.reset();
  auto consumer = KafkaConsumer::Open({settings_.kafka, fmt::format("{}-{}", settings_.app_id, settings_.shard),
                                       settings_.app_id, Identity(), true, false, settings_.queue_kbytes});
  if (!consumer) return tl::unexpected(consumer.error());
  consumer_ = std::move(*consumer);
  return consumer_->Subscribe(settings_.inputs, [this](KafkaConsumer::Change change, std::vector<TopicPosition>& positions) {
    return OnChange(change, positions);
  });
}

Status KafkaShard::OpenProducer() {
  producer_.reset();
  auto opened = KafkaProducer::Open({settings_.kafka, fmt::format("{}-{}-out", settings_.app_id, settings_.shard), Identity()});
  if (!opened) return tl::unexpected(opened.error());
  producer_ = std::move(*opened);
  return {};
}

Status KafkaShard::InitProducer(std::int64_t deadline_ms) {
  for (int fenced = 0;;) {
    Status ready = producer_->InitTransactions(kCallTimeoutMs);
    if (ready) return ready;
    switch (ready.error().code) {
      case Code::kKafkaRetriable:
        if (NowMs() >= deadline_ms) {
          return Fail(Code::kKafkaUnreachable, fmt::format("no answer from Kafka at {}: {}", settings_.kafka.brokers, ready.error().detail));
        }
        Log(LogLevel::kWarn, fmt::format("shard {}: waiting for Kafka: {}", settings_.shard, ready.error().detail));
        break;
      case Code::kKafkaFenced:
        if (++fenced >= kFencedMax) return ready;
        if (Status opened = OpenProducer(); !opened) return opened;
        break;
      case Code::kKafkaUnauthorized:
      case Code::kConfiguration: return ready;
      default:
        if (NowMs() >= deadline_ms) return ready;
        if (Status opened = OpenProducer(); !opened) return opened;
    }
    if (settings_.still_waiting) settings_.still_waiting();
    Pause(250);
  }
}

/// Committed positions; where none is, the log's start.
Status KafkaShard::ResolveStart(std::vector<TopicPosition>& positions) {
  if (Status known = consumer_->Committed(positions, kCommittedTimeoutMs); !known) return known;
  for (TopicPosition& p : positions) {
    p.metadata.clear();
    if (p.offset != kOffsetNone) continue;
    auto bounds = consumer_->Bounds(p.topic, p.partition, kCommittedTimeoutMs);
    if (!bounds) return tl::unexpected(bounds.error());
    p.offset = bounds->low;
  }
  return {};
}

Status KafkaShard::OnChange(KafkaConsumer::Change change, std::vector<TopicPosition>& positions) {
  if (change != KafkaConsumer::Change::kAssigned) {
    if (change == KafkaConsumer::Change::kLost) change_.lost = true;
    for (const auto& [partition, next] : next_) change_.revoked.push_back(partition);
    next_.clear();
    change_.answered = false;
    return {};
  }
  change_.answered = true;
  if (positions.empty()) return {};
  // Without an answer we wait, as everywhere: also while a transaction of a dead writer has not ended yet. The member keeps
  // its partitions; the group sees its heartbeats.
  for (;;) {
    Status known = ResolveStart(positions);
    if (known) break;
    if (known.error().code != Code::kKafkaUnreachable && known.error().code != Code::kKafkaRetriable) return known;
    Log(LogLevel::kWarn, fmt::format("shard {}: waiting for committed positions: {}", settings_.shard, known.error().detail));
    if (settings_.still_waiting) settings_.still_waiting();
    Pause(250);
  }
  for (TopicPosition& p : positions) {
    auto [entry, fresh] = next_.try_emplace(p.partition, settings_.inputs.size(), 0);
    if (fresh) change_.assigned.push_back(p.partition);
    const auto input = std::find(settings_.inputs.begin(), settings_.inputs.end(), p.topic) - settings_.inputs.begin();
    if (static_cast<std::size_t>(input) < settings_.inputs.size()) entry->second[static_cast<std::size_t>(input)] = p.offset;
  }
  return {};
}

Result<OwnershipChange> KafkaShard::Attend() {
  assert(!open_);
  if (Status served = consumer_->Attend(); !served) {
    if (served.error().code != Code::kKafkaFenced) return tl::unexpected(served.error());
    // A request to join of our own that was long under way does this, too, and a coordinator that stands still now and then makes
    // several; another process does it again and again.
    if (NowMs() - fenced_at_ms_ >= kFencedAgainMs) fenced_ = 0;
    fenced_at_ms_ = NowMs();
    if (++fenced_ > kOwnJoinsMax) return Fail(Code::kKafkaFenced, served.error().detail + "; a duplicate instance id?");
    std::vector<TopicPosition> none;
    Log(LogLevel::kWarn, fmt::format("shard {}: {}; joining anew", settings_.shard, served.error().detail));
    if (Status told = OnChange(KafkaConsumer::Change::kLost, none); !told) return tl::unexpected(told.error());
    if (Status opened = OpenConsumer(); !opened) return tl::unexpected(opened.error());
  }
  return std::exchange(change_, {});
}

Status KafkaShard::Poll(std::size_t records_max, std::size_t bytes_max, int wait_ms, RecordBatch& batch) {
  const std::size_t first = batch.count;
  if (Status polled = consumer_->Poll(records_max, bytes_max, wait_ms, batch); !polled) return polled;
  // Guard: what was already handed out never comes again, whatever the client does.
  std::size_t kept = first;
  for (std::size_t i = first; i < batch.count; ++i) {
    const Cause& cause = batch.records[i].cause;
    const auto owned = next_.find(cause.partition);
    if (owned == next_.end() || cause.offset < owned->second[cause.input]) continue;
    owned->second[cause.input] = cause.offset + 1;
    if (kept != i) std::swap(batch.records[kept], batch.records[i]);
    ++kept;
  }
  batch.count = kept;
  return {};
}

Result<std::vector<CommittedOffset>> KafkaShard::Committed(std::int32_t partition) {
  std::vector<TopicPosition> positions;
  for (const std::string& input : settings_.inputs) positions.push_back({input, partition, kOffsetNone, {}});
  for (const std::int64_t deadline = NowMs() + kCommittedPatienceMs;;) {
    Status known = consumer_->Committed(positions, kCommittedTimeoutMs);
    if (known) break;
    if (NowMs() >= deadline) return tl::unexpected(known.error());
    if (settings_.still_waiting) settings_.still_waiting();
  }
  std::vector<CommittedOffset> committed;
  for (TopicPosition& p : positions) committed.push_back({p.offset != kOffsetNone, p.offset, std::move(p.metadata)});
  return committed;
}

Status KafkaShard::Seek(std::int32_t partition, const std::vector<std::int64_t>& offsets) {
  const auto owned = next_.find(partition);
  if (owned == next_.end()) return Fail(Code::kNotFound, fmt::format("partition {} is not owned", partition));
  if (owned->second == offsets) return {};   // nothing beyond was handed out
  owned->second = offsets;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (Status s = consumer_->Seek({settings_.inputs[i], partition, offsets[i], {}}, kCallTimeoutMs); !s) return s;
  }
  return {};
}

std::int64_t KafkaShard::Lag(std::int32_t partition) {
  const auto owned = next_.find(partition);
  if (owned == next_.end()) return -1;
  std::int64_t lag = 0;
  for (std::size_t i = 0; i < owned->second.size(); ++i) {
    const std::int64_t end = consumer_->KnownEnd(settings_.inputs[i], partition);
    if (end < 0) return -1;
    lag += std::max<std::int64_t>(0, end - owned->second[i]);
  }
  return lag;
}

Status KafkaShard::Begin() {
  assert(!open_);
  producer_->ClearDeliveries();
  Status begun = producer_->Begin();
  open_ = sound_ = begun.has_value();
  return begun;
}

Status KafkaShard::Append(const OutRecord& record) {
  assert(open_);
  Status sent = producer_->Send(settings_.outputs[static_cast<std::size_t>(record.topic)], record);
  sound_ = sound_ && sent.has_value();
  return sent;
}

Status KafkaShard::SendPositions(std::span<const InputPosition> positions) {
  assert(open_);
  std::vector<TopicPosition> list;
  for (const InputPosition& p : positions) list.push_back({settings_.inputs[p.input], p.partition, p.next, p.metadata});
  // Not asked of the producer: it stays sound, and what it has under way may end in order.
  if (!consumer_->Joined()) return Fail(Code::kKafkaAborted, "the consumer is not a member of its group");
  Status sent = producer_->SendOffsets(list, *consumer_, kCallTimeoutMs);
  sound_ = sound_ && sent.has_value();
  return sent;
}

Outbox::Outcome KafkaShard::Commit(Error& why) {
  assert(open_);
  open_ = false;
  Status done = producer_->Commit(kCommitTimeoutMs);
  if (done) return Outcome::kCommitted;
  why = done.error();
  return Outcome::kUnknown;
}

Status KafkaShard::Recycle() {
  // Nothing failed: aborting spares half a second, and destroying in the middle of a transaction's first request asserts in
  // librdkafka 2.0.2 (rd_kafka_txn_handle_AddPartitionsToTxn).
  const bool abort = std::exchange(open_, false) && sound_;
  if (abort && producer_->Abort(kCallTimeoutMs)) return {};
  if (Status opened = OpenProducer(); !opened) return opened;
  return InitProducer(INT64_MAX);
}

std::span<const Delivery> KafkaShard::Delivered() const { return producer_->deliveries(); }

}  // namespace offerstream
