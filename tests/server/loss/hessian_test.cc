#include <cstddef>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/loss/agreement.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::HessianMode;
using oracle::Problem;

constexpr double kFloor = 1e-16;

std::vector<Problem> Problems(const FormChoice& choice, Random& random) {
  std::vector<Problem> problems;
  for (const Activation activation : ActivationsOf(choice)) {
    for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kSoftTargets}) {
      for (const double smoothing : {0.0, 0.125}) {
        if (smoothing > 0 && !choice.has_smoothing) continue;
        for (const double scale : {0.1, 2.0, 20.0, 300.0}) {
          Problem problem = Draw(activation, labels, {6, 9}, scale, random);
          SetForm(choice, &problem);
          problem.label_smoothing = smoothing;
          problem.weights = {1, 0.5, 2, 3, 1, 0, 1, 1, 0.25};
          problems.push_back(problem);
        }
      }
    }
  }
  return problems;
}

TEST(HessianTest, ExactAgreesWithTheOracle) {
  Random random(21);
  for (const FormChoice& choice : FormChoices()) {
    for (const Problem& problem : Problems(choice, random)) ExpectAgreesInBothTypes(problem);
  }
}

template <typename T>
void ExpectAtLeastTheFloor(const Problem& problem) {
  for (const T h : ComputeProblem<T>(problem).hessian_diagonal) {
    EXPECT_GE(static_cast<double>(h), kFloor) << Describe(problem);
  }
}

TEST(HessianTest, PositiveAgreesWithTheOracleAndIsNeverBelowItsFloor) {
  Random random(22);
  for (const FormChoice& choice : FormChoices()) {
    for (Problem problem : Problems(choice, random)) {
      problem.hessian_mode = HessianMode::kPositive;
      ExpectAgreesInBothTypes(problem);
      ExpectAtLeastTheFloor<float>(problem);
      ExpectAtLeastTheFloor<double>(problem);
    }
  }
}

TEST(HessianTest, PositiveHoldsItsFloorAfterWeightsAndReduction) {
  Random random(23);
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      Problem problem = Draw(activation, LabelKind::kClassIds, {6, 5}, 2, random);
      SetForm(choice, &problem);
      problem.hessian_mode = HessianMode::kPositive;
      problem.ignore_index = 1;
      problem.weights = {0, 1, 1, 1, 1};
      problem.sample_weights = {1, 0, 1, 1, 1, 1e-20};
      for (const auto reduction : {oracle::Reduction::kNone, oracle::Reduction::kSum,
                                   oracle::Reduction::kMean, oracle::Reduction::kMeanValid}) {
        problem.reduction = reduction;
        ExpectAgreesInBothTypes(problem);
        ExpectAtLeastTheFloor<float>(problem);
      }
      // Nothing but ignored samples: the divisor is 0.
      problem.class_ids->assign(6, 1);
      for (const float h : ComputeProblem<float>(problem).hessian_diagonal) {
        EXPECT_EQ(h, static_cast<float>(kFloor)) << Describe(problem);
      }
      problem.reduction = oracle::Reduction::kNone;
      problem.class_ids->assign(6, 2);
      problem.upstream_gradient = {-1, 0, 1, 2, -1e-30, 1e30};
      ExpectAgreesInBothTypes(problem);
      ExpectAtLeastTheFloor<double>(problem);
    }
  }
}

// Focal's curvature is negative for confident mistakes, and boosters divide by it. From 50-digit
// arithmetic: φ″ q² - φ′ p q, and -φ′ p q alone because φ″ < 0.
TEST(HessianTest, PositiveDropsWhatMakesFocalConcave) {
  Problem problem;
  problem.form = oracle::Form::kFocal;
  problem.logits = {{-3, 0}};
  problem.class_ids = {0};
  EXPECT_NEAR(ComputeProblem<double>(problem).hessian_diagonal[0], -0.020088866690838601, 1e-15);
  problem.hessian_mode = HessianMode::kPositive;
  EXPECT_NEAR(ComputeProblem<double>(problem).hessian_diagonal[0], 0.053437096941828728, 1e-15);
}

}  // namespace
}  // namespace lossd::loss
