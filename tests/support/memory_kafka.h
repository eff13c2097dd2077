// Kafka in memory, as far as a shard sees it: logs, transactions, committed positions with their texts, one owner per
// partition. Faults are told before they happen. One thread.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "consumers/seams/event_source.h"
#include "consumers/seams/outbox.h"
#include "consumers/seams/publisher.h"

namespace offerstream::testing {

/// The cluster. Only committed records are in the logs: what is open lies with its writer.
struct MemoryKafka {
  struct Entry {
    std::string key{}, value{};
    bool null_key = false, null_value = false;
    std::vector<std::pair<std::string, std::string>> headers{};
  };
  using Place = std::pair<std::string, std::int32_t>;
  std::map<Place, std::vector<Entry>> logs{};
  std::map<Place, std::pair<std::int64_t, std::string>> positions{};   // committed: next offset, text
  std::map<Place, std::int64_t> begins{};                               // first retained offsets; absent: 0
  std::map<std::int32_t, const void*> owners{};                         // of input partitions; others are fenced

  std::vector<Entry>& Log(const std::string& topic, std::int32_t partition) { return logs[{topic, partition}]; }
  /// Partition and value of everything in a topic, in order.
  std::vector<std::string> Lines(const std::string& topic) const {
    std::vector<std::string> lines;
    for (const auto& [place, entries] : logs) {
      if (place.first != topic) continue;
      for (const Entry& e : entries) lines.push_back(std::to_string(place.second) + "|" + e.key + "|" + (e.null_value ? "null" : e.value));
    }
    return lines;
  }
};

/// What becomes of a commit.
enum class CommitFault { kNone, kAborted, kUnknownDone, kUnknownLost };

/// A shard's consumer and producer.
class MemoryShard final : public EventSource, public Outbox {
 public:
  MemoryShard(MemoryKafka& kafka, std::vector<std::string> inputs, std::vector<std::string> outputs)
      : kafka_(kafka), inputs_(std::move(inputs)), outputs_(std::move(outputs)) {}

  /// The group's word, told at the next Attend. Taking revokes everything first, as the range assignor does.
  void Assign(const std::set<std::int32_t>& partitions, bool lost = false) {
    for (const auto& [p, next] : next_) change_.revoked.push_back(p);
    next_.clear();
    change_.lost = lost;
    change_.answered = !lost;
    for (const std::int32_t p : partitions) {
      std::vector<std::int64_t>& next = next_[p];
      for (const std::string& input : inputs_) next.push_back(PositionOf(input, p).first);
      change_.assigned.push_back(p);
      kafka_.owners[p] = this;
    }
  }
  std::function<CommitFault()> commit_fault{};   ///< asked at each commit; empty: none
  bool unclean = false;                          ///< the next commit's requests were repeated
  std::uint64_t recycles = 0, commits = 0;

  Result<OwnershipChange> Attend() override { return std::exchange(change_, {}); }
  Status Poll(std::size_t records_max, std::size_t, int, RecordBatch& batch) override {
    for (auto& [p, next] : next_) {
      for (std::uint16_t i = 0; i < inputs_.size(); ++i) {
        const std::vector<MemoryKafka::Entry>& log = kafka_.Log(inputs_[i], p);
        for (; batch.count < records_max && next[i] < static_cast<std::int64_t>(log.size()); ++next[i]) {
          Fill(log[static_cast<std::size_t>(next[i])], {i, p, next[i]}, batch);
        }
      }
    }
    return {};
  }
  Result<std::vector<CommittedOffset>> Committed(std::int32_t partition) override {
    std::vector<CommittedOffset> committed;
    for (const std::string& input : inputs_) {
      const auto at = kafka_.positions.find({input, partition});
      if (at == kafka_.positions.end()) committed.push_back({});
      else committed.push_back({true, at->second.first, at->second.second});
    }
    return committed;
  }
  Status Seek(std::int32_t partition, const std::vector<std::int64_t>& offsets) override {
    next_[partition] = offsets;
    return {};
  }
  std::int64_t Lag(std::int32_t) override { return -1; }

  Status Begin() override {
    open_ = true;
    return {};
  }
  Status Append(const OutRecord& record) override {
    MemoryKafka::Entry entry{std::string(record.key), std::string(record.value), record.null_key, record.null_value, {}};
    for (const auto& [name, value] : record.headers) entry.headers.emplace_back(name, value);
    pending_.push_back({{outputs_.at(static_cast<std::size_t>(record.topic)), record.partition}, std::move(entry)});
    tags_.push_back(record.tag);
    return {};
  }
  Status SendPositions(std::span<const InputPosition> positions) override {
    for (const InputPosition& p : positions) {
      if (kafka_.owners[p.partition] != this) return Fail(Code::kKafkaAborted, "no longer the owner");
    }
    moved_.assign(positions.begin(), positions.end());
    return {};
  }
  Outcome Commit(Error& why) override {
    const CommitFault fault = commit_fault ? commit_fault() : CommitFault::kNone;
    why = {Code::kKafkaUnknownOutcome, 0, "planted"};
    if (fault == CommitFault::kAborted) return Outcome::kAborted;
    if (fault == CommitFault::kUnknownLost) return Outcome::kUnknown;   // stays open until Recycle
    deliveries_.clear();
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      std::vector<MemoryKafka::Entry>& log = kafka_.logs[pending_[i].first];
      if (tags_[i] != 0) deliveries_.push_back({tags_[i], static_cast<std::int64_t>(log.size())});
      log.push_back(std::move(pending_[i].second));
    }
    for (const InputPosition& p : moved_) kafka_.positions[{inputs_[p.input], p.partition}] = {p.next, p.metadata};
    Drop();
    ++commits;
    return fault == CommitFault::kUnknownDone ? Outcome::kUnknown : Outcome::kCommitted;
  }
  Status Recycle() override {
    ++recycles;
    unclean = false;
    deliveries_.clear();
    Drop();
    return {};
  }
  bool Clean() const override { return !unclean; }
  std::span<const Delivery> Delivered() const override { return deliveries_; }

