#include "models/learning_fold.h"

#include <gtest/gtest.h>

#include "models/domain/numeric_path.h"
#include "models/learning/churn_model.h"
#include "tests/unit/models/learning_worlds.h"

namespace offerstream {
namespace {

using testing::ResponseRows;
using testing::Row;
using testing::SmallPlan;

IdHash Model(const char* id) { return H64(id); }

std::string Saved(const LearningFold& fold, const char* id) {
  std::string bytes;
  fold.Save(Model(id), bytes);
  return bytes;
}

void Feed(LearningFold& fold, const std::vector<Row>& rows, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) fold.Apply(rows[i].observation, rows[i].x, i);
}

TEST(LearningFold, RestoredFromASnapshotLearnsTheSameBits) {
  FixNumericPath();
  const auto rows = ResponseRows(Model("loan/click"), 9, 1500);
  LearningFold straight(SmallPlan(9)), first(SmallPlan(9)), second(SmallPlan(9));
  Feed(straight, rows, 0, 1500);
  Feed(first, rows, 0, 500);
  ASSERT_TRUE(second.Restore("loan/click", 500, Saved(first, "loan/click")).has_value());
  EXPECT_EQ(second.VersionOf(Model("loan/click")), 500u);
  Feed(second, rows, 0, 1500);  // the first 500 are inside the snapshot and passed over
  EXPECT_EQ(Saved(straight, "loan/click"), Saved(second, "loan/click"));
}

TEST(LearningFold, TwoFoldsOverDisjointModelsEqualOne) {
  LearningFold both(SmallPlan(5)), left(SmallPlan(5)), right(SmallPlan(5));
  const auto a = ResponseRows(Model("loan/click"), 5, 300), b = ResponseRows(Model("card/conversion"), 5, 300, 2);
  for (std::size_t i = 0; i < 300; ++i) {
    both.Apply(a[i].observation, a[i].x, 2 * i);
    both.Apply(b[i].observation, b[i].x, 2 * i + 1);
    left.Apply(a[i].observation, a[i].x, i);
    right.Apply(b[i].observation, b[i].x, i);
  }
  EXPECT_EQ(Saved(both, "loan/click"), Saved(left, "loan/click"));
  EXPECT_EQ(Saved(both, "card/conversion"), Saved(right, "card/conversion"));
}

TEST(LearningFold, PublishesWhatChangedSinceTheLastTime) {
  LearningFold fold(SmallPlan(4));
  const auto rows = ResponseRows(Model("loan/click"), 4, 10);
  Feed(fold, rows, 0, 10);
  const auto published = fold.Publish(10);
  ASSERT_EQ(published.size(), 1u);
  EXPECT_EQ(published[0].id, "loan/click");
  EXPECT_EQ(published[0].response->version, 10u);
  EXPECT_EQ(published[0].response->labels, 5);
  EXPECT_TRUE(fold.Publish(10).empty());
  EXPECT_EQ(fold.All(10).size(), 1u);
}

TEST(LearningFold, TheViewReadFromASnapshotIsTheOnePublished) {
  const auto plan = SmallPlan(6);
  LearningFold fold(plan);
  Feed(fold, ResponseRows(Model("card/click"), 6, 200), 0, 200);
  const auto published = fold.Publish(200);
  const auto read = LearningFold::Read(*plan, "card/click", 200, Saved(fold, "card/click"));
  ASSERT_TRUE(read.has_value());
  const ResponseView &a = *published[0].response, &b = *read->response;
  EXPECT_EQ(a.mean, b.mean);
  EXPECT_EQ(a.covariance, b.covariance);
  EXPECT_EQ(a.feature_mean, b.feature_mean);
  EXPECT_EQ(a.calibration_a, b.calibration_a);
  EXPECT_EQ(a.calibration_b, b.calibration_b);
  EXPECT_EQ(a.base_rate, b.base_rate);
  EXPECT_EQ(a.calibration_ratio, b.calibration_ratio);
  EXPECT_EQ(a.delay_share, b.delay_share);
  EXPECT_EQ(a.schema_epoch, 7u);
  EXPECT_EQ(b.version, 200u);
  // W = 7 d: cuts at 1 h, 6 h, 1 d, 3 d below it, then 1.
  EXPECT_EQ(a.cuts, 5u);
  EXPECT_EQ(a.delay_share[4], 1.0);
}

TEST(LearningFold, DamagedSnapshotsAreRefusedAndChangeNothing) {
  LearningFold fold(SmallPlan(5));
  Feed(fold, ResponseRows(Model("loan/click"), 5, 60), 0, 60);
  const std::string good = Saved(fold, "loan/click");
  for (std::size_t cut = 0; cut < good.size(); cut += 7) {
    const Status status = fold.Restore("loan/click", 60, std::string_view(good).substr(0, cut));
    ASSERT_FALSE(status.has_value()) << cut;
    EXPECT_EQ(status.error().code, Code::kCorrupt);
  }
  std::string newer = good;
  newer[0] = 99;
  EXPECT_EQ(fold.Restore("loan/click", 60, newer).error().code, Code::kFormatTooNew);
  EXPECT_EQ(fold.Restore("lift", 60, good).error().code, Code::kCorrupt);
  EXPECT_FALSE(fold.Restore("loan/click", 60, good + "x").has_value());
  EXPECT_EQ(Saved(fold, "loan/click"), good);
}

TEST(LearningFold, UnfitObservationsAreRefusedAndCounted) {
  LearningFold fold(SmallPlan(3));
  auto rows = ResponseRows(Model("loan/click"), 3, 4);
  Feed(fold, rows, 0, 4);
  rows[0].x[1] = NAN;
  fold.Apply(rows[0].observation, rows[0].x, 4);
  fold.Apply(rows[2].observation, std::vector<float>{1, 2}, 5);
  rows[1].observation.served_logit = INFINITY;
  fold.Apply(rows[1].observation, rows[1].x, 6);
  rows[2].observation.y = 2;
  fold.Apply(rows[2].observation, rows[2].x, 7);
  Observation stranger = rows[3].observation;
  stranger.model = Model("unknown/click");
  fold.Apply(stranger, rows[3].x, 8);
  const auto reports = fold.Reports();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].rejected, 4);
  EXPECT_EQ(reports[0].observations, 4);
}

