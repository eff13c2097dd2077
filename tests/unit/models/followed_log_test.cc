#include "models/followed_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

// A log of one choice, given to whatever event has its hash; remembers what it was told.
class OneChoice final : public FollowedLog {
 public:
  std::span<const LoggedChoice> ChoicesAt(const Event& event) override {
    return event.event_hash == at ? std::span<const LoggedChoice>(&choice, 1) : std::span<const LoggedChoice>();
  }
  bool WouldHave(const Event&, const LoggedChoice& c, const Decision& decision) override {
    asked.push_back(c);
    candidates.push_back(decision.candidates);
    return keep;
  }
  IdHash at = 0;
  LoggedChoice choice{};
  bool keep = true;
  std::vector<LoggedChoice> asked{};
  std::vector<std::vector<Candidate>> candidates{};
};

LoggedChoice Card() {
  LoggedChoice choice;
  choice.id = 0xca4d;
  choice.placement = PlacementIndex(0);
  choice.has_offer = true;
  choice.offer = OfferIndex(1);
  choice.channel = ChannelIndex(1);
  choice.propensity = .125;
  return choice;
}

std::size_t Matured(const FoldOutput& out, std::uint64_t exposure) {
  return static_cast<std::size_t>(std::count_if(out.observations.rows.begin(), out.observations.rows.end(), [exposure](const Observation& o) {
    return o.kind == ObservationKind::kMature && o.exposure == exposure;
  }));
}

TEST(FollowedLog, TheLoggedChoiceIsAppliedAndThePlansOwnPropensitiesAreTold) {
  FoldWorld w;
  OneChoice log;
  w.fold.Follow(&log);
  const Event& request = w.script.Add(EventKind::kRequest, "u1", kStart);
  log.at = request.event_hash;
  log.choice = Card();
  FoldOutput& out = w.Apply(request);
  EXPECT_EQ(out.decision_count, 0u);   // nothing is published
  ASSERT_EQ(log.asked.size(), 1u);
  ASSERT_EQ(log.candidates[0].size(), 6u);
  double sum = 0;
  for (const Candidate& c : log.candidates[0]) sum += c.propensity;
  EXPECT_NEAR(sum, 1, 1e-12);
  ASSERT_EQ(w.Of("u1").exposures.size(), 1u);
  const Exposure& e = w.Of("u1").exposures[0];
  EXPECT_EQ(e.id, 0xca4du);
  EXPECT_EQ(e.offer, OfferIndex(1));
  EXPECT_EQ(e.channel, ChannelIndex(1));
  EXPECT_EQ(e.propensity, .125);
}

TEST(FollowedLog, NothingIsDecidedWhereNothingWasLogged) {
  FoldWorld w;
  OneChoice log;
  w.fold.Follow(&log);
  w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart));
  EXPECT_TRUE(log.asked.empty());
  EXPECT_TRUE(w.Of("u1").exposures.empty());
  w.fold.Follow(nullptr);
  EXPECT_EQ(w.Apply(w.script.Add(EventKind::kRequest, "u1", kStart + 1)).decision_count, 1u);
}

TEST(FollowedLog, AFollowedDecisionIsLearnedFromWhenItIsShownAndAnswered) {
  FoldWorld w;
  OneChoice log;
  w.fold.Follow(&log);
  const Event& request = w.script.Add(EventKind::kRequest, "u1", kStart);
  log.at = request.event_hash;
  log.choice = Card();
  w.Apply(request);
  Event& shown = w.script.Add(EventKind::kImpression, "u1", kStart + kMinute);
  shown.decision_id = 0xca4d;
  w.Apply(shown);
  FoldOutput& out = w.Clock(kStart + 40 * kDayLength);
  EXPECT_EQ(Matured(out, 0xca4d), 2u);   // click and conversion
}

TEST(FollowedLog, APassedOverDecisionIsCountedAndNotLearnedFrom) {
  FoldWorld w;
  OneChoice log;
  log.keep = false;
  w.fold.Follow(&log);
  const Event& request = w.script.Add(EventKind::kRequest, "u1", kStart);
  log.at = request.event_hash;
  log.choice = Card();
  w.Apply(request);
  EXPECT_TRUE(w.Of("u1").exposures.empty());
  Event& shown = w.script.Add(EventKind::kImpression, "u1", kStart + kMinute);
  shown.decision_id = 0xca4d;
  shown.offer = OfferIndex(1);
  shown.channel = ChannelIndex(1);
  w.Apply(shown);
  EXPECT_TRUE(w.Of("u1").exposures.empty());
  EXPECT_EQ(w.Of("u1").impressions.size(), 1u);   // the cap knows it
  for (const Observation& o : w.Clock(kStart + 40 * kDayLength).observations.rows) {
    // Who was asked for is enrolled, whatever became of it, and has its turn to be told to the segments.
    EXPECT_TRUE(o.kind == ObservationKind::kLiftRow || o.kind == ObservationKind::kMove);
  }
}

TEST(FollowedLog, AForeignImpressionIsAChoiceAmongTheOffersOfItsChannel) {
  FoldWorld w;
  OneChoice log;
  w.fold.Follow(&log);
  Event& shown = w.script.Add(EventKind::kImpression, "u1", kStart);
  shown.offer = OfferIndex(2);
  shown.channel = ChannelIndex(0);
  shown.propensity = .2;
  w.Apply(shown);
  ASSERT_EQ(log.asked.size(), 1u);
  EXPECT_TRUE(log.asked[0].foreign);
  EXPECT_EQ(log.asked[0].propensity, .2);
  ASSERT_EQ(log.candidates[0].size(), 3u);
  for (const Candidate& c : log.candidates[0]) EXPECT_EQ(c.channel, ChannelIndex(0));
  EXPECT_EQ(w.Of("u1").exposures.size(), 1u);
  log.keep = false;
  Event& again = w.script.Add(EventKind::kImpression, "u1", kStart + kMinute);
  again.offer = OfferIndex(2);
  again.channel = ChannelIndex(0);
  again.propensity = .2;
  w.Apply(again);
  EXPECT_EQ(log.asked.size(), 2u);
  EXPECT_EQ(w.Of("u1").exposures.size(), 1u);
}

TEST(FollowedLog, AnOfferThePlanDoesNotKnowIsAskedAboutAndNotKept) {
  FoldWorld w;
  OneChoice log;
  w.fold.Follow(&log);
  Event& shown = w.script.Add(EventKind::kImpression, "u1", kStart);
  shown.offer_hash = H64("of another plan");
  shown.channel = ChannelIndex(0);
  shown.propensity = .2;
  w.Apply(shown);
  ASSERT_EQ(log.asked.size(), 1u);
  EXPECT_FALSE(log.asked[0].offer.known());
  EXPECT_TRUE(w.Of("u1").exposures.empty());
}

}  // namespace
}  // namespace offerstream
