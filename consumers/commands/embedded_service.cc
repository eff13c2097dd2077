#include "consumers/commands/embedded_service.h"

#include <chrono>
#include <utility>

#include "consumers/kafka/kafka_client.h"

namespace offerstream {
namespace {

constexpr int kStartAttempts = 20;
constexpr int kLeaderAttempts = 200;

}  // namespace

EmbeddedService::~EmbeddedService() { Stop(); }

Status EmbeddedService::Start() {
  auto admin = KafkaAdmin::Open(config_.kafka, config_.app_id + "-topics");
  if (!admin) return Status(tl::unexpected<Error>(admin.error()));
  const std::vector<NewTopic> topics = WantedTopics(config_, partitions_, 1);
  if (Status made = (*admin)->Create(topics, 30'000); !made) return made;
  if (Status led = AwaitLeaders(topics); !led) return led;
  if (Status started = StartService(); !started) return started;
  thread_ = std::thread([this] {
    ended_ = service_->AwaitEnd(stop_);
    over_ = true;
  });
  return {};
}

void EmbeddedService::Stop() {
  stop_ = 1;
  if (thread_.joinable()) thread_.join();
}

// A topic that was made a moment ago has no leader yet.
Status EmbeddedService::AwaitLeaders(const std::vector<NewTopic>& topics) const {
  const std::unique_ptr<LogReader> logs = OpenKafkaLogReader(config_.kafka, config_.app_id + "-leaders");
  int attempt = 0;
  for (const NewTopic& topic : topics) {
    for (std::int32_t p = 0; p < topic.partitions;) {
      const auto bounds = logs->Bounds(topic.name, p);
      if (bounds) {
        ++p;
      } else if (++attempt == kLeaderAttempts) {
        return Status(tl::unexpected<Error>(bounds.error()));
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
    }
  }
  return {};
}

// A topic that was made a moment ago may have no leader yet: an error then is not the last word.
Status EmbeddedService::StartService() {
  for (int attempt = 1;; ++attempt) {
    service_ = std::make_unique<Service>(std::make_unique<Config>(config_));
    Status started = service_->Start();
    if (started || attempt == kStartAttempts || started.error().code == Code::kKafkaUnreachable) return started;
    service_.reset();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

}  // namespace offerstream
