#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/oracle/problem.h"
#include "tests/server/loss/agreement.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"
#include "tests/server/loss/single_rows.h"

// Targets that are a teacher's logits.
namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Form;
using oracle::Matrix;
using oracle::Problem;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Returns every form of softmax, the one that wants a target for each class too.
std::vector<FormChoice> SoftmaxChoices() {
  std::vector<FormChoice> choices;
  for (const FormChoice& choice : FormChoices()) {
    if (choice.has_softmax) choices.push_back(choice);
  }
  choices.emplace_back().form = Form::kReverseKlDivergence;
  return choices;
}

Problem DrawTaught(const FormChoice& choice, size_t rows, size_t classes, double scale,
                   Random& random) {
  Problem problem =
      Draw(Activation::kSoftmax, LabelKind::kClassIds, {rows, classes}, scale, random);
  problem.class_ids.reset();
  std::normal_distribution<double> normal(0, 2);
  problem.teacher_logits = Matrix::from_shape({rows, classes});
  for (double& z : *problem.teacher_logits) z = normal(random);
  SetForm(choice, &problem);
  RoundToFloat(&problem);
  return problem;
}

TEST(TeacherTest, AgreesWithTheSoftmaxOfItsLogits) {
  Random random(31);
  for (const FormChoice& choice : SoftmaxChoices()) {
    for (const size_t classes : std::vector<size_t>{2, 3, 17, 100, 1000}) {
      for (const double scale : {0.1, 2.0, 20.0}) {
        Problem problem = DrawTaught(choice, 3, classes, scale, random);
        ExpectAgreesInBothTypes(problem);
        problem.temperature = 2.5;
        ExpectAgreesInBothTypes(problem);
        problem.teacher_temperature = 0.5;
        problem.scale_by_squared_temperature = true;
        problem.z_loss = 0.01;
        ExpectAgreesInBothTypes(problem);
      }
    }
  }
}

TEST(TeacherTest, AgreesWithWhatIsAroundIt) {
  Random random(32);
  for (const FormChoice& choice : SoftmaxChoices()) {
    Problem problem = DrawTaught(choice, 6, 5, 2, random);
    problem.temperature = 1.5;
    problem.scale_by_squared_temperature = true;
    problem.softcap = 10;
    problem.label_smoothing = 0.1;
    problem.weights = {0.5, 1, 2, 0.25, 1};
    problem.sample_weights = {1, 0.5, 2, 0, 1, 3};
    problem.prior = oracle::Prior{1, {3, 7, 2, 9, 4}};
    problem.reduction = oracle::Reduction::kMean;
    ExpectAgreesInBothTypes(problem);
    ExpectStatisticsAgree<double>(problem);
    problem.weights.clear();
    problem.scheme.emplace();  // from the counts of this batch's targets
    problem.hessian_mode = oracle::HessianMode::kPositive;
    problem.reduction = oracle::Reduction::kMeanValid;
    ExpectAgreesInBothTypes(problem);
    ExpectStatisticsAgree<double>(problem);
  }
}

template <typename T>
class TeacherValuesTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(TeacherValuesTest, ElementTypes);

Problem TaughtRow(const FormChoice& choice, Matrix logits, Matrix teacher) {
  Problem problem;
  problem.logits = std::move(logits);
  problem.teacher_logits = std::move(teacher);
  SetForm(choice, &problem);
  return problem;
}

TYPED_TEST(TeacherValuesTest, MinusInfinityIsAProbabilityOfZero) {
  for (const FormChoice& choice : SoftmaxChoices()) {
    const Problem taught = TaughtRow(choice, {{2, -kInfinity, 1}, {-kInfinity, 0, 3}},
                                     {{0.5, -kInfinity, -1}, {-kInfinity, 2, -kInfinity}});
    const auto computed = ComputeProblem<TypeParam>(taught);
    // The second row's teacher rules out what the student does not.
    const bool is_reverse = choice.form == Form::kReverseKlDivergence;
    EXPECT_EQ(computed.result.non_finite_count, is_reverse ? 1 : 0) << Describe(taught);
    EXPECT_EQ(computed.gradient[1], 0) << Describe(taught);
    ExpectAgrees<TypeParam>(taught);
  }
}

TYPED_TEST(TeacherValuesTest, OfIgnoredRowsAreNotRead) {
  for (const FormChoice& choice : SoftmaxChoices()) {
    Problem problem =
        TaughtRow(choice, {{2, 0, 1}, {kNan, 0, 3}}, {{0.5, 0, -1}, {kNan, kInfinity, -kInfinity}});
    problem.sample_weights = {2, 0};
    problem.scheme.emplace();
    problem.reduction = oracle::Reduction::kMeanValid;
    const auto computed = ComputeProblem<TypeParam>(problem);
    Problem alone = TaughtRow(choice, {{2, 0, 1}}, {{0.5, 0, -1}});
    alone.sample_weights = {2};
    alone.scheme.emplace();
    alone.reduction = oracle::Reduction::kMeanValid;
    const auto expected = ComputeProblem<TypeParam>(alone);
    EXPECT_EQ(computed.result.loss, expected.result.loss) << Describe(problem);
    EXPECT_EQ(computed.result.valid_count, 1);
    EXPECT_EQ(computed.result.class_statistics->count, expected.result.class_statistics->count);
    for (size_t k = 0; k < 3; ++k) {
      EXPECT_EQ(computed.gradient[k], expected.gradient[k]) << Describe(problem);
      EXPECT_EQ(computed.gradient[3 + k], 0) << Describe(problem);
    }
  }
}

