#include "models/learning/preference_model.h"

#include <gtest/gtest.h>

namespace offerstream {
namespace {

Observation Acted(IdHash category, AffinityAction action, std::uint32_t segment, EventTime time) {
  Observation row;
  row.kind = ObservationKind::kPreference;
  row.exposure = category;
  row.n = static_cast<std::uint32_t>(action);
  row.segment = segment;
  row.time = time;
  return row;
}

TEST(PreferenceModel, TellsSharesOfEverybodyAndOfEachSegment) {
  PreferenceModel model;
  EXPECT_TRUE(model.View().segments.empty());
  model.Apply(Acted(1, AffinityAction::kPurchase, 3, 0));
  model.Apply(Acted(2, AffinityAction::kClick, 3, 0));
  model.Apply(Acted(2, AffinityAction::kClick, 0, 0));
  const PreferenceView view = model.View();
  ASSERT_EQ(view.segments.size(), 2u);
  EXPECT_EQ(view.segments[0].segment, 0u);
  EXPECT_NEAR(view.segments[0].weight, 10, 1e-12);
  ASSERT_EQ(view.segments[0].shares.size(), 2u);
  EXPECT_EQ(view.segments[0].shares[0].first, 1u);
  EXPECT_NEAR(view.segments[0].shares[0].second, .6, 1e-12);
  EXPECT_EQ(view.segments[1].segment, 3u);
  EXPECT_NEAR(view.segments[1].shares[0].second, .75, 1e-12);
}

TEST(PreferenceModel, RefusesUnknownActionsAndKeepsTheNewestSegments) {
  PreferenceModel model;
  Observation wrong = Acted(1, AffinityAction::kView, 1, 0);
  wrong.n = 9;
  model.Apply(wrong);
  EXPECT_EQ(model.rejected(), 1);
  EXPECT_EQ(model.rows(), 0);
  for (std::uint32_t segment = 1; segment <= 2 * PreferenceModel::kSegmentsMost; ++segment) {
    model.Apply(Acted(1, AffinityAction::kView, segment, segment));
  }
  const PreferenceView view = model.View();
  ASSERT_EQ(view.segments.size(), PreferenceModel::kSegmentsMost + 1);
  EXPECT_EQ(view.segments[1].segment, PreferenceModel::kSegmentsMost + 1);
}

TEST(PreferenceModel, GoesOnFromWhatWasSaved) {
  PreferenceModel model, again;
  for (int i = 0; i < 50; ++i) model.Apply(Acted(static_cast<IdHash>(i % 4), AffinityAction::kView, static_cast<std::uint32_t>(i % 3), i * kDay));
  std::string bytes, bytes_again;
  ByteWriter writer(bytes), writer_again(bytes_again);
  model.Save(writer);
  ByteReader in(bytes);
  again.Restore(in);
  ASSERT_TRUE(in.ok() && in.AtEnd());
  again.Save(writer_again);
  EXPECT_EQ(bytes, bytes_again);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    ByteReader damaged(std::string_view(bytes).substr(0, cut));
    again.Restore(damaged);
    EXPECT_FALSE(damaged.ok()) << cut;
  }
}

}  // namespace
}  // namespace offerstream
