#include "consumers/kafka/kafka_client.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstring>
#include <thread>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include "consumers/kafka/kafka_handle.h"
#include "consumers/log.h"

namespace offerstream {
namespace {

constexpr int kUnknownMs = 3'000, kAskMs = 2'000, kAskAgainMs = 100;

}  // namespace

struct KafkaConsumer::Impl : KafkaHandle {
  Settings settings{};
  std::vector<std::string> inputs{};
  OnChange on_change{};
  Status change_failed{};
  rd_kafka_queue_t* queue = nullptr;       // all owned partitions are forwarded to it
  bool subscribed = false;
  bool closing = false;                    // nobody is there any more to be told of changes

  ~Impl() {
    closing = true;
    if (queue != nullptr) rd_kafka_queue_destroy(queue);
    // The handle's callbacks point at this object: a subscribed one is closed here, before the reaper takes it.
    rd_kafka_t* gone = rk;
    if (gone == nullptr) return;
    if (subscribed) rd_kafka_consumer_close(gone);
    rd_kafka_destroy_flags(gone, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
  std::uint16_t InputOf(const char* topic) const {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] == topic) return static_cast<std::uint16_t>(i);
    }
    return 0;
  }
  Status Take(const std::vector<TopicPosition>& positions);
  void HearOf(const std::string& topic, int timeout_ms);
  static void Rebalance(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*, void*);
  void AddTo(RecordBatch& batch, rd_kafka_message_t* message) const;
};

/// Asks for the topic's leaders, which replaces what was known of them.
void KafkaConsumer::Impl::HearOf(const std::string& topic, int timeout_ms) {
  rd_kafka_topic_t* handle = rd_kafka_topic_new(rk, topic.c_str(), nullptr);
  const struct rd_kafka_metadata* metadata = nullptr;
  if (rd_kafka_metadata(rk, 0, handle, &metadata, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_metadata_destroy(metadata);
  rd_kafka_topic_destroy(handle);
}

Status KafkaConsumer::Impl::Take(const std::vector<TopicPosition>& positions) {
  for (const TopicPosition& p : positions) {
    rd_kafka_queue_t* own = rd_kafka_queue_get_partition(rk, p.topic.c_str(), p.partition);
    if (own == nullptr) return Fail(Code::kTopicMissing, p.topic);
    rd_kafka_queue_forward(own, queue);
    rd_kafka_queue_destroy(own);
  }
  const PositionList list = MakeList(positions);
  if (const auto error = rd_kafka_assign(rk, list.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return FailWith(*this, error, "assign");
  }
  return {};
}

void KafkaConsumer::Impl::Rebalance(rd_kafka_t* rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list,
                                    void* opaque) {
  auto& self = *static_cast<Impl*>(static_cast<KafkaHandle*>(opaque));
  if (self.closing) {   // closing serves what has just arrived, an assignment too
    rd_kafka_assign(rk, nullptr);
    return;
  }
  std::vector<TopicPosition> positions = ReadList(list);
  if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    Status told = self.on_change ? self.on_change(Change::kAssigned, positions) : Status{};
    if (told) told = self.Take(positions);
    if (!told) {
      self.change_failed = told;
      rd_kafka_assign(rk, nullptr);
    }
    return;
  }
  const bool lost = rd_kafka_assignment_lost(rk) != 0;
  if (self.on_change) {
    if (Status told = self.on_change(lost ? Change::kLost : Change::kRevoked, positions); !told) self.change_failed = told;
  }
  rd_kafka_assign(rk, nullptr);
}

void KafkaConsumer::Impl::AddTo(RecordBatch& batch, rd_kafka_message_t* message) const {
  Record& record = batch.Add();
  record.null_key = message->key == nullptr;
  record.key = {static_cast<const char*>(message->key), message->key_len};
  record.null_value = message->payload == nullptr;
  record.value = {static_cast<const char*>(message->payload), message->len};
  rd_kafka_timestamp_type_t type{};
  const std::int64_t time = rd_kafka_message_timestamp(message, &type);
  record.timestamp_ms = time > 0 ? time : 0;
  record.cause = {InputOf(rd_kafka_topic_name(message->rkt)), message->partition, message->offset};
  batch.bytes += message->len + message->key_len;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
      record.headers.push_back({name, {static_cast<const char*>(value), size}, value == nullptr});
      batch.bytes += size;
    }
  }
  batch.owners.emplace_back(message, [](void* m) { rd_kafka_message_destroy(static_cast<rd_kafka_message_t*>(m)); });
}

