#include "consumers/kafka/kafka_producer.h"

#include <atomic>
#include <cassert>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include "consumers/kafka/kafka_handle.h"
#include "consumers/log.h"

namespace offerstream {

struct KafkaProducer::Impl : KafkaHandle {
  bool transactional = false;
  std::map<std::string, rd_kafka_topic_t*, std::less<>> topics{};
  std::vector<Delivery> deliveries{};
  std::string failed_report{};
  std::atomic<std::int64_t> under_way{0};   // requests of transactions sent and not answered, each counted twice

  /// Produce, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit.
  static bool OfTransaction(std::int16_t api) { return api == 0 || (api >= 24 && api <= 26) || api == 28; }
  static rd_kafka_resp_err_t OnSent(rd_kafka_t*, int, const char*, std::int32_t, std::int16_t api, std::int16_t, std::int32_t,
                                    std::size_t, void* self) {
    if (OfTransaction(api)) static_cast<Impl*>(self)->under_way += 2;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  /// What was repeated or cut off is never answered without error. An answer that goes through a queue, all but Produce's,
  /// is told twice: when it arrives and when it is served (rd_kafka_buf_callback of 2.0.2).
  static rd_kafka_resp_err_t OnAnswered(rd_kafka_t*, int, const char*, std::int32_t, std::int16_t api, std::int16_t, std::int32_t,
                                        std::size_t, std::int64_t, rd_kafka_resp_err_t error, void* self) {
    if (OfTransaction(api) && error == RD_KAFKA_RESP_ERR_NO_ERROR) static_cast<Impl*>(self)->under_way -= api == 0 ? 2 : 1;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  static rd_kafka_resp_err_t OnNew(rd_kafka_t* rk, const rd_kafka_conf_t*, void* self, char*, std::size_t) {
    const rd_kafka_resp_err_t error = rd_kafka_interceptor_add_on_request_sent(rk, "clean", OnSent, self);
    return error != RD_KAFKA_RESP_ERR_NO_ERROR ? error : rd_kafka_interceptor_add_on_response_received(rk, "clean", OnAnswered, self);
  }
  static void OnReport(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    auto& self = *static_cast<Impl*>(static_cast<KafkaHandle*>(opaque));
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      self.failed_report = rd_kafka_err2str(message->err);
    } else if (message->_private != nullptr) {
      self.deliveries.push_back({static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(message->_private)), message->offset});
    }
  }
  Status From(rd_kafka_error_t* error, std::string_view what);
};

/// Takes the error. Retriable ones say so; fatal and abortable ones mean: recycle.
Status KafkaProducer::Impl::From(rd_kafka_error_t* error, std::string_view what) {
  if (error == nullptr) return {};
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  const bool retriable = rd_kafka_error_is_retriable(error) != 0;
  std::string text = fmt::format("{}: {}: {}", what, rd_kafka_error_name(error), rd_kafka_error_string(error));
  rd_kafka_error_destroy(error);
  if (const std::string last = LastError(); !last.empty()) text += "; last: " + last;
  if (retriable) return Fail(Code::kKafkaRetriable, std::move(text));
  const Code named = CodeOf(code);
  if (named == Code::kKafkaFenced || named == Code::kKafkaUnauthorized || named == Code::kConfiguration) {
    return Fail(named, std::move(text));
  }
  return Fail(Code::kKafkaAborted, std::move(text));
}

KafkaProducer::KafkaProducer() : impl_(std::make_unique<Impl>()) {}

KafkaProducer::~KafkaProducer() {
  if (impl_->rk == nullptr) return;
  for (auto& [name, topic] : impl_->topics) rd_kafka_topic_destroy(topic);
  // No purge and no abort: in 2.0.2 either may assert while a request of the open transaction is under way. Callbacks may
  // still come while the reaper destroys the handle: the object they point to goes with it.
  if (!impl_->transactional) rd_kafka_flush(impl_->rk, 1000);
  rd_kafka_t* handle = impl_->rk;
  Reap(handle, std::shared_ptr<void>(std::move(impl_)));
}

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::Open(Settings settings) {
  std::unique_ptr<KafkaProducer> made(new KafkaProducer);
  Impl& impl = *made->impl_;
  std::map<std::string, std::string> ours = {{"enable.idempotence", "true"}, {"acks", "all"}, {"retry.backoff.ms", "5"},
                  {"queue.buffering.max.messages", "500000"}, {"queue.buffering.max.kbytes", "524288"},
                  {"compression.type", "lz4"}, {"message.max.bytes", "1000000"}, {"message.timeout.ms", "15000"},
                  {"linger.ms", "5"}};
  impl.transactional = !settings.transactional_id.empty();
  if (impl.transactional) {
    // A commit sends what waits. Sent piece by piece, the five requests that may be under way are soon used up, and librdkafka
    // polls without pause for a free one as long as a sixth waits: up to a third of what an event costs.
    ours["linger.ms"] = "100";
    ours["transactional.id"] = settings.transactional_id;
    ours["transaction.timeout.ms"] = "15000";
  }
  auto conf = MakeConf(settings.kafka, settings.client_id, ours, settings.kafka.producer, impl);
  if (!conf) return tl::unexpected(conf.error());
  rd_kafka_conf_set_dr_msg_cb(*conf, Impl::OnReport);
  if (impl.transactional) rd_kafka_conf_interceptor_add_on_new(*conf, "clean", Impl::OnNew, &impl);
  if (Status started = StartHandle(RD_KAFKA_PRODUCER, *conf, impl); !started) return tl::unexpected(started.error());
  return made;
}

Status KafkaProducer::InitTransactions(int timeout_ms) {
  return impl_->From(rd_kafka_init_transactions(impl_->rk, timeout_ms), "init_transactions");
}

Status KafkaProducer::Begin() { return impl_->From(rd_kafka_begin_transaction(impl_->rk), "begin_transaction"); }

Status KafkaProducer::Send(const std::string& topic, const OutRecord& record) {
  auto known = impl_->topics.find(topic);
  if (known == impl_->topics.end()) {
    known = impl_->topics.emplace(topic, rd_kafka_topic_new(impl_->rk, topic.c_str(), nullptr)).first;
  }
  for (;;) {
    rd_kafka_headers_t* headers = nullptr;
    if (!record.headers.empty()) {
      headers = rd_kafka_headers_new(record.headers.size());
      for (const auto& [name, value] : record.headers) {
        rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(), static_cast<ssize_t>(value.size()));
      }
    }
    // An empty view may have a null pointer, which would mean "null": a valid address says "empty".
    const char* const key = record.null_key ? nullptr : record.key.empty() ? "" : record.key.data();
    const char* const value = record.null_value ? nullptr : record.value.empty() ? "" : record.value.data();
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        impl_->rk, RD_KAFKA_V_RKT(known->second), RD_KAFKA_V_PARTITION(record.partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, record.null_key ? 0 : record.key.size()),
        RD_KAFKA_V_VALUE(const_cast<char*>(value), record.null_value ? 0 : record.value.size()),
        RD_KAFKA_V_TIMESTAMP(record.timestamp_ms),
        RD_KAFKA_V_OPAQUE(reinterpret_cast<void*>(static_cast<std::uintptr_t>(record.tag))), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    if (headers != nullptr) rd_kafka_headers_destroy(headers);
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) return FailWith(*impl_, error, topic);
    rd_kafka_poll(impl_->rk, 5);
  }
}

