#include "consumers/commands/reset.h"

#include <charconv>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "consumers/commands/check.h"
#include "consumers/commands/explain.h"
#include "consumers/kafka/kafka_client.h"
#include "consumers/kafka/kafka_topics.h"
#include "models/domain/event_time.h"
#include "state/store_directory.h"

namespace offerstream {
namespace {

namespace fs = std::filesystem;
constexpr int kTimeoutMs = 15'000;
constexpr int kGoneTries = 150, kGoneWaitMs = 200;   // for deleted topics to be gone

/// Everything that will be done, found out before anything is.
class Reset {
 public:
  explicit Reset(const ResetOptions& options) : options_(options), config_(LoadOrExplain(options.config, options.set)) {}
  const Config* config() const { return config_.get(); }

  Status Plan();
  void Print() const;
  Status Execute();

 private:
  Status RefuseLiveMembers();
  Status FindTarget(TopicPosition& position, bool& named) const;
  Status MakeTopicsAnew();
  std::vector<std::string> Groups() const { return {config_->app_id, config_->app_id + "-learn"}; }

  const ResetOptions& options_;
  std::unique_ptr<Config> config_;
  std::unique_ptr<KafkaAdmin> admin_;
  std::vector<TopicPosition> now_, then_;
  std::vector<NewTopic> anew_;
};

/// Of "TOPIC:PARTITION=OFFSET,..." what is said of this partition; false when nothing is.
Result<bool> NamedOffset(std::string_view text, TopicPosition& position) {
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const std::size_t colon = one.rfind(':'), equals = one.rfind('=');
    std::int32_t partition = -1;
    std::int64_t offset = -1;
    const bool whole = colon != std::string_view::npos && equals != std::string_view::npos && colon < equals &&
                       std::from_chars(one.data() + colon + 1, one.data() + equals, partition).ptr == one.data() + equals &&
                       std::from_chars(one.data() + equals + 1, one.data() + one.size(), offset).ptr == one.data() + one.size() && offset >= 0;
    if (!whole) return Fail(Code::kUsage, fmt::format("--to takes earliest, latest, a time or TOPIC:PARTITION=OFFSET,..., not \"{}\"", one));
    if (one.substr(0, colon) != position.topic || partition != position.partition) continue;
    position.offset = offset;
    return true;
  }
  return false;
}

Status Reset::FindTarget(TopicPosition& position, bool& named) const {
  const auto at = [&](std::int64_t time) { return admin_->OffsetAt(position.topic, position.partition, time, kTimeoutMs); };
  const auto begin = at(KafkaAdmin::kAtBegin), end = at(KafkaAdmin::kAtEnd);
  if (!begin) return tl::unexpected(begin.error());
  if (!end) return tl::unexpected(end.error());
  EventTime time = 0;
  named = true;
  if (options_.to == "earliest") {
    position.offset = *begin;
  } else if (options_.to == "latest") {
    position.offset = *end;
  } else if (ParseDateOrTime(options_.to, time)) {
    const auto found = at(std::max<EventTime>(time, 0));
    if (!found) return tl::unexpected(found.error());
    position.offset = *found;
  } else {
    const auto told = NamedOffset(options_.to, position);
    if (!told) return tl::unexpected(told.error());
    named = *told;
  }
  if (named && (position.offset < *begin || position.offset > *end)) {
    return Fail(Code::kUsage, fmt::format("{}[{}] has offsets {} to {}, not {}", position.topic, position.partition, *begin, *end, position.offset));
  }
  return {};
}

Status Reset::RefuseLiveMembers() {
  for (const std::string& group : Groups()) {
    const auto members = admin_->Members(group, kTimeoutMs);
    if (!members) return tl::unexpected(members.error());
    if (members->empty()) continue;
    std::string names;
    for (const KafkaAdmin::Member& member : *members) names += fmt::format("{}{} at {}", names.empty() ? "" : ", ", member.instance.empty() ? "?" : member.instance, member.host);
    return Fail(Code::kLocked, fmt::format("group {} has members: {}; stop them (one that was killed is out when its session ends, 45 s)", group, names));
  }
  return {};
}

Status Reset::Plan() {
  auto admin = KafkaAdmin::Open(config_->kafka, config_->app_id + "-reset");
  if (!admin) return tl::unexpected(admin.error());
  admin_ = std::move(*admin);
  std::vector<std::string> names;
  for (const NewTopic& topic : WantedTopics(*config_, 1, 1)) names.push_back(topic.name);
  std::map<std::string, int> replicas;
  const auto found = admin_->Partitions(names, kTimeoutMs, &replicas);
  if (!found) return tl::unexpected(found.error());
  if (Status alone = RefuseLiveMembers(); !alone) return alone;
  for (const InputConfig& input : config_->events) {
    const auto topic = found->find(input.topic);
    if (topic == found->end()) return Fail(Code::kTopicMissing, input.topic);
    for (std::int32_t p = 0; p < topic->second; ++p) now_.push_back({input.topic, p, kOffsetNone, {}});
  }
  auto consumer = KafkaConsumer::Open({config_->kafka, config_->app_id + "-reset", config_->app_id, {}});
  if (!consumer) return tl::unexpected(consumer.error());
  if (Status asked = (*consumer)->Committed(now_, kTimeoutMs); !asked) return asked;
  for (TopicPosition position : now_) {
    const std::int64_t before = position.offset;
    bool named = false;
    if (Status target = FindTarget(position, named); !target) return target;
    position.metadata.clear();
    if (!named) position.offset = before;
    then_.push_back(position);
  }
  if (!options_.state) return {};
  for (NewTopic topic : WantedTopics(*config_, 1, 1)) {
    if (topic.name != config_->ProfilesTopic() && topic.name != config_->JournalTopic() && topic.name != config_->ObservationsTopic() &&
        topic.name != config_->ModelsTopic()) continue;
    // As many partitions and copies as it has; one that an interrupted reset has left out, as the input.
    const auto there = found->find(topic.name);
    topic.partitions = (there != found->end() ? *there : *found->find(config_->events.front().topic)).second;
    topic.replication = replicas[there != found->end() ? topic.name : config_->events.front().topic];
    for (const NewTopic& wanted : WantedTopics(*config_, topic.partitions, topic.replication)) {
      if (wanted.name == topic.name) anew_.push_back(wanted);
    }
  }
  return {};
}

void Reset::Print() const {
  for (std::size_t i = 0; i < now_.size(); ++i) {
    const auto text = [](std::int64_t offset) { return offset < 0 ? std::string("none") : fmt::format("{}", offset); };
    if (now_[i].offset == then_[i].offset && !options_.state) fmt::print("keep {}[{}] {}\n", now_[i].topic, now_[i].partition, text(now_[i].offset));
    else fmt::print("move {}[{}] {} -> {}\n", now_[i].topic, now_[i].partition, text(now_[i].offset), text(then_[i].offset));
  }
  for (const NewTopic& topic : anew_) fmt::print("anew {} partitions={} replication={}\n", topic.name, topic.partitions, topic.replication);
  if (options_.state) fmt::print("delete {}/db\n", config_->state_dir);
}

Status Reset::MakeTopicsAnew() {
  std::vector<std::string> names;
  for (const NewTopic& topic : anew_) names.push_back(topic.name);
  if (Status gone = admin_->Delete(names, kTimeoutMs); !gone) return gone;
  for (int tries = 0;; ++tries) {
    const auto left = admin_->Partitions(names, kTimeoutMs);
    if (!left) return tl::unexpected(left.error());
    if (left->empty()) break;
    if (tries == kGoneTries) return Fail(Code::kKafkaUnreachable, left->begin()->first + " is deleted but not gone yet; run the same command again");
    std::this_thread::sleep_for(std::chrono::milliseconds(kGoneWaitMs));
  }
  return admin_->Create(anew_, kTimeoutMs);
}

Status Reset::Execute() {
  if (options_.state) {
    // The directory first: a copy of the old state beside new topics would stop the service.
    auto directory = StoreDirectory::Open(config_->state_dir);
    if (!directory) return tl::unexpected(directory.error());
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(config_->state_dir, error)) {
      const std::string name = entry.path().filename().string();
      if (name == "db" || name == "damaged" || name.starts_with("quarantine-")) fs::remove_all(entry.path(), error);
      if (error) return Fail(Code::kIo, fmt::format("{}: {}", entry.path().string(), error.message()));
    }
    if (Status made = MakeTopicsAnew(); !made) return made;
    for (const std::string& group : Groups()) {
      if (Status gone = admin_->DeleteGroup(group, kTimeoutMs); !gone) return gone;
    }
  }
  std::vector<TopicPosition> moved;
  for (const TopicPosition& position : then_) {
    if (position.offset >= 0) moved.push_back(position);
  }
  return moved.empty() ? Status{} : admin_->SetCommitted(config_->app_id, moved, kTimeoutMs);
}

}  // namespace

int RunReset(const ResetOptions& given) {
  ResetOptions options = given;
  if (options.to.empty() && options.state) options.to = "earliest";
  if (options.to.empty()) return Explain({Code::kUsage, 0, "reset takes --to earliest|latest|TIME|TOPIC:PARTITION=OFFSET,... or --state"});
  Reset reset(options);
  if (reset.config() == nullptr) return ExitCode(Code::kConfiguration);
  if (Status planned = reset.Plan(); !planned) return Explain(planned.error());
  reset.Print();
  if (!options.execute) {
    fmt::print("nothing was changed; --execute does it\n");
    return 0;
  }
  if (Status done = reset.Execute(); !done) return Explain(done.error());
  if (options.state) fmt::print("done; on every other machine of {} delete its state directory before its service starts\n", reset.config()->app_id);
  else fmt::print("done; start once with: offerstream run -c {} --accept-offset-reset\n", options.config);
  return 0;
}

}  // namespace offerstream
