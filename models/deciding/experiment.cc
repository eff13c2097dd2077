#include "models/deciding/experiment.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <span>

#include "models/domain/random.h"

namespace offerstream {

namespace {

constexpr std::uint64_t kBuckets = 10'000;

std::uint64_t BucketsOf(double share) { return static_cast<std::uint64_t>(std::nearbyint(share * kBuckets)); }
double ShareOf(std::uint64_t buckets) { return static_cast<double>(buckets) / kBuckets; }
std::uint32_t Identity(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
  return static_cast<std::uint32_t>(H64({a, b, c, d})) | 1u;
}

}  // namespace

Experiment::Experiment(const CampaignPlan& plan) : key_(H64(plan.experiment.salt)) {
  const ExperimentSpec& spec = plan.experiment;
  programme_.label = H64("holdout");
  programme_.holdout = std::min(kBuckets, BucketsOf(spec.holdout));
  random_ = std::min(kBuckets, programme_.holdout + BucketsOf(spec.random));
  const double held = ShareOf(programme_.holdout), drawn = ShareOf(random_) - held;
  programme_.shares = {1 - held - drawn, held, drawn};
  programme_.allocation = Identity(key_, programme_.holdout, random_, 0);
  for (const CampaignSpec& campaign : plan.campaigns) {
    Split split = programme_;
    const auto own = spec.campaign_holdout.find(campaign.id);
    const std::uint64_t buckets = own == spec.campaign_holdout.end() ? 0 : std::min(kBuckets, BucketsOf(own->second));
    if (buckets > 0 && held < 1) {
      const double rest = 1 - ShareOf(buckets);
      split.nested = any_nested_ = true;
      split.label = H64("holdout/" + campaign.id);
      split.holdout = buckets;
      split.shares = {rest * programme_.shares[0] / (1 - held), ShareOf(buckets), rest * drawn / (1 - held)};
      split.allocation = Identity(key_, programme_.holdout, random_, buckets);
    }
    campaigns_.push_back(split);
  }
}

std::uint64_t Experiment::Bucket(std::uint64_t label, IdHash customer) const {
  return SipHash24(key_, label, std::as_bytes(std::span(&customer, 1))) % kBuckets;
}

Arm Experiment::ArmOf(IdHash customer) const {
  const std::uint64_t bucket = Bucket(programme_.label, customer);
  return bucket < programme_.holdout ? Arm::kHoldout : bucket < random_ ? Arm::kRandom : Arm::kPolicy;
}

Arm Experiment::ArmIn(CampaignIndex campaign, IdHash customer, Arm programme) const {
  const Split& split = campaigns_[campaign.value];
  if (!split.nested) return programme;
  assert(programme != Arm::kHoldout);
  return Bucket(split.label, customer) < split.holdout ? Arm::kHoldout : programme;
}

bool Experiment::HeldOut(CampaignIndex campaign, const CustomerProfile& profile) const {
  for (const Enrolment& e : profile.enrolments) {
    if (e.campaign == campaign) return e.arm == static_cast<std::uint8_t>(Arm::kHoldout);
  }
  const Split& split = campaigns_[campaign.value];
  return Bucket(split.label, profile.hash) < split.holdout;
}

}  // namespace offerstream
