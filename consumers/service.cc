#include "consumers/service.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include <fmt/format.h>

#include "consumers/admin_pages.h"
#include "consumers/log.h"
#include "consumers/position_text.h"
#include "consumers/wire/event_mapping.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr int kStartDeadlineMs = 20'000;
constexpr int kPurgeLookMs = 200;
constexpr std::int64_t kStopDeadlineMs = 10'000;
constexpr int kReaperMs = 3'000;
constexpr int kMembersWaitMs = 5'000;
constexpr int kFormerShardMs = 60'000;   // a session and a little more: then the broker has ended it

void Pause(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

}  // namespace

Service::Service(std::unique_ptr<Config> config, ServiceOptions options) : config_(std::move(config)), options_(options) {
  environment_.config = config_.get();
  environment_.clock = &clock_;
  environment_.adopt = config_->plan->learning.adopt;
  environment_.accept_offset_reset = options_.accept_offset_reset;
  environment_.hashing = IdHashing(config_->privacy_key);
  environment_.plan_met = [this](const std::shared_ptr<const CampaignPlan>& plan) { Met(plan); };
}

Service::~Service() {
  server_.reset();
  watchdog_.reset();
  stop_shards_ = stop_learning_ = stop_purge_ = true;
  for (auto& shard : shards_) {
    if (shard->thread.joinable()) shard->thread.join();
  }
  if (learner_thread_.joinable()) learner_thread_.join();
  if (plan_thread_.joinable()) plan_thread_.join();
  StopFeeds(0);
  if (former_thread_.joinable()) former_thread_.join();
  if (purge_thread_.joinable()) purge_thread_.join();
}

std::vector<std::string> Service::OutputTopics() const {
  const Config& config = *config_;
  std::vector<std::string> topics = {config.decisions_topic, config.caps_topic, config.ProfilesTopic(), config.JournalTopic(),
                                     config.ObservationsTopic(), config.ModelsTopic(), config.ErasuresTopic()};
  for (const InputConfig& input : config.events) topics.push_back(DeadLetterTopic(input.topic));
  return topics;
}

// ---- Start -------------------------------------------------------------------------------------------------------------

Status Service::Start() {
  if (Status s = LoadMappings(); !s) return s;
  if (Status s = OpenStore(); !s) return s;
  if (Status s = OpenTopics(); !s) return s;
  if (Status s = OpenPlan(); !s) return s;
  StartLearning();
  reloaded_wall_ms_ = clock_.WallMs();
  const std::uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
  const auto partitions = static_cast<std::uint32_t>(layout_.partitions);
  const std::uint32_t shards = std::min(config_->state_shards == 0 ? cores : config_->state_shards, partitions);
  for (std::uint32_t s = 0; s < shards; ++s) shards_.push_back(std::make_unique<Shard>());
  for (std::uint32_t s = 0; s < shards; ++s) StartShard(s);
  former_thread_ = std::thread([this, shards] { LeaveFormerShards(shards); });
  StartPurging();
  StartWatchdog();
  plan_thread_ = std::thread([this] { AttendPlans(); });
  return Serve();
}

Status Service::LoadMappings() {
  for (const InputConfig& input : config_->events) {
    LoadedMapping loaded = LoadMapping(input.mapping);
    if (loaded.mapping == nullptr) {
      std::string text;
      for (const ConfigError& error : loaded.errors) text += (text.empty() ? "" : "\n") + error.Text();
      return Fail(Code::kConfiguration, text);
    }
    environment_.mappings.push_back(loaded.mapping);
  }
  return {};
}

Status Service::OpenStore() {
  auto opened = OpenRocksDbStore(config_->state_dir, config_->state_memory / 5);
  if (!opened) return tl::unexpected(opened.error());
  if (opened->quarantined) Log(LogLevel::kWarn, "cause=quarantined the state could not be opened and was set aside; rebuilding");
  store_ = std::move(opened->store);
  environment_.store = store_.get();
  return {};
}

Status Service::OpenTopics() {
  auto admin = KafkaAdmin::Open(config_->kafka, config_->app_id + "-check");
  if (!admin) return tl::unexpected(admin.error());
  auto layout = CheckTopics(*config_, **admin, kStartDeadlineMs);
  if (!layout) return tl::unexpected(layout.error());
  layout_ = std::move(*layout);
  environment_.partitions = layout_.partitions;
  environment_.observation_partitions = layout_.observation_partitions;
  environment_.caps_partitions = layout_.caps_partitions;
  environment_.erasure_partitions = layout_.all[config_->ErasuresTopic()];
  for (const InputConfig& input : config_->events) {
    environment_.dead_letter_partitions.push_back(layout_.all[DeadLetterTopic(input.topic)]);
  }
  logs_ = OpenKafkaLogReader(config_->kafka, config_->app_id + "-recovery");
  environment_.logs = logs_.get();
  return {};
}

