// Kafka's reader and administration as values and Status: with kafka_producer the only door to librdkafka. No policy: which call
// follows which error is kafka_shard's business.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/seams/event_source.h"
#include "models/domain/status.h"

namespace offerstream {

/// A partition of a topic with a position. kOffsetNone: none is known.
struct TopicPosition {
  std::string topic{};
  std::int32_t partition = 0;
  std::int64_t offset = -1001;
  std::string metadata{};
};
inline constexpr std::int64_t kOffsetNone = -1001;

/// A consumer. One thread. REQUIRES: batches it filled are cleared before it goes.
class KafkaConsumer {
 public:
  /// What kind of reader it is. Empty group: a private one that only assigns.
  struct Settings {
    KafkaConfig kafka{};
    std::string client_id{}, group{}, instance{};
    bool committed_only = true;       ///< read_committed; false: sees the true end
    bool tell_ends = false;           ///< RecordBatch.ends is filled
    std::uint32_t queue_kbytes = 65536;
  };
  enum class Change { kAssigned, kRevoked, kLost };
  /// Runs inside Attend. For kAssigned fills in the offset to start each partition at; an error there is returned by Attend.
  using OnChange = std::function<Status(Change, std::vector<TopicPosition>&)>;

  /// kConfiguration when librdkafka refuses a setting; connects in the background.
  static Result<std::unique_ptr<KafkaConsumer>> Open(Settings settings);
  ~KafkaConsumer();

  /// Joins the group. `inputs`: topic names; their position is the records' Cause.input.
  Status Subscribe(const std::vector<std::string>& inputs, OnChange on_change);
  /// Reads these partitions from these offsets instead of what was read before; outside the group's business.
  Status Assign(const std::vector<TopicPosition>& positions, const std::vector<std::string>& inputs);
  /// An assigned partition goes on from `position.offset`; what was fetched before is outdated.
  Status Seek(const TopicPosition& position, int timeout_ms);
  /// Serves the group and errors; returns at once.
  Status Attend();
  /// See EventSource::Poll.
  Status Poll(std::size_t records_max, std::size_t bytes_max, int wait_ms, RecordBatch& batch);
  /// Fills offsets and metadata (kOffsetNone: nothing committed) with stable committed positions.
  Status Committed(std::vector<TopicPosition>& positions, int timeout_ms);
  Result<LogBounds> Bounds(const std::string& topic, std::int32_t partition, int timeout_ms);
  /// The end as of the last fetch, without asking; -1 unknown.
  std::int64_t KnownEnd(const std::string& topic, std::int32_t partition) const;
  /// Leaves the group for good, also a static member, whose partitions would otherwise wait for its session's end.
  Status Leave(int timeout_ms);
  /// True when the member has joined: only then may offsets be sent under its name (else they would not be fenced).
  bool Joined() const;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  KafkaConsumer();
  std::unique_ptr<Impl> impl_;
};

/// A topic to make.
struct NewTopic {
  std::string name{};
  std::int32_t partitions = 1;
  int replication = 1;
  std::map<std::string, std::string> settings{};
};

/// Asks and changes the cluster. One thread.
class KafkaAdmin {
 public:
  /// Connects in the background.
  static Result<std::unique_ptr<KafkaAdmin>> Open(const KafkaConfig& kafka, const std::string& client_id);
  ~KafkaAdmin();
  /// Number of partitions by topic, into `replicas` the copies of each; absent topics are absent. kKafkaUnreachable names the
  /// address.
  Result<std::map<std::string, std::int32_t>> Partitions(const std::vector<std::string>& topics, int timeout_ms,
                                                         std::map<std::string, int>* replicas = nullptr);
  /// Settings by topic, as in force; absent topics are absent. kKafkaUnauthorized without DescribeConfigs on one.
  Result<std::map<std::string, std::map<std::string, std::string>>> Settings(const std::vector<std::string>& topics, int timeout_ms);
  /// A member of a group: the instance id of a static one (else empty), and where it is.
  struct Member {
    std::string instance{}, host{};
  };
  Result<std::vector<Member>> Members(const std::string& group, int timeout_ms);
  /// Existing topics are left as they are.
  Status Create(const std::vector<NewTopic>& topics, int timeout_ms);
  /// Returns when the controller has them as deleted; they may be seen for a moment still. Absent ones are fine.
  Status Delete(const std::vector<std::string>& topics, int timeout_ms);
  /// REQUIRES of the broker: nobody is in the group. A group that is not there is fine.
  Status DeleteGroup(const std::string& group, int timeout_ms);
  /// Commits these offsets for a group in which nobody is; their texts go.
  Status SetCommitted(const std::string& group, const std::vector<TopicPosition>& positions, int timeout_ms);
  /// The first offset of a record at or after a time (ms), the end when there is none; or of kAtBegin, kAtEnd.
  Result<std::int64_t> OffsetAt(const std::string& topic, std::int32_t partition, std::int64_t time_ms, int timeout_ms);
  static constexpr std::int64_t kAtBegin = -2, kAtEnd = -1;

 private:
  KafkaAdmin();
  Status TryToCreate(const std::vector<NewTopic>& topics, int timeout_ms);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Opens logs with private read_committed consumers; bounds are those of read_uncommitted.
std::unique_ptr<LogReader> OpenKafkaLogReader(const KafkaConfig& kafka, const std::string& client_id);

/// Waits until handed-over handles are gone, at most `timeout_ms`. Called last, before the process ends.
void AwaitReaper(int timeout_ms);

}  // namespace offerstream
