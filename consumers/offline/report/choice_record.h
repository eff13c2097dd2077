// How what was said of the offer that looked best for a customer turned out, where that offer happened to be shown.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "consumers/offline/report/replay_tally.h"
#include "models/customer_decision.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/customer_profile.h"
#include "models/domain/event.h"
#include "models/domain/observation.h"
#include "models/model_view.h"

namespace offerstream {

/// Somebody saw or clicked in the last 30 days and did not convert in them.
bool SeenUnconverted(const CampaignPlan& plan, const CustomerProfile& profile, const CustomerTally* tally, EventTime at);

/// The offer and channel of the best score for a customer now, as decisions exclude and score; null: none that should be
/// shown. Points into `decision`. REQUIRES: decide.LookClosely(profile, event).
const Candidate* BestChoice(CustomerDecision& decide, const CustomerProfile& profile, const Event& event, Decision& decision,
                            FoldCounters& counters);

/// What the offer's model says, calibrated, of showing `choice` now, as it says it of any impression that happens: at its
/// own ordinal. The decision's score follows the curve of all offers instead; its level was learned beside models that knew
/// less, so of the best choices it says too much. `x`: scratch, the features afterwards. REQUIRES: LookClosely.
struct ChoiceAnswer {
  double probability = 0;
  double slope = 0;            ///< d probability / d the model's logit, the moderation held fixed
  std::uint32_t ordinal = 1;   ///< of the impression in the channel's window
};
ChoiceAnswer AnswerOf(const CampaignPlan& plan, FeatureMap& features, const CustomerDecision& decide, const CustomerProfile& profile,
                      const Event& event, const Candidate& choice, std::vector<float>& x);

/// The best of many estimates is the one that errs upwards most, and who did not convert so far answers less than others
/// like them. Both show in the log: before an impression of somebody seen and unconverted, models that know nothing of its
/// answer name the best choice; where the log showed just that, the answer is compared with what was said. Rows fade with a
/// half-life of 10 days. Fed by a replay; one thread. Costs a decision an impression, and a pending entry of 24 bytes.
class ChoiceRecord {
 public:
  /// Sums over rows, faded.
  struct Sums {
    double rows = 0, said = 0, answered = 0;   ///< impressions; probabilities; goals
  };

  /// `tally` outlives this.
  ChoiceRecord(std::shared_ptr<const CampaignPlan> plan, const ReplayTally& tally);
  /// An event that is about to be folded. `profile`: of its customer, null for a new one. `models`: as adopted now.
  void Before(const Event& event, const CustomerProfile* profile, const AdoptedModels& models);
  /// A label became final.
  void Label(const Observation& row);

  /// All impressions of people seen and unconverted, and those of them that showed the best choice.
  const Sums& all() const { return all_; }
  const Sums& best() const { return best_; }
  /// By what to multiply what is said of a best choice: gamma posterior means, first of all rows (prior: 20 answers as
  /// said), then of the best among them (prior: 10 answers as said of all). 1 without rows.
  double Ratio() const;
  /// Its relative variance.
  double RelativeVariance() const;

 private:
  struct Said {
    float probability = 0;
    std::uint16_t outcome = 0;
    bool best = false;
  };
  void Fade(EventTime time);

  std::shared_ptr<const CampaignPlan> plan_;
  const ReplayTally& tally_;
  FeatureMap features_;
  CustomerDecision decide_;
  Decision decision_{};
  FoldCounters counters_{};
  std::vector<float> x_{};
  std::unordered_map<std::uint64_t, Said> pending_{};   // by exposure; only looked up, never walked
  Sums all_{}, best_{};
  EventTime faded_ = kNever;
  std::int64_t hour_ = -1;
  bool known_ = false;   // models were adopted
};

}  // namespace offerstream
