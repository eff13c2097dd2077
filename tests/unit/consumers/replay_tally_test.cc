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
    const MovePlaces places{{}, {.micro = 7, .time = time, .z = {z}, .epoch = 1}};
    row.places = &places;
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

TEST_F(ReplayTallyTest, ReturnsAreNoPurchases) {
  Event bought = Of(5, EventKind::kTransaction, 10);
  bought.has_value = true;
  bought.value = 700;
  Event back = bought;
  back.value = -300;
  back.quantity = -1;
  for (const Event& event : {bought, bought, back}) tally_.Saw(event);
  EXPECT_EQ(tally_.Find(5)->purchases.count, 2);
  EXPECT_EQ(tally_.Find(5)->purchases.amount, 1'400);
  EXPECT_EQ(tally_.Find(5)->returns.count, 1);
  EXPECT_EQ(tally_.Find(5)->returns.amount, -300);
}

TEST_F(ReplayTallyTest, ImpressionsAreCountedByChannelAndAQuantityIsSoMany) {
  Event shown = Of(5, EventKind::kImpression, 10);
  shown.channel = ChannelIndex(1);
  shown.quantity = 145;
  Event clicked = Of(5, EventKind::kClick, 11);
  clicked.channel = ChannelIndex(1);
  clicked.quantity = 6;
  Event once = Of(5, EventKind::kImpression, 12);
  once.channel = ChannelIndex(0);
  once.outcomes_known = once.outcomes_yes = 1u << CampaignPlan::kClick;
  Event service = shown;
  service.transactional = true;
  for (const Event& event : {shown, clicked, once, service}) tally_.Saw(event);
  const CustomerTally& customer = *tally_.Find(5);
  ASSERT_EQ(customer.reach.size(), 2u);
  EXPECT_EQ(customer.reach[1].shown, 145);
  EXPECT_EQ(customer.reach[1].clicked, 6);
  EXPECT_EQ(customer.reach[0].shown, 1);
  EXPECT_EQ(customer.reach[0].clicked, 1);
  EXPECT_EQ(customer.impressions, 146);
}

TEST_F(ReplayTallyTest, ACampaignsSpendIsItsImpressionsCostAndItsRevenueWhatFinalAnswersBrought) {
  const OfferSpec& offer = plan_->offers[0];
  const ChannelIndex channel = offer.channels[0];
  Event shown = Of(5, EventKind::kImpression, 10);
  shown.offer = OfferIndex(0);
  shown.channel = channel;
  tally_.Saw(shown);
  shown.cost = 7;   // told by the event
  tally_.Saw(shown);
  Observation row;
  row.kind = ObservationKind::kMature;
  row.model = plan_->ModelHash(plan_->ModelOf(OfferIndex(0), OutcomeIndex(CampaignPlan::kConversion)));
  row.channel = channel.value;
  tally_.Learned(row, nullptr);
  row.y = 1;
  tally_.Learned(row, nullptr);   // no value of its own: the offer's
  row.value = 1'250;
  tally_.Learned(row, nullptr);
  const CampaignSpending& sums = tally_.spending().at({offer.campaign_id, channel.value});
  EXPECT_EQ(sums.impressions, 2);
  EXPECT_DOUBLE_EQ(sums.spend, plan_->channels[channel.value].cost + 7);
  EXPECT_EQ(sums.answered, 3);
  EXPECT_EQ(sums.conversions, 2);
  EXPECT_DOUBLE_EQ(sums.revenue, offer.value + 12.5);
}

}  // namespace
}  // namespace offerstream