// The targets are below the smallest double; their logarithms are not.
TYPED_TEST(TeacherValuesTest, FarApartHaveAFiniteReverseDivergence) {
  for (const double distance : {800.0, 2000.0}) {
    Problem problem = SoftRow({{2, 0, 1}, {0, 1, 0}}, {{0, -distance, 3}, {0, 1, -distance}});
    problem.teacher_logits = problem.targets;
    problem.targets.reset();
    problem.form = Form::kReverseKlDivergence;
    ExpectAgrees<TypeParam>(problem);
    EXPECT_EQ(ComputeProblem<TypeParam>(problem).result.non_finite_count, 0);
    problem.teacher_temperature = 0.5;
    ExpectAgrees<TypeParam>(problem);
  }
}

TYPED_TEST(TeacherValuesTest, OfAnyTemperatureAreTargets) {
  Problem problem;
  problem.logits = {{2, 0, 1}};
  problem.teacher_logits = Matrix{{3, 5, 5}};
  problem.form = Form::kKlDivergence;
  problem.teacher_temperature = 1e-310;  // one-hot, or shared by equals
  EXPECT_NEAR(ComputeProblem<TypeParam>(problem).losses[0],
              -std::log(2) - 0.5 * (0 + 1 - 2 * std::log(std::exp(2) + 1 + std::exp(1))), 1e-6);
  problem.teacher_temperature = 1e300;  // even
  EXPECT_NEAR(ComputeProblem<TypeParam>(problem).losses[0],
              -std::log(3) - (2 + 0 + 1) / 3.0 + std::log(std::exp(2) + 1 + std::exp(1)), 1e-6);
}

// Tells of a T that is a power of 2 that its square is taken, to the bit, of all but the z-loss;
// for targets that are given, and for elements, too.
TYPED_TEST(TeacherValuesTest, SquaredTemperatureScalesTheLossToTheBit) {
  Random random(33);
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (const bool has_weights : {false, true}) {
        Problem problem = Draw(activation, LabelKind::kSoftTargets, {4, 3}, 2, random);
        SetForm(choice, &problem);
        if (has_weights) problem.weights = {0.5, 2, 1};
        problem.temperature = 4;
        const auto plain = ComputeProblem<TypeParam>(problem);
        problem.scale_by_squared_temperature = true;
        const auto scaled = ComputeProblem<TypeParam>(problem);
        for (size_t i = 0; i < plain.losses.size(); ++i) {
          EXPECT_EQ(scaled.losses[i], 16 * plain.losses[i]) << Describe(problem);
        }
        for (size_t i = 0; i < plain.gradient.size(); ++i) {
          EXPECT_EQ(scaled.gradient[i], 16 * plain.gradient[i]) << Describe(problem);
          EXPECT_EQ(scaled.hessian_diagonal[i], 16 * plain.hessian_diagonal[i])
              << Describe(problem);
        }
        EXPECT_EQ(scaled.result.weight_sum, plain.result.weight_sum);
      }
    }
  }
}

// T² is beyond double's range, and what it scales is not.
TEST(TeacherTest, HugeAndTinyTemperaturesScaleWhatTheyDivide) {
  for (const double temperature : {0x1p-700, 0x1p-200, 0x1p200, 0x1p700}) {
    for (const bool has_weights : {false, true}) {
      Problem problem;
      // Scaled logits are as those at a temperature of 1.
      problem.logits = {{2, 0.5, 1}};
      problem.teacher_logits = Matrix{{0.5, 0, -1}};
      problem.form = Form::kCrossEntropy;
      problem.teacher_temperature = 1;
      if (has_weights) problem.weights = {0.5, 2, 1};
      const auto usual = ComputeProblem<double>(problem);
      for (double& z : problem.logits) z *= temperature;
      problem.temperature = temperature;
      problem.scale_by_squared_temperature = true;
      const auto scaled = ComputeProblem<double>(problem);
      for (size_t k = 0; k < 3; ++k) {
        const double expected = usual.gradient[k] * temperature;
        EXPECT_NEAR(scaled.gradient[k], expected, 1e-14 * std::abs(expected)) << temperature;
        EXPECT_NEAR(scaled.hessian_diagonal[k], usual.hessian_diagonal[k],
                    1e-14 * std::abs(usual.hessian_diagonal[k]))
            << temperature;
      }
    }
  }
}

}  // namespace
}  // namespace lossd::loss
