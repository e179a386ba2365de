#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/oracle/problem.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Form;
using oracle::Problem;
using ::testing::ElementsAre;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

template <typename T>
class MarginFormsTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(MarginFormsTest, ElementTypes);

// Returns one row of elements, all of them yeses or all noes.
Problem Row(Form form, const std::vector<double>& logits, int64_t label) {
  Problem problem;
  problem.activation = Activation::kSigmoid;
  problem.form = form;
  problem.parameters.margin = 1;
  problem.logits = oracle::Matrix::from_shape({1, logits.size()});
  problem.binary_labels = xt::xtensor<int64_t, 2>::from_shape({1, logits.size()});
  for (size_t k = 0; k < logits.size(); ++k) {
    problem.logits(0, k) = logits[k];
    (*problem.binary_labels)(0, k) = label;
  }
  return problem;
}

TYPED_TEST(MarginFormsTest, HingeHasNoDerivativeAtItsKink) {
  const auto yes = ComputeProblem<TypeParam>(Row(Form::kHinge, {0.75, 1, 1.25, -3, 40}, 1));
  EXPECT_THAT(yes.losses, ElementsAre(0.25, 0, 0, 4, 0));
  EXPECT_THAT(yes.gradient, ElementsAre(-1, 0, 0, -1, 0));
  EXPECT_THAT(yes.hessian_diagonal, ElementsAre(0, 0, 0, 0, 0));
  const auto no = ComputeProblem<TypeParam>(Row(Form::kHinge, {-0.75, -1, -1.25, 3, -40}, 0));
  EXPECT_THAT(no.losses, ElementsAre(0.25, 0, 0, 4, 0));
  EXPECT_THAT(no.gradient, ElementsAre(1, 0, 0, 1, 0));
  EXPECT_THAT(no.hessian_diagonal, ElementsAre(0, 0, 0, 0, 0));
}

// 0.1 is no float: next to it the difference is that of the margin that was asked for.
TYPED_TEST(MarginFormsTest, HingeKeepsTheDigitsOfTheMargin) {
  Problem problem = Row(Form::kHinge, {static_cast<double>(0.1F), 0.0999999940395355}, 1);
  problem.parameters.margin = 0.1;
  const auto computed = ComputeProblem<TypeParam>(problem);
  EXPECT_EQ(computed.losses[0], 0);  // the float 0.1 is above 0.1
  EXPECT_EQ(computed.gradient[0], 0);
  const auto z = static_cast<double>(static_cast<TypeParam>(0.0999999940395355));
  EXPECT_EQ(computed.losses[1], static_cast<TypeParam>(0.1 - z));
  EXPECT_EQ(computed.gradient[1], -1);
}

TYPED_TEST(MarginFormsTest, HingeIsComputedThroughInfinitiesAndNaN) {
  const auto yes = ComputeProblem<TypeParam>(Row(Form::kHinge, {-kInfinity, kInfinity, kNan}, 1));
  EXPECT_EQ(yes.losses[0], kInfinity);
  EXPECT_EQ(yes.gradient[0], -1);
  EXPECT_EQ(yes.losses[1], 0);
  EXPECT_EQ(yes.gradient[1], 0);
  EXPECT_TRUE(std::isnan(yes.losses[2]));
  EXPECT_TRUE(std::isnan(yes.gradient[2]));
  EXPECT_EQ(yes.result.non_finite_count, 2);
}

TYPED_TEST(MarginFormsTest, HingesPositiveHessianIsTheOutcomesProbabilityWhereItLoses) {
  Problem problem = Row(Form::kHinge, {0, 0.5, 2}, 1);
  problem.hessian_mode = oracle::HessianMode::kPositive;
  const auto computed = ComputeProblem<TypeParam>(problem);
  EXPECT_NEAR(computed.hessian_diagonal[0], 0.5, 1e-7);
  EXPECT_NEAR(computed.hessian_diagonal[1], 1 / (1 + std::exp(-0.5)), 1e-7);
  EXPECT_EQ(computed.hessian_diagonal[2], static_cast<TypeParam>(1e-16));
}

TYPED_TEST(MarginFormsTest, SquaredMarginIsZeroAtItsTarget) {
  Problem yes = Row(Form::kSquaredMargin, {5, 4.5, -3}, 1);
  yes.parameters.target = 5;
  const auto of_yes = ComputeProblem<TypeParam>(yes);
  EXPECT_THAT(of_yes.losses, ElementsAre(0, 0.25, 64));
  EXPECT_THAT(of_yes.gradient, ElementsAre(0, -1, -16));
  EXPECT_THAT(of_yes.hessian_diagonal, ElementsAre(2, 2, 2));
  Problem no = Row(Form::kSquaredMargin, {-5, 4.5, -3}, 0);
  no.parameters.target = 5;
  const auto of_no = ComputeProblem<TypeParam>(no);
  EXPECT_THAT(of_no.losses, ElementsAre(0, 90.25, 4));
  EXPECT_THAT(of_no.gradient, ElementsAre(0, 19, 4));
}

}  // namespace
}  // namespace lossd::loss
