#include <gtest/gtest.h>

#include <algorithm>

#include "state/formats/codecs.h"
#include "state/formats/framing.h"
#include "tests/support/state_samples.h"

namespace offerstream {
namespace {

std::string Encoded(const CampaignPlan& plan, const CustomerProfile& p, TxnSeq as_of) {
  std::string bytes;
  EncodeProfile(plan, p, as_of, bytes);
  return bytes;
}

TEST(ProfileCodec, EveryFieldComesBackToTheSameBits) {
  const auto plan = samples::Plan();
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const CustomerProfile p = samples::Profile(*plan, seed);
    const std::string bytes = Encoded(*plan, p, seed);
    CustomerProfile q;
    ASSERT_TRUE(DecodeProfile(*plan, bytes, q)) << seed;
    EXPECT_EQ(q.as_of, seed);
    EXPECT_EQ(Encoded(*plan, q, seed), bytes) << seed;
    ASSERT_EQ(q.exposures.size(), p.exposures.size());
    for (std::size_t i = 0; i < p.exposures.size(); ++i) {
      const Exposure &a = p.exposures[i], &b = q.exposures[i];
      EXPECT_EQ(a.id, b.id);
      EXPECT_EQ(a.offer, b.offer);
      EXPECT_EQ(a.channel, b.channel);
      EXPECT_EQ(a.next_due, b.next_due);
      EXPECT_EQ(a.propensity, b.propensity);
      EXPECT_TRUE(a.x.Dense() == b.x.Dense());
      ASSERT_EQ(a.labels.size(), b.labels.size());
      for (std::size_t o = 0; o < a.labels.size(); ++o) {
        EXPECT_EQ(a.labels[o].next_cut, b.labels[o].next_cut);
        EXPECT_EQ(a.labels[o].logit, b.labels[o].logit);
        EXPECT_EQ(a.labels[o].value, b.labels[o].value);
        EXPECT_EQ(a.labels[o].mask, b.labels[o].mask);
      }
    }
    EXPECT_EQ(p.impressions, q.impressions);
    ASSERT_EQ(p.seen.size(), q.seen.size());
    for (std::size_t i = 0; i < p.seen.size(); ++i) {
      EXPECT_EQ(p.seen[i].hash, q.seen[i].hash);
      EXPECT_EQ(p.seen[i].time, q.seen[i].time);
    }
    for (std::size_t i = 0; i < kPlacementsMax; ++i) {
      EXPECT_EQ(p.LastDecision(PlacementIndex(i)), q.LastDecision(PlacementIndex(i)));
    }
    EXPECT_EQ(p.place.z, q.place.z);
    EXPECT_EQ(p.value.d30, q.value.d30);
    EXPECT_EQ(p.value.touched, q.value.touched);
    EXPECT_EQ(p.enrolments.size(), q.enrolments.size());
    EXPECT_EQ(p.truncated, q.truncated);
    EXPECT_EQ(p.channels.known(), q.channels.known());
    for (std::size_t i = 0; i < plan->channels.size(); ++i) {
      const ChannelProfile a = p.channels.Of(ChannelIndex(i)), b = q.channels.Of(ChannelIndex(i));
      EXPECT_EQ(a.clicks.d90, b.clicks.d90);
      EXPECT_EQ(a.consent, b.consent);
      EXPECT_EQ(a.published_limit, b.published_limit);
    }
  }
}

TEST(ProfileCodec, TheBodyDoesNotDependOnAsOf) {
  const auto plan = samples::Plan();
  const CustomerProfile p = samples::Profile(*plan, 3);
  const std::string early = Encoded(*plan, p, 1), late = Encoded(*plan, p, 900);
  EXPECT_NE(early, late);
  EXPECT_EQ(ProfileBody(early), ProfileBody(late));
}

TEST(ProfileCodec, PeekTellsAsOfAndTheEarliestTimerOnly) {
  const auto plan = samples::Plan();
  CustomerProfile p = samples::Profile(*plan, 5);
  p.next_due = 123'456;
  const Result<RowPeek> peek = PeekProfile(Encoded(*plan, p, 77));
  ASSERT_TRUE(peek);
  EXPECT_EQ(peek->as_of, 77u);
  EXPECT_EQ(peek->next_due, 123'456);
  EXPECT_FALSE(peek->gone);
  std::string tombstone;
  EncodeTombstone(9, tombstone);
  const Result<RowPeek> gone = PeekProfile(tombstone);
  ASSERT_TRUE(gone);
  EXPECT_TRUE(gone->gone);
  EXPECT_EQ(gone->as_of, 9u);
}

TEST(ProfileCodec, AnEmptyProfileCostsLessThanThirtyBytes) {
  const auto plan = samples::Plan();
  CustomerProfile p;
  EXPECT_LT(Encoded(*plan, p, 1).size(), 30u);
}

TEST(ProfileCodec, WhatThePlanHasDroppedIsLeftOutAndTheRestFollowsItsNewIndex) {
  const auto old_plan = samples::Plan();
  CustomerProfile p;
  p.channels.Update(ChannelIndex(0), [](ChannelProfile& c) { c.consent = Consent::kIn; });
  p.channels.Update(ChannelIndex(2), [](ChannelProfile& c) { c.consent = Consent::kOut; });
  p.SetLastDecision(PlacementIndex(1), 5000);
  for (std::size_t i = 0; i < 4; ++i) p.attributes.push_back({AttributeIndex(i), {AttributeValue::Type::kNumber, double(i)}});
  for (std::size_t i = 0; i < 4; ++i) {
    Exposure& e = p.exposures.emplace_back();
    e.id = i + 1;
    e.offer = OfferIndex(i);
    e.channel = ChannelIndex(i % 2 == 0 ? 2 : 0);
    e.labels.resize(4);
    e.labels[2].logit = 0.5;
  }
  p.impressions = {PackedImpression{1000} << 8 | 0, PackedImpression{2000} << 8 | 2};
  std::string bytes;
  EncodeProfile(*old_plan, p, 1, bytes);

  auto plan = samples::Plan();
  plan->channels.erase(plan->channels.begin());              // email
  plan->offers.erase(plan->offers.begin() + 2);              // mortgage
  std::swap(plan->attributes[0], plan->attributes[3]);
  plan->attributes.erase(plan->attributes.begin() + 1);      // job
  plan->outcomes.insert(plan->outcomes.begin() + 2, OutcomeSpec{.id = "call"});
  plan->decide.placements = {"inbox"};
  plan->Index();
  CustomerProfile q;
  ASSERT_TRUE(DecodeProfile(*plan, bytes, q));
  EXPECT_EQ(q.channels.ConsentOn(ChannelIndex(0)), Consent::kUnknown);
  EXPECT_EQ(q.channels.ConsentOn(ChannelIndex(1)), Consent::kOut);
  EXPECT_EQ(q.LastDecision(PlacementIndex(0)), 5000);
  EXPECT_EQ(q.LastDecision(PlacementIndex(1)), kNever);
  ASSERT_EQ(q.attributes.size(), 3u);
  EXPECT_EQ(q.attributes[0].value().number, 3);                // city is first now
  EXPECT_TRUE(std::ranges::is_sorted(q.attributes, {}, &AttributeSlot::attribute));
  ASSERT_EQ(q.exposures.size(), 1u);                         // gold on sms; the others lost their channel or offer
  EXPECT_EQ(q.exposures[0].id, 1u);
  EXPECT_EQ(q.exposures[0].channel.value, 1);
  EXPECT_EQ(q.exposures[0].labels[3].logit, 0.5);
  EXPECT_EQ(q.exposures[0].labels[2].next_cut, kLabelClosed);
  ASSERT_EQ(q.impressions.size(), 1u);
  EXPECT_EQ(q.impressions[0], PackedImpression{2000} << 8 | 1);
}

TEST(ProfileCodec, EveryFlippedBitAndEveryCutIsNoticed) {
  const auto plan = samples::Plan();
  const std::string bytes = Encoded(*plan, samples::Profile(*plan, 11), 4);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    CustomerProfile q;
    const Status status = DecodeProfile(*plan, damaged, q);
    ASSERT_FALSE(status) << bit;
    EXPECT_EQ(status.error().code, Code::kCorrupt);
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CustomerProfile q;
    EXPECT_FALSE(DecodeProfile(*plan, std::string_view(bytes).substr(0, size), q));
  }
}

TEST(ProfileCodec, ANewerVersionIsRefusedAsSuch) {
  std::string bytes;
  const std::size_t begin = BeginFrame(FrameFormat::kProfile, 3, bytes);
  bytes += "from the future";
  EndFrame(begin, bytes);
  CustomerProfile q;
  const Status status = DecodeProfile(*samples::Plan(), bytes, q);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kFormatTooNew);
}