KafkaConsumer::KafkaConsumer() : impl_(std::make_unique<Impl>()) {}
KafkaConsumer::~KafkaConsumer() = default;

Result<std::unique_ptr<KafkaConsumer>> KafkaConsumer::Open(Settings settings) {
  std::unique_ptr<KafkaConsumer> made(new KafkaConsumer);
  Impl& impl = *made->impl_;
  std::map<std::string, std::string> ours = {{"isolation.level", settings.committed_only ? "read_committed" : "read_uncommitted"},
                  {"enable.auto.commit", "false"}, {"enable.auto.offset.store", "false"}, {"auto.offset.reset", "error"},
                  {"check.crcs", "true"}, {"session.timeout.ms", "45000"}, {"heartbeat.interval.ms", "3000"},
                  {"max.poll.interval.ms", "300000"}, {"queued.min.messages", "1000000"},
                  {"queued.max.messages.kbytes", std::to_string(settings.queue_kbytes)}, {"fetch.wait.max.ms", "100"},
                  {"partition.assignment.strategy", "range"},
                  {"enable.partition.eof", settings.tell_ends ? "true" : "false"},
                  {"group.id", settings.group.empty() ? settings.client_id : settings.group}};
  if (!settings.instance.empty()) ours["group.instance.id"] = settings.instance;
  auto conf = MakeConf(settings.kafka, settings.client_id, ours, settings.kafka.consumer, impl);
  if (!conf) return tl::unexpected(conf.error());
  rd_kafka_conf_set_rebalance_cb(*conf, Impl::Rebalance);
  if (Status started = StartHandle(RD_KAFKA_CONSUMER, *conf, impl); !started) return tl::unexpected(started.error());
  rd_kafka_poll_set_consumer(impl.rk);
  impl.queue = rd_kafka_queue_new(impl.rk);
  impl.settings = std::move(settings);
  return made;
}

Status KafkaConsumer::Subscribe(const std::vector<std::string>& inputs, OnChange on_change) {
  impl_->inputs = inputs;
  impl_->on_change = std::move(on_change);
  impl_->subscribed = true;
  std::vector<TopicPosition> topics;
  for (const std::string& topic : inputs) topics.push_back({topic, RD_KAFKA_PARTITION_UA, kOffsetNone, {}});
  const PositionList list = MakeList(topics);
  if (const auto error = rd_kafka_subscribe(impl_->rk, list.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return FailWith(*impl_, error, "subscribe");
  }
  return {};
}

Status KafkaConsumer::Assign(const std::vector<TopicPosition>& positions, const std::vector<std::string>& inputs) {
  impl_->inputs = inputs;
  return impl_->Take(positions);
}

Status KafkaConsumer::Seek(const TopicPosition& position, int timeout_ms) {
  // One by one: rd_kafka_seek_partitions waits a thousandth of its timeout in 2.0.2.
  rd_kafka_topic_t* topic = rd_kafka_topic_new(impl_->rk, position.topic.c_str(), nullptr);
  auto error = RD_KAFKA_RESP_ERR__STATE;
  for (const std::int64_t deadline = KafkaNowMs() + timeout_ms; error == RD_KAFKA_RESP_ERR__STATE && KafkaNowMs() < deadline;) {
    error = rd_kafka_seek(topic, position.partition, position.offset, timeout_ms);
    if (error == RD_KAFKA_RESP_ERR__STATE) std::this_thread::sleep_for(std::chrono::milliseconds(10));   // not started yet
  }
  rd_kafka_topic_destroy(topic);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return FailWith(*impl_, error, fmt::format("seek {}[{}]", position.topic, position.partition));
  return {};
}

Status KafkaConsumer::Attend() {
  while (rd_kafka_message_t* message = rd_kafka_consumer_poll(impl_->rk, 0)) {
    const auto error = message->err;
    const std::string text = error != RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_message_errstr(message) : "";
    rd_kafka_message_destroy(message);
    if (error == RD_KAFKA_RESP_ERR__FATAL) {   // another process under our static name: the client stands still from now on
      char why[kErrorTextBytes];
      const auto fatal = rd_kafka_fatal_error(impl_->rk, why, sizeof why);
      return FailWith(*impl_, fatal, "group", why);
    }
    if (error == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) return FailWith(*impl_, error, "group", text);
    if (CodeOf(error) == Code::kKafkaUnauthorized || CodeOf(error) == Code::kTopicMissing) {
      return FailWith(*impl_, error, "group", text);
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) Log(LogLevel::kWarn, "kafka: " + text);
  }
  return std::exchange(impl_->change_failed, Status{});
}

Status KafkaConsumer::Poll(std::size_t records_max, std::size_t bytes_max, int wait_ms, RecordBatch& batch) {
  while (batch.count < records_max && batch.bytes < bytes_max) {
    rd_kafka_message_t* message = rd_kafka_consume_queue(impl_->queue, batch.count == 0 && batch.ends.empty() ? wait_ms : 0);
    if (message == nullptr) return {};
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      impl_->AddTo(batch, message);
      continue;
    }
    const auto error = message->err;
    const std::string text = rd_kafka_message_errstr(message);
    if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      batch.ends.push_back({impl_->InputOf(rd_kafka_topic_name(message->rkt)), message->partition, message->offset});
    }
    const std::string where =
        message->rkt == nullptr ? "" : fmt::format("{}[{}]", rd_kafka_topic_name(message->rkt), message->partition);
    rd_kafka_message_destroy(message);
    switch (error) {
      case RD_KAFKA_RESP_ERR__PARTITION_EOF: break;
      // Reported once; then librdkafka would skip the whole batch. Nothing may be skipped.
      case RD_KAFKA_RESP_ERR__BAD_MSG:
      case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
      case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
      case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return Fail(Code::kLogAndStateDisagree, fmt::format("{}: {}", where, text));
      default: Log(LogLevel::kWarn, fmt::format("kafka {}: {}", where, text));
    }
  }
  return {};
}

