#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include "consumers/kafka/kafka_client.h"
#include "consumers/kafka/kafka_handle.h"

namespace offerstream {

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

Result<std::map<std::string, std::int32_t>> KafkaAdmin::Partitions(const std::vector<std::string>& topics, int timeout_ms,
                                                                     std::map<std::string, int>* replicas) {
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
      if (wanted != topic.topic) continue;
      found[wanted] = topic.partition_cnt;
      if (replicas != nullptr) (*replicas)[wanted] = topic.partitions[0].replica_cnt;
    }
  }
  rd_kafka_metadata_destroy(metadata);
  return found;
}

namespace {

constexpr int kFencedPauseMs = 500;

using Queue = std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)>;
using AdminEvent = std::unique_ptr<rd_kafka_event_t, decltype(&rd_kafka_event_destroy)>;

/// The answer to what was asked on `queue`; an error when there is none in time.
Result<AdminEvent> AwaitAnswer(KafkaHandle& handle, rd_kafka_queue_t* queue, int timeout_ms, std::string_view what) {
  AdminEvent event(rd_kafka_queue_poll(queue, timeout_ms), rd_kafka_event_destroy);
  const auto error = event == nullptr ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return FailWith(handle, error, what);
  return event;
}

/// The first error among what was done to topics one by one; `fine` is none.
Status FirstError(KafkaHandle& handle, const rd_kafka_topic_result_t** results, std::size_t n, rd_kafka_resp_err_t fine) {
  for (std::size_t i = 0; i < n; ++i) {
    const auto error = rd_kafka_topic_result_error(results[i]);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == fine) continue;
    const char* why = rd_kafka_topic_result_error_string(results[i]);
    return FailWith(handle, error, rd_kafka_topic_result_name(results[i]), why == nullptr ? "" : why);
  }
  return {};
}

/// The same of groups; a group that is not there is fine.
Status FirstError(KafkaHandle& handle, const rd_kafka_group_result_t** results, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::string name = std::string("group ") + rd_kafka_group_result_name(results[i]);
    const rd_kafka_error_t* error = rd_kafka_group_result_error(results[i]);
    const auto code = error == nullptr ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(error);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) return FailWith(handle, code, name);
    const rd_kafka_topic_partition_list_t* partitions = rd_kafka_group_result_partitions(results[i]);
    for (int p = 0; partitions != nullptr && p < partitions->cnt; ++p) {
      if (const auto one = partitions->elems[p].err; one != RD_KAFKA_RESP_ERR_NO_ERROR) return FailWith(handle, one, name);
    }
  }
  return {};
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

Result<std::vector<KafkaAdmin::Member>> KafkaAdmin::Members(const std::string& group, int timeout_ms) {
  const char* name = group.c_str();
  const Queue queue(rd_kafka_queue_new(impl_->rk), rd_kafka_queue_destroy);
  rd_kafka_DescribeConsumerGroups(impl_->rk, &name, 1, nullptr, queue.get());
  auto answer = AwaitAnswer(*impl_, queue.get(), timeout_ms, "group " + group);
  if (!answer) return tl::unexpected(answer.error());
  std::size_t n = 0;
  const rd_kafka_ConsumerGroupDescription_t** found =
      rd_kafka_DescribeConsumerGroups_result_groups(rd_kafka_event_DescribeConsumerGroups_result(answer->get()), &n);
  std::vector<Member> members;
  for (std::size_t g = 0; g < n; ++g) {
    const rd_kafka_error_t* error = rd_kafka_ConsumerGroupDescription_error(found[g]);
    if (error != nullptr) return FailWith(*impl_, rd_kafka_error_code(error), "group " + group);
    for (std::size_t m = 0; m < rd_kafka_ConsumerGroupDescription_member_count(found[g]); ++m) {
      const rd_kafka_MemberDescription_t* one = rd_kafka_ConsumerGroupDescription_member(found[g], m);
      const char* id = rd_kafka_MemberDescription_group_instance_id(one);
      const char* host = rd_kafka_MemberDescription_host(one);
      members.push_back({id == nullptr ? "" : id, host == nullptr ? "" : host});
    }
  }
  return members;
}

Status KafkaAdmin::Create(const std::vector<NewTopic>& topics, int timeout_ms) {
  // A broker whose heartbeat was late is fenced for a moment; where it is the only one, topics cannot be placed until it is back.
  for (const std::int64_t deadline = KafkaNowMs() + timeout_ms;;) {
    Status made = TryToCreate(topics, timeout_ms);
    if (made || made.error().detail.find("currently fenced") == std::string::npos || KafkaNowMs() >= deadline) return made;
    std::this_thread::sleep_for(std::chrono::milliseconds(kFencedPauseMs));
  }
}

