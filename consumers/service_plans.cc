// Which plan is in force: at the start, after the configuration was read again, and when another instance has activated one.
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "consumers/config/settings_diff.h"
#include "consumers/log.h"
#include "consumers/service.h"

namespace offerstream {
namespace {

constexpr int kLookMs = 20;
constexpr std::int64_t kModelsWaitMs = 30'000;   // for the models as a new plan reads them, before shards take it over
constexpr std::int64_t kShardsWaitMs = 60'000;   // for the shards, before the models of the plan before it may go

}  // namespace

/// The snapshots as one plan reads them.
struct Service::Feed {
  Feed(const ShardEnvironment& environment, std::shared_ptr<const CampaignPlan> plan) : feed(environment, std::move(plan)) {}
  SnapshotFeed feed;
  std::atomic<bool> stop{false};
  std::thread thread{};
};

void Service::StartFeed(std::shared_ptr<const CampaignPlan> plan) {
  auto feed = std::make_shared<Feed>(environment_, std::move(plan));
  Feed& running = *feed;
  feed->thread = std::thread([this, &running] {
    if (Status ended = running.feed.Run(running.stop); !ended) Failed("models", ended.error());
  });
  const std::lock_guard lock(plans_mutex_);
  feeds_.push_back(std::move(feed));
}

/// Ends the feeds of epochs below this one; 0: all.
void Service::StopFeeds(std::uint32_t below) {
  std::vector<std::shared_ptr<Feed>> ended;
  {
    const std::lock_guard lock(plans_mutex_);
    std::erase_if(feeds_, [&](const auto& feed) {
      if (below != 0 && feed->feed.plan().epoch >= below) return false;
      ended.push_back(feed);
      return true;
    });
  }
  for (const auto& feed : ended) {
    feed->stop = true;
    feed->thread.join();
  }
}

std::shared_ptr<const AdoptedModels> Service::ModelsOf(std::uint32_t epoch) const {
  const std::lock_guard lock(plans_mutex_);
  for (const auto& feed : feeds_) {
    if (feed->feed.plan().epoch == epoch) return feed->feed.Newest();
  }
  return nullptr;
}

std::shared_ptr<const CampaignPlan> Service::plan() const {
  const std::lock_guard lock(plans_mutex_);
  return plan_;
}

ReloadView Service::reload() const { return {!reload_failed_, reloaded_wall_ms_}; }

Status Service::OpenPlan() {
  claims_ = std::make_unique<KafkaPublisher>(config_->kafka, config_->app_id + "-plan", OutputTopics());
  plans_ = std::make_unique<PlanBook>(environment_, *claims_);
  auto begun = plans_->Begin(*config_->plan);
  if (!begun) return tl::unexpected(begun.error());
  if (Status kept = plans_->KeepOwn(*config_->plan); !kept) return kept;
  environment_.plan = *begun;
  environment_.plan_of = [this](std::uint32_t epoch) { return plans_->PlanOf(epoch); };
  const std::lock_guard lock(plans_mutex_);
  plan_ = met_plan_ = std::move(*begun);
  return {};
}

/// Any thread; the thread of the plans takes it over.
void Service::Met(const std::shared_ptr<const CampaignPlan>& plan) {
  const std::lock_guard lock(plans_mutex_);
  if (met_plan_ == nullptr || met_plan_->epoch < plan->epoch) met_plan_ = plan;
}

void Service::AttendPlans() {
  const auto asked = [this] { return options_.reload == nullptr ? 0 : options_.reload->load(); };
  for (int answered = 0; !stop_shards_;) {
    if (const int now = asked(); now != answered) {
      answered = now;
      Reload();
    }
    std::shared_ptr<const CampaignPlan> met;
    {
      const std::lock_guard lock(plans_mutex_);
      if (met_plan_->epoch > plan_->epoch) met = met_plan_;
    }
    if (met != nullptr) {
      Log(LogLevel::kInfo, fmt::format("another instance has activated plan epoch {}", met->epoch));
      Status done = plans_->Keep(*met);
      if (done) done = ActivatePlan(met);
      if (!done) Failed("plans", done.error());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kLookMs));
  }
  plans_done_ = true;
}

