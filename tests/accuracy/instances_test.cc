// A8: what is learned does not depend on how many instances share the models, nor on restarts.
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "models/domain/numeric_path.h"
#include "models/learning_fold.h"
#include "tests/accuracy/bank_rows.h"
#include "tests/unit/models/learning_worlds.h"

namespace offerstream {
namespace {

constexpr std::size_t kDimension = 12, kRows = 1'000'000, kOffers = 8;

std::shared_ptr<CampaignPlan> Plan() {
  auto plan = testing::SmallPlan(kDimension);
  while (plan->offers.size() < kOffers) {
    plan->offers.push_back(plan->offers.front());
    plan->offers.back().id = "offer" + std::to_string(plan->offers.size());
  }
  plan->Index();
  return plan;
}

// Every model's bytes after all rows: `instances` folds, each killed and restored every `restart` rows (0: never).
std::map<std::string, std::string> Learn(const std::vector<testing::Row>& rows, std::size_t instances,
                                         std::size_t restart) {
  const auto plan = Plan();
  std::vector<LearningFold> folds;
  for (std::size_t k = 0; k < instances; ++k) folds.emplace_back(plan);
  const auto save = [&](std::size_t k, std::uint64_t version) {
    std::map<std::string, std::string> saved;
    for (const PublishedModel& model : folds[k].All(version)) folds[k].Save(model.model, saved[model.id]);
    return saved;
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t k = rows[i].observation.model % instances;
    folds[k].Apply(rows[i].observation, rows[i].x, i);
    if (restart == 0 || i % restart != restart - 1) continue;
    const auto saved = save(k, i + 1);
    folds[k] = LearningFold(plan);
    for (const auto& [id, bytes] : saved) EXPECT_TRUE(folds[k].Restore(id, i + 1, bytes));
  }
  std::map<std::string, std::string> all;
  for (std::size_t k = 0; k < instances; ++k) all.merge(save(k, rows.size()));
  return all;
}

TEST(Instances, A8AMillionObservationsGiveTheSameBytesForAnyNumberOfInstancesAndAfterRestarts) {
  FixNumericPath();
  const auto plan = Plan();
  std::vector<std::vector<testing::Row>> models;
  for (std::size_t m = 0; m < plan->models(); ++m) {
    const auto seed = static_cast<std::uint64_t>(m + 1);
    models.push_back(testing::ResponseRows(plan->ModelHash(ModelIndex(m)), kDimension, kRows / plan->models(), seed));
  }
  std::vector<testing::Row> rows;
  for (std::size_t i = 0; i < models.front().size(); ++i) {
    for (auto& model : models) rows.push_back(std::move(model[i]));
  }
  const auto one = Learn(rows, 1, 0);
  EXPECT_EQ(one.size(), plan->models());
  EXPECT_EQ(one, Learn(rows, 4, 0));
  EXPECT_EQ(one, Learn(rows, 16, 0));
  EXPECT_EQ(one, Learn(rows, 4, 70'001));
  std::size_t bytes = 0;
  for (const auto& [id, saved] : one) bytes += saved.size();
  std::printf("A8: %zu observations, %zu models, %zu bytes equal for 1, 4, 16 instances and 14 restarts\n", rows.size(),
              one.size(), bytes);
}

}  // namespace
}  // namespace offerstream