  /// Appends what is at `entry` as a record of `cause`.
  static void Fill(const MemoryKafka::Entry& entry, const Cause& cause, RecordBatch& batch) {
    Record& record = batch.Add();
    // The logs grow while records are held: their bytes are copied.
    auto* kept = new MemoryKafka::Entry(entry);
    batch.owners.emplace_back(kept, [](void* e) { delete static_cast<MemoryKafka::Entry*>(e); });
    record.key = kept->key;
    record.value = kept->value;
    record.null_key = kept->null_key;
    record.null_value = kept->null_value;
    for (const auto& [name, value] : kept->headers) record.headers.push_back({name, value});
    record.cause = cause;
    batch.bytes += kept->value.size();
  }

 private:
  std::pair<std::int64_t, std::string> PositionOf(const std::string& input, std::int32_t partition) const {
    const auto at = kafka_.positions.find({input, partition});
    return at == kafka_.positions.end() ? std::pair<std::int64_t, std::string>{} : at->second;
  }
  void Drop() {
    open_ = false;
    pending_.clear();
    tags_.clear();
    moved_.clear();
  }

  MemoryKafka& kafka_;
  std::vector<std::string> inputs_, outputs_;
  OwnershipChange change_{};
  std::map<std::int32_t, std::vector<std::int64_t>> next_{};
  bool open_ = false;
  std::vector<std::pair<MemoryKafka::Place, MemoryKafka::Entry>> pending_{};
  std::vector<std::uint32_t> tags_{};
  std::vector<InputPosition> moved_{};
  std::vector<Delivery> deliveries_{};
};

/// Reads any log.
class MemoryLogReader final : public LogReader {
 public:
  explicit MemoryLogReader(MemoryKafka& kafka) : kafka_(kafka) {}
  Result<LogBounds> Bounds(const std::string& topic, std::int32_t partition) override {
    const auto begin = kafka_.begins.find({topic, partition});
    return LogBounds{begin == kafka_.begins.end() ? 0 : begin->second, static_cast<std::int64_t>(kafka_.Log(topic, partition).size())};
  }
  Result<std::unique_ptr<LogStream>> Open(const std::string& topic, std::int32_t partition, std::int64_t from, std::uint16_t input) override {
    return std::make_unique<Stream>(kafka_, topic, std::map<std::int32_t, std::int64_t>{{partition, from}}, input);
  }
  Result<std::unique_ptr<LogStream>> OpenAll(const std::string& topic, const std::vector<std::int64_t>& from) override {
    std::map<std::int32_t, std::int64_t> next;
    for (std::size_t p = 0; p < from.size(); ++p) next[static_cast<std::int32_t>(p)] = from[p];
    return std::make_unique<Stream>(kafka_, topic, std::move(next), 0);
  }

 private:
  class Stream final : public LogStream {
   public:
    Stream(MemoryKafka& kafka, std::string topic, std::map<std::int32_t, std::int64_t> next, std::uint16_t input)
        : kafka_(kafka), topic_(std::move(topic)), next_(std::move(next)), input_(input) {}
    Status Read(std::size_t records_max, int, RecordBatch& batch) override {
      for (auto& [p, next] : next_) {
        const auto& log = kafka_.Log(topic_, p);
        for (; batch.count < records_max && next < static_cast<std::int64_t>(log.size()); ++next) {
          MemoryShard::Fill(log[static_cast<std::size_t>(next)], {input_, p, next}, batch);
        }
        if (next == static_cast<std::int64_t>(log.size())) batch.ends.push_back({input_, p, next});
      }
      return {};
    }
    std::int64_t KnownEnd(std::int32_t partition) const override { return static_cast<std::int64_t>(kafka_.Log(topic_, partition).size()); }

   private:
    MemoryKafka& kafka_;
    std::string topic_;
    std::map<std::int32_t, std::int64_t> next_;
    std::uint16_t input_;
  };
  MemoryKafka& kafka_;
};

/// A model owner's producer: what is appended is there at once.
class MemoryPublisher final : public Publisher {
 public:
  MemoryPublisher(MemoryKafka& kafka, std::vector<std::string> outputs) : kafka_(kafka), outputs_(std::move(outputs)) {}
  Status Append(const OutRecord& record) override {
    kafka_.Log(outputs_.at(static_cast<std::size_t>(record.topic)), record.partition)
        .push_back({std::string(record.key), std::string(record.value), record.null_key, record.null_value, {}});
    return {};
  }
  Status Flush() override { return {}; }

 private:
  MemoryKafka& kafka_;
  std::vector<std::string> outputs_;
};

}  // namespace offerstream::testing