/// Fewer shards than before: the static members of those that are gone would keep their partitions until their sessions
/// end (45 s). Each joins once more under its name and leaves for good. Beside the shards that run, since a rebalance that was
/// under way when the service ended waits for them, too. Best effort: time brings the partitions, too.
void Service::LeaveFormerShards(std::uint32_t shards) {
  auto admin = KafkaAdmin::Open(config_->kafka, config_->app_id + "-members");
  auto members = admin ? (*admin)->Members(config_->app_id, kMembersWaitMs) : Result<std::vector<KafkaAdmin::Member>>(tl::unexpected(admin.error()));
  if (!members) return;   // without the right to see the group
  const std::string ours = fmt::format("{}-{}-", config_->app_id, config_->instance);
  for (const auto& [member, host] : *members) {
    if (!member.starts_with(ours)) continue;
    std::uint32_t number = 0;
    const char* const end = member.data() + member.size();
    const auto [at, error] = std::from_chars(member.data() + ours.size(), end, number);
    if (error != std::errc() || at != end || number < shards) continue;
    Log(LogLevel::kInfo, fmt::format("shard {} is no longer configured; its membership ends", number));
    auto consumer = KafkaConsumer::Open({config_->kafka, fmt::format("{}-{}", config_->app_id, number), config_->app_id, member});
    if (!consumer) continue;
    Status joined = (*consumer)->Subscribe(environment_.InputTopics(), [](KafkaConsumer::Change, std::vector<TopicPosition>& positions) {
      positions.clear();   // takes nothing
      return Status{};
    });
    const std::int64_t deadline = clock_.SteadyMs() + kFormerShardMs;
    while (joined && !(*consumer)->Joined() && !stop_shards_) {
      if (clock_.SteadyMs() > deadline) joined = Fail(Code::kKafkaUnreachable, "the group did not take it back");
      else joined = (*consumer)->Attend();
      Pause(10);
    }
    if (joined && !stop_shards_) joined = (*consumer)->Leave(kMembersWaitMs);
    if (!joined) Log(LogLevel::kWarn, fmt::format("member {} could not be ended: {}", member, joined.error().detail));
  }
}

void Service::Failed(std::string_view who, const Error& error) {
  Log(LogLevel::kError, fmt::format("cause={} {}: {}", ReasonText(error.code), who, error.detail.empty() ? Sentence(error.code) : error.detail));
  const std::lock_guard lock(mutex_);
  errors_.push_back(error);
  failed_ = true;
}

void Service::StartLearning() {
  publisher_ = std::make_unique<KafkaPublisher>(config_->kafka, config_->app_id + "-learn", OutputTopics());
  learner_ = std::make_unique<LearningWorker>(environment_, *publisher_);
  learner_thread_ = std::thread([this] {
    if (Status ended = learner_->Run(stop_learning_); !ended) Failed("learner", ended.error());
    learner_done_ = true;
  });
  if (!environment_.adopt) return;
  environment_.newest_models = [this](std::uint32_t epoch) { return ModelsOf(epoch); };
  StartFeed(environment_.plan);
}

void Service::StartShard(std::uint32_t number) {
  Shard& shard = *shards_[number];
  KafkaShard::Settings settings;
  settings.kafka = config_->kafka;
  settings.app_id = config_->app_id;
  settings.instance = config_->instance;
  settings.shard = number;
  settings.inputs = environment_.InputTopics();
  settings.outputs = OutputTopics();
  settings.queue_kbytes = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(config_->state_memory / 5 / 1024 / static_cast<std::uint64_t>(layout_.partitions), 4096, 65536));
  settings.still_waiting = [&shard] { shard.worker->StillWaiting(); };
  shard.kafka = std::make_unique<KafkaShard>(std::move(settings));
  shard.worker = std::make_unique<DecisionWorker>(environment_, number, *shard.kafka, *shard.kafka,
                                                  config_->state_memory / 2 / shards_.size());
  shard.thread = std::thread([this, &shard, number] {
    Status ended = shard.kafka->Start(kStartDeadlineMs);
    if (ended) ended = shard.worker->Run(stop_shards_);
    if (!ended) Failed(fmt::format("shard {}", number), ended.error());
    shard.kafka.reset();   // leaves on the thread that used it
    shard.done = true;
  });
}