TEST(LearningFold, OnlyTheFirstBirthAndOnlyBeforeLearningCounts) {
  LearningFold fold(SmallPlan(3));
  Observation birth;
  birth.kind = ObservationKind::kBirth;
  birth.model = Model("loan/click");
  birth.time = 1'700'000'000'000LL;
  std::vector<float> prior = {-1, 0.5F, -0.5F, 0.3F, 0.05F, 0.05F, 0.1F, 0.2F, 0.4F, 0.8F, 1, 1, 1, 1};
  fold.Apply(birth, prior, 0);
  prior[1] = 9;
  fold.Apply(birth, prior, 1);
  const auto view = fold.All(2)[0].response;
  EXPECT_EQ(view->mean[1], 0.5);
  EXPECT_FLOAT_EQ(view->covariance[0], 0.3F);
  // The pool's F (one hour: .1) with nothing learned yet.
  EXPECT_NEAR(view->delay_share[0], 0.1, 0.02);
  EXPECT_NEAR(view->delay_share[2], 0.4, 0.04);
}

TEST(LearningFold, AnotherSchemaCarriesWhatWasLearnedByFeatureName) {
  LearningFold fold(SmallPlan(3));
  Feed(fold, ResponseRows(Model("loan/click"), 3, 4000), 0, 4000);
  const auto before = fold.All(1)[0].response;
  auto plan = SmallPlan(3);
  std::swap(plan->features.features[1].name, plan->features.features[2].name);
  plan->features.features.push_back(plan->features.features[2]);
  plan->features.features[3].name = "new";
  plan->features.epoch = 8;
  fold.Configure(plan);
  const auto after = fold.All(2)[0].response;
  ASSERT_EQ(after->mean.size(), 4u);
  EXPECT_EQ(after->mean[1], before->mean[2]);
  EXPECT_EQ(after->mean[2], before->mean[1]);
  EXPECT_EQ(after->mean[3], 0.0);
  EXPECT_EQ(after->schema_epoch, 8u);
  // A snapshot of the old schema restores into the new one in the same way.
  LearningFold old(SmallPlan(3)), young(plan);
  Feed(old, ResponseRows(Model("loan/click"), 3, 4000), 0, 4000);
  ASSERT_TRUE(young.Restore("loan/click", 4000, Saved(old, "loan/click")).has_value());
  EXPECT_EQ(young.All(2)[0].response->mean, after->mean);
  EXPECT_EQ(Saved(young, "loan/click"), Saved(fold, "loan/click"));
}

