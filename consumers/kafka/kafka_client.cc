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

}  // namespace offerstream