/// Rids the store's files of what was erased once it is old enough; what takes long does not hold up the end.
void Service::StartPurging() {
  purge_thread_ = std::thread([this] {
    std::int64_t last = clock_.SteadyMs() - config_->state_purge;
    while (!stop_purge_) {
      Pause(kPurgeLookMs);
      const std::int64_t since = store_->ErasedSince();
      if (since == 0 || clock_.WallMs() - since < config_->state_purge || clock_.SteadyMs() - last < config_->state_purge) continue;
      last = clock_.SteadyMs();
      const auto purged = store_->Purge(stop_purge_);
      if (!purged) return Failed("purge", purged.error());
      if (*purged) Log(LogLevel::kInfo, fmt::format("the state's files hold nothing more of what was erased; took {} ms", clock_.SteadyMs() - last));
    }
  });
}

void Service::StartWatchdog() {
  std::vector<Watchdog::Watched> watched;
  for (std::uint32_t s = 0; s < shards_.size(); ++s) {
    watched.push_back({fmt::format("shard {}", s), [worker = shards_[s]->worker.get()] { return worker->progress(); }});
  }
  watched.push_back({"learner", [this] { return learner_->progress(); }});
  watchdog_ = std::make_unique<Watchdog>(std::move(watched));
}

Status Service::Serve() {
  AddAdminPages(*this, config_->metrics_max_offers, routes_);
  if (config_->http_listen.empty()) return {};
  auto server = AdminServer::Listen(config_->http_listen, routes_, false);
  if (!server) return tl::unexpected(server.error());
  server_ = std::move(*server);
  Log(LogLevel::kInfo, fmt::format("serving HTTP on port {}", server_->port()));
  return {};
}

// ---- Stop --------------------------------------------------------------------------------------------------------------

Status Service::AwaitEnd(const std::atomic<int>& stop) {
  while (stop == 0 && !failed_) Pause(20);
  const std::int64_t deadline = clock_.SteadyMs() + kStopDeadlineMs;
  watchdog_.reset();
  stop_shards_ = stop_purge_ = true;
  const auto all_done = [&] {
    for (const auto& shard : shards_) {
      if (!shard->done) return false;
    }
    stop_learning_ = true;
    return learner_done_ && plans_done_;
  };
  while (!all_done()) {
    if (stop > 1) _exit(130);
    if (clock_.SteadyMs() > deadline) {
      // What is not written stays tail; the log has everything.
      Log(LogLevel::kWarn, "stopping took more than 10 s; the rest is re-folded at the next start");
      FlushLog();
      const std::lock_guard lock(mutex_);
      _exit(errors_.empty() ? 0 : ExitCode(errors_.front().code));
    }
    Pause(5);
  }
  StopFeeds(0);
  server_.reset();
  Status synced = store_->Sync();
  AwaitReaper(kReaperMs);
  const std::lock_guard lock(mutex_);
  if (!errors_.empty()) return tl::unexpected(errors_.front());
  return synced;
}

// ---- The view ----------------------------------------------------------------------------------------------------------

Readiness Service::readiness() const {
  Readiness readiness;
  for (std::size_t s = 0; s < shards_.size(); ++s) {
    if (!shards_[s]->worker->ready()) readiness.reasons.push_back(fmt::format("Shard {} does not have its partitions recovered yet.", s));
  }
  if (learner_ == nullptr || !learner_->View().ready) readiness.reasons.push_back("The models are not loaded yet.");
  if (environment_.adopt && models() == nullptr) readiness.reasons.push_back("The published models are not read yet.");
  if (stop_shards_) readiness.reasons.push_back("The service is stopping.");
  readiness.ready = readiness.reasons.empty();
  return readiness;
}

bool Service::alive() const { return watchdog_ == nullptr || watchdog_->alive(); }

std::vector<ShardView> Service::shards() const {
  std::vector<ShardView> views;
  for (const auto& shard : shards_) views.push_back(shard->worker->View());
  return views;
}

LearnerView Service::learner() const { return learner_ == nullptr ? LearnerView{} : learner_->View(); }

std::shared_ptr<const AdoptedModels> Service::models() const { return ModelsOf(plan()->epoch); }

std::vector<std::string> Service::RecentDecisions(std::size_t limit) const {
  // Newest first; the shards' lists are interleaved one by one.
  std::vector<std::vector<std::string>> lists;
  for (const auto& shard : shards_) lists.push_back(shard->worker->RecentDecisions());
  std::vector<std::string> newest;
  for (bool any = true; any && newest.size() < limit;) {
    any = false;
    for (auto& list : lists) {
      if (list.empty() || newest.size() >= limit) continue;
      newest.push_back(std::move(list.back()));
      list.pop_back();
      any = true;
    }
  }
  return newest;
}

std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> Service::StateSizes() const { return store_->Sizes(); }

std::uint64_t Service::DiskFree() const {
  struct statvfs disk{};
  if (statvfs(config_->state_dir.c_str(), &disk) != 0) return 0;
  return static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
}

}  // namespace offerstream
