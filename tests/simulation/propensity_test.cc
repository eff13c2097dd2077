// A19: over a million draws per policy, what was chosen agrees with the propensities logged, after exclusions too.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "models/domain/fixed_math.h"
#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

// Upper tail of chi-square by the Wilson-Hilferty cube root; good to a percent at p = .01 for any degrees of freedom.
double ChiSquareP(double statistic, double degrees) {
  const double spread = 2 / (9 * degrees);
  return 1 - fixed::NormalCdf((std::cbrt(statistic / degrees) - (1 - spread)) / std::sqrt(spread));
}

struct Audit {
  std::vector<double> expected, variance, chosen;   // by offer x channel; expected = sum of propensities
  double decisions = 0, worst_sum = 0;
  std::size_t sizes_seen = 0;                       // bit per size of the candidate set
};

void Look(const CampaignPlan& plan, const Decision& d, Audit& audit) {
  if (!d.has_offer) return;
  double sum = 0;
  for (std::size_t i = 0; i < d.candidates.size(); ++i) {
    const Candidate& c = d.candidates[i];
    const std::size_t cell = c.offer.value * plan.channels.size() + c.channel.value;
    sum += c.propensity;
    audit.expected[cell] += c.propensity;
    audit.variance[cell] += c.propensity * (1 - c.propensity);
    audit.chosen[cell] += i == d.chosen;
  }
  EXPECT_GT(d.candidates[d.chosen].propensity, 0);
  audit.worst_sum = std::max(audit.worst_sum, std::abs(sum - 1));
  audit.sizes_seen |= std::size_t{1} << d.candidates.size();
  ++audit.decisions;
}

// Every cell's standardised residual is normal; their squares are the statistic (conservative: cells sum to zero).
double PValue(const Audit& audit) {
  double statistic = 0, cells = 0;
  for (std::size_t i = 0; i < audit.expected.size(); ++i) {
    if (audit.variance[i] < 25) continue;
    const double residual = audit.chosen[i] - audit.expected[i];
    statistic += residual * residual / audit.variance[i];
    ++cells;
  }
  return ChiSquareP(statistic, std::max(1.0, cells - 1));
}

Audit Draw(ExplorePolicy policy, std::size_t draws_wanted) {
  CampaignPlan plan = SmallPlan();
  plan.explore.policy = policy;
  plan.explore.gamma0 = 1;
  plan.explore.seed = 20260105;
  plan.experiment.random = .05;
  plan.decide.threshold = 1.5;                   // takes some candidates of some customers out
  plan.offers[1].eligible.op = Condition::Op::kAttributeRange;   // … and eligibility others
  plan.offers[1].eligible.index = 0;
  plan.offers[1].eligible.min = 30;
  plan.decide.valid_for = kMinute;
  plan.lateness = 0;
  plan.segments = {};
  for (auto& channel : plan.channels) channel.cap.start = channel.cap.max = 5;
  plan.Index();
  FoldWorld w(plan);
  Draws draws(9, 9, 9, Purpose::kSimulation);
  AdoptedModels models;
  for (std::size_t m = 0; m < w.plan->models(); ++m) {
    auto view = View(*w.plan, ModelIndex(m), -2.6 + .2 * static_cast<double>(m), .03);
    for (double& mean : view->mean) mean += .3 * draws.Normal();
    models.responses.push_back(view);
  }
  w.fold.Adopt(models);
  Audit audit;
  audit.expected.resize(6);
  audit.variance.resize(6);
  audit.chosen.resize(6);
  // Customers come and go: 200 of them at a time keep the memory small, and their ids make every draw its own.
  Event e;
  AttributeUpdate age;
  age.attribute = AttributeIndex(0);
  age.value.type = AttributeValue::Type::kNumber;
  std::string id, event_id;
  for (std::size_t n = 0; n < draws_wanted; ++n) {
    e = Event{};
    e.kind = EventKind::kRequest;
    id = "c" + std::to_string(n % 200);
    event_id = "e" + std::to_string(n);
    e.customer_id = id;
    e.customer_hash = H64(id);
    e.event_id = event_id;
    e.event_hash = H64(event_id);
    e.time = kStart + static_cast<EventTime>(n) * kMinute;
    e.cause.offset = static_cast<std::int64_t>(n);
    age.value.number = 20 + static_cast<double>(n % 41);
    e.attributes = std::span(&age, 1);
    FoldOutput& out = w.Apply(e);
    for (std::size_t i = 0; i < out.decision_count; ++i) Look(*w.plan, out.decisions[i], audit);
  }
  return audit;
}

class Propensity : public ::testing::TestWithParam<ExplorePolicy> {};

TEST_P(Propensity, RealisedChoicesAgreeWithTheLoggedOnesAfterExclusions) {
  const std::size_t draws = GetParam() == ExplorePolicy::kInverseGap ? 1'200'000 : 200'000;
  const Audit audit = Draw(GetParam(), draws);
  EXPECT_GT(audit.decisions, .9 * static_cast<double>(draws));
  EXPECT_LT(audit.worst_sum, 1e-9);
  EXPECT_GT(PValue(audit), .01);
  EXPECT_NE(audit.sizes_seen & (audit.sizes_seen - 1), 0u) << "exclusions must have left sets of different sizes";
}

INSTANTIATE_TEST_SUITE_P(AllPolicies, Propensity,
                         ::testing::Values(ExplorePolicy::kInverseGap, ExplorePolicy::kSquareCb,
                                           ExplorePolicy::kEpsilonGreedy, ExplorePolicy::kThompson));

TEST(PropensityAudit, AWrongPropensityIsFound) {
  Audit audit = Draw(ExplorePolicy::kEpsilonGreedy, 50'000);
  audit.expected[0] *= 1.05;
  audit.expected[1] += 100;
  EXPECT_LT(PValue(audit), .01);
}

}  // namespace
}  // namespace offerstream
