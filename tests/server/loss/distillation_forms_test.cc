#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "tests/oracle/problem.h"
#include "tests/server/loss/agreement.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"
#include "tests/server/loss/single_rows.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Form;
using oracle::Matrix;
using oracle::Problem;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

const Matrix& StudentLogits() {
  static const auto& logits = *new Matrix{{2, 0.5, -1}, {0, 1, 0.5}};
  return logits;
}

// Returns a sequence of two tokens, whose losses trl adds up. The teacher's logits are
// [1, 1, 0] and [2, −1, 0].
Problem TeacherAndStudent(Form form, double temperature = 1) {
  Problem problem;
  problem.form = form;
  problem.logits = StudentLogits();
  problem.targets = Matrix{{1, 1, 0}, {2, -1, 0}};
  for (size_t i = 0; i < 2; ++i) {
    double sum = 0;
    for (size_t k = 0; k < 3; ++k) {
      double& y = (*problem.targets)(i, k);
      y = std::exp(y / temperature);
      sum += y;
    }
    for (size_t k = 0; k < 3; ++k) (*problem.targets)(i, k) /= sum;
  }
  problem.temperature = temperature;
  problem.reduction = oracle::Reduction::kSum;
  return problem;
}

// The numbers of trl 1.16.0's generalized_jsd_loss, which divides by sequences alone.
TEST(DistillationFormsTest, JensenShannonIsTheGeneralizedOneOfDistillation) {
  struct Row {
    double beta;
    double loss;
  };
  for (const Row& row :
       {Row{0.001, 0.001378552002}, Row{0.1, 0.120693798095}, Row{0.5, 0.325066473735},
        Row{0.9, 0.130002678577}, Row{0.999, 0.001559761}}) {
    Problem problem = TeacherAndStudent(Form::kJensenShannon);
    problem.parameters.skew = row.beta;
    EXPECT_NEAR(ComputeProblem<double>(problem).result.loss, row.loss, 1e-9) << row.beta;
  }
  Problem warm = TeacherAndStudent(Form::kJensenShannon, 2);
  EXPECT_NEAR(ComputeProblem<double>(warm).result.loss, 0.103710763878, 1e-9);
  const double gradient[] = {0.072858510479,  -0.053533651123, -0.019324859356,
                             -0.116814237676, 0.095313139127,  0.021501098548};
  const auto half = ComputeProblem<double>(TeacherAndStudent(Form::kJensenShannon));
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(half.gradient[i], gradient[i], 1e-9) << i;
}

// Of a student that is close to its teacher, the cross entropy and the entropy have nearly all
// digits in common.
TEST(DistillationFormsTest, ADivergenceFromACloseTeacherHasItsDigitsInFloat) {
  Random random(51);
  std::normal_distribution<double> normal(0, 1);
  for (const size_t classes : std::vector<size_t>{5, 100, 3000}) {
    for (const double noise : {0.0, 1e-3, 1e-2, 0.1}) {
      Problem problem;
      problem.form = Form::kKlDivergence;
      problem.logits = Matrix::from_shape({4, classes});
      problem.targets = Matrix::from_shape({4, classes});
      for (size_t i = 0; i < 4; ++i) {
        double sum = 0;
        for (size_t k = 0; k < classes; ++k)
          sum += (*problem.targets)(i, k) = std::exp(normal(random));
        for (size_t k = 0; k < classes; ++k) {
          double& y = (*problem.targets)(i, k);
          y /= sum;
          problem.logits(i, k) = std::log(y) + noise * normal(random);
        }
      }
      RoundToFloat(&problem);
      const auto in_float = ComputeProblem<float>(problem);
      const auto in_double = ComputeProblem<double>(problem);
      for (size_t i = 0; i < 4; ++i) {
        EXPECT_NEAR(in_float.losses[i] / in_double.losses[i], 1, 1e-3)
            << classes << " classes, noise " << noise;
      }
    }
  }
}

// trl gives the two divergences for a β of 0 and 1.
TEST(DistillationFormsTest, WholeDivergencesAreFormsOfTheirOwn) {
  EXPECT_NEAR(ComputeProblem<double>(TeacherAndStudent(Form::kKlDivergence)).result.loss,
              1.380414885058, 1e-9);
  EXPECT_NEAR(ComputeProblem<double>(TeacherAndStudent(Form::kReverseKlDivergence)).result.loss,
              1.5630104, 1e-7);
}

// Near its bounds the loss is β times one divergence, and 1 − β times the other.
TEST(DistillationFormsTest, JensenShannonNearsTheDivergencesAtItsBounds) {
  const Problem forward = TeacherAndStudent(Form::kKlDivergence);
  const Problem reverse = TeacherAndStudent(Form::kReverseKlDivergence);
  const struct {
    double beta;
    double factor;
    const Problem& limit;
  } cases[] = {{1e-9, 1e-9, forward}, {1 - 0x1p-30, 0x1p-30, reverse}};
  for (const auto& [beta, factor, limit] : cases) {
    Problem problem = TeacherAndStudent(Form::kJensenShannon);
    problem.parameters.skew = beta;
    const auto skewed = ComputeProblem<double>(problem);
    const auto whole = ComputeProblem<double>(limit);
    EXPECT_NEAR(skewed.result.loss / factor, whole.result.loss, 1e-6) << beta;
    for (size_t i = 0; i < 6; ++i) {
      EXPECT_NEAR(skewed.gradient[i] / factor, whole.gradient[i], 1e-6) << beta << ", " << i;
    }
  }
}

