#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Problem;

template <typename T>
::testing::AssertionResult SameBits(const std::vector<T>& a, size_t a_begin,
                                    const std::vector<T>& b, size_t b_begin, size_t count) {
  if (count == 0 || std::memcmp(&a[a_begin], &b[b_begin], count * sizeof(T)) == 0) {
    return ::testing::AssertionSuccess();
  }
  size_t n = 0;
  while (std::memcmp(&a[a_begin + n], &b[b_begin + n], sizeof(T)) == 0) ++n;
  return ::testing::AssertionFailure()
         << "entry " << n << " of " << count << ": " << testing::PrintToString(a[a_begin + n])
         << " and " << testing::PrintToString(b[b_begin + n]) << ", difference "
         << static_cast<double>(a[a_begin + n]) - static_cast<double>(b[b_begin + n]);
}

template <typename T>
void ExpectSameRows(const Computed<T>& a, size_t a_row, const Computed<T>& b, size_t b_row,
                    size_t rows, size_t classes) {
  const size_t per_row = a.log_sum_exp.empty() ? classes : 1;
  EXPECT_TRUE(SameBits(a.losses, a_row * per_row, b.losses, b_row * per_row, rows * per_row))
      << "losses";
  EXPECT_TRUE(SameBits(a.margin, a_row * per_row, b.margin, b_row * per_row, rows * per_row))
      << "margin";
  const size_t a_begin = a_row * classes;
  const size_t b_begin = b_row * classes;
  const size_t count = rows * classes;
  EXPECT_TRUE(SameBits(a.gradient, a_begin, b.gradient, b_begin, count)) << "gradient";
  EXPECT_TRUE(SameBits(a.hessian_diagonal, a_begin, b.hessian_diagonal, b_begin, count))
      << "hessian_diagonal";
  EXPECT_TRUE(SameBits(a.probabilities, a_begin, b.probabilities, b_begin, count))
      << "probabilities";
  if (a.log_sum_exp.empty()) return;
  EXPECT_TRUE(SameBits(a.log_sum_exp, a_row, b.log_sum_exp, b_row, rows)) << "log_sum_exp";
}

Problem RowsOf(const Problem& whole, const std::vector<size_t>& rows) {
  Problem part = whole;
  const size_t classes = whole.classes();
  part.logits = oracle::Matrix::from_shape({rows.size(), classes});
  if (whole.targets) part.targets = oracle::Matrix::from_shape({rows.size(), classes});
  if (whole.binary_labels) {
    part.binary_labels = xt::xtensor<int64_t, 2>::from_shape({rows.size(), classes});
  }
  if (whole.class_ids) part.class_ids->clear();
  for (size_t n = 0; n < rows.size(); ++n) {
    if (whole.class_ids) part.class_ids->push_back((*whole.class_ids)[rows[n]]);
    for (size_t k = 0; k < classes; ++k) {
      part.logits(n, k) = whole.logits(rows[n], k);
      if (whole.targets) (*part.targets)(n, k) = (*whole.targets)(rows[n], k);
      if (whole.binary_labels) (*part.binary_labels)(n, k) = (*whole.binary_labels)(rows[n], k);
    }
  }
  return part;
}

// A sanitizer looks at what is read and written, and sees nothing new in a batch's thousandth row.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kRows = 256;
#else
constexpr size_t kRows = 4096;
#endif

// Some rows of a batch in other company: alone, and as the last of a batch of 7; with one
// thread and with several.
template <typename T>
void ExpectInvariance(const Problem& whole) {
  SCOPED_TRACE(Describe(whole));
  const Executor one(1);
  const Executor several(4);
  const size_t classes = whole.classes();
  const Computed<T> reference = ComputeProblem<T>(whole, one);
  const Computed<T> threaded = ComputeProblem<T>(whole, several);
  ExpectSameRows(reference, 0, threaded, 0, whole.rows(), classes);
  EXPECT_EQ(reference.result.loss_sum, threaded.result.loss_sum);
  EXPECT_EQ(reference.result.loss, threaded.result.loss);
  EXPECT_EQ(reference.result.weight_sum, threaded.result.weight_sum);
  EXPECT_EQ(reference.result.class_statistics->gradient_share,
            threaded.result.class_statistics->gradient_share);
  EXPECT_EQ(reference.result.difficulty->loss_share, threaded.result.difficulty->loss_share);

  for (const size_t row :
       {size_t{0}, size_t{1}, size_t{15}, size_t{63}, whole.rows() / 2 + 1, whole.rows() - 1}) {
    SCOPED_TRACE(row);
    ExpectSameRows(reference, row, ComputeProblem<T>(RowsOf(whole, {row}), one), 0, 1, classes);
    ExpectSameRows(reference, row,
                   ComputeProblem<T>(RowsOf(whole, {9, 8, 7, 6, 5, 4, row}), several), 6, 1,
                   classes);
  }
}

