#include "consumers/plan_book.h"

#include <fmt/format.h>

#include "consumers/log.h"
#include "consumers/position_text.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr int kClaimsMax = 20;             // numbers lost to others in a row before an activation is given up
constexpr std::uint32_t kOwnEpoch = 0;     // of the store: the file's own plan

using Plan = std::shared_ptr<const CampaignPlan>;

Plan Numbered(const CampaignPlan& own, std::uint32_t epoch) {
  auto plan = std::make_shared<CampaignPlan>(own);
  plan->epoch = epoch;
  return plan;
}

}  // namespace

PlanBook::PlanBook(const ShardEnvironment& environment, Publisher& publisher) : environment_(environment), publisher_(publisher) {}

/// The first text of an epoch holds.
Status PlanBook::Learn(std::uint32_t epoch, std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (!texts_.emplace(epoch, text).second) return {};
  return environment_.store->WritePlan(epoch, text);
}

Status PlanBook::ReadClaims() {
  const std::string topic = environment_.config->ProfilesTopic();
  auto bounds = environment_.logs->Bounds(topic, 0);
  if (!bounds) return tl::unexpected(bounds.error());
  Status kept{};
  const std::int64_t from = std::max(claims_next_, bounds->low);
  Status read = ReadLogRange(*environment_.logs, topic, 0, from, bounds->high, 0, kLogPatienceMs, [&](const Record& record) {
    if (const std::uint32_t epoch = EpochOfClaim(record.key); epoch > 0 && !record.null_value) kept = Learn(epoch, record.value);
    return kept.has_value();
  });
  if (!kept) return kept;
  if (read) claims_next_ = bounds->high;
  return read;
}

/// Plan texts from the changelogs of all partitions. That reads everything, so only when our own are not enough.
Status PlanBook::ReadPublished() {
  const std::string topic = environment_.config->ProfilesTopic();
  for (std::int32_t p = 0; p < environment_.partitions; ++p) {
    auto bounds = environment_.logs->Bounds(topic, p);
    if (!bounds) return tl::unexpected(bounds.error());
    Status kept{};
    Status read = ReadLogRange(*environment_.logs, topic, p, bounds->low, bounds->high, 0, kLogPatienceMs, [&](const Record& record) {
      if (const std::uint32_t epoch = EpochOfKey(record.key); epoch > 0) kept = Learn(epoch, record.value);
      return kept.has_value();
    });
    if (!kept) return kept;
    if (!read) return read;
  }
  return {};
}

Result<Plan> PlanBook::Begin(const CampaignPlan& own) {
  auto stored = environment_.store->LoadPlans();
  if (!stored) return tl::unexpected(stored.error());
  const auto kept = stored->extract(kOwnEpoch);
  const bool unchanged = !kept.empty() && kept.mapped() == own.text;
  std::pair<std::uint32_t, std::string> newest;
  {
    const std::lock_guard lock(mutex_);
    texts_ = std::move(*stored);
    if (!texts_.empty()) newest = *texts_.rbegin();
  }
  if (newest.first > 0 && newest.second == own.text) return Numbered(own, newest.first);
  if (newest.first > 0 && unchanged) {
    Log(LogLevel::kWarn, fmt::format("the plan of this file was superseded: another instance has put epoch {} in force, which holds until "
                                     "the file is changed", newest.first));
    return ParsePlan(newest.second, newest.first);
  }
  if (Status read = ReadPublished(); !read) return tl::unexpected(read.error());
  return Number(own);
}

Result<Plan> PlanBook::Number(const CampaignPlan& own) {
  for (int claim = 0; claim < kClaimsMax; ++claim) {
    if (Status read = ReadClaims(); !read) return tl::unexpected(read.error());
    std::uint32_t newest = 0;
    {
      const std::lock_guard lock(mutex_);
      if (!texts_.empty() && texts_.rbegin()->second == own.text) return Numbered(own, texts_.rbegin()->first);
      if (!texts_.empty()) newest = texts_.rbegin()->first;
    }
    const std::string key = ClaimKey(newest + 1, H64(own.text));
    Status sent = publisher_.Append({.topic = OutTopic::kProfiles, .partition = 0, .key = key, .value = own.text});
    if (sent) sent = publisher_.Flush();
    if (!sent) return tl::unexpected(sent.error());
  }
  return Fail(Code::kKafkaRetriable, "other instances keep activating other plans");
}

Result<Plan> PlanBook::PlanOf(std::uint32_t epoch) {
  const auto known = [&] {
    const std::lock_guard lock(mutex_);
    const auto text = texts_.find(epoch);
    return text == texts_.end() ? std::string() : text->second;
  };
  std::string text = known();
  if (text.empty()) {
    if (Status read = ReadPublished(); !read) return tl::unexpected(read.error());
    text = known();
  }
  if (text.empty()) return Fail(Code::kLogAndStateDisagree, fmt::format("no plan text of epoch {}", epoch));
  return ParsePlan(text, epoch);
}

Status PlanBook::Keep(const CampaignPlan& plan) { return Learn(plan.epoch, plan.text); }

Status PlanBook::KeepOwn(const CampaignPlan& own) { return environment_.store->WritePlan(kOwnEpoch, own.text); }

}  // namespace offerstream