Status KafkaConsumer::Committed(std::vector<TopicPosition>& positions, int timeout_ms) {
  const PositionList list = MakeList(positions);
  for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = RD_KAFKA_OFFSET_INVALID;
  const auto error = rd_kafka_committed(impl_->rk, list.get(), timeout_ms);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return FailWith(*impl_, error, "committed offsets");
  for (int i = 0; i < list->cnt; ++i) {
    if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return FailWith(*impl_, list->elems[i].err, "committed offsets");
  }
  positions = ReadList(list.get());
  return {};
}

Result<LogBounds> KafkaConsumer::Bounds(const std::string& topic, std::int32_t partition, int timeout_ms) {
  // Not rd_kafka_query_watermark_offsets: in 2.0.2 it ignores its timeout and waits for as long as no broker answers. The
  // times -2 and -1 mean the log's begin and end, as everywhere in Kafka.
  const std::int64_t begin = KafkaNowMs();
  const auto ask = [&](std::int64_t which, std::int64_t& offset) {
    const PositionList list = MakeList({{topic, partition, which, {}}});
    auto error = rd_kafka_offsets_for_times(impl_->rk, list.get(), std::min(timeout_ms, kAskMs));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = list->elems[0].err;
    offset = list->elems[0].offset;
    return error == RD_KAFKA_RESP_ERR_NO_ERROR && offset < 0 ? RD_KAFKA_RESP_ERR__TIMED_OUT : error;
  };
  // What a client has heard of a topic may lack the partition for a moment (one that is really missing still is a little later), or
  // name a leader of before, perhaps a dead one: 2.0.2 would ask that one until it hears of the next by chance.
  const auto settle = [&](std::int64_t which, std::int64_t& offset) {
    for (;;) {
      const auto error = ask(which, offset);
      const bool unknown = error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
      const bool stale = error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || error == RD_KAFKA_RESP_ERR__TIMED_OUT || error == RD_KAFKA_RESP_ERR__TRANSPORT;
      const int patience_ms = unknown ? std::min(timeout_ms, kUnknownMs) : stale ? timeout_ms : 0;
      if (KafkaNowMs() >= begin + patience_ms) return error;
      std::this_thread::sleep_for(std::chrono::milliseconds(kAskAgainMs));
      impl_->HearOf(topic, std::min(timeout_ms, kAskMs));
    }
  };
  LogBounds bounds;
  auto error = settle(RD_KAFKA_OFFSET_BEGINNING, bounds.low);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = settle(RD_KAFKA_OFFSET_END, bounds.high);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return FailWith(*impl_, error, fmt::format("{}[{}]", topic, partition));
  return bounds;
}

std::int64_t KafkaConsumer::KnownEnd(const std::string& topic, std::int32_t partition) const {
  std::int64_t low = -1, high = -1;
  rd_kafka_get_watermark_offsets(impl_->rk, topic.c_str(), partition, &low, &high);
  return high < 0 ? -1 : high;
}