TEST(LearningFold, ReportsDriversOfTheMatureHeadWithIntervals) {
  LearningFold fold(SmallPlan(3));
  Feed(fold, ResponseRows(Model("loan/click"), 3, 20'000), 0, 20'000);
  const ModelReport report = fold.Reports()[0];
  ASSERT_EQ(report.drivers.size(), 3u);
  EXPECT_EQ(report.drivers[1].feature, "f1");
  EXPECT_GT(report.drivers[1].z, 5);
  EXPECT_LT(report.drivers[2].z, -3);
  EXPECT_LT(report.drivers[1].low, report.drivers[1].odds_ratio);
  EXPECT_GT(report.drivers[1].high, report.drivers[1].odds_ratio);
  EXPECT_EQ(report.labels, 10'000);
  EXPECT_NE(report.coefficient_hash, 0u);
}

TEST(LearningFold, ObservationsOfOneRecordShareItsOffsetAndAllCount) {
  LearningFold fold(SmallPlan(3));
  Observation row;
  row.kind = ObservationKind::kLiftRow;
  row.model = Model("lift");
  row.time = 1;
  for (int i = 0; i < 3; ++i) fold.Apply(row, {}, 7);
  EXPECT_EQ(fold.VersionOf(Model("lift")), 8u);
  std::string saved;
  fold.Save(Model("lift"), saved);
  LearningFold restored(SmallPlan(3));
  ASSERT_TRUE(restored.Restore("lift", 8, saved).has_value());
  restored.Apply(row, {}, 7);   // contained
  restored.Apply(row, {}, 8);
  restored.Apply(row, {}, 8);
  const auto all = restored.All(9);
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all[0].lift->arms[0].customers, 5);
}

TEST(LearningFold, LiftIsTheDifferenceOfRatesWithItsInterval) {
  LearningFold fold(SmallPlan(3));
  Observation row;
  row.kind = ObservationKind::kLiftRow;
  row.model = Model("lift");
  row.time = 1;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    row.arm = static_cast<std::uint8_t>(i % 3);
    row.y = (row.arm == 0 && i % 10 == 0) || (row.arm == 1 && i % 20 == 4) ? 1.0F : 0.0F;
    row.value = row.y > 0 ? 2500 : 0;
    fold.Apply(row, {}, i);
  }
  row.arm = 3;
  fold.Apply(row, {}, 3000);
  const auto lift = fold.All(3001)[0].lift;
  EXPECT_EQ(lift->arms[0].customers, 1000);
  EXPECT_EQ(lift->arms[0].converted, 100);
  EXPECT_EQ(lift->arms[1].converted, 50);
  EXPECT_DOUBLE_EQ(lift->arms[0].revenue, 2500.0);
  EXPECT_NEAR(lift->lift, .05, 1e-12);
  EXPECT_NEAR(lift->high - lift->low, 2 * 1.959964 * std::sqrt(.1 * .9 / 999 + .05 * .95 / 999), 1e-9);
  EXPECT_EQ(fold.Reports()[0].rejected, 1);
}

TEST(LearningFold, ChurnIsLearnedPublishedSavedAndReported) {
  LearningFold straight(SmallPlan(5)), first(SmallPlan(5)), second(SmallPlan(5));
  const auto feed = [](LearningFold& fold, int from, int to) {
    BuyingProfile p;
    p.Take(0, 1000, false);
    for (int i = from; i < to; ++i) {
      Observation row;
      row.model = Model("churn");
      row.time = (i + 91) * Duration{86'400'000};
      row.probability = .4;
      row.kind = i % 2 == 0 ? ObservationKind::kChurnLook : ObservationKind::kChurnRow;
      row.value = 100 * i;
      row.y = i % 3 == 0 ? 1.0f : 0.0f;
      fold.Apply(row, ChurnModel::Describe(p, i * Duration{86'400'000}), static_cast<std::uint64_t>(i));
    }
  };
  feed(straight, 0, 200);
  feed(first, 0, 80);
  ASSERT_TRUE(second.Restore("churn", 80, Saved(first, "churn")).has_value());
  feed(second, 0, 200);
  EXPECT_EQ(Saved(straight, "churn"), Saved(second, "churn"));
  const auto published = straight.Publish(200);
  ASSERT_EQ(published.size(), 1u);
  ASSERT_NE(published[0].churn, nullptr);
  EXPECT_EQ(published[0].churn->version, 200u);
  EXPECT_EQ(published[0].churn->labels, 100);
  const auto read = LearningFold::Read(*SmallPlan(5), "churn", 200, Saved(straight, "churn"));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->churn->mean, published[0].churn->mean);
  EXPECT_EQ(read->churn->segments[0].at_risk, published[0].churn->segments[0].at_risk);
  const ModelReport report = straight.Reports().at(0);
  EXPECT_EQ(report.labels, 100);
  EXPECT_EQ(report.observations, 200);
  EXPECT_EQ(report.drivers.size(), ChurnModel::kDimension - 1);
}

TEST(LearningFold, SegmentsOfOtherNumbersStartAnew) {
  const auto plan = SmallPlan(3);
  LearningFold fold(plan);
  Observation move;
  move.kind = ObservationKind::kMove;
  move.model = Model("segments");
  move.time = 1'700'000'000'000LL;
  move.customer = 5;
  const MovePlaces places{{}, {9, move.time, {0.5F, 0.5F}, 1}};
  move.places = &places;
  fold.Apply(move, {}, 0);
  EXPECT_EQ(fold.Reports()[0].observations, 1);
  const std::string bytes = Saved(fold, "segments");
  const auto other = SmallPlan(3);
  other->segments.features = {ProfileNumber::kMonetary, ProfileNumber::kTenure};
  LearningFold young(other);
  ASSERT_TRUE(young.Restore("segments", 1, bytes).has_value());
  EXPECT_EQ(young.Reports()[0].observations, 0);
  EXPECT_EQ(young.VersionOf(Model("segments")), 1u);
  const auto none = SmallPlan(3);
  none->segments = {};
  fold.Configure(none);
  EXPECT_TRUE(fold.Reports().empty());
  fold.Apply(move, {}, 1);
  EXPECT_TRUE(fold.Reports().empty());
}

}  // namespace
}  // namespace offerstream
