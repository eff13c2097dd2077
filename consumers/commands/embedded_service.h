// The whole service inside a command that also feeds it: topics made, started, stopped.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "consumers/config/config.h"
#include "consumers/service.h"

namespace offerstream {

/// Owns the service and the thread it ends on. One thread, except `over`.
class EmbeddedService {
 public:
  /// `partitions` of every topic it makes, one copy each.
  EmbeddedService(Config config, std::int32_t partitions) : config_(std::move(config)), partitions_(partitions) {}
  /// Stops it.
  ~EmbeddedService();

  /// Makes the topics, waits for their leaders and starts. As KafkaAdmin::Create and Service::Start.
  Status Start();
  /// Waits until all has been let go.
  void Stop();
  const Config& config() const { return config_; }
  /// After Start.
  const Service& service() const { return *service_; }
  /// True when it has ended, also by itself.
  bool over() const { return over_; }
  /// How. After Stop.
  const Status& ended() const { return ended_; }

 private:
  Status AwaitLeaders(const std::vector<NewTopic>& topics) const;
  Status StartService();

  Config config_;
  const std::int32_t partitions_;
  std::unique_ptr<Service> service_{};
  std::thread thread_{};
  std::atomic<int> stop_{0};
  std::atomic<bool> over_{false};
  Status ended_{};
};

}  // namespace offerstream