TEST(DistillationFormsTest, ReverseKlAgreesWithItsFormula) {
  Random random(77);
  for (const size_t classes : std::vector<size_t>{2, 3, 10, 33, 1000}) {
    for (const double scale : {1e-3, 1.0, 8.0, 50.0}) {
      for (const double smoothing : {0.0, 0.1}) {
        Problem problem =
            Draw(Activation::kSoftmax, LabelKind::kSoftTargets, {5, classes}, scale, random);
        for (double& y : *problem.targets) y += 0x1p-12;
        problem.form = Form::kReverseKlDivergence;
        problem.label_smoothing = smoothing;
        problem.temperature = 1.5;
        problem.z_loss = 1e-3;
        for (size_t k = 0; k < classes; ++k) {
          problem.weights.push_back(1 + static_cast<double>(k % 5));
        }
        ExpectAgreesInBothTypes(problem);
      }
    }
  }
}

TEST(DistillationFormsTest, ReverseKlIsExactNearItsMinimum) {
  // p is y but for a few units in the last place.
  Problem problem = SoftRow({{1, 2, 3}}, {{0, 0, 0}});
  double sum = 0;
  for (size_t k = 0; k < 3; ++k) sum += std::exp(problem.logits(0, k));
  for (size_t k = 0; k < 3; ++k) (*problem.targets)(0, k) = std::exp(problem.logits(0, k)) / sum;
  problem.form = Form::kReverseKlDivergence;
  const auto computed = ComputeProblem<double>(problem);
  EXPECT_NEAR(computed.losses[0], 0, 1e-15);
  for (size_t k = 0; k < 3; ++k) {
    const double p = (*problem.targets)(0, k);
    EXPECT_NEAR(computed.gradient[k], 0, 1e-15) << k;
    EXPECT_NEAR(computed.hessian_diagonal[k], p * (1 - p), 1e-14) << k;
  }
}

template <typename T>
class ReverseKlTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ReverseKlTest, ElementTypes);

// A class of target 0 makes its row infinite, whichever class it is, and no other row.
TYPED_TEST(ReverseKlTest, OfATargetOfZeroIsInfiniteWithoutDerivatives) {
  for (const size_t empty : std::vector<size_t>{0, 1, 2}) {
    Problem problem = SoftRow({{2, 0, 1}, {2, 0, 1}}, {{0.25, 0.25, 0.5}, {0.25, 0.25, 0.5}});
    (*problem.targets)(0, empty) = 0;
    problem.form = Form::kReverseKlDivergence;
    const auto computed = ComputeProblem<TypeParam>(problem);
    EXPECT_EQ(computed.losses[0], kInfinity);
    for (size_t k = 0; k < 3; ++k) {
      EXPECT_TRUE(std::isnan(computed.gradient[k])) << empty << ", " << k;
      EXPECT_TRUE(std::isnan(computed.hessian_diagonal[k])) << empty << ", " << k;
      EXPECT_TRUE(std::isfinite(computed.gradient[3 + k])) << empty << ", " << k;
      EXPECT_TRUE(std::isfinite(computed.hessian_diagonal[3 + k])) << empty << ", " << k;
    }
    EXPECT_EQ(computed.result.non_finite_count, 1);
    // Smoothing leaves no target at 0.
    problem.label_smoothing = 0.1;
    ExpectAgrees<TypeParam>(problem);
  }
}

// Its p is 0, as that of a logit of −∞ or of one that is far below the others.
TYPED_TEST(ReverseKlTest, OfATargetOfZeroWhoseProbabilityIsZeroIsFinite) {
  for (const double masked : {-kInfinity, -1e9}) {
    for (const size_t place : std::vector<size_t>{0, 1, 2}) {
      Problem problem = SoftRow({{2, 0.5, 1}}, {{0.25, 0.25, 0.5}});
      problem.logits(0, place) = masked;
      (*problem.targets)(0, place) = 0;
      problem.form = Form::kReverseKlDivergence;
      const auto computed = ComputeProblem<TypeParam>(problem);
      EXPECT_EQ(computed.result.non_finite_count, 0) << place;
      EXPECT_EQ(computed.gradient[place], 0) << place;
      EXPECT_EQ(computed.hessian_diagonal[place], 0) << place;
      ExpectAgrees<TypeParam>(problem);
    }
  }
}

// Log of a class that the student rules out and the teacher does not: 0 · ln 0 = 0.
TYPED_TEST(ReverseKlTest, OfAClassThatTheStudentRulesOutIsFinite) {
  Problem problem = SoftRow({{2, -kInfinity, 1}}, {{0.25, 0.25, 0.5}});
  problem.form = Form::kReverseKlDivergence;
  ExpectAgrees<TypeParam>(problem);
  EXPECT_EQ(ComputeProblem<TypeParam>(problem).result.non_finite_count, 0);
}

// Σ t = 0: the weight of the whole row is 0.
TYPED_TEST(ReverseKlTest, OfARowWithoutTargetsIsZero) {
  Problem problem = SoftRow({{2, 0, 1}}, {{0, 0, 0}});
  problem.form = Form::kReverseKlDivergence;
  const auto computed = ComputeProblem<TypeParam>(problem);
  EXPECT_EQ(computed.losses[0], 0);
  for (size_t k = 0; k < 3; ++k) EXPECT_EQ(computed.gradient[k], 0);
}

}  // namespace
}  // namespace lossd::loss
