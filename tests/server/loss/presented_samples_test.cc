// What a model makes of each sample by itself, against the outputs of the same samples without
// weights and mining.
#include "server/loss/presented_samples.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/loss/compute.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Problem;

template <typename T>
constexpr double kTolerance = sizeof(T) == sizeof(float) ? 2e-5 : 1e-12;

// How the samples of a batch are computed.
enum class Way { kAtOnce, kWeighed, kTinyWeights, kMined };

std::vector<double> WeightsOf(Way way, size_t samples) {
  std::vector<double> weights;
  if (way == Way::kAtOnce || way == Way::kMined) return weights;
  const double unit = way == Way::kTinyWeights ? 1e-42 : 1;
  for (size_t i = 0; i < samples; ++i) {
    weights.push_back(i % 5 == 3 ? 0 : unit * static_cast<double>(1 + i % 7));
  }
  return weights;
}

// Returns the logits with their classes before the last axis, of `inner` rows.
template <typename T>
std::vector<T> ClassesFirst(absl::Span<const T> logits, size_t classes, size_t inner) {
  std::vector<T> moved(logits.size());
  for (size_t row = 0; row < logits.size() / classes; ++row) {
    for (size_t k = 0; k < classes; ++k) {
      moved[(row / inner * classes + k) * inner + row % inner] = logits[row * classes + k];
    }
  }
  return moved;
}

bool IsCorrect(const Problem& problem, size_t row, size_t k) {
  if (problem.activation == Activation::kSoftmax) {
    size_t largest = 0;
    for (size_t j = 1; j < problem.classes(); ++j) {
      if (problem.logits(row, j) > problem.logits(row, largest)) largest = j;
    }
    return static_cast<int64_t>(largest) == (*problem.class_ids)[row];
  }
  const double t = problem.binary_labels ? static_cast<double>((*problem.binary_labels)(row, k))
                                         : (*problem.targets)(row, k);
  return (problem.logits(row, k) > 0) == (t >= 0.5);
}

template <typename T>
double TrueProbability(const Problem& problem, const Computed<T>& plain, size_t row, size_t k) {
  const size_t first = row * problem.classes();
  if (problem.activation == Activation::kSoftmax) {
    const auto label = static_cast<size_t>((*problem.class_ids)[row]);
    return static_cast<double>(plain.probabilities[first + label]);
  }
  const double t = problem.binary_labels ? static_cast<double>((*problem.binary_labels)(row, k))
                                         : (*problem.targets)(row, k);
  const auto p = static_cast<double>(plain.probabilities[first + k]);
  return t * p + (1 - t) * (1 - p);
}

template <typename T>
void ExpectPresented(const Problem& problem, Way way, int64_t inner) {
  SCOPED_TRACE(Describe(problem) + ", way " + std::to_string(static_cast<int>(way)) + ", inner " +
               std::to_string(inner));
  const Executor executor(2);
  const ProblemBatch<T> arrays(problem);
  ComputeOptions options;
  LossSpec spec = SpecOf(problem);
  const Computed<T> plain = ComputeBatch<T>(arrays.batch(), spec, options, executor);

  Batch batch = arrays.batch();
  const auto classes = static_cast<size_t>(batch.classes);
  std::vector<T> moved;
  if (inner > 1) {
    moved = ClassesFirst(std::get<absl::Span<const T>>(batch.logits), classes,
                         static_cast<size_t>(inner));
    batch.logits = absl::Span<const T>(moved);
    batch.inner = inner;
  }
  const std::vector<double> weights = WeightsOf(way, problem.samples());
  batch.sample_weights.values = weights;
  if (way == Way::kMined) spec.mining = HardestMining{{}, 2};
  PresentedSamples presented;
  options.presented = &presented;
  options.reduction = Reduction::kMean;
  const auto result = Compute(batch, spec, options, {}, executor);
  ASSERT_TRUE(result.ok()) << result.status();

  const size_t per_row = problem.activation == Activation::kSoftmax ? 1 : classes;
  ASSERT_EQ(presented.losses.size(), problem.samples());
  for (size_t i = 0; i < presented.losses.size(); ++i) {
    SCOPED_TRACE(i);
    const size_t row = i / per_row;
    const bool ignored = !weights.empty() && weights[i] == 0;
    ASSERT_EQ(presented.ignored[i], ignored ? 1 : 0);
    if (ignored) continue;
    ASSERT_EQ(presented.losses[i], static_cast<double>(plain.losses[i]));
    ASSERT_EQ(presented.margins[i], static_cast<double>(plain.margin[i]));
    ASSERT_NEAR(presented.true_probability[i], TrueProbability(problem, plain, row, i % per_row),
                kTolerance<T>);
    ASSERT_EQ(presented.correct[i], IsCorrect(problem, row, i % per_row) ? 1 : 0);
    double gradient = 0;
    for (size_t k = 0; k < (per_row == 1 ? classes : 1); ++k) {
      gradient +=
          std::abs(static_cast<double>(plain.gradient[per_row == 1 ? row * classes + k : i]));
    }
    ASSERT_NEAR(presented.gradient_l1[i], gradient, kTolerance<T> * (1 + gradient));
  }
}

template <typename T>
void ExpectPresentedEveryWay(const Problem& problem) {
  for (const Way way : {Way::kAtOnce, Way::kWeighed, Way::kTinyWeights, Way::kMined}) {
    for (const int64_t inner : {1, 5}) ExpectPresented<T>(problem, way, inner);
  }
}

void ExpectPresentedInBothTypes(const Problem& problem) {
  ExpectPresentedEveryWay<float>(problem);
  ExpectPresentedEveryWay<double>(problem);
}

TEST(PresentedSamplesTest, EveryFormOfSoftmax) {
  Random random(5);
  for (const FormChoice& choice : FormChoices()) {
    if (!choice.has_softmax) continue;
    for (const size_t classes : {size_t{2}, size_t{10}, size_t{130}}) {
      Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, {50, classes}, 3, random);
      // Ties: the first of the largest logits wins.
      for (size_t k = 0; k < classes; ++k) problem.logits(7, k) = 1;
      (*problem.class_ids)[7] = 1;
      SetForm(choice, &problem);
      ExpectPresentedInBothTypes(problem);
    }
  }
}

TEST(PresentedSamplesTest, EveryFormOfSigmoid) {
  Random random(6);
  for (const FormChoice& choice : FormChoices()) {
    for (const LabelKind labels : {LabelKind::kBinaryLabels, LabelKind::kSoftTargets}) {
      Problem problem = Draw(Activation::kSigmoid, labels, {20, 6}, 3, random);
      problem.logits(0, 0) = 0;
      problem.logits(0, 1) = 0;
      SetForm(choice, &problem);
      ExpectPresentedInBothTypes(problem);
    }
  }
}

TEST(PresentedSamplesTest, WithWhatIsAroundTheForm) {
  Random random(7);
  for (const size_t classes : {size_t{10}, size_t{3000}}) {
    const Problem plain =
        Draw(Activation::kSoftmax, LabelKind::kClassIds, {25, classes}, 3, random);
    std::vector<Problem> problems(6, plain);
    problems[0].label_smoothing = 0.1;
    problems[1].temperature = 2;
    problems[2].softcap = 5;
    problems[3].z_loss = 1e-3;
    const std::vector<double> counts(classes, 7);
    problems[4].prior = oracle::Prior{1, counts};
    problems[5].weights.assign(classes, 0.5);
    for (const Problem& problem : problems) ExpectPresentedInBothTypes(problem);
  }
}

}  // namespace
}  // namespace lossd::loss
