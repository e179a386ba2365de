// Digits that are known beforehand, and that cancellation would take away.
#include <cstddef>
#include <random>

#include "gtest/gtest.h"
#include "tests/oracle/evaluate.h"
#include "tests/server/loss/agreement.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"
#include "tests/server/loss/single_rows.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Problem;

// From 60-digit arithmetic. 1 - softmax in float32 is 37 % off at 15 and gives 0 at 17.
TEST(SpecialValueLiteralsTest, EasyFocalSamplesKeepTheirLossInFloat) {
  const Computed<float> at15 = ComputeProblem<float>(Focal(SoftmaxRow({{15, 0}}, 0), 2));
  EXPECT_NEAR(at15.losses[0] / 2.8625163914228637e-20, 1, 3.6e-6);
  EXPECT_NEAR(at15.gradient[0] / -8.5875469851432219e-20, 1, 3.6e-6);
  const Computed<float> at17 = ComputeProblem<float>(Focal(SoftmaxRow({{17, 0}}, 0), 2));
  EXPECT_NEAR(at17.losses[0] / 7.0954734279142289e-23, 1, 3.6e-6);
  EXPECT_NEAR(at17.gradient[0] / -2.1286419549372264e-22, 1, 3.6e-6);
}

TEST(SpecialValueLiteralsTest, EasyCrossEntropySamplesKeepTheirLossInFloat) {
  const Computed<float> actual = ComputeProblem<float>(SoftmaxRow({{80, 0, -1}}, 0));
  EXPECT_NEAR(actual.losses[0] / 2.4688191078034886e-35, 1, 5e-6);
  EXPECT_NEAR(actual.gradient[0] / -2.4688191078034886e-35, 1, 5e-6);
}

// From 120-digit arithmetic; summed naively the second derivative is +2.1e-18 even in double.
TEST(SpecialValueLiteralsTest, SoftFocalHessianDoesNotCancel) {
  const Problem problem = Focal(SoftRow({{40, 0}}, {{0.5, 0.5}}), 0.5);
  constexpr double kExpected = -3.8235188287773225858e-17;
  const Computed<double> actual = ComputeProblem<double>(problem);
  EXPECT_NEAR(actual.hessian_diagonal[0] / kExpected, 1, 1e-12);
  EXPECT_NEAR(actual.hessian_diagonal[1] / kExpected, 1, 1e-12);
  const Computed<float> single = ComputeProblem<float>(problem);
  EXPECT_NEAR(single.hessian_diagonal[0] / kExpected, 1, 1e-5);
  EXPECT_NEAR(single.hessian_diagonal[1] / kExpected, 1, 1e-5);
}

// Differences of these logits are exact, so the offset must not show at all.
TEST(SpecialValueLiteralsTest, ALargeCommonOffsetInDoubleCostsNothing) {
  Random random(8);
  std::uniform_int_distribution<int> step(-20000, 20000);
  for (const FormChoice& choice : FormChoices()) {
    if (!choice.has_softmax) continue;
    for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kSoftTargets}) {
      Problem problem = Draw(Activation::kSoftmax, labels, {20, 37}, 1, random);
      SetForm(choice, &problem);
      for (double& z : problem.logits) z = step(random) / 1024.0;
      Problem moved = problem;
      for (double& z : moved.logits) z += 1e6;
      const oracle::Answer expected = oracle::Evaluate(problem);
      const Computed<double> actual = ComputeProblem<double>(moved);
      for (size_t i = 0; i < expected.losses.size(); ++i) {
        EXPECT_NEAR(actual.losses[i], static_cast<double>(expected.losses[i]),
                    1e-12 * static_cast<double>(expected.losses_magnitude[i]))
            << Describe(problem);
        EXPECT_NEAR(actual.log_sum_exp[i], 1e6 + expected.log_sum_exp[i], 2.4e-10);
      }
      ExpectAgrees<double>(moved);
    }
  }
}

// Float logits stay exact under offsets that leave their differences exact.
TEST(SpecialValueLiteralsTest, ShiftingALogitsRowChangesNothing) {
  Random random(9);
  std::uniform_int_distribution<int> step(-512, 512);
  for (const FormChoice& choice : FormChoices()) {
    if (!choice.has_softmax) continue;
    Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, {8, 21}, 1, random);
    SetForm(choice, &problem);
    for (double& z : problem.logits) z = step(random) / 64.0;
    Problem moved = problem;
    for (double& z : moved.logits) z += 4096;
    const Computed<float> a = ComputeProblem<float>(problem);
    const Computed<float> b = ComputeProblem<float>(moved);
    for (size_t i = 0; i < a.losses.size(); ++i) {
      EXPECT_FLOAT_EQ(a.losses[i], b.losses[i]) << Describe(problem);
    }
    for (size_t n = 0; n < a.gradient.size(); ++n) {
      EXPECT_FLOAT_EQ(a.gradient[n], b.gradient[n]) << Describe(problem);
    }
  }
}

}  // namespace
}  // namespace lossd::loss
