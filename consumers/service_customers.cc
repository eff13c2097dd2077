// Reading a customer on its shard, and asking for one to be erased.
#include <array>
#include <chrono>
#include <future>
#include <random>

#include <fmt/format.h>

#include "consumers/log.h"
#include "consumers/service.h"
#include "consumers/wire/event_builder.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr int kCustomerWaitMs = 2'000;
constexpr int kAppendWaitMs = 5'000;

/// "erase-" and 128 random bits.
std::string NewRequestId() {
  std::random_device device;
  std::string id = "erase-";
  for (int i = 0; i < 4; ++i) id += fmt::format("{:08x}", device());
  return id;
}

}  // namespace

Result<CustomerView> Service::Customer(std::string_view id) {
  struct Answer {
    std::mutex mutex;
    bool open = true;
    std::unique_ptr<CustomerView> found;
  };
  std::vector<std::future<void>> waits;
  auto answer = std::make_shared<Answer>();
  for (const auto& shard : shards_) {
    auto asked = std::make_shared<std::promise<void>>();
    waits.push_back(asked->get_future());
    shard->worker->Ask([answer, asked, id = std::string(id)](DecisionWorker& worker) {
      for (const auto& [p, owned] : worker.partitions()) {
        const CustomerProfile* profile = owned->state().Find(id, H64(id));
        if (profile == nullptr) continue;
        auto view = std::make_unique<CustomerView>();
        view->plan = owned->plan();
        view->partition = p;
        view->seq = owned->position().seq;
        view->offset = owned->position().offsets.empty() ? 0 : owned->position().offsets.front();
        view->watermark = owned->fold().account().watermark;
        view->caps = owned->fold().Caps(*profile, owned->fold().account().max_event_time);
        view->profile = *profile;
        const std::lock_guard lock(answer->mutex);
        if (answer->open && answer->found == nullptr) answer->found = std::move(view);
      }
      asked->set_value();
    });
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kCustomerWaitMs);
  for (const auto& wait : waits) wait.wait_until(deadline);
  const std::lock_guard lock(answer->mutex);
  answer->open = false;
  if (answer->found == nullptr) return Fail(Code::kNotFound, "this instance has no such customer");
  return std::move(*answer->found);
}

/// To the customer's partition of the first input, and to all when it is not known here: how the producers of the input choose a
/// partition is theirs, and to erase nobody does no harm.
Result<ErasureRequest> Service::EraseCustomer(std::string_view id) {
  ErasureRequest request{NewRequestId(), environment_.hashing.Of(id), config_->ErasuresTopic(), {}};
  if (const auto found = Customer(id)) request.partitions = {found->partition};
  else for (std::int32_t p = 0; p < environment_.partitions; ++p) request.partitions.push_back(p);
  const std::lock_guard lock(eraser_mutex_);
  Status sent{};
  if (eraser_ == nullptr) {
    auto opened = KafkaProducer::Open({config_->kafka, config_->app_id + "-erase", ""});
    if (!opened) return tl::unexpected(opened.error());
    eraser_ = std::move(*opened);
  }
  const std::array<std::pair<std::string_view, std::string_view>, 1> header = {{{kRequestHeader, request.id}}};
  for (const std::int32_t p : request.partitions) {
    if (!sent) break;
    sent = eraser_->Send(config_->events.front().topic, {.partition = p, .null_value = true, .key = id, .headers = header});
  }
  if (sent) sent = eraser_->Flush(kAppendWaitMs);
  if (!sent) {
    eraser_.reset();
    return tl::unexpected(sent.error());
  }
  return request;
}

void Service::Audit(std::string_view deed, std::string_view id, std::string_view peer, unsigned status) const {
  Log(LogLevel::kInfo, fmt::format("audit {} customer={} by={} status={}", deed, environment_.hashing.Of(id), peer.empty() ? "-" : peer, status));
}

}  // namespace offerstream
