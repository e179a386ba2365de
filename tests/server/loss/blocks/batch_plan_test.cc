#include "server/loss/blocks/batch_plan.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Problem;
using oracle::Reduction;

class BatchPlanTest : public ::testing::Test {
 protected:
  BatchPlanTest() {
    problem_.logits = {{3, 0, 1}, {1, 2, 0}};
    problem_.class_ids = {0, 1};
    problem_.reduction = Reduction::kMean;
  }

  bool IsWide() const {
    const ProblemBatch<float> arrays(problem_);
    const Batch batch = arrays.batch();
    const LossSpec spec = SpecOf(problem_);
    const ComputeOptions options = OptionsOf(problem_);
    const Cancellation never;
    const ClassTerms terms(batch, spec, never);
    const LogitTransform transform(spec, never);
    const MiningDecision none;
    return PlanBatch(batch, spec, options, terms, transform, sizeof(float), Executor(1), never,
                     none)
        .scales.wide();
  }

  Problem problem_;
};

TEST_F(BatchPlanTest, OfOrdinaryWeightsIsNotWide) {
  EXPECT_FALSE(IsWide());
  problem_.sample_weights = {2, 3};
  problem_.weights = {1, 0.5, 2};
  EXPECT_FALSE(IsWide());
}

TEST_F(BatchPlanTest, OfTinyOrHugeWeightsIsWide) {
  problem_.sample_weights = {1e-300, 1e-300};
  EXPECT_TRUE(IsWide());
  problem_.sample_weights = {1, 1};
  problem_.weights = {1e300, 1, 1};
  EXPECT_TRUE(IsWide());
}

// A sum of 0 is outside of every range, and nothing is divided by it.
TEST_F(BatchPlanTest, InWhichNothingWeighsIsNotWide) {
  problem_.weights = {0, 0, 1};
  EXPECT_FALSE(IsWide());
  problem_.sample_weights = {0, 0};
  EXPECT_FALSE(IsWide());
}

}  // namespace
}  // namespace lossd::loss
