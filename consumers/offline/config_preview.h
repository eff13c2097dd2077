// What a changed configuration would do to decisions that were made: both configurations follow the same log, each with models of its
// own, and are asked at every logged decision.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "consumers/offline/decision_log.h"
#include "consumers/offline/policy_follower.h"

namespace offerstream {

/// What the change would do. Shares are expected ones: over the propensities, not over single draws.
struct PreviewReport {
  std::uint64_t decisions = 0;             ///< compared
  double changed = 0;                      ///< probability that a decision would be another one, averaged; [0, 1]
  std::uint64_t customers = 0;             ///< of these decisions
  std::uint64_t served_before = 0, served_after = 0;   ///< of them with an offer at any of these decisions
  std::uint64_t left_without = 0;          ///< served before, and after the change at none
  /// Offer and channel -> expected number of these decisions, before and after.
  std::map<std::pair<std::string, std::string>, std::pair<double, double>> offers{};
};

/// One thread. Arms and when to decide are the log's; decisions in the holdout are not compared.
class ConfigPreview {
 public:
  /// Compares the last `last` decisions of `log`, which outlives this; those before teach the models.
  ConfigPreview(std::shared_ptr<const CampaignPlan> before, std::shared_ptr<const CampaignPlan> after, std::shared_ptr<const EventMapping> mapping,
                const std::string& topic, bool reject_key_mismatch, const DecisionLog& log, std::uint64_t last);

  /// The next record of the log's events; `cause` is set by the caller.
  void Apply(const Record& record);
  PreviewReport Finish();

 private:
  using Choice = std::pair<IdHash, IdHash>;                // offer, channel
  using Shares = std::vector<std::pair<Choice, double>>;   // of a decision; empty: no offer
  Shares SharesOf(const CampaignPlan& plan, const Decision& decision, std::size_t side);
  bool AskedBefore(const Event& event, const LoggedChoice& choice, const Decision& decision);
  bool AskedAfter(const Event& event, const LoggedChoice& choice, const Decision& decision);

  std::shared_ptr<const CampaignPlan> before_, after_;
  std::uint64_t skip_ = 0, seen_ = 0;
  PreviewReport report_{};
  std::unordered_map<std::uint64_t, Shares> waiting_{};     // by decision id, between the two
  std::unordered_set<IdHash> customers_{}, served_[2]{};    // counted, never walked for output
  std::unique_ptr<PolicyFollower> old_, new_;
};

}  // namespace offerstream
