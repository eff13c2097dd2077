#include "models/domain/facts.h"

#include <gtest/gtest.h>

#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

EventFacts Sample() {
  EventFacts facts;
  DecisionFact d;
  d.id = 0x1234;
  d.placement = PlacementIndex(0);
  d.has_offer = true;
  d.offer = OfferIndex(2);
  d.channel = ChannelIndex(1);
  d.propensity = 1.0 / 3;
  d.arm = Arm::kRandom;
  d.segment = 300;
  d.segment_slot = 4;
  d.lottery = true;
  d.served[0] = {-1.25, .2, -1.5, 0x2d, true};
  d.served[1] = {.1, .525, .05, 0xff, false};
  facts.decisions.push_back(d);
  DecisionFact none;
  none.id = 9;
  none.arm = Arm::kHoldout;
  facts.decisions.push_back(none);
  facts.caps.push_back({ChannelIndex(1), 7, CapSource::kLottery});
  facts.has_impression = true;
  facts.impression = d;
  facts.has_move = true;
  facts.move = {77, kStart, {.5f, -1.25f}, 3};
  return facts;
}

TEST(EventFacts, RoundTripBitForBit) {
  const CampaignPlan plan = SmallPlan();
  std::string bytes, again;
  ByteWriter writer(bytes), writer_again(again);
  Sample().Save(plan, writer);
  EventFacts loaded;
  loaded.decisions.resize(5);   // leftovers must go
  ByteReader reader(bytes);
  ASSERT_TRUE(loaded.Load(plan, reader));
  EXPECT_TRUE(reader.AtEnd());
  loaded.Save(plan, writer_again);
  EXPECT_EQ(bytes, again);
  ASSERT_EQ(loaded.decisions.size(), 2u);
  EXPECT_EQ(loaded.decisions[0].offer, OfferIndex(2));
  EXPECT_EQ(loaded.decisions[0].propensity, 1.0 / 3);
  EXPECT_EQ(loaded.decisions[0].served[0].mask, 0x2d);
  EXPECT_TRUE(loaded.decisions[0].served[0].hold);
  EXPECT_EQ(loaded.decisions[1].arm, Arm::kHoldout);
  EXPECT_EQ(loaded.move.z, (std::vector<float>{.5f, -1.25f}));
}

TEST(EventFacts, WhatThePlanNoLongerKnowsBecomesUnknown) {
  CampaignPlan plan = SmallPlan();
  std::string bytes;
  ByteWriter writer(bytes);
  Sample().Save(plan, writer);
  plan.offers.pop_back();
  std::swap(plan.channels[0], plan.channels[1]);
  plan.Index();
  EventFacts loaded;
  ByteReader reader(bytes);
  ASSERT_TRUE(loaded.Load(plan, reader));
  EXPECT_FALSE(loaded.decisions[0].offer.known());
  EXPECT_EQ(loaded.decisions[0].channel, ChannelIndex(0));   // found by its id, not by its place
}

TEST(EventFacts, EveryTruncationIsRefused) {
  const CampaignPlan plan = SmallPlan();
  std::string bytes;
  ByteWriter writer(bytes);
  Sample().Save(plan, writer);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EventFacts loaded;
    ByteReader reader(std::string_view(bytes).substr(0, n));
    EXPECT_FALSE(loaded.Load(plan, reader)) << n;
  }
}

TEST(DecisionIdOf, DependsOnTopicPartitionOffsetPlacementAndPart) {
  const Cause cause{0, 3, 99, 0};
  const DecisionId id = DecisionIdOf(H64("events"), cause, PlacementIndex(0));
  EXPECT_EQ(id, DecisionIdOf(H64("events"), Cause{5, 3, 99, 0}, PlacementIndex(0)));   // the input's place says nothing
  EXPECT_NE(id, DecisionIdOf(H64("other"), cause, PlacementIndex(0)));
  EXPECT_NE(id, DecisionIdOf(H64("events"), Cause{0, 4, 99, 0}, PlacementIndex(0)));
  EXPECT_NE(id, DecisionIdOf(H64("events"), Cause{0, 3, 98, 0}, PlacementIndex(0)));
  EXPECT_NE(id, DecisionIdOf(H64("events"), Cause{0, 3, 99, 1}, PlacementIndex(0)));
  EXPECT_NE(id, DecisionIdOf(H64("events"), cause, PlacementIndex(1)));
}

}  // namespace
}  // namespace offerstream
