#include "models/domain/channel_table.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "models/domain/packed_features.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

using Words = std::array<std::uint64_t, 4>;

void ExpectSame(const ChannelProfile& a, const ChannelProfile& b) {
  EXPECT_EQ(std::bit_cast<Words>(a.impressions), std::bit_cast<Words>(b.impressions));
  EXPECT_EQ(std::bit_cast<Words>(a.clicks), std::bit_cast<Words>(b.clicks));
  EXPECT_EQ(std::bit_cast<std::uint64_t>(a.conversions_d30), std::bit_cast<std::uint64_t>(b.conversions_d30));
  EXPECT_EQ(a.last_impression, b.last_impression);
  EXPECT_EQ(a.last_click, b.last_click);
  EXPECT_EQ(a.consent, b.consent);
  EXPECT_EQ(a.published_source, b.published_source);
  EXPECT_EQ(a.published_limit, b.published_limit);
  EXPECT_EQ(a.published_capped, b.published_capped);
}

TEST(ChannelTable, GivesBackEveryBitOfWhatWasPutOnAnyChannelInAnyOrder) {
  Draws draws(5, 6, 7, Purpose::kSimulation);
  const auto coin = [&] { return draws.Below(2) == 0; };
  const auto time = [&] { return draws.Below(3) == 0 ? kNever : static_cast<EventTime>(draws.Below(4)) - 1; };
  const auto sums = [&] {
    return coin() ? DecayedSums{draws.Normal(), coin() ? -0.0 : 0.0, draws.Normal(), time()} : DecayedSums{};
  };
  ChannelTable table;
  std::array<ChannelProfile, kChannelsMax> plain;
  for (int step = 0; step < 5'000; ++step) {
    const std::size_t put = draws.Below(kChannelsMax), other = draws.Below(kChannelsMax);
    ChannelProfile p;
    if (draws.Below(4) != 0) {
      p.impressions = sums();
      p.clicks = sums();
      p.conversions_d30 = coin() ? draws.Normal() : 0.0;
      p.last_impression = time();
      p.last_click = time();
      p.consent = static_cast<Consent>(draws.Below(4));
      p.published_source = static_cast<CapSource>(draws.Below(3));
      p.published_limit = static_cast<std::uint16_t>(draws.Below(3) * 0x7fff);
      p.published_capped = coin();
    }
    plain[put] = p;
    table.Put(ChannelIndex(put), p);
    for (const std::size_t i : {put, other}) {
      const ChannelIndex channel(i);
      ExpectSame(table.Of(channel), plain[i]);
      EXPECT_EQ(std::bit_cast<Words>(table.Impressions(channel)), std::bit_cast<Words>(plain[i].impressions));
      EXPECT_EQ(std::bit_cast<Words>(table.Clicks(channel)), std::bit_cast<Words>(plain[i].clicks));
      EXPECT_EQ(table.LastImpression(channel), plain[i].last_impression);
      EXPECT_EQ(table.ConsentOn(channel), plain[i].consent);
      EXPECT_EQ(table.PublishedLimit(channel), plain[i].published_limit);
      EXPECT_EQ(table.PublishedCapped(channel), plain[i].published_capped);
    }
    ASSERT_FALSE(HasFailure()) << step;
  }
  for (std::size_t c = 0; c < kChannelsMax; ++c) table.Put(ChannelIndex(c), {});
  EXPECT_EQ(table.known(), 0);
  EXPECT_EQ(table.words().capacity(), 0u);
}

TEST(ChannelTable, AChannelOfImpressionsCostsFourWords) {
  ChannelTable table;
  const auto seen = [](ChannelProfile& c) {
    c.impressions = {1, 1, 1, 5000};
    c.last_impression = 5000;
  };
  table.Update(ChannelIndex(3), seen);
  EXPECT_EQ(table.known(), 1 << 3);
  EXPECT_EQ(table.words().size(), 6u);
  table.Update(ChannelIndex(1), seen);
  EXPECT_EQ(table.words().size(), 10u);
}

TEST(PackedFeatures, GivesBackEveryBit) {
  Draws draws(8, 6, 7, Purpose::kSimulation);
  for (const std::size_t size : {0u, 1u, 31u, 32u, 33u, 64u, 256u, 4096u}) {
    std::vector<float> x(size);
    for (float& v : x) {
      constexpr std::array<float, 5> kPlain = {0.0f, 1.0f, -0.0f, -1.0f, NAN};
      const std::size_t which = draws.Below(8);
      v = which < kPlain.size() ? kPlain[which] : static_cast<float>(draws.Normal());
    }
    PackedFeatures packed;
    packed.Assign(x);
    EXPECT_EQ(packed.size(), size);
    std::vector<float> out = {3.0f};
    packed.AppendTo(out);
    ASSERT_EQ(out.size(), size + 1);
    EXPECT_EQ(out[0], 3.0f);
    for (std::size_t i = 0; i < size; ++i) {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(out[i + 1]), std::bit_cast<std::uint32_t>(x[i])) << i;
    }
  }
}

}  // namespace
}  // namespace offerstream
