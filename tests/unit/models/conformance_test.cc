// What every model owes, whatever it learns: the same suite over all of them.
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "models/learning_fold.h"
#include "tests/unit/models/learning_worlds.h"

namespace offerstream {
namespace {

using testing::ResponseRows;
using testing::Row;
using testing::SmallPlan;

constexpr std::size_t kDimension = 6;

struct Response {
  static constexpr const char* kId = "card/conversion";
  static std::vector<Row> Rows(std::size_t count) { return ResponseRows(H64(kId), kDimension, count); }
  static void Spoil(Row& row) { row.x[2] = INFINITY; }
};

struct Caps {
  static constexpr const char* kId = "caps";
  static std::vector<Row> Rows(std::size_t count) { return testing::CapRows(count); }
  static void Spoil(Row& row) { row.observation.served_logit = NAN; }
};

struct Lift {
  static constexpr const char* kId = "lift";
  static std::vector<Row> Rows(std::size_t count) {
    std::vector<Row> rows(count);
    Draws draws(8, 8, 8, Purpose::kSimulation);
    for (std::size_t i = 0; i < count; ++i) {
      Observation& o = rows[i].observation;
      o.kind = ObservationKind::kLiftRow;
      o.model = H64(kId);
      o.time = static_cast<EventTime>(i) * 1000;
      o.arm = static_cast<std::uint8_t>(draws.Below(3));
      o.y = draws.Uniform() < 0.2 ? 1.0F : 0.0F;
      o.value = o.y > 0 ? 1999 : 0;
      o.pre_value = 10 * draws.Uniform();
    }
    return rows;
  }
  static void Spoil(Row& row) { row.observation.y = NAN; }
};

struct Segments {
  static constexpr const char* kId = "segments";
  // 400 customers in two groups, each told again and again.
  static std::vector<Row> Rows(std::size_t count) {
    std::vector<Row> rows(count);
    Draws draws(9, 9, 9, Purpose::kSimulation);
    std::map<IdHash, Coordinates> told;
    for (std::size_t i = 0; i < count; ++i) {
      Observation& o = rows[i].observation;
      o.kind = ObservationKind::kMove;
      o.model = H64(kId);
      o.time = 1'700'000'000'000LL + static_cast<EventTime>(i) * 600'000;
      o.customer = H64({i % 400});
      o.places = (rows[i].places = std::make_shared<MovePlaces>()).get();
      rows[i].places->old_place = told[o.customer];
      Coordinates& now = rows[i].places->new_place;
      now.micro = H64({i, 77});  // as a founder: the owner knows no such cluster
      now.time = o.time;
      now.epoch = 1;
      const double middle = i % 2 == 0 ? -1.0 : 1.0;
      for (int j = 0; j < 2; ++j) now.z.push_back(static_cast<float>(middle + 0.3 * draws.Normal()));
      told[o.customer] = now;
    }
    return rows;
  }
  static void Spoil(Row& row) { row.places->new_place.z[0] = NAN; }
};

template <typename Model>
class EveryModel : public ::testing::Test {
 protected:
  static LearningFold Fold() { return LearningFold(SmallPlan(kDimension)); }
  static void Feed(LearningFold& fold, const std::vector<Row>& rows, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) fold.Apply(rows[i].observation, rows[i].x, i);
  }
  static std::string Bytes(const LearningFold& fold) {
    std::string bytes;
    fold.Save(H64(Model::kId), bytes);
    return bytes;
  }
  static ModelReport Report(const LearningFold& fold) {
    for (ModelReport& report : fold.Reports()) {
      if (report.id == Model::kId) return report;
    }
    return {};
  }
};

using Models = ::testing::Types<Response, Caps, Segments, Lift>;
TYPED_TEST_SUITE(EveryModel, Models);

TYPED_TEST(EveryModel, RestoredFromItsSnapshotLearnsTheSameBits) {
  const auto rows = TypeParam::Rows(1500);
  LearningFold a = this->Fold(), b = this->Fold();
  this->Feed(a, rows, 0, 500);
  ASSERT_TRUE(b.Restore(TypeParam::kId, 500, this->Bytes(a)).has_value());
  EXPECT_EQ(this->Bytes(a), this->Bytes(b));
  this->Feed(a, rows, 500, 1500);
  this->Feed(b, rows, 500, 1500);
  EXPECT_EQ(this->Bytes(a), this->Bytes(b));
}

TYPED_TEST(EveryModel, LearnsSomethingFromEveryObservation) {
  const auto rows = TypeParam::Rows(20);
  LearningFold fold = this->Fold();
  std::string before;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    this->Feed(fold, rows, i, i + 1);
    const std::string after = this->Bytes(fold);
    EXPECT_NE(after, before) << i;
    before = after;
  }
  EXPECT_EQ(this->Report(fold).observations, 20);
}

TYPED_TEST(EveryModel, PassesOverWhatItsSnapshotContains) {
  const auto rows = TypeParam::Rows(100);
  LearningFold fold = this->Fold();
  this->Feed(fold, rows, 0, 100);
  const std::string once = this->Bytes(fold);
  LearningFold restored = this->Fold();
  ASSERT_TRUE(restored.Restore(TypeParam::kId, 100, once).has_value());
  this->Feed(restored, rows, 0, 100);
  EXPECT_EQ(this->Bytes(restored), once);
  EXPECT_EQ(restored.VersionOf(H64(TypeParam::kId)), 100u);
}

TYPED_TEST(EveryModel, RefusesAndCountsWhatIsNotFinite) {
  auto rows = TypeParam::Rows(11);
  LearningFold fold = this->Fold();
  this->Feed(fold, rows, 0, 10);
  TypeParam::Spoil(rows[10]);
  this->Feed(fold, rows, 10, 11);
  EXPECT_EQ(this->Report(fold).rejected, 1);
  EXPECT_EQ(this->Report(fold).observations, 10);
}

TYPED_TEST(EveryModel, RefusesEveryTruncatedSnapshotAndStaysAsItWas) {
  const auto rows = TypeParam::Rows(60);
  LearningFold fold = this->Fold();
  this->Feed(fold, rows, 0, 60);
  const std::string good = this->Bytes(fold);
  for (std::size_t size = 0; size < good.size(); size += 1 + size / 100) {
    ASSERT_FALSE(fold.Restore(TypeParam::kId, 60, std::string_view(good).substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(fold.Restore(TypeParam::kId, 60, good + '\0').has_value());
  EXPECT_EQ(this->Bytes(fold), good);
}

TYPED_TEST(EveryModel, ReadGivesTheViewThatWasPublished) {
  const auto plan = SmallPlan(kDimension);
  LearningFold fold(plan);
  this->Feed(fold, TypeParam::Rows(300), 0, 300);
  const auto published = fold.Publish(300);
  ASSERT_EQ(published.size(), 1u);
  EXPECT_EQ(published[0].id, TypeParam::kId);
  EXPECT_EQ(published[0].version, 300u);
  const auto read = LearningFold::Read(*plan, TypeParam::kId, 300, this->Bytes(fold));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->model, published[0].model);
  EXPECT_EQ(read->response == nullptr, published[0].response == nullptr);
  EXPECT_EQ(read->caps == nullptr, published[0].caps == nullptr);
  EXPECT_EQ(read->segments == nullptr, published[0].segments == nullptr);
  EXPECT_EQ(read->lift == nullptr, published[0].lift == nullptr);
}

}  // namespace
}  // namespace offerstream
