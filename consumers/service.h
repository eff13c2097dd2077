// The composition root of `run`: builds everything in order, runs it, stops it in reverse.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/decision_worker.h"
#include "consumers/kafka/kafka_publisher.h"
#include "consumers/kafka/kafka_shard.h"
#include "consumers/kafka/kafka_topics.h"
#include "consumers/learning_worker.h"
#include "consumers/plan_book.h"
#include "consumers/seams/clock.h"
#include "consumers/service_view.h"
#include "consumers/shard_environment.h"
#include "consumers/snapshot_feed.h"
#include "consumers/watchdog.h"
#include "metrics/admin_routes.h"
#include "metrics/admin_server.h"
#include "state/state_store.h"

namespace offerstream {

/// What the command line adds to the configuration.
struct ServiceOptions {
  bool accept_offset_reset = false;
  std::function<LoadedConfig()> load{};            ///< reads the configuration again; empty: it cannot be reloaded
  const std::atomic<int>* reload = nullptr;        ///< counts what asks for that (SIGHUP); outlives the service
};

/// Start, then AwaitEnd from one thread; the view from any.
class Service final : public ServiceView {
 public:
  explicit Service(std::unique_ptr<Config> config, ServiceOptions options = {});
  ~Service() override;

  /// Directory lock, store, topics, plan epoch, workers, HTTP. An error names what is wrong; nothing runs then.
  Status Start();
  /// Until `stop` (a count of signals) or the first worker's error; then stops in reverse, within ten seconds.
  Status AwaitEnd(const std::atomic<int>& stop);
  /// The HTTP port bound; 0 when off.
  std::uint16_t http_port() const { return server_ == nullptr ? std::uint16_t{0} : server_->port(); }

  std::shared_ptr<const CampaignPlan> plan() const override;
  ReloadView reload() const override;
  Readiness readiness() const override;
  bool alive() const override;
  std::vector<ShardView> shards() const override;
  LearnerView learner() const override;
  std::shared_ptr<const AdoptedModels> models() const override;
  std::vector<std::string> RecentDecisions(std::size_t limit) const override;
  Result<CustomerView> Customer(std::string_view id) override;
  Result<ErasureRequest> EraseCustomer(std::string_view id) override;
  void Audit(std::string_view deed, std::string_view id, std::string_view peer, unsigned status) const override;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> StateSizes() const override;
  std::uint64_t DiskFree() const override;

 private:
  struct Shard {
    std::unique_ptr<KafkaShard> kafka{};
    std::unique_ptr<DecisionWorker> worker{};
    std::thread thread{};
    std::atomic<bool> done{false};
  };
  Status OpenStore();
  Status OpenTopics();
  std::vector<std::string> OutputTopics() const;   // by OutTopic
  Status OpenPlan();
  void AttendPlans();
  void Reload();
  Status TakeOver(const Config& config);
  Status ActivatePlan(std::shared_ptr<const CampaignPlan> plan);
  void Met(const std::shared_ptr<const CampaignPlan>& plan);
  struct Feed;
  void StartFeed(std::shared_ptr<const CampaignPlan> plan);
  void StopFeeds(std::uint32_t below);
  std::shared_ptr<const AdoptedModels> ModelsOf(std::uint32_t epoch) const;
  void LeaveFormerShards(std::uint32_t shards);
  Status LoadMappings();
  void StartLearning();
  void StartShard(std::uint32_t number);
  void StartPurging();
  void StartWatchdog();
  Status Serve();
  void Failed(std::string_view who, const Error& error);

  std::unique_ptr<Config> config_;
  ServiceOptions options_;
  SystemClock clock_;
  ShardEnvironment environment_;
  TopicLayout layout_;
  std::unique_ptr<StateStore> store_;
  std::unique_ptr<LogReader> logs_;
  std::unique_ptr<KafkaPublisher> publisher_, claims_;
  std::unique_ptr<PlanBook> plans_;
  std::unique_ptr<LearningWorker> learner_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::thread plan_thread_, learner_thread_, former_thread_, purge_thread_;
  std::atomic<bool> stop_shards_{false}, stop_learning_{false}, stop_purge_{false}, learner_done_{false}, plans_done_{false};
  std::atomic<bool> reload_failed_{false};
  std::atomic<std::int64_t> reloaded_wall_ms_{0};
  mutable std::mutex plans_mutex_;
  std::shared_ptr<const CampaignPlan> plan_, met_plan_;   // guarded by plans_mutex_; in force, and newest met in the logs
  std::vector<std::shared_ptr<Feed>> feeds_;              // guarded by plans_mutex_; one a plan epoch that shards may be in
  std::unique_ptr<Watchdog> watchdog_;
  std::mutex eraser_mutex_;
  std::unique_ptr<KafkaProducer> eraser_;   // guarded by eraser_mutex_; made when first needed
  AdminRoutes routes_;
  std::unique_ptr<AdminServer> server_;
  mutable std::mutex mutex_;
  std::vector<Error> errors_;   // guarded by mutex_; of workers, first first
  std::atomic<bool> failed_{false};
};

}  // namespace offerstream