template <typename T>
void ExpectInvarianceOfEveryForm(Activation activation, LabelKind labels, double smoothing) {
  Random random(99);
  for (const FormChoice& choice : FormChoices()) {
    if (activation == Activation::kSoftmax && !choice.has_softmax) continue;
    if (smoothing > 0 && !choice.has_smoothing) continue;
    for (const size_t classes : std::vector<size_t>{1, 2, 3, 10, 17, 64, 130}) {
      Problem problem = Draw(activation, labels, {kRows, classes}, 3, random);
      problem.label_smoothing = smoothing;
      SetForm(choice, &problem);
      ExpectInvariance<T>(problem);
    }
  }
}

TEST(BatchInvarianceTest, SoftmaxClassIds) {
  ExpectInvarianceOfEveryForm<float>(Activation::kSoftmax, LabelKind::kClassIds, 0);
  ExpectInvarianceOfEveryForm<double>(Activation::kSoftmax, LabelKind::kClassIds, 0);
}

TEST(BatchInvarianceTest, SoftmaxSmoothedClassIds) {
  ExpectInvarianceOfEveryForm<float>(Activation::kSoftmax, LabelKind::kClassIds, 0.1);
}

TEST(BatchInvarianceTest, SoftmaxSoftTargets) {
  ExpectInvarianceOfEveryForm<float>(Activation::kSoftmax, LabelKind::kSoftTargets, 0);
  ExpectInvarianceOfEveryForm<double>(Activation::kSoftmax, LabelKind::kSoftTargets, 0);
}

TEST(BatchInvarianceTest, SigmoidClassIds) {
  ExpectInvarianceOfEveryForm<float>(Activation::kSigmoid, LabelKind::kClassIds, 0);
  ExpectInvarianceOfEveryForm<double>(Activation::kSigmoid, LabelKind::kClassIds, 0);
}

TEST(BatchInvarianceTest, SigmoidBinaryLabels) {
  ExpectInvarianceOfEveryForm<float>(Activation::kSigmoid, LabelKind::kBinaryLabels, 0);
  ExpectInvarianceOfEveryForm<double>(Activation::kSigmoid, LabelKind::kBinaryLabels, 0);
}

TEST(BatchInvarianceTest, SigmoidSoftTargets) {
  ExpectInvarianceOfEveryForm<float>(Activation::kSigmoid, LabelKind::kSoftTargets, 0);
}

TEST(BatchInvarianceTest, LongRows) {
  Random random(5);
  const Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, {2100, 1031}, 5, random);
  ExpectInvariance<float>(problem);
}

// Rows so long that they are blocks by themselves, or a few together.
TEST(BatchInvarianceTest, VeryLongRows) {
  Random random(7);
  const Problem whole = Draw(Activation::kSoftmax, LabelKind::kClassIds, {40, 9001}, 5, random);
  const Executor one(1);
  const Executor several(4);
  const Computed<float> reference = ComputeProblem<float>(whole, one);
  const Computed<float> threaded = ComputeProblem<float>(whole, several);
  ExpectSameRows(reference, 0, threaded, 0, whole.rows(), whole.classes());
  EXPECT_EQ(reference.result.loss_sum, threaded.result.loss_sum);
  for (size_t row = 0; row < whole.rows(); row += 3) {
    const Problem alone = RowsOf(whole, {row});
    ExpectSameRows(reference, row, ComputeProblem<float>(alone, one), 0, 1, whole.classes());
  }
}

// The losses do not depend on the other outputs that are asked for.
TEST(BatchInvarianceTest, LossesAreTheSameBitsWithoutOtherOutputs) {
  Random random(6);
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kSoftTargets}) {
        for (const size_t classes : std::vector<size_t>{2, 10, 100}) {
          Problem problem = Draw(activation, labels, {50, classes}, 4, random);
          SetForm(choice, &problem);
          SCOPED_TRACE(Describe(problem));
          const Computed<float> all = ComputeProblem<float>(problem);
          const ProblemBatch<float> batch(problem);
          std::vector<float> losses(all.losses.size());
          Outputs outputs;
          outputs[Output::kLosses] = absl::MakeSpan(losses);
          const auto result =
              Compute(batch.batch(), SpecOf(problem), ComputeOptions(), outputs, Executor(1));
          ASSERT_TRUE(result.ok()) << result.status();
          EXPECT_TRUE(SameBits(all.losses, 0, losses, 0, losses.size()));
          EXPECT_EQ(result->loss_sum, all.result.loss_sum);

          std::vector<float> gradient(all.gradient.size());
          Outputs gradient_only;
          gradient_only[Output::kGradient] = absl::MakeSpan(gradient);
          ASSERT_TRUE(
              Compute(batch.batch(), SpecOf(problem), ComputeOptions(), gradient_only, Executor(1))
                  .ok());
          EXPECT_TRUE(SameBits(all.gradient, 0, gradient, 0, gradient.size()));
        }
      }
    }
  }
}

}  // namespace
}  // namespace lossd::loss