Status KafkaAdmin::TryToCreate(const std::vector<NewTopic>& topics, int timeout_ms) {
  char text[kErrorTextBytes];
  std::vector<rd_kafka_NewTopic_t*> wanted;
  for (const NewTopic& topic : topics) {
    wanted.push_back(rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions, topic.replication, text, sizeof text));
    for (const auto& [name, value] : topic.settings) rd_kafka_NewTopic_set_config(wanted.back(), name.c_str(), value.c_str());
  }
  const Queue queue(rd_kafka_queue_new(impl_->rk), rd_kafka_queue_destroy);
  rd_kafka_CreateTopics(impl_->rk, wanted.data(), wanted.size(), nullptr, queue.get());
  rd_kafka_NewTopic_destroy_array(wanted.data(), wanted.size());
  auto answer = AwaitAnswer(*impl_, queue.get(), timeout_ms, "creating topics");
  if (!answer) return tl::unexpected(answer.error());
  std::size_t n = 0;
  const rd_kafka_topic_result_t** results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer->get()), &n);
  return FirstError(*impl_, results, n, RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS);
}

Status KafkaAdmin::Delete(const std::vector<std::string>& topics, int timeout_ms) {
  std::vector<rd_kafka_DeleteTopic_t*> unwanted;
  for (const std::string& topic : topics) unwanted.push_back(rd_kafka_DeleteTopic_new(topic.c_str()));
  const Queue queue(rd_kafka_queue_new(impl_->rk), rd_kafka_queue_destroy);
  rd_kafka_DeleteTopics(impl_->rk, unwanted.data(), unwanted.size(), nullptr, queue.get());
  rd_kafka_DeleteTopic_destroy_array(unwanted.data(), unwanted.size());
  auto answer = AwaitAnswer(*impl_, queue.get(), timeout_ms, "deleting topics");
  if (!answer) return tl::unexpected(answer.error());
  std::size_t n = 0;
  const rd_kafka_topic_result_t** results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(answer->get()), &n);
  return FirstError(*impl_, results, n, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
}

Status KafkaAdmin::DeleteGroup(const std::string& group, int timeout_ms) {
  rd_kafka_DeleteGroup_t* unwanted = rd_kafka_DeleteGroup_new(group.c_str());
  const Queue queue(rd_kafka_queue_new(impl_->rk), rd_kafka_queue_destroy);
  rd_kafka_DeleteGroups(impl_->rk, &unwanted, 1, nullptr, queue.get());
  rd_kafka_DeleteGroup_destroy(unwanted);
  auto answer = AwaitAnswer(*impl_, queue.get(), timeout_ms, "deleting group " + group);
  if (!answer) return tl::unexpected(answer.error());
  std::size_t n = 0;
  const rd_kafka_group_result_t** results = rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(answer->get()), &n);
  return FirstError(*impl_, results, n);
}

Status KafkaAdmin::SetCommitted(const std::string& group, const std::vector<TopicPosition>& positions, int timeout_ms) {
  const PositionList list = MakeList(positions);
  rd_kafka_AlterConsumerGroupOffsets_t* wanted = rd_kafka_AlterConsumerGroupOffsets_new(group.c_str(), list.get());
  const Queue queue(rd_kafka_queue_new(impl_->rk), rd_kafka_queue_destroy);
  rd_kafka_AlterConsumerGroupOffsets(impl_->rk, &wanted, 1, nullptr, queue.get());
  rd_kafka_AlterConsumerGroupOffsets_destroy(wanted);
  auto answer = AwaitAnswer(*impl_, queue.get(), timeout_ms, "offsets of group " + group);
  if (!answer) return tl::unexpected(answer.error());
  std::size_t n = 0;
  const rd_kafka_group_result_t** results =
      rd_kafka_AlterConsumerGroupOffsets_result_groups(rd_kafka_event_AlterConsumerGroupOffsets_result(answer->get()), &n);
  return FirstError(*impl_, results, n);
}

Result<std::int64_t> KafkaAdmin::OffsetAt(const std::string& topic, std::int32_t partition, std::int64_t time_ms, int timeout_ms) {
  const PositionList list = MakeList({{topic, partition, time_ms, {}}});
  auto error = rd_kafka_offsets_for_times(impl_->rk, list.get(), timeout_ms);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = list->elems[0].err;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return FailWith(*impl_, error, fmt::format("{}[{}]", topic, partition));
  if (list->elems[0].offset >= 0 || time_ms == kAtEnd) return list->elems[0].offset;
  return OffsetAt(topic, partition, kAtEnd, timeout_ms);   // nothing that new
}

}  // namespace offerstream
