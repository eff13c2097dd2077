#include "consumers/kafka/kafka_handle.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <fmt/format.h>

#include "consumers/log.h"

namespace offerstream {
namespace {

constexpr int kUnreapedMax = 3;            // handles whose destruction hangs; then the process must go
std::atomic<int> reaping{0};

void OnError(rd_kafka_t*, int code, const char* reason, void* opaque) {
  auto* handle = static_cast<KafkaHandle*>(opaque);
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  const std::lock_guard lock(handle->mutex);
  handle->last_error = fmt::format("{}: {}", rd_kafka_err2name(error), reason);
  Log(LogLevel::kDebug, "kafka: " + handle->last_error);
}

void OnLog(const rd_kafka_t* rk, int level, const char* facility, const char* text) {
  Log(level <= 3 ? LogLevel::kWarn : LogLevel::kDebug, fmt::format("kafka {} {}: {}", rd_kafka_name(rk), facility, text));
}

}  // namespace

void Reap(rd_kafka_t* handle, std::shared_ptr<void> with) {
  if (++reaping > kUnreapedMax) {
    Log(LogLevel::kError, "cause=reaper three Kafka handles do not come down; stopping, a restart is safe");
    FlushLog();
    _exit(75);
  }
  std::thread([handle, with = std::move(with)] {
    rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    --reaping;
  }).detach();
}

Result<rd_kafka_conf_t*> MakeConf(const KafkaConfig& kafka, const std::string& client_id,
                                  const std::map<std::string, std::string>& ours,
                                  const std::map<std::string, std::string>& theirs, KafkaHandle& handle) {
  std::map<std::string, std::string> all = {{"bootstrap.servers", kafka.brokers}, {"client.id", client_id.substr(0, 32)},
                 {"socket.nagle.disable", "true"}, {"socket.timeout.ms", "10000"}, {"socket.keepalive.enable", "true"},
                 {"reconnect.backoff.max.ms", "2000"}, {"allow.auto.create.topics", "false"}};
  for (const auto& [name, value] : ours) all[name] = value;
  for (const auto& [name, value] : kafka.common) all[name] = value;
  for (const auto& [name, value] : theirs) all[name] = value;
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char text[kErrorTextBytes];
  for (const auto& [name, value] : all) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(conf);
      return Fail(Code::kConfiguration, fmt::format("kafka: {}: {}", name, text));
    }
  }
  handle.brokers = kafka.brokers;
  rd_kafka_conf_set_opaque(conf, &handle);
  rd_kafka_conf_set_error_cb(conf, OnError);
  rd_kafka_conf_set_log_cb(conf, OnLog);
  return conf;
}

Status StartHandle(rd_kafka_type_t type, rd_kafka_conf_t* conf, KafkaHandle& handle) {
  char text[kErrorTextBytes];
  handle.rk = rd_kafka_new(type, conf, text, sizeof text);
  if (handle.rk != nullptr) return {};
  rd_kafka_conf_destroy(conf);
  return Fail(Code::kConfiguration, fmt::format("kafka: {}", text));
}

Code CodeOf(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED: return Code::kKafkaUnauthorized;
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED: return Code::kKafkaFenced;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: return Code::kTopicMissing;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN: return Code::kKafkaUnreachable;
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT: return Code::kConfiguration;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE: return Code::kTooLarge;
    // A partition made or moved a moment ago, a coordinator that is still loading: the same call succeeds soon.
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT: return Code::kKafkaRetriable;
    default: return Code::kKafkaFatal;
  }
}

tl::unexpected<Error> FailWith(KafkaHandle& handle, rd_kafka_resp_err_t error, std::string_view what,
                               std::string_view why) {
  const Code code = CodeOf(error);
  std::string text = fmt::format("{}: {}", what, why.empty() ? std::string_view(rd_kafka_err2str(error)) : why);
  if (code == Code::kKafkaUnreachable) {
    text += fmt::format(" (brokers {}", handle.brokers);
    if (const std::string last = handle.LastError(); !last.empty()) text += "; " + last;
    text += ")";
  }
  return Fail(code, std::move(text));
}

PositionList MakeList(const std::vector<TopicPosition>& positions) {
  PositionList list(rd_kafka_topic_partition_list_new(static_cast<int>(positions.size())),
                    rd_kafka_topic_partition_list_destroy);
  for (const TopicPosition& p : positions) {
    auto* entry = rd_kafka_topic_partition_list_add(list.get(), p.topic.c_str(), p.partition);
    entry->offset = p.offset;
    if (p.metadata.empty()) continue;
    entry->metadata = std::malloc(p.metadata.size());   // librdkafka frees it with free()
    std::memcpy(entry->metadata, p.metadata.data(), p.metadata.size());
    entry->metadata_size = p.metadata.size();
  }
  return list;
}

std::vector<TopicPosition> ReadList(const rd_kafka_topic_partition_list_t* list) {
  std::vector<TopicPosition> positions;
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    const auto& entry = list->elems[i];
    TopicPosition p{entry.topic, entry.partition, entry.offset < 0 ? kOffsetNone : entry.offset, {}};
    if (entry.metadata != nullptr) p.metadata.assign(static_cast<const char*>(entry.metadata), entry.metadata_size);
    positions.push_back(std::move(p));
  }
  return positions;
}

std::int64_t KafkaNowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void AwaitReaper(int timeout_ms) {
  for (const std::int64_t deadline = KafkaNowMs() + timeout_ms; reaping > 0 && KafkaNowMs() < deadline;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace offerstream