Status KafkaConsumer::Leave(int timeout_ms) {
  if (const auto error = rd_kafka_unsubscribe(impl_->rk); error != RD_KAFKA_RESP_ERR_NO_ERROR) return FailWith(*impl_, error, "leaving the group");
  // The request goes out when the revocation has been served.
  for (const std::int64_t deadline = KafkaNowMs() + timeout_ms; Joined() && KafkaNowMs() < deadline;) {
    if (Status served = Attend(); !served) return served;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {};
}

bool KafkaConsumer::Joined() const {
  // "CGMDv2:", generation (int32, host order), group id NUL, member id NUL. Without generation or member id brokers
  // take offsets unfenced.
  using Metadata = std::unique_ptr<rd_kafka_consumer_group_metadata_t, decltype(&rd_kafka_consumer_group_metadata_destroy)>;
  const Metadata metadata(rd_kafka_consumer_group_metadata(impl_->rk), rd_kafka_consumer_group_metadata_destroy);
  if (metadata == nullptr) return false;
  void* bytes = nullptr;
  std::size_t size = 0;
  if (rd_kafka_error_t* error = rd_kafka_consumer_group_metadata_write(metadata.get(), &bytes, &size)) {
    rd_kafka_error_destroy(error);
    return false;
  }
  const std::string text(static_cast<const char*>(bytes), size);
  rd_kafka_mem_free(impl_->rk, bytes);
  if (size < 13) return false;
  std::int32_t generation = -1;
  std::memcpy(&generation, text.data() + 7, sizeof generation);
  const std::size_t member = text.find('\0', 11);
  return generation >= 0 && member + 1 < size && text[member + 1] != '\0';
}

rd_kafka_t* HandleOf(KafkaConsumer& consumer) { return consumer.impl().rk; }

// ------------------------------------------------------------------------------------------------------------- admin

struct KafkaAdmin::Impl : KafkaHandle {
  ~Impl() {
    if (rk != nullptr) rd_kafka_destroy(rk);
  }
};

KafkaAdmin::KafkaAdmin() : impl_(std::make_unique<Impl>()) {}
KafkaAdmin::~KafkaAdmin() = default;

Result<std::unique_ptr<KafkaAdmin>> KafkaAdmin::Open(const KafkaConfig& kafka, const std::string& client_id) {
  std::unique_ptr<KafkaAdmin> made(new KafkaAdmin);
  auto conf = MakeConf(kafka, client_id, {}, {}, *made->impl_);
  if (!conf) return tl::unexpected(conf.error());
  if (Status started = StartHandle(RD_KAFKA_PRODUCER, *conf, *made->impl_); !started) return tl::unexpected(started.error());
  return made;
}

Result<std::map<std::string, std::int32_t>> KafkaAdmin::Partitions(const std::vector<std::string>& topics, int timeout_ms) {
  const struct rd_kafka_metadata* metadata = nullptr;
  const auto error = rd_kafka_metadata(impl_->rk, 1, nullptr, &metadata, timeout_ms);
  rd_kafka_poll(impl_->rk, 0);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Fail(Code::kKafkaUnreachable, fmt::format("no answer from Kafka at {}: {}{}", impl_->brokers, rd_kafka_err2str(error),
                                                     impl_->LastError().empty() ? "" : "; " + impl_->LastError()));
  }
  std::map<std::string, std::int32_t> found;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const struct rd_kafka_metadata_topic& topic = metadata->topics[i];
    if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR || topic.partition_cnt == 0) continue;
    for (const std::string& wanted : topics) {
      if (wanted == topic.topic) found[wanted] = topic.partition_cnt;
    }
  }
  rd_kafka_metadata_destroy(metadata);
  return found;
}

namespace {

using Queue = std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)>;
using AdminEvent = std::unique_ptr<rd_kafka_event_t, decltype(&rd_kafka_event_destroy)>;

/// The answer to what was asked on `queue`; an error when there is none in time.
Result<AdminEvent> AwaitAnswer(KafkaHandle& handle, rd_kafka_queue_t* queue, int timeout_ms, std::string_view what) {
  AdminEvent event(rd_kafka_queue_poll(queue, timeout_ms), rd_kafka_event_destroy);
  const auto error = event == nullptr ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return FailWith(handle, error, what);
  return event;
}

}  // namespace