Status KafkaProducer::SendOffsets(const std::vector<TopicPosition>& positions, KafkaConsumer& consumer, int timeout_ms) {
  rd_kafka_consumer_group_metadata_t* group = rd_kafka_consumer_group_metadata(HandleOf(consumer));
  const PositionList list = MakeList(positions);
  const std::int64_t deadline = KafkaNowMs() + timeout_ms;
  Status sent{};
  do {
    sent = impl_->From(rd_kafka_send_offsets_to_transaction(impl_->rk, list.get(), group, timeout_ms), "send_offsets");
  } while (!sent && sent.error().code == Code::kKafkaRetriable && KafkaNowMs() < deadline);
  rd_kafka_consumer_group_metadata_destroy(group);
  return sent;
}

Status KafkaProducer::Commit(int timeout_ms) {
  const std::int64_t deadline = KafkaNowMs() + timeout_ms;
  Status done{};
  do {
    done = impl_->From(rd_kafka_commit_transaction(impl_->rk, timeout_ms), "commit_transaction");
  } while (!done && done.error().code == Code::kKafkaRetriable && KafkaNowMs() < deadline);
  if (!done) return Fail(Code::kKafkaUnknownOutcome, done.error().detail);
  return {};
}

Status KafkaProducer::Abort(int timeout_ms) {
  return impl_->From(rd_kafka_abort_transaction(impl_->rk, timeout_ms), "abort_transaction");
}

Status KafkaProducer::Flush(int timeout_ms) {
  const auto error = rd_kafka_flush(impl_->rk, timeout_ms);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return FailWith(*impl_, error, "flush");
  if (!impl_->failed_report.empty()) return Fail(Code::kKafkaAborted, std::exchange(impl_->failed_report, {}));
  return {};
}

const std::vector<Delivery>& KafkaProducer::deliveries() const { return impl_->deliveries; }
bool KafkaProducer::Clean() const { return impl_->under_way == 0; }
void KafkaProducer::ClearDeliveries() { impl_->deliveries.clear(); }

}  // namespace offerstream
