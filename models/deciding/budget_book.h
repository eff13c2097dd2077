// What a partition may spend: leases granted by the owner of a budget, and what has become of them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "models/domain/bytes.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/observation.h"
#include "models/model_view.h"

namespace offerstream {

/// One budget as this partition holds it, in one period. Whole in the partition's account.
struct BudgetLease {
  EventTime period = kNever;       ///< begin of the period
  Micros granted = 0;              ///< in all, as last adopted
  Micros spent = 0, returned = 0;  ///< in all; spent + returned <= granted
  Micros told_spent = 0, told_returned = 0;
  std::uint32_t decisions = 0, actions = 0;  ///< since last told
  Micros step = 0;                 ///< the last grant: below half of it more is asked for
  EventTime told_at = kNever, active_at = kNever;  ///< active: spent from, or granted
  bool short_of = false;           ///< wants more since the last grant …
  bool asked = false;              ///< … and has said so
  std::vector<float> ratios{};     ///< score per cost of decisions, until the budget has a price
  Micros available() const { return granted - spent - returned; }

  void Save(ByteWriter& out) const;
  /// Fails the reader on damage.
  void Load(ByteReader& in);
};

/// Leases by the budget's hash, ordered.
using BudgetLeases = std::map<IdHash, BudgetLease>;

/// The leases of one holder (a partition; all shards of a replay together) under a plan. Decisions ask it what may be
/// spent and at which price; it tells the owners what was spent. A function of events and adopted views alone. One owner;
/// not thread-safe.
class BudgetBook {
 public:
  /// `leases` outlives this.
  BudgetBook(std::shared_ptr<const CampaignPlan> plan, BudgetLeases& leases);
  /// Who holds: the partition's number.
  void SetHolder(std::uint32_t holder) { holder_ = holder; }
  /// The leases were replaced (recovery) by those of event time `now`: looks them up again.
  void Reset(EventTime now);

  bool empty() const { return plan_->budgets.empty(); }
  /// Takes prices and grants.
  void Adopt(const std::map<IdHash, std::shared_ptr<const BudgetView>>& views);
  /// Event time has come to `now` (never falls): a new period begins with nothing granted, after the old one was told.
  void Advance(EventTime now, ObservationBatch& out);
  /// Price by budget, 0 without one.
  double Price(BudgetIndex budget) const { return slots_[budget.value].price; }
  /// Whether an impression of this cost may be promised.
  bool MaySpend(BudgetIndex budget, double cost) const {
    return slots_[budget.value].lease->available() >= MicrosOf(cost);
  }
  /// A decision had candidates of the budget. `ratio`: the best score per cost before its price, below 0 when none was
  /// scored; `refused`: some could not be paid.
  void CountDecision(BudgetIndex budget, double ratio, bool refused);
  /// REQUIRES: MaySpend.
  void Spend(BudgetIndex budget, double cost);
  /// Appends what owners must know now: every 200 decisions, every minute, at once when money is short; gives back what
  /// has lain idle for an hour.
  void Tell(ObservationBatch& out);

 private:
  struct Slot {
    BudgetLease* lease = nullptr;
    double price = 0;
    bool priced = false;           // has a price, or needs none
    Micros dearest = 0;            // one impression
    std::shared_ptr<const BudgetView> view{};
  };
  void TellOne(const BudgetSpec& spec, BudgetLease& lease, ObservationBatch& out);
  void TakeGrant(const BudgetView& view, Slot& slot);

  std::shared_ptr<const CampaignPlan> plan_;
  BudgetLeases& leases_;
  std::vector<Slot> slots_{};
  std::uint32_t holder_ = 0;
  EventTime now_ = kNever;
};

}  // namespace offerstream