Result<std::map<std::string, std::map<std::string, std::string>>> KafkaAdmin::Settings(const std::vector<std::string>& topics,
                                                                                        int timeout_ms) {
  std::vector<rd_kafka_ConfigResource_t*> asked;
  for (const std::string& topic : topics) asked.push_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  const Queue queue(rd_kafka_queue_new(impl_->rk), rd_kafka_queue_destroy);
  rd_kafka_DescribeConfigs(impl_->rk, asked.data(), asked.size(), nullptr, queue.get());
  rd_kafka_ConfigResource_destroy_array(asked.data(), asked.size());
  auto answer = AwaitAnswer(*impl_, queue.get(), timeout_ms, "topic settings");
  if (!answer) return tl::unexpected(answer.error());
  std::size_t n = 0;
  const rd_kafka_ConfigResource_t** found = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(answer->get()), &n);
  std::map<std::string, std::map<std::string, std::string>> settings;
  for (std::size_t i = 0; i < n; ++i) {
    const auto error = rd_kafka_ConfigResource_error(found[i]);
    if (CodeOf(error) == Code::kTopicMissing) continue;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return FailWith(*impl_, error, rd_kafka_ConfigResource_name(found[i]));
    auto& of_topic = settings[rd_kafka_ConfigResource_name(found[i])];
    std::size_t entries = 0;
    const rd_kafka_ConfigEntry_t** entry = rd_kafka_ConfigResource_configs(found[i], &entries);
    for (std::size_t e = 0; e < entries; ++e) {
      const char* value = rd_kafka_ConfigEntry_value(entry[e]);
      if (value != nullptr) of_topic[rd_kafka_ConfigEntry_name(entry[e])] = value;
    }
  }
  return settings;
}

Result<std::vector<std::string>> KafkaAdmin::StaticMembers(const std::string& group, int timeout_ms) {
  const char* name = group.c_str();
  const Queue queue(rd_kafka_queue_new(impl_->rk), rd_kafka_queue_destroy);
  rd_kafka_DescribeConsumerGroups(impl_->rk, &name, 1, nullptr, queue.get());
  auto answer = AwaitAnswer(*impl_, queue.get(), timeout_ms, "group " + group);
  if (!answer) return tl::unexpected(answer.error());
  std::size_t n = 0;
  const rd_kafka_ConsumerGroupDescription_t** found =
      rd_kafka_DescribeConsumerGroups_result_groups(rd_kafka_event_DescribeConsumerGroups_result(answer->get()), &n);
  std::vector<std::string> members;
  for (std::size_t g = 0; g < n; ++g) {
    const rd_kafka_error_t* error = rd_kafka_ConsumerGroupDescription_error(found[g]);
    if (error != nullptr) return FailWith(*impl_, rd_kafka_error_code(error), "group " + group);
    for (std::size_t m = 0; m < rd_kafka_ConsumerGroupDescription_member_count(found[g]); ++m) {
      const char* id = rd_kafka_MemberDescription_group_instance_id(rd_kafka_ConsumerGroupDescription_member(found[g], m));
      if (id != nullptr) members.emplace_back(id);
    }
  }
  return members;
}

Status KafkaAdmin::Create(const std::vector<NewTopic>& topics, int timeout_ms) {
  char text[kErrorTextBytes];
  std::vector<rd_kafka_NewTopic_t*> wanted;
  for (const NewTopic& topic : topics) {
    wanted.push_back(rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions, topic.replication, text, sizeof text));
    for (const auto& [name, value] : topic.settings) rd_kafka_NewTopic_set_config(wanted.back(), name.c_str(), value.c_str());
  }
  rd_kafka_queue_t* queue = rd_kafka_queue_new(impl_->rk);
  rd_kafka_CreateTopics(impl_->rk, wanted.data(), wanted.size(), nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, timeout_ms);
  Status done{};
  if (event == nullptr || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    done = FailWith(*impl_, event == nullptr ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event), "creating topics");
  } else {
    std::size_t n = 0;
    const rd_kafka_topic_result_t** results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    for (std::size_t i = 0; i < n; ++i) {
      const auto error = rd_kafka_topic_result_error(results[i]);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
      const char* why = rd_kafka_topic_result_error_string(results[i]);
      done = FailWith(*impl_, error, rd_kafka_topic_result_name(results[i]), why == nullptr ? "" : why);
    }
  }
  if (event != nullptr) rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy_array(wanted.data(), wanted.size());
  return done;
}

}  // namespace offerstream
