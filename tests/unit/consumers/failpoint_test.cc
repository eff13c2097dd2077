#include "consumers/failpoint.h"

#include <gtest/gtest.h>

#include <string>

namespace offerstream {
namespace {

/// Which of the first five passages of a step fail.
std::string Passages(Step step) {
  std::string text;
  for (int i = 0; i < 5; ++i) text += PassFailpoint(step) ? 'x' : '.';
  return text;
}

class Failpoint : public ::testing::Test {
 protected:
  void TearDown() override { SetFailpoints(""); }
};

TEST_F(Failpoint, ErrFailsTheNthPassageOfItsStepAndNoOther) {
  SetFailpoints("fold:2:err,commit.answer:1:err,fold:4:err");
  EXPECT_EQ(Passages(Step::kFold), ".x.x.");
  EXPECT_EQ(Passages(Step::kCommitAnswer), "x....");
  EXPECT_EQ(Passages(Step::kCommit), ".....");
}

TEST_F(Failpoint, UnknownStepsAndActionsDoNothing) {
  SetFailpoints("fond:1:err,fold:1:explode,fold,:::,fold:2:delay=1");
  EXPECT_EQ(Passages(Step::kFold), ".....");
}

TEST_F(Failpoint, EveryStepHasItsNameOnce) {
  for (int i = 0; i < kSteps; ++i) {
    SetFailpoints(std::string(Name(static_cast<Step>(i))) + ":1:err");
    for (int j = 0; j < kSteps; ++j) EXPECT_EQ(PassFailpoint(static_cast<Step>(j)), i == j) << i << " " << j;
  }
}

}  // namespace
}  // namespace offerstream