TEST(Framing, ChecksumIsTheCastagnoliOfTheStandard) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c("6789", Crc32c("12345")), 0xE3069283u);
}

TEST(ProfileCodec, AffinityComesBackAndFollowsItsCategoriesToAnotherPlan) {
  const auto plan = samples::Plan();
  plan->products[0].category = "cards";
  plan->products[1].category = "loans";
  plan->Index();
  CustomerProfile p;
  p.id = "u1";
  p.KeepHabits().affinity.push_back({1'700'000'000'000, 2.5f, CategoryIndex(0)});
  p.KeepHabits().affinity.push_back({1'600'000'000'000, 0.125f, CategoryIndex(1)});
  CustomerProfile q, moved;
  ASSERT_TRUE(DecodeProfile(*plan, Encoded(*plan, p, 3), q));
  ASSERT_EQ(q.Affinity().size(), 2u);
  EXPECT_EQ(q.Affinity()[0].touched, 1'700'000'000'000);
  EXPECT_EQ(q.Affinity()[1].amount, 0.125f);
  EXPECT_EQ(Encoded(*plan, q, 3), Encoded(*plan, p, 3));
  plan->products[0].category = "loans";   // cards are gone; loans come first
  const std::string row = Encoded(*plan, p, 3);
  plan->Index();
  ASSERT_TRUE(DecodeProfile(*plan, row, moved));
  ASSERT_EQ(moved.Affinity().size(), 1u);
  EXPECT_EQ(moved.Affinity()[0].category, CategoryIndex(0));
  EXPECT_EQ(moved.Affinity()[0].amount, 0.125f);
}

TEST(ProfileCodec, BuyingComesBackAndOnlyWhoBoughtHasARowOfVersion2) {
  const auto plan = samples::Plan();
  plan->churn.on = plan->items.on = true;
  const std::string plain = Encoded(*plan, samples::Profile(*plan, 3), 3), row = Encoded(*plan, samples::Buyer(*plan, 3), 3);
  EXPECT_EQ(plain[1], 1);
  EXPECT_EQ(row[1], 2);
  CustomerProfile q;
  ASSERT_TRUE(DecodeProfile(*plan, row, q));
  EXPECT_EQ(Encoded(*plan, q, 3), row);
  for (std::size_t cut = 0; cut < row.size(); ++cut) {
    CustomerProfile damaged;
    EXPECT_FALSE(DecodeProfile(*plan, std::string_view(row).substr(0, cut), damaged)) << cut;
  }
}

}  // namespace
}  // namespace offerstream
