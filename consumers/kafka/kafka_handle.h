// What both clients of librdkafka share: the handle with its last error, settings, error codes. Only for the .cc files of
// this room that speak to librdkafka.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/kafka/kafka_client.h"
#include "models/domain/status.h"

namespace offerstream {

/// What every handle has: the last error of its background threads, for messages that only say "timed out".
struct KafkaHandle {
  rd_kafka_t* rk = nullptr;
  std::string brokers{};
  std::mutex mutex{};
  std::string last_error{};   // guarded by mutex

  /// Empty: none yet. Safe from any thread.
  std::string LastError() {
    const std::lock_guard lock(mutex);
    return last_error;
  }
};

/// Room for one of librdkafka's error texts.
inline constexpr std::size_t kErrorTextBytes = 512;
/// Destroys on a thread of its own, then lets go of `with`: librdkafka's destroy may hang. With too many hanging the process stops (exit 75).
void Reap(rd_kafka_t* handle, std::shared_ptr<void> with);
/// Our settings first, the user's over them (reserved ones are refused by the configuration).
Result<rd_kafka_conf_t*> MakeConf(const KafkaConfig& kafka, const std::string& client_id,
                                  const std::map<std::string, std::string>& ours,
                                  const std::map<std::string, std::string>& theirs, KafkaHandle& handle);
/// Makes the handle; takes over `conf`.
Status StartHandle(rd_kafka_type_t type, rd_kafka_conf_t* conf, KafkaHandle& handle);
/// Our word for librdkafka's code.
Code CodeOf(rd_kafka_resp_err_t error);
/// An error that says what was tried, and for connection troubles with which brokers and why.
tl::unexpected<Error> FailWith(KafkaHandle& handle, rd_kafka_resp_err_t error, std::string_view what,
                               std::string_view why = {});
/// Owns a list.
using PositionList = std::unique_ptr<rd_kafka_topic_partition_list_t, decltype(&rd_kafka_topic_partition_list_destroy)>;
PositionList MakeList(const std::vector<TopicPosition>& positions);
std::vector<TopicPosition> ReadList(const rd_kafka_topic_partition_list_t* list);
/// Milliseconds that only grow.
std::int64_t KafkaNowMs();
/// librdkafka's handle of a consumer, for sending its offsets from a producer.
rd_kafka_t* HandleOf(KafkaConsumer& consumer);

}  // namespace offerstream