/// Reads the configuration again. All of it is taken over, or nothing.
void Service::Reload() {
  reload_failed_ = true;   // until the end
  if (!options_.load) return;
  const LoadedConfig loaded = options_.load();
  for (const ConfigError& error : loaded.errors) Log(LogLevel::kError, "cause=reload " + error.Text());
  if (loaded.config == nullptr) {
    Log(LogLevel::kError, fmt::format("cause=reload the configuration has {} mistakes; plan epoch {} stays in force", loaded.errors.size(), plan()->epoch));
    return;
  }
  std::vector<std::string> held, all;
  for (const SettingChange& change : ChangesOf(config_->settings, loaded.config->settings)) {
    all.push_back(change.Text());
    if (change.needs_restart) held.push_back(change.path);
  }
  if (!held.empty()) {
    Log(LogLevel::kError, fmt::format("cause=reload_needs_restart these settings change at a start only: {}; nothing was taken over, plan epoch {} "
                                      "stays in force", fmt::join(held, ", "), plan()->epoch));
    return;
  }
  Log(LogLevel::kInfo, fmt::format("configuration read again: {}", all.empty() ? "nothing has changed" : fmt::format("{}", fmt::join(all, "; "))));
  for (const OfferSpec& offer : plan()->offers) {
    if (loaded.config->plan->offer_by_hash.contains(offer.hash)) continue;
    Log(LogLevel::kWarn, fmt::format("offer {} is taken out: what is open of it is dropped with it (ending it with 'ends' keeps that)", offer.id));
  }
  if (Status taken = TakeOver(*loaded.config); !taken) {
    Log(LogLevel::kError, fmt::format("cause=reload {} {}; plan epoch {} stays in force", Sentence(taken.error().code), taken.error().detail, plan()->epoch));
    return;
  }
  config_->settings = loaded.config->settings;
  reloaded_wall_ms_ = clock_.WallMs();
  reload_failed_ = false;
}

Status Service::TakeOver(const Config& config) {
  if (config.plan->text == plan()->text) return plans_->KeepOwn(*config.plan);
  auto numbered = plans_->Number(*config.plan);
  if (!numbered) return tl::unexpected(numbered.error());
  if (Status kept = plans_->KeepOwn(*config.plan); !kept) return kept;
  return ActivatePlan(*numbered);
}

/// The models are read as the plan has them first: shards then wait for nothing but their own rows. Each takes it over at a
/// transaction of its own.
Status Service::ActivatePlan(std::shared_ptr<const CampaignPlan> plan) {
  const std::int64_t begin = clock_.SteadyMs();
  const auto wait_until = [&](std::int64_t deadline, const auto& done) {
    while (!done() && !stop_shards_ && clock_.SteadyMs() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(kLookMs));
  };
  if (environment_.adopt) {
    StartFeed(plan);
    wait_until(begin + kModelsWaitMs, [&] { return ModelsOf(plan->epoch) != nullptr; });
  }
  {
    const std::lock_guard lock(plans_mutex_);
    plan_ = plan;
  }
  for (const auto& shard : shards_) shard->worker->Activate(plan);
  const auto all_in = [&] {
    for (const auto& shard : shards_) {
      if (shard->worker->plan_epoch() < plan->epoch && !shard->done) return false;
    }
    return true;
  };
  wait_until(clock_.SteadyMs() + kShardsWaitMs, all_in);
  if (!all_in()) {
    Log(LogLevel::kWarn, fmt::format("plan epoch {} waits for shards that are recovering or have no broker", plan->epoch));
    return {};
  }
  StopFeeds(plan->epoch);
  Log(LogLevel::kInfo, fmt::format("plan epoch {} is in force on all shards after {:.2f} s", plan->epoch,
                                   static_cast<double>(clock_.SteadyMs() - begin) / 1000));
  return {};
}

}  // namespace offerstream
