#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "server/loss/compare.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Problem;

// Transposes [outer, a, b] to [outer, b, a].
template <typename T>
std::vector<T> SwapLastAxes(const std::vector<T>& from, size_t a, size_t b) {
  std::vector<T> to(from.size());
  for (size_t n = 0; n < from.size(); ++n) {
    const size_t matrix = n / (a * b) * (a * b);
    to[matrix + (n - matrix) % b * a + (n - matrix) / b] = from[n];
  }
  return to;
}

template <typename T>
std::vector<T> LogitsOf(const Problem& problem) {
  return {problem.logits.begin(), problem.logits.end()};
}

template <typename T>
void ExpectSameBits(const std::vector<T>& a, const std::vector<T>& b, const char* what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  for (size_t n = 0; n < a.size(); ++n) {
    ASSERT_EQ(std::memcmp(&a[n], &b[n], sizeof(T)), 0)
        << what << "[" << n << "]: " << a[n] << " and " << b[n];
  }
}

// Compares the batch with classes moved in front of `inner` of its rows with the unmoved one.
template <typename T>
void ExpectSameAsMoved(const Problem& problem, size_t inner, const Executor& executor) {
  SCOPED_TRACE(Describe(problem) + ", inner " + std::to_string(inner));
  const size_t classes = problem.classes();
  const Computed<T> expected = ComputeProblem<T>(problem, executor);
  ProblemBatch<T> views(problem);
  const std::vector<T> logits = SwapLastAxes(LogitsOf<T>(problem), inner, classes);
  views.batch().logits = absl::MakeConstSpan(logits);
  views.batch().inner = static_cast<int64_t>(inner);
  const Computed<T> actual =
      ComputeBatch<T>(views.batch(), SpecOf(problem), OptionsOf(problem), executor);

  const auto moved = [&](const std::vector<T>& matrix) {
    return SwapLastAxes(matrix, classes, inner);
  };
  ExpectSameBits(actual.losses, expected.losses, "losses");
  ExpectSameBits(actual.log_sum_exp, expected.log_sum_exp, "log_sum_exp");
  ExpectSameBits(actual.margin, expected.margin, "margin");
  ExpectSameBits(moved(actual.gradient), expected.gradient, "gradient");
  ExpectSameBits(moved(actual.hessian_diagonal), expected.hessian_diagonal, "hessian_diagonal");
  ExpectSameBits(moved(actual.probabilities), expected.probabilities, "probabilities");
  EXPECT_EQ(actual.result.loss, expected.result.loss);
  EXPECT_EQ(actual.result.loss_sum, expected.result.loss_sum);
  EXPECT_EQ(actual.result.weight_sum, expected.result.weight_sum);
  EXPECT_EQ(actual.result.top_k_correct, expected.result.top_k_correct);
  ASSERT_EQ(actual.result.class_statistics.has_value(),
            expected.result.class_statistics.has_value());
  if (expected.result.class_statistics) {
    EXPECT_EQ(actual.result.class_statistics->predicted_count,
              expected.result.class_statistics->predicted_count);
    EXPECT_EQ(actual.result.class_statistics->gradient_share,
              expected.result.class_statistics->gradient_share);
  }
}

class StridedClassesTest : public ::testing::Test {
 protected:
  Random random_{7};
  Executor one_{1};
  Executor several_{3};
};

TEST_F(StridedClassesTest, EveryFormGivesTheBitsOfMovedClasses) {
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kSoftTargets}) {
        for (const size_t classes : std::vector<size_t>{2, 21, 40}) {
          Problem problem = Draw(activation, labels, {size_t{3} * 70, classes}, 3, random_);
          SetForm(choice, &problem);
          ExpectSameAsMoved<float>(problem, 70, one_);
          ExpectSameAsMoved<double>(problem, 70, one_);
        }
      }
    }
  }
}

TEST_F(StridedClassesTest, EveryShape) {
  for (const size_t classes : std::vector<size_t>{1, 2, 7, 8, 9, 16, 17, 31, 32, 33, 70}) {
    for (const size_t inner : std::vector<size_t>{2, 15, 16, 17, 63, 64, 65, 192, 1031}) {
      for (const size_t outer : std::vector<size_t>{1, 3}) {
        const Problem problem =
            Draw(Activation::kSoftmax, LabelKind::kClassIds, {outer * inner, classes}, 3, random_);
        ExpectSameAsMoved<float>(problem, inner, several_);
        ExpectSameAsMoved<double>(problem, inner, one_);
      }
    }
  }
}

// Large enough to be written past the caches, on rows that start on a cache line and on others.
TEST_F(StridedClassesTest, MatricesLargerThanTheCaches) {
  for (const size_t inner : std::vector<size_t>{size_t{1} << 16, 65521}) {
    const Problem problem =
        Draw(Activation::kSoftmax, LabelKind::kClassIds, {2 * inner, 19}, 3, random_);
    ExpectSameAsMoved<float>(problem, inner, several_);
  }
}

TEST_F(StridedClassesTest, IgnoredRowsAndWeights) {
  for (const size_t classes : std::vector<size_t>{5, 50}) {
    Problem problem =
        Draw(Activation::kSoftmax, LabelKind::kClassIds, {size_t{4} * 33, classes}, 3, random_);
    problem.ignore_index = -100;
    for (size_t i = 0; i < problem.rows(); i += 3) (*problem.class_ids)[i] = -100;
    ExpectSameAsMoved<float>(problem, 33, one_);
    problem.label_smoothing = 0.1;
    ExpectSameAsMoved<float>(problem, 33, several_);
  }
}

// Compare asks for the gradient's norm only. The rows are two whole tiles and a part of one.
TEST_F(StridedClassesTest, CompareGivesTheSameNorm) {
  const Problem problem =
      Draw(Activation::kSoftmax, LabelKind::kClassIds, {size_t{2} * 150, 12}, 3, random_);
  ProblemBatch<float> views(problem);
  const std::vector<LossSpec> specs(1);
  const auto expected = Compare(views.batch(), PointersTo(specs), ComputeOptions(), one_);
  const std::vector<float> logits = SwapLastAxes(LogitsOf<float>(problem), 150, 12);
  views.batch().logits = absl::MakeConstSpan(logits);
  views.batch().inner = 150;
  const auto actual = Compare(views.batch(), PointersTo(specs), ComputeOptions(), one_);
  ASSERT_TRUE(expected.ok() && actual.ok());
  EXPECT_GT(expected->front().gradient_norm, 0);
  EXPECT_EQ(actual->front().gradient_norm, expected->front().gradient_norm);
}

}  // namespace
}  // namespace lossd::loss
