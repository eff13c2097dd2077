#include "models/learning/segmenter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "models/domain/random.h"
#include "tests/support/segment_world.h"

namespace offerstream {
namespace {

using namespace offerstream::testing;

constexpr EventTime kNoon = 472'222 * Duration{3'600'000};

std::string Bytes(const Segmenter& s) {
  std::string bytes;
  ByteWriter out(bytes);
  s.Save(out);
  return bytes;
}

/// `customers` in `groups` six apart, each told once or more; returns the fold's side.
struct Market {
  Draws draws;
  Groups groups;
  Segmenter segmenter;
  ToldCustomers told;
  std::uint64_t time = 0;

  Market(std::size_t customers, std::size_t count, SegmentSettings settings, double apart = 6)
      : draws(settings.seed, 9, 9, Purpose::kSimulation), groups(count, settings.dimension, apart, draws),
        segmenter(settings), told(segmenter, customers) {}
  void Tell(std::size_t moves, double shift = 0, double stretch = 1) {
    std::vector<double> raw(groups.d);
    for (std::size_t m = 0; m < moves; ++m) {
      const std::size_t i = draws.Below(told.places.size());
      groups.Place(static_cast<int>(i % groups.k), draws, raw);
      for (double& v : raw) v = v * stretch + shift;
      told.Tell(i, raw, kNoon + static_cast<EventTime>(10 * time++));
    }
  }
};

TEST(Segmenter, BeforeAnythingIsLearnedTheViewStandardisesAndNamesNoSegment) {
  SegmentSettings settings = PlainSettings(2, 1);
  settings.centre = {10, -4};
  settings.scale = {2, 0.5};
  const Segmenter segmenter(settings);
  const auto view = segmenter.View(42);
  EXPECT_EQ(view->version, 42u);
  EXPECT_EQ(view->epoch, 1u);
  EXPECT_TRUE(view->macros.empty());
  float z[2];
  Standardise(*view, std::vector<double>{14, std::nan("")}, z);
  EXPECT_FLOAT_EQ(z[0], 2);
  EXPECT_FLOAT_EQ(z[1], 0) << "a missing number stands at the centre";
  EXPECT_EQ(AssignSegment(*view, z).segment, 0u);
  EXPECT_EQ(NearestMicro(*view, z), 0u);
}

TEST(Segmenter, UnderFiveHundredCustomersAreOneSegment) {
  Market market(499, 3, PlainSettings(2, 2));
  market.Tell(20'000);
  const auto view = market.segmenter.View(1);
  ASSERT_EQ(view->macros.size(), 1u);
  const SegmentPlace place = AssignSegment(*view, market.told.places[0].z);
  EXPECT_EQ(place.segment, 1u);
  EXPECT_EQ(place.slot, 0);
  EXPECT_EQ(place.margin, 1);
}

TEST(Segmenter, FindsSeparateGroupsAndKeepsTheirIdsAndSlots) {
  Market market(3'000, 4, PlainSettings(3, 3));
  market.Tell(30'000);
  const auto before = market.segmenter.View(1);
  ASSERT_EQ(before->macros.size(), 4u);
  market.segmenter.DrainEvents();
  market.Tell(30'000);
  const auto after = market.segmenter.View(2);
  ASSERT_EQ(after->macros.size(), 4u);
  for (std::size_t m = 0; m < 4; ++m) {
    EXPECT_EQ(after->macros[m].id, before->macros[m].id);
    EXPECT_EQ(after->macros[m].slot, before->macros[m].slot);
    EXPECT_NEAR(after->macros[m].share, 0.25, 0.03);
  }
  EXPECT_TRUE(market.segmenter.DrainEvents().empty()) << "nothing happened, so nothing is told";
  const SegmentDiagnostics d = market.segmenter.Diagnose();
  EXPECT_EQ(d.customers, 3'000);
  ASSERT_EQ(d.inertia.size(), 12u);
  EXPECT_EQ(d.elbow, 4u);
  EXPECT_GT(d.prediction_strength[3], 0.9);
  EXPECT_EQ(std::max_element(d.silhouette.begin(), d.silhouette.end()) - d.silhouette.begin(), 3);
}

TEST(Segmenter, ASetNumberOfSegmentsIsKept) {
  SegmentSettings settings = PlainSettings(3, 4);
  settings.k = 2;
  Market market(3'000, 4, settings);
  market.Tell(12'000);
  EXPECT_EQ(market.segmenter.View(1)->macros.size(), 2u);
  EXPECT_EQ(market.segmenter.Diagnose().prediction_strength.size(), 12u) << "looked at once, though nobody voted";
}

TEST(Segmenter, RestoredFromItsSnapshotLearnsTheSameBits) {
  for (std::size_t moves : {300u, 9'000u, 40'000u}) {
    Market market(5'000, 3, PlainSettings(4, 5));
    market.Tell(moves);
    const std::string saved = Bytes(market.segmenter);
    ByteReader in(saved);
    Result<Segmenter> restored = Segmenter::Restore(PlainSettings(4, 5), in);
    ASSERT_TRUE(restored.has_value()) << restored.error().detail;
    EXPECT_TRUE(in.AtEnd());
    EXPECT_EQ(Bytes(*restored), saved);
    std::vector<double> raw(4);
    auto view = market.segmenter.View(1);
    for (int m = 0; m < 12'000; ++m) {
      const std::size_t i = market.draws.Below(5'000);
      market.groups.Place(static_cast<int>(i % 3), market.draws, raw);
      Coordinates next{.micro = 0, .time = kNoon + static_cast<EventTime>(10 * market.time++), .z = {}};
      next.z.resize(4);
      Standardise(*view, raw, next.z);
      next.epoch = view->epoch;
      next.micro = NearestMicro(*view, next.z);
      if (next.micro == 0) next.micro = H64({i, static_cast<std::uint64_t>(next.time)});
      market.segmenter.Learn(market.told.hashes[i], market.told.places[i], next);
      restored->Learn(market.told.hashes[i], market.told.places[i], next);
      market.told.places[i] = next;
      if (m % 1'000 == 0) view = restored->View(2);
    }
    EXPECT_EQ(Bytes(*restored), Bytes(market.segmenter)) << moves;
  }
}

TEST(Segmenter, DamagedSnapshotsAreRefused) {
  Market market(700, 2, PlainSettings(2, 6));
  market.Tell(8'000);
  const std::string saved = Bytes(market.segmenter);
  for (std::size_t cut = 0; cut < saved.size(); cut += 101) {
    ByteReader in(std::string_view(saved).substr(0, cut));
    const auto restored = Segmenter::Restore(PlainSettings(2, 6), in);
    ASSERT_FALSE(restored.has_value()) << cut;
    EXPECT_EQ(restored.error().code, Code::kCorrupt);
  }
  // A flipped byte is either refused or harmless (a number slightly off): never a crash, never a hang.
  for (std::size_t at = 0; at < saved.size(); at += 53) {
    std::string bent = saved;
    bent[at] = static_cast<char>(bent[at] ^ 0xff);
    ByteReader in(bent);
    auto restored = Segmenter::Restore(PlainSettings(2, 6), in);
    if (restored.has_value()) restored->View(1);
  }
  ByteReader in(saved);
  const auto other = Segmenter::Restore(PlainSettings(3, 6), in);
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code, Code::kConfiguration);
}

TEST(Segmenter, ANewEpochMovesNobodyToAnotherSegment) {
  SegmentSettings settings = PlainSettings(3, 7);
  settings.k = 4;
  Market market(3'000, 4, settings);
  market.Tell(20'000);
  const auto before = market.segmenter.View(1);
  for (int tenth = 1; tenth <= 10; ++tenth) market.Tell(5'000, 2.0 * tenth, 1 + 0.2 * tenth);  // level and unit drift
  const auto after = market.segmenter.View(2);
  EXPECT_GT(after->epoch, before->epoch + 1);
  ASSERT_EQ(after->macros.size(), 4u);
  for (std::size_t m = 0; m < 4; ++m) EXPECT_EQ(after->macros[m].id, before->macros[m].id);
  EXPECT_EQ(market.segmenter.micro_clusters().members(), 3'000) << "z of old epochs is still taken out";
  EXPECT_EQ(market.segmenter.Diagnose().dropped, 0u);
  for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(after->scale[j] / before->scale[j], 3, 0.6);
}

TEST(Segmenter, OutliersAreCutAtTheLimitsAndWiderTailsWidenThem) {
  Market market(2'000, 1, PlainSettings(1, 8));
  market.Tell(20'000);
  const auto narrow = market.segmenter.View(1);
  EXPECT_NEAR((narrow->high[0] - narrow->centre[0]) / narrow->scale[0], 2.33, 0.4);
  float z[1];
  Standardise(*narrow, std::vector<double>{1e9}, z);
  EXPECT_LT(z[0], 3);
  market.Tell(80'000, 0, 30);
  const auto wide = market.segmenter.View(2);
  EXPECT_NEAR((wide->high[0] - wide->low[0]) / (narrow->high[0] - narrow->low[0]), 30, 12);
}

TEST(Segmenter, AConstantFeatureKeepsItsScaleAndDoesNotRenewTheEpochForEver) {
  Segmenter segmenter(PlainSettings(2, 9));
  ToldCustomers told(segmenter, 1'000);
  Draws draws(9, 9, 9, Purpose::kSimulation);
  for (int m = 0; m < 60'000; ++m) {
    told.Tell(draws.Below(1'000), std::vector<double>{draws.Normal(), 5}, kNoon + 10 * m);
  }
  const auto view = segmenter.View(1);
  EXPECT_LE(view->epoch, 3u);
  EXPECT_EQ(view->scale[1], 1);
  EXPECT_LT(view->low[1], 5);
  EXPECT_GT(view->high[1], 5) << "room for the day the feature starts to vary";
}

TEST(Segmenter, ABoundWhereManyCustomersStandIsNotATail) {
  Segmenter segmenter(PlainSettings(1, 11));
  ToldCustomers told(segmenter, 1'000);
  Draws draws(11, 9, 9, Purpose::kSimulation);
  for (int m = 0; m < 60'000; ++m) {
    const double amount = draws.Uniform() < 0.6 ? 0 : 1 + std::abs(draws.Normal());  // most never deposited
    told.Tell(draws.Below(1'000), std::vector<double>{amount}, kNoon + 10 * m);
  }
  const auto view = segmenter.View(1);
  EXPECT_LE(view->epoch, 3u);
  EXPECT_LT(view->low[0], 0);
}

TEST(Segmenter, BadPlacesAreRefusedAndForgottenCustomersLeave) {
  Segmenter segmenter(PlainSettings(1, 10));
  Coordinates good{.micro = 5, .time = kNoon, .z = {0.5f}, .epoch = 1};
  segmenter.Learn(1, {}, good);
  for (int what = 0; what < 4; ++what) {
    Coordinates bad = good;
    if (what == 0) bad.z = {std::numeric_limits<float>::quiet_NaN()};
    if (what == 1) bad.z = {1, 2};
    if (what == 2) bad.epoch = 2;
    if (what == 3) bad.time = kNever;
    segmenter.Learn(2, {}, bad);
  }
  EXPECT_EQ(segmenter.Diagnose().refused, 4u);
  EXPECT_EQ(segmenter.micro_clusters().members(), 1);
  segmenter.Learn(1, good, Coordinates{});
  EXPECT_EQ(segmenter.micro_clusters().members(), 0);
}

TEST(SegmentIdentity, ASplitKeepsTheOldIdForTheLargerPartAndTellsIt) {
  SegmentIdentity identity;
  identity.next_id = 3;
  auto segment = [](std::uint32_t id, std::uint8_t slot, double at) {
    return Segment{.id = id, .slot = slot, .share = 0.5, .radius = 1, .centre = {at}, .anchor = {at}};
  };
  std::vector<Segment> segments = {segment(1, 0, 0), segment(2, 1, 10)};
  std::vector<SegmentIdentity::Membership> members;
  for (int i = 0; i < 60; ++i) members.push_back({1, 2});
  for (int i = 0; i < 40; ++i) members.push_back({1, 0});
  for (int i = 0; i < 100; ++i) members.push_back({2, 1});
  std::vector<SegmentEvent> events;
  std::vector<std::uint32_t> ids;
  identity.Adopt(segments, {segment(0, 0, -1), segment(0, 0, 10.2), segment(0, 0, 0.6)}, members, {.step = 7}, events, ids);
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{3, 2, 1}));
  ASSERT_EQ(segments.size(), 3u);
  EXPECT_EQ(segments[2].slot, 2) << "a slot nobody had before";
  std::vector<SegmentEventKind> kinds;
  for (const SegmentEvent& e : events) kinds.push_back(e.kind);
  using K = SegmentEventKind;
  EXPECT_EQ(kinds, (std::vector<K>{K::kDrift, K::kBirth, K::kSplit, K::kSplit}));
  EXPECT_EQ(events[0].segment, 1u);
  EXPECT_EQ(events[3].amount, 0.6);
  // And back: the two parts become one again under the older id; the slot of the other falls free last.
  members.assign(60, {1, 0});
  members.insert(members.end(), 40, {3, 0});
  members.insert(members.end(), 100, {2, 1});
  events.clear();
  identity.Adopt(segments, {segment(0, 0, 0.6), segment(0, 0, 10.2)}, members, {.step = 8}, events, ids);
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(events.front().kind, K::kDeath);
  EXPECT_EQ(events.back().kind, K::kMerge);
  EXPECT_EQ(identity.freed[2], 8u);
}

TEST(SegmentView, MarginComparesTheTwoNearestSegments) {
  SegmentView view;
  view.dimension = 1;
  view.macros = {{1, 4, 0.5, {0}}, {2, 0, 0.5, {4}}, {3, 1, 0, {100}}};
  const float z[] = {1};
  const SegmentPlace place = AssignSegment(view, z);
  EXPECT_EQ(place.segment, 1u);
  EXPECT_EQ(place.slot, 4);
  EXPECT_DOUBLE_EQ(place.margin, 1 - 1.0 / 3);
  view.micros = {{11, 0.25, {0}}, {12, 0.01, {2.5}}};
  EXPECT_EQ(NearestMicro(view, z), 11u) << "exactly two radii away is within";
  const float beyond[] = {2};
  EXPECT_EQ(NearestMicro(view, beyond), 0u) << "the nearest is too far, a farther wide one does not count";
}

}  // namespace
}  // namespace offerstream
