#include "consumers/offline/report/replay_tally.h"

#include <gtest/gtest.h>

#include "consumers/config/config.h"

namespace offerstream {
namespace {

class ReplayTallyTest : public ::testing::Test {
 protected:
  ReplayTallyTest() : plan_(LoadConfig(std::string(OFFERSTREAM_SOURCE_DIR) + "/deploy/demo/offerstream.yaml", {}).config->plan), tally_(*plan_) {}

  void Answered(std::uint32_t segment, std::uint16_t channel, std::uint16_t outcome, std::uint32_t n, bool yes, bool left = false) {
    Observation row;
    row.kind = ObservationKind::kCapRow;
    row.segment = segment;
    row.channel = channel;
    row.outcome = outcome;
    row.n = n;
    row.y = yes ? 1 : 0;
    row.unsubscribed = left;
    tally_.Learned(row, nullptr);
  }

  // Two segments on one line: 1 at -1, 2 at +1.
  static SegmentView TwoSegments() {
    SegmentView view;
    view.epoch = 1;
    view.dimension = 1;
    view.centre = view.low = {-10};
    view.scale = {1};
    view.high = {10};
    view.macros = {{1, 0, .25, {-1}}, {2, 1, .75, {1}}};
    return view;
  }
  void Moves(IdHash customer, float z, EventTime time, const SegmentView& view) {
    Observation row;
    row.kind = ObservationKind::kMove;
    row.customer = customer;
    row.time = time;
    row.new_place = {.micro = 7, .time = time, .z = {z}, .epoch = 1};
    tally_.Learned(row, &view);
  }
  Event Of(IdHash customer, EventKind kind, EventTime time) {
    Event event;
    event.kind = kind;
    event.time = time;
    event.customer_hash = customer;
    return event;
  }

  std::shared_ptr<const CampaignPlan> plan_;
  ReplayTally tally_;
};

constexpr Duration kDay = 86'400'000;

TEST_F(ReplayTallyTest, AnswersCountBySegmentChannelOutcomeAndOrdinalAndTheLastPlaceHoldsTheRest) {
  Answered(3, 1, 0, 1, true);
  Answered(3, 1, 0, 1, false, true);
  Answered(3, 1, 0, 26, false);
  Answered(3, 1, 0, 40, true);
  Answered(3, 1, 1, 2, true);
  Answered(3, 900, 0, 1, true);   // no such channel
  ASSERT_EQ(tally_.engagement().size(), 1u);
  const EngagementCell& cell = tally_.engagement().at({3, 1});
  EXPECT_EQ(cell.by_ordinal[0][0].shown, 2);
  EXPECT_EQ(cell.by_ordinal[0][0].answered, 1);
  EXPECT_EQ(cell.by_ordinal[0][0].unsubscribed, 1);
  EXPECT_EQ(cell.by_ordinal[0][25].shown, 2);
  EXPECT_EQ(cell.Total(0).shown, 4);
  EXPECT_EQ(cell.Total(0).answered, 2);
  EXPECT_EQ(cell.Total(1).answered, 1);
}

TEST_F(ReplayTallyTest, AMoveCountsWhenItLeadsIntoAnotherSegment) {
  const SegmentView view = TwoSegments();
  Moves(5, -1, 0, view);
  Moves(5, -2, 1, view);   // same segment
  Moves(5, 2, 2, view);
  Moves(6, 2, 3, view);
  Moves(6, -2, 4, view);
  EXPECT_EQ(tally_.moves().at({1, 2}), 1);
  EXPECT_EQ(tally_.moves().at({2, 1}), 1);
  EXPECT_EQ(tally_.moves().size(), 2u);
  EXPECT_EQ(tally_.Find(6)->segment, 1u);
}

TEST_F(ReplayTallyTest, ALongHistoryKeepsAtMostAHundredAndTwentyDaysEvenlySpaced) {
  const SegmentView view = TwoSegments();
  for (int day = 0; day < 1'000; ++day) Moves(5, -1, day * kDay, view);
  const std::vector<SegmentDay>& days = tally_.days();
  EXPECT_LE(days.size(), 120u);
  EXPECT_GE(days.size(), 60u);
  const Duration step = days[1].time - days[0].time;
  for (std::size_t i = 1; i < days.size(); ++i) EXPECT_EQ(days[i].time - days[i - 1].time, step) << i;
  EXPECT_GE(days.back().time + step, 999 * kDay - step);
  EXPECT_EQ(days[0].shares, (std::vector<std::pair<std::uint32_t, double>>{{1, .25}, {2, .75}}));
}

TEST_F(ReplayTallyTest, MoneyGoesByDirectionAndAKnownAnswerIsAConversion) {
  Event deposit = Of(5, EventKind::kTransaction, 10);
  deposit.direction = Direction::kIn;
  deposit.has_value = true;
  deposit.value = 700;
  Event withdrawal = deposit;
  withdrawal.direction = Direction::kOut;
  Event purchase = deposit;
  purchase.direction = Direction::kNone;
  for (const Event& event : {deposit, deposit, withdrawal, purchase}) tally_.Saw(event);
  Event known = Of(5, EventKind::kImpression, 30);
  known.outcomes_known = known.outcomes_yes = 1u << CampaignPlan::kConversion;
  tally_.Saw(known);
  const CustomerTally& customer = *tally_.Find(5);
  EXPECT_EQ(customer.deposits.count, 2);
  EXPECT_EQ(customer.deposits.amount, 1'400);
  EXPECT_EQ(customer.withdrawals.amount, 700);
  EXPECT_EQ(customer.purchases.count, 1);
  EXPECT_EQ(customer.conversions, 1);
  EXPECT_EQ(customer.last_conversion, 30);
  EXPECT_EQ(tally_.from(), 10);
  EXPECT_EQ(tally_.to(), 30);
  tally_.Saw(Of(5, EventKind::kDelete, 40));
  EXPECT_EQ(tally_.Find(5), nullptr);
}

}  // namespace
}  // namespace offerstream
