// What other configurations would have earned on logged decisions: the log is folded once per configuration, each with
// its own models learned from the same log as it goes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consumers/offline/decision_log.h"
#include "consumers/offline/logged_rows.h"
#include "consumers/offline/policy_follower.h"
#include "consumers/offline/report/report.h"
#include "consumers/offline/study.h"
#include "models/evaluating/off_policy_estimator.h"
#include "models/evaluating/rejection_replay.h"

namespace offerstream {

/// A configuration under evaluation.
struct NamedPolicy {
  std::string name{};
  std::shared_ptr<const CampaignPlan> plan{};
};

/// How a log is evaluated.
struct BacktestOptions {
  std::string topic = "events";
  bool reject_key_mismatch = true;
  EventTime since = kNever;   ///< decisions before only teach
  std::uint64_t seed = 1;
  std::size_t replicates = PoissonBootstrap::kReplicates;
  /// Not empty: rejection replay, M by policy (RejectionReplay); the policies learn only from what they accept.
  std::vector<double> bounds{};
  /// Batch learners beside the models of the log's own configuration, as in a replay; none: nothing is studied.
  StudyOptions study{};
};

/// What became of the logged decisions.
struct LogReport {
  std::uint64_t decisions = 0;        ///< logged choices met in the events (without a decision log: impressions with a propensity)
  std::int64_t weighed = 0;           ///< of them evaluated
  std::uint64_t holdout = 0;          ///< nothing was drawn
  std::uint64_t invalid = 0;          ///< an offer whose propensity is not in (0, 1]
  std::uint64_t unknown = 0;          ///< an offer the log's own configuration does not know
  std::uint64_t early = 0;            ///< before BacktestOptions::since
  std::uint64_t late = 0;             ///< behind others by more than the lateness: its outcomes may have been missed
  std::uint64_t repeated = 0;
  std::uint64_t open = 0;             ///< windows not closed when the log ended
  std::uint64_t unlabelled = 0;       ///< impressions whose goal the log never tells
  std::uint64_t unmet = 0;            ///< decisions in the decision log whose event is not in the input
  double value = 0;                   ///< earned a decision, major units
  Interval interval{};                ///< 95 %, OffPolicyEstimate::interval
};

/// What replay by rejection says of a policy that learns.
struct RejectionResult {
  double value = 0, bound = 0;
  Interval normal{};
  std::int64_t offered = 0, accepted = 0, clipped = 0;
};

/// One policy's part of the report.
struct PolicyReport {
  std::string name{};
  OffPolicyResult result{};
  std::uint64_t declined = 0;          ///< rows where it would have made no offer
  std::optional<RejectionResult> rejection{};
};

/// The models of the log's own configuration at the end of the log, with what challenged them.
struct StudiedModels {
  std::unique_ptr<Study> study{};
  std::vector<ModelReport> models{};
  std::shared_ptr<const SegmentView> segments{};   ///< null without segments
  Status status{};                                 ///< kIo: the trees' library failed
};

/// Everything a backtest found.
struct BacktestReport {
  InputReport input{};
  std::map<std::string, std::uint64_t> rejected_details{};   ///< rejected records by reason and sentence
  std::string currency{};
  LogReport log{};
  std::vector<PolicyReport> policies{};
  StudiedModels studied{};   ///< empty unless challengers were asked for
};

/// One pass over a log. Rewards are counted by the log's own configuration: what the goal is worth, less the channel's
/// cost of a shown offer, less the value of a customer who left because of it. One thread.
class Backtest {
 public:
  /// `log` null: a foreign log. The decision log outlives this.
  Backtest(std::shared_ptr<const CampaignPlan> base, std::shared_ptr<const EventMapping> mapping,
           const std::vector<NamedPolicy>& policies, const DecisionLog* log, BacktestOptions options);
  ~Backtest();

  /// The next record, in the order of the log; its offset is set here.
  void Apply(Record record);
  /// After the last record.
  BacktestReport Finish();
  /// Files read, for the report.
  InputReport& input();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace offerstream
