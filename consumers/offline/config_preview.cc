#include "consumers/offline/config_preview.h"

#include <algorithm>

namespace offerstream {

ConfigPreview::ConfigPreview(std::shared_ptr<const CampaignPlan> before, std::shared_ptr<const CampaignPlan> after,
                             std::shared_ptr<const EventMapping> mapping, const std::string& topic, bool reject_key_mismatch,
                             const DecisionLog& log, std::uint64_t last)
    : before_(FollowingPlan(*before, *before)), after_(FollowingPlan(*after, *before)), skip_(log.size() > last ? log.size() - last : 0) {
  old_ = std::make_unique<PolicyFollower>(
      before_, mapping, topic, reject_key_mismatch, &log,
      [this](const Event& event, const LoggedChoice& choice, const Decision& decision) { return AskedBefore(event, choice, decision); }, LockstepSink{});
  new_ = std::make_unique<PolicyFollower>(
      after_, mapping, topic, reject_key_mismatch, &log,
      [this](const Event& event, const LoggedChoice& choice, const Decision& decision) { return AskedAfter(event, choice, decision); }, LockstepSink{});
}

ConfigPreview::Shares ConfigPreview::SharesOf(const CampaignPlan& plan, const Decision& decision, std::size_t side) {
  Shares shares;
  if (!decision.has_offer) return shares;
  for (const Candidate& candidate : decision.candidates) {
    if (candidate.propensity <= 0) continue;
    const OfferSpec& offer = plan.offers[candidate.offer.value];
    const ChannelSpec& channel = plan.channels[candidate.channel.value];
    shares.emplace_back(Choice{offer.hash, channel.hash}, candidate.propensity);
    auto& sums = report_.offers[{offer.id, channel.id}];
    (side == 0 ? sums.first : sums.second) += candidate.propensity;
  }
  return shares;
}

bool ConfigPreview::AskedBefore(const Event& event, const LoggedChoice& choice, const Decision& decision) {
  if (choice.foreign) return true;
  if (seen_++ < skip_ || choice.arm == Arm::kHoldout) return true;
  customers_.insert(event.customer_hash);
  if (decision.has_offer) served_[0].insert(event.customer_hash);
  waiting_[choice.id] = SharesOf(*before_, decision, 0);
  return true;
}

bool ConfigPreview::AskedAfter(const Event& event, const LoggedChoice& choice, const Decision& decision) {
  const auto found = waiting_.find(choice.id);
  if (found == waiting_.end()) return true;
  if (decision.has_offer) served_[1].insert(event.customer_hash);
  const Shares shares = SharesOf(*after_, decision, 1);
  // The least probability with which two draws of these distributions differ: one less what they have in common.
  double common = found->second.empty() && shares.empty() ? 1 : 0;
  for (const auto& [what, share] : found->second) {
    const auto same = std::find_if(shares.begin(), shares.end(), [&](const auto& one) { return one.first == what; });
    if (same != shares.end()) common += std::min(share, same->second);
  }
  ++report_.decisions;
  report_.changed += std::max(0.0, 1 - common);
  waiting_.erase(found);
  return true;
}

void ConfigPreview::Apply(const Record& record) {
  (void)old_->Apply(record);
  (void)new_->Apply(record);
}

PreviewReport ConfigPreview::Finish() {
  PreviewReport report = report_;
  if (report.decisions > 0) report.changed /= static_cast<double>(report.decisions);
  report.customers = customers_.size();
  report.served_before = served_[0].size();
  report.served_after = served_[1].size();
  report.left_without = static_cast<std::uint64_t>(std::count_if(served_[0].begin(), served_[0].end(), [&](IdHash one) { return !served_[1].contains(one); }));
  return report;
}

}  // namespace offerstream
