#include "models/learning/uplift_model.h"

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "models/domain/fixed_math.h"
#include "models/domain/random.h"
#include "models/evaluating/qini.h"

namespace offerstream {
namespace {

// Treatment helps where x[1] is large and harms where it is small; x[2] drives response and nothing else.
void Teach(UpliftModel& model, int n, std::uint64_t seed) {
  Draws draws(seed, 1, 1, Purpose::kSimulation);
  for (int i = 0; i < n; ++i) {
    const std::array<float, 3> x = {1, static_cast<float>(draws.Normal()), static_cast<float>(draws.Normal())};
    const bool treated = draws.Below(2) == 0;
    const double z = -1 + .8 * static_cast<double>(x[2]) + (treated ? .6 * static_cast<double>(x[1]) : 0);
    model.Learn(x, treated, draws.Uniform() < fixed::Logistic(z) ? 1 : 0);
  }
}

TEST(UpliftModel, FindsWhomTreatmentHelpsWithHonestErrors) {
  for (const UpliftKind kind : {UpliftKind::kShared, UpliftKind::kSeparate}) {
    UpliftModel model(3, kind);
    Teach(model, 20'000, 1);
    for (const float x1 : {-1.0f, 0.0f, 1.5f}) {
      const std::array<float, 3> x = {1, x1, .3f};
      const double control = -1 + .8 * .3, treated = control + .6 * static_cast<double>(x1);
      const UpliftModel::Effect e = model.Predict(x);
      EXPECT_NEAR(e.uplift, fixed::Logistic(treated) - fixed::Logistic(control), 3.5 * e.standard_error + .01);
      EXPECT_GT(e.standard_error, 0);
      EXPECT_LT(e.standard_error, .03);
    }
  }
}

TEST(UpliftModel, ContinuesFromItsBytes) {
  UpliftModel model(3);
  Teach(model, 500, 2);
  std::string bytes;
  ByteWriter writer(bytes);
  model.Save(writer);
  ByteReader in(bytes);
  UpliftModel again = UpliftModel::Restore(3, in);
  ASSERT_TRUE(in.ok() && in.AtEnd());
  Teach(model, 100, 3);
  Teach(again, 100, 3);
  const std::array<float, 3> x = {1, .5f, -.5f};
  EXPECT_EQ(model.Predict(x).uplift, again.Predict(x).uplift);
  ByteReader cut(std::string_view(bytes).substr(0, bytes.size() / 2));
  (void)UpliftModel::Restore(3, cut);
  EXPECT_FALSE(cut.ok());
}

TEST(Qini, IsTheAreaOverTheStraightLine) {
  // Four customers in pairs: the first pair responds only when treated, the second never.
  std::vector<ScoredUnit> units = {{2, 1, true}, {2, 0, false}, {1, 0, true}, {1, 0, false}};
  EXPECT_DOUBLE_EQ(QiniArea(units), (.5 * .5 * 1 + .5 * 1 - .5) / 2);
  for (ScoredUnit& u : units) u.score = 0;
  EXPECT_DOUBLE_EQ(QiniArea(units), 0);   // knows nothing
  for (ScoredUnit& u : units) u.score = -u.y;
  EXPECT_LT(QiniArea(units), 0);
  EXPECT_EQ(QiniArea({}), 0);
}

}  // namespace
}  // namespace offerstream
