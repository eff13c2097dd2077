// Experiment arms: a salted hash of the customer, so that a customer keeps its arm without anyone remembering it.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/domain/campaign_plan.h"
#include "models/domain/customer_profile.h"
#include "models/domain/decision.h"

namespace offerstream {

/// Arms of a plan, nested: SipHash(key = (H64(salt), H64("holdout")), customer) mod 10,000 puts the first holdout x 10,000
/// buckets in the programme's holdout (no offer at all) and the next random x 10,000 into uniform choices. A campaign with
/// a holdout of its own draws it under its own label from the customers outside the programme's; the others share the
/// programme's arms. While an enrolment is open its arm holds, even if a new plan would draw another. Immutable, thread-safe.
class Experiment {
 public:
  explicit Experiment(const CampaignPlan& plan);

  /// The customer's programme arm, by hash of its id. 20 ns.
  Arm ArmOf(IdHash customer) const;
  /// … as it holds now: the arm of an open enrolment, else ArmOf.
  Arm ArmNow(const CustomerProfile& profile) const {
    const Enrolment* open = profile.Programme();
    return open != nullptr && open->arm != kArmUnknown ? static_cast<Arm>(open->arm) : ArmOf(profile.hash);
  }
  /// Whether the campaign has a holdout of its own.
  bool Nested(CampaignIndex campaign) const { return campaigns_[campaign.value].nested; }
  /// Some campaign is nested.
  bool AnyNested() const { return any_nested_; }
  /// The arm of a customer in a campaign, given the programme's. REQUIRES: not (Nested and programme == kHoldout): such a
  /// customer is no part of the campaign's experiment.
  Arm ArmIn(CampaignIndex campaign, IdHash customer, Arm programme) const;
  /// Held out of a nested campaign as it holds now. REQUIRES: Nested; the customer is not in the programme's holdout.
  bool HeldOut(CampaignIndex campaign, const CustomerProfile& profile) const;

  /// Identity of the planned shares (allocation epoch); never 0.
  std::uint32_t allocation() const { return programme_.allocation; }
  std::uint32_t allocation(CampaignIndex campaign) const { return campaigns_[campaign.value].allocation; }
  /// Planned share of an arm among the experiment's customers.
  double Share(Arm arm) const { return programme_.shares[static_cast<std::size_t>(arm)]; }
  double Share(CampaignIndex campaign, Arm arm) const {
    return campaigns_[campaign.value].shares[static_cast<std::size_t>(arm)];
  }

 private:
  struct Split {
    bool nested = false;
    std::uint64_t label = 0, holdout = 0;   // upper bucket bound
    std::uint32_t allocation = 0;
    std::array<double, 3> shares{};
  };
  std::uint64_t Bucket(std::uint64_t label, IdHash customer) const;

  std::uint64_t key_, random_;   // random_: upper bucket bound
  Split programme_{};
  std::vector<Split> campaigns_{};
  bool any_nested_ = false;
};

}  // namespace offerstream
