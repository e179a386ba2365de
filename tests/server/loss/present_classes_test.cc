#include <cstddef>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "server/loss/compute.h"
#include "server/loss/statistics.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

// The statistics of the classes that have samples, beside those of all classes.

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Matrix;
using oracle::Problem;

// Returns the entries of the classes that have samples.
template <typename T>
std::vector<T> Present(const std::vector<T>& column, const std::vector<int64_t>& classes) {
  std::vector<T> entries;
  for (const int64_t k : classes) entries.push_back(column[static_cast<size_t>(k)]);
  return entries;
}

// Returns the statistics of a batch with the columns that were asked for.
ClassStatistics StatisticsOf(const Batch& batch, const LossSpec& spec, ClassColumns columns) {
  ComputeOptions options;
  options.class_statistics = true;
  options.class_columns = columns;
  const auto result = Compute(batch, spec, options, {}, Executor(1));
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result->class_statistics : ClassStatistics();
}

void ExpectPresentOnly(const ClassStatistics& present, const ClassStatistics& all) {
  std::vector<int64_t> ids;
  for (size_t k = 0; k < all.count.size(); ++k) {
    if (all.count[k] > 0) ids.push_back(static_cast<int64_t>(k));
  }
  EXPECT_EQ(present.class_ids, ids);
  EXPECT_TRUE(present.empty_classes.empty());
  EXPECT_EQ(present.count, Present(all.count, ids));
  EXPECT_EQ(present.frequency, Present(all.frequency, ids));
  EXPECT_EQ(present.weight, Present(all.weight, ids));
  EXPECT_EQ(present.loss_sum, Present(all.loss_sum, ids));
  EXPECT_EQ(present.loss_share, Present(all.loss_share, ids));
  EXPECT_EQ(present.gradient_share, Present(all.gradient_share, ids));
  EXPECT_EQ(present.mean_true_probability, Present(all.mean_true_probability, ids));
  EXPECT_EQ(present.correct_count, Present(all.correct_count, ids));
  EXPECT_EQ(present.predicted_count, Present(all.predicted_count, ids));
}

// With few classes beside the samples and with many, which are collected in two ways.
TEST(PresentClassesTest, ColumnsOfThePresentClassesAreThoseOfAllWithoutTheOthers) {
  Random random(23);
  for (const size_t classes : std::vector<size_t>{2, 30, 2000}) {
    for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
      for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kSoftTargets}) {
        const Problem problem = Draw(activation, labels, {20, classes}, 1, random);
        const ProblemBatch<float> batch(problem);
        const LossSpec spec = SpecOf(problem);
        ExpectPresentOnly(StatisticsOf(batch.batch(), spec, ClassColumns::kPresentOnly),
                          StatisticsOf(batch.batch(), spec, ClassColumns::kAll));
      }
    }
  }
}

TEST(PresentClassesTest, TheOneClassOfOneLogitIsPresentWhereThereAreSamplesOfIt) {
  for (const double label : {0.0, 1.0}) {
    Problem problem;
    problem.activation = Activation::kSigmoid;
    problem.logits = {{1}, {2}};
    problem.targets = Matrix{{label}, {label}};
    ProblemBatch<double> batch(problem);
    batch.batch().one_logit_classes = OneLogitClasses::kOne;
    const LossSpec spec = SpecOf(problem);
    ExpectPresentOnly(StatisticsOf(batch.batch(), spec, ClassColumns::kPresentOnly),
                      StatisticsOf(batch.batch(), spec, ClassColumns::kAll));
  }
}

// Three hundred million classes would take 14 GB.
TEST(PresentClassesTest, ClassesWithoutSamplesTakeNoMemoryWhereThePresentOnesAreAsked) {
  Batch batch;
  batch.logits = absl::Span<const float>();
  batch.classes = 300'000'000;
  batch.labels = ClassIds();
  const ClassStatistics none = StatisticsOf(batch, LossSpec(), ClassColumns::kPresentOnly);
  EXPECT_TRUE(none.count.empty());
  EXPECT_TRUE(none.class_ids.empty());
  EXPECT_LE(StatisticsCollector::BytesOf(batch.classes, 0), 0);
  EXPECT_LE(StatisticsCollector::BytesOf(batch.classes, 100), 100000);
}

}  // namespace
}  // namespace lossd::loss
