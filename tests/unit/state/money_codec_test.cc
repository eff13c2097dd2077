// What experiments and budgets keep: rows of customers, observations, the partition's account.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "models/partition_account.h"
#include "state/formats/codecs.h"
#include "tests/support/fold_world.h"
#include "tests/support/profile_text.h"

namespace offerstream {
namespace {

CampaignPlan Plan() {
  CampaignPlan plan = SmallPlan();
  plan.offers[1].campaign_id = "spring";
  plan.offers[2].campaign_id = "summer";
  plan.Index();
  return plan;
}

CustomerProfile Enrolled() {
  CustomerProfile p;
  p.id = "u1";
  p.hash = H64("u1");
  p.enrolled_in = CustomerProfile::kInProgramme | 0b111;
  Enrolment e;
  e.at = kStart;
  e.pre_value = 12.5;
  e.arm = 2;
  e.visits = 300;
  e.cost = .25;
  e.allocation = 77;
  p.enrolments.push_back(e);   // the programme's
  e.campaign = CampaignIndex(0);
  e.allocation = 5;
  p.enrolments.push_back(e);
  e.at = kStart + kHour;
  e.campaign = CampaignIndex(2);
  e.value = -500;
  e.cost = .75;
  e.conversions = 3;
  e.visits = 9;
  e.arm = 1;
  p.enrolments.push_back(e);
  return p;
}

TEST(MoneyCodecs, EnrolmentsComeBackAndFollowTheirCampaignsToAnotherPlan) {
  const CampaignPlan plan = Plan();
  const CustomerProfile p = Enrolled();
  std::string row;
  EncodeProfile(plan, p, 4, row);
  CustomerProfile same;
  ASSERT_TRUE(DecodeProfile(plan, row, same));
  EXPECT_EQ(TextOf(same), TextOf(p));

  CampaignPlan other = SmallPlan();   // summer comes first now, winter is gone
  other.offers[0].campaign_id = "summer";
  other.offers[1].campaign_id = other.offers[2].campaign_id = "spring";
  other.Index();
  CustomerProfile moved;
  ASSERT_TRUE(DecodeProfile(other, row, moved));
  EXPECT_EQ(moved.enrolled_in, CustomerProfile::kInProgramme | 0b11u);
  ASSERT_EQ(moved.enrolments.size(), 2u);
  EXPECT_NE(moved.Programme(), nullptr);
  EXPECT_EQ(moved.enrolments[1].campaign, CampaignIndex(0));
  EXPECT_EQ(moved.enrolments[1].visits, 9);
  for (std::size_t cut = 0; cut < row.size(); ++cut) {
    CustomerProfile q;
    EXPECT_FALSE(DecodeProfile(plan, std::string_view(row).substr(0, cut), q));
  }
}

TEST(MoneyCodecs, RowsOfExperimentsAndBudgetsComeBack) {
  const CampaignPlan plan = Plan();
  ObservationBatch batch, again;
  batch.arena = {1.5f, -0.25f};
  Observation& row = batch.rows.emplace_back();
  row.kind = ObservationKind::kSpend;
  row.model = 9;
  row.time = kStart;
  row.exposure = static_cast<std::uint64_t>(kStart);
  row.segment = 3;
  row.n = 200;
  row.to = 17;
  row.value = 123'456'789;
  row.delay = 42;
  row.instant = true;
  row.x_size = 2;
  Observation cost;
  cost.kind = ObservationKind::kCost;
  cost.model = 9;
  cost.time = kStart + 1;
  cost.cost = 1234.5;
  batch.rows.push_back(cost);
  const std::vector<std::uint32_t> rows = {0, 1};
  std::string bytes;
  EncodeObservations(plan, batch, rows, bytes);
  ASSERT_TRUE(DecodeObservations(plan, bytes, again));
  ASSERT_EQ(again.rows.size(), 2u);
  const Observation& spend = again.rows[0];
  EXPECT_EQ(spend.kind, ObservationKind::kSpend);
  EXPECT_EQ(spend.exposure, static_cast<std::uint64_t>(kStart));
  EXPECT_EQ(spend.segment, 3u);
  EXPECT_EQ(spend.n, 200u);
  EXPECT_EQ(spend.to, 17);
  EXPECT_EQ(spend.value, 123'456'789);
  EXPECT_EQ(spend.delay, 42);
  EXPECT_TRUE(spend.instant);
  ASSERT_EQ(again.Features(spend).size(), 2u);
  EXPECT_EQ(again.Features(spend)[1], -0.25f);
  EXPECT_EQ(again.rows[1].cost, 1234.5);
}

TEST(MoneyCodecs, AnAccountKeepsItsLeasesAndRefusesMoreThanWasGranted) {
  PartitionAccount account;
  account.watermark = 5;
  std::string none, with;
  ByteWriter plain(none);
  account.Save(plain);
  BudgetLease& lease = account.leases[77];
  lease.period = kStart;
  lease.granted = 1000;
  lease.spent = 600;
  lease.returned = 100;
  lease.told_spent = 500;
  lease.decisions = 9;
  lease.asked = true;
  lease.ratios = {1.0f, 2.0f};
  ByteWriter writer(with);
  account.Save(writer);
  EXPECT_EQ(with.substr(0, none.size()), none);   // an account without budgets is as it was
  PartitionAccount back;
  ByteReader in(with);
  ASSERT_TRUE(back.Load(in));
  EXPECT_EQ(back.leases.at(77).available(), 300);
  EXPECT_EQ(back.leases.at(77).ratios, lease.ratios);
  EXPECT_TRUE(back.leases.at(77).asked);
  ByteReader before(none);
  ASSERT_TRUE(back.Load(before));
  EXPECT_TRUE(back.leases.empty());
  lease.granted = 500;
  with.clear();
  ByteWriter broken(with);
  account.Save(broken);
  ByteReader bad(with);
  EXPECT_FALSE(back.Load(bad));
}

}  // namespace
}  // namespace offerstream
