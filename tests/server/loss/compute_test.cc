#include "server/loss/compute.h"

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/oracle/evaluate.h"
#include "tests/server/loss/agreement.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Form;
using oracle::Matrix;
using oracle::Problem;
using ::testing::DoubleNear;
using ::testing::ElementsAre;

// -log softmax([2, 1, 0]), from 60-digit arithmetic.
constexpr double kMinusLog[] = {0.40760596444437986, 1.4076059644443799, 2.4076059644443799};

Problem ThreeClasses() {
  Problem problem;
  problem.logits = {{2, 1, 0}};
  problem.class_ids = {0};
  return problem;
}

// One to 70 classes, and so every remainder of every vector width, 4 to 16, several times over.
TEST(ComputeTest, EverySizeAroundTheVectorWidth) {
  Random random(1);
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (size_t classes = 1; classes <= 70; ++classes) {
        for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kSoftTargets}) {
          Problem problem = Draw(activation, labels, {3, classes}, 2, random);
          SetForm(choice, &problem);
          ExpectAgreesInBothTypes(problem);
        }
      }
    }
  }
}

// Batches of many short rows, as few rows as one vector holds, and some more or less.
TEST(ComputeTest, EveryRowCountAroundTheVectorWidth) {
  Random random(2);
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (size_t rows = 1; rows <= 70; ++rows) {
        Problem problem = Draw(activation, LabelKind::kClassIds, {rows, 2 + rows % 3}, 2, random);
        SetForm(choice, &problem);
        ExpectAgreesInBothTypes(problem);
      }
    }
  }
}

TEST(ComputeTest, BlocksOfManyRows) {
  Random random(3);
  for (const size_t classes : std::vector<size_t>{2, 10, 300}) {
    Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, {5003, classes}, 2, random);
    problem.reduction = oracle::Reduction::kMean;
    const oracle::Answer expected = oracle::Evaluate(problem);
    ExpectAgrees<float>(problem, expected, ComputeProblem<float>(problem, Executor(3)));
    ExpectAgrees<double>(problem, expected, ComputeProblem<double>(problem, Executor(3)));
  }
}

// Rows that start anywhere: views cut out of a message are aligned to their element and no better.
template <typename T>
void ExpectMisalignedViewsAgree(size_t offset) {
  Random random(4);
  for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
    for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kSoftTargets}) {
      const Problem problem = Draw(activation, labels, {9, 23}, 2, random);
      const Computed<T> aligned = ComputeProblem<T>(problem);
      const ProblemBatch<T> source(problem);
      Batch batch = source.batch();
      std::vector<T> logits(offset, T{1e30F});
      const auto original = std::get<absl::Span<const T>>(batch.logits);
      logits.insert(logits.end(), original.begin(), original.end());
      batch.logits = absl::MakeConstSpan(logits).subspan(offset);
      // The elements around the outputs must keep their values.
      constexpr T kGuard = T{-7};
      std::vector<T> gradient(offset + size_t{9} * 23 + 16, kGuard);
      std::vector<T> losses(offset + aligned.losses.size() + 16, kGuard);
      Outputs outputs;
      outputs[Output::kGradient] = absl::MakeSpan(gradient).subspan(offset, 9 * 23);
      outputs[Output::kLosses] = absl::MakeSpan(losses).subspan(offset, aligned.losses.size());
      ASSERT_TRUE(Compute(batch, SpecOf(problem), OptionsOf(problem), outputs, Executor(1)).ok());
      for (size_t n = 0; n < gradient.size(); ++n) {
        const bool is_inside = n >= offset && n < offset + size_t{9} * 23;
        EXPECT_EQ(gradient[n], is_inside ? aligned.gradient[n - offset] : kGuard) << n;
      }
      for (size_t n = 0; n < losses.size(); ++n) {
        const bool is_inside = n >= offset && n < offset + aligned.losses.size();
        EXPECT_EQ(losses[n], is_inside ? aligned.losses[n - offset] : kGuard) << n;
      }
    }
  }
}

TEST(ComputeTest, MisalignedViewsGiveTheSameBits) {
  for (const size_t offset : std::vector<size_t>{1, 2, 3, 5, 7}) {
    ExpectMisalignedViewsAgree<float>(offset);
    ExpectMisalignedViewsAgree<double>(offset);
  }
}

TEST(ComputeTest, TargetsOfTheOtherTypeAreRead) {
  Random random(5);
  for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
    const Problem problem = Draw(activation, LabelKind::kSoftTargets, {4, 9}, 2, random);
    const ProblemBatch<float> floats(problem);
    const ProblemBatch<double> doubles(problem);
    Batch mixed = floats.batch();
    mixed.labels = doubles.batch().labels;
    const oracle::Answer expected = oracle::Evaluate(problem);
    ExpectAgrees<float>(
        problem, expected,
        ComputeBatch<float>(mixed, SpecOf(problem), OptionsOf(problem), Executor(1)));
    mixed = doubles.batch();
    mixed.labels = floats.batch().labels;
    ExpectAgrees<double>(
        problem, expected,
        ComputeBatch<double>(mixed, SpecOf(problem), OptionsOf(problem), Executor(1)));
  }
}

// The entries of a hard row's gradient are φ′ (δ - p): each is rounded by half an epsilon of
// itself, and the sum of the others and 1 - p_t come from the same sum, rounded a few times.
template <typename T>
void ExpectGradientRowsSumToZero() {
  Random random(6);
  for (const FormChoice& choice : FormChoices()) {
    if (!choice.has_softmax) continue;
    for (const size_t classes : std::vector<size_t>{2, 3, 10, 100, 3000}) {
      for (const double scale : {0.1, 1.0, 5.0}) {
        Problem problem =
            Draw(Activation::kSoftmax, LabelKind::kClassIds, {10, classes}, scale, random);
        SetForm(choice, &problem);
        const Computed<T> actual = ComputeProblem<T>(problem);
        const oracle::Answer expected = oracle::Evaluate(problem);
        for (size_t i = 0; i < 10; ++i) {
          double sum = 0;
          double magnitude = 0;
          for (size_t k = 0; k < classes; ++k) {
            const auto g = static_cast<double>(actual.gradient[i * classes + k]);
            sum += g;
            magnitude += expected.gradient_magnitude(i, k);
          }
          EXPECT_LE(std::abs(sum), 8 * std::numeric_limits<T>::epsilon() * magnitude)
              << Describe(problem);
        }
      }
    }
  }
}

TEST(ComputeTest, GradientRowsOfHardLabelsSumToZero) {
  ExpectGradientRowsSumToZero<float>();
  ExpectGradientRowsSumToZero<double>();
}

TEST(ComputeTest, KlDivergenceIsCrossEntropyMinusEntropy) {
  Random random(7);
  for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
    Problem problem = Draw(activation, LabelKind::kSoftTargets, {6, 11}, 2, random);
    const Computed<double> cross_entropy = ComputeProblem<double>(problem);
    problem.form = Form::kKlDivergence;
    const Computed<double> kl = ComputeProblem<double>(problem);
    const auto x_log_x = [](double x) { return x == 0 ? 0 : x * std::log(x); };
    for (size_t i = 0; i < 6; ++i) {
      double row = 0;
      for (size_t k = 0; k < 11; ++k) {
        const double y = (*problem.targets)(i, k);
        double minus_entropy = x_log_x(y);
        if (activation == Activation::kSigmoid) {
          minus_entropy += x_log_x(1 - y);
          const double expected = cross_entropy.losses[i * 11 + k] + minus_entropy;
          EXPECT_NEAR(kl.losses[i * 11 + k], expected,
                      1e-12 * (1 + cross_entropy.losses[i * 11 + k]));
        }
        row += minus_entropy;
      }
      if (activation == Activation::kSoftmax) {
        EXPECT_NEAR(kl.losses[i], cross_entropy.losses[i] + row,
                    1e-12 * (1 + cross_entropy.losses[i]));
      }
    }
    for (size_t n = 0; n < kl.gradient.size(); ++n) {
      EXPECT_NEAR(kl.gradient[n], cross_entropy.gradient[n], 1e-14) << n;
    }
  }
}

TEST(ComputeTest, SmoothsAsPyTorchDoes) {
  Problem problem = ThreeClasses();
  problem.label_smoothing = 0.1;
  problem.reduction = oracle::Reduction::kMean;
  const double uniform = 0.1 / 3;
  EXPECT_NEAR(ComputeProblem<double>(problem).result.loss,
              0.9 * kMinusLog[0] + uniform * (kMinusLog[0] + kMinusLog[1] + kMinusLog[2]), 1e-15);

  // Class weights act on the smoothed target; the mean divides by the label's weight alone.
  problem.weights = {4, 2, 3};
  EXPECT_NEAR(ComputeProblem<double>(problem).result.loss,
              (4 * (0.9 + uniform) * kMinusLog[0] + 2 * uniform * kMinusLog[1] +
               3 * uniform * kMinusLog[2]) /
                  4,
              1e-15);
}

TEST(ComputeTest, SmoothsSigmoidTowardsAHalf) {
  Problem problem;
  problem.activation = Activation::kSigmoid;
  problem.logits = {{1.5}};
  problem.binary_labels.emplace(xt::xtensor<int64_t, 2>{{1}});
  problem.label_smoothing = 0.25;
  // y = 0.75 + 0.125
  EXPECT_NEAR(ComputeProblem<double>(problem).losses[0],
              0.875 * std::log1p(std::exp(-1.5)) + 0.125 * std::log1p(std::exp(1.5)), 1e-15);
}

Problem WeighedProblem(Activation activation, LabelKind labels, Random& random) {
  Problem problem = Draw(activation, labels, {12, 5}, 2, random);
  problem.weights = {0.5, 1, 2, 0, 3};
  const size_t samples = problem.samples();
  for (size_t i = 0; i < samples; ++i) {
    problem.sample_weights.push_back(static_cast<double>(i % 4) / 2);
  }
  if (!problem.targets) problem.ignore_index = 1;
  if (activation == Activation::kSigmoid) {
    problem.alpha = 0.25;
    problem.positive_weights = {1, 2, 0.5, 3, 1};
  }
  return problem;
}

std::vector<LabelKind> LabelKindsOf(Activation activation) {
  std::vector<LabelKind> kinds = {LabelKind::kClassIds, LabelKind::kOneHotTargets,
                                  LabelKind::kSoftTargets};
  if (activation == Activation::kSigmoid) kinds.push_back(LabelKind::kBinaryLabels);
  return kinds;
}

TEST(ComputeTest, EveryReductionWithEveryWeight) {
  Random random(8);
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (const LabelKind labels : LabelKindsOf(activation)) {
        for (const auto reduction : {oracle::Reduction::kNone, oracle::Reduction::kSum,
                                     oracle::Reduction::kMean, oracle::Reduction::kMeanValid}) {
          for (const double smoothing : {0.0, 0.125}) {
            if (smoothing > 0 && !choice.has_smoothing) continue;
            Problem problem = WeighedProblem(activation, labels, random);
            SetForm(choice, &problem);
            problem.reduction = reduction;
            problem.label_smoothing = smoothing;
            SCOPED_TRACE(static_cast<int>(reduction));
            ExpectAgreesInBothTypes(problem);
            if (reduction == oracle::Reduction::kMean ||
                reduction == oracle::Reduction::kMeanValid) {
              problem.normalizer = 40;
              ExpectAgreesInBothTypes(problem);
            }
          }
        }
      }
    }
  }
}

TEST(ComputeTest, UpstreamGradientScalesGradientAndHessianButNotTheLosses) {
  Random random(9);
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (const LabelKind labels : LabelKindsOf(activation)) {
        Problem problem = WeighedProblem(activation, labels, random);
        SetForm(choice, &problem);
        std::normal_distribution<double> normal;
        for (size_t i = 0; i < problem.samples(); ++i) {
          problem.upstream_gradient.push_back(static_cast<float>(normal(random)));
        }
        ExpectAgreesInBothTypes(problem);
      }
    }
  }
}

// One number for each row of sigmoid logits.
TEST(ComputeTest, PerRowNumbersServeEverySampleOfTheRow) {
  Random random(10);
  Problem problem = Draw(Activation::kSigmoid, LabelKind::kBinaryLabels, {3, 4}, 2, random);
  problem.sample_weights = {1, 0.5, 3};
  problem.upstream_gradient = {2, -1, 0.25};
  ExpectAgreesInBothTypes(problem);
}

TEST(ComputeTest, GradientScaleMultipliesTheGradientAlone) {
  Random random(11);
  Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, {5, 7}, 2, random);
  const Computed<float> plain = ComputeProblem<float>(problem);
  problem.gradient_scale = 1024;
  const Computed<float> scaled = ComputeProblem<float>(problem);
  EXPECT_EQ(plain.losses, scaled.losses);
  EXPECT_EQ(plain.hessian_diagonal, scaled.hessian_diagonal);
  for (size_t n = 0; n < plain.gradient.size(); ++n) {
    EXPECT_FLOAT_EQ(scaled.gradient[n], 1024 * plain.gradient[n]);
  }
}

TEST(ComputeTest, MicroBatchesWithANormalizerAddUpToTheWhole) {
  Random random(12);
  Problem whole = Draw(Activation::kSoftmax, LabelKind::kClassIds, {64, 9}, 2, random);
  whole.weights = {1, 2, 0.5, 3, 1, 1, 0.25, 4, 1};
  whole.ignore_index = 3;
  whole.reduction = oracle::Reduction::kMean;
  const Computed<double> expected = ComputeProblem<double>(whole);

  double loss = 0;
  double weight_sum = 0;
  for (size_t part = 0; part < 4; ++part) {
    Problem micro = whole;
    micro.logits = Matrix::from_shape({16, 9});
    micro.class_ids->assign(16, 0);
    for (size_t i = 0; i < 16; ++i) {
      (*micro.class_ids)[i] = (*whole.class_ids)[16 * part + i];
      for (size_t k = 0; k < 9; ++k) micro.logits(i, k) = whole.logits(16 * part + i, k);
    }
    micro.normalizer = expected.result.weight_sum;
    const Computed<double> actual = ComputeProblem<double>(micro);
    loss += actual.result.loss;
    weight_sum += actual.result.weight_sum;
    for (size_t n = 0; n < actual.gradient.size(); ++n) {
      EXPECT_EQ(actual.gradient[n], expected.gradient[size_t{16} * 9 * part + n]);
    }
  }
  EXPECT_NEAR(loss, expected.result.loss, 64 * 2.3e-16 * expected.result.loss);
  EXPECT_EQ(weight_sum, expected.result.weight_sum);
}

TEST(ComputeTest, SchemesWeighByTheBatchsCounts) {
  Random random(13);
  for (const auto name :
       {oracle::SchemeName::kBalanced, oracle::SchemeName::kInverseFrequency,
        oracle::SchemeName::kInverseSquareRoot, oracle::SchemeName::kEffectiveNumber,
        oracle::SchemeName::kMedianFrequency, oracle::SchemeName::kLogFrequency}) {
    for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
      for (const LabelKind labels : LabelKindsOf(activation)) {
        Problem problem = Draw(activation, labels, {9, 12}, 1, random);
        problem.scheme = oracle::Scheme{name, 0.9, oracle::SchemeNormalization::kOwn};
        problem.reduction = oracle::Reduction::kMean;
        if (!problem.targets) problem.ignore_index = 0;
        ExpectAgreesInBothTypes(problem);
        problem.scheme->normalization = oracle::SchemeNormalization::kSumOne;
        problem.scheme_counts = {1, 5, 0, 100, 3, 3, 3, 7, 1e6, 2, 2.5, 1};
        ExpectAgreesInBothTypes(problem);
      }
    }
  }
}

TEST(ComputeTest, CountsClassesByUnsmoothedTarget) {
  Problem problem = ThreeClasses();
  problem.logits = {{2, 1, 0}, {0, 0, 0}, {1, 1, 1}, {3, 2, 1}};
  problem.class_ids = {2, 0, 2, -1};
  problem.ignore_index = -1;
  EXPECT_THAT(CountClasses(ProblemBatch<double>(problem).batch(), loss::Activation::kSoftmax, -1),
              ElementsAre(1, 0, 2));

  Problem soft;
  soft.logits = {{0, 0}, {0, 0}};
  soft.targets = Matrix{{0.25, 0.5}, {1, 0}};
  EXPECT_THAT(CountClasses(ProblemBatch<float>(soft).batch(), loss::Activation::kSoftmax, {}),
              ElementsAre(1.25, 0.5));

  Problem binary;
  binary.activation = Activation::kSigmoid;
  binary.logits = {{0, 0}, {0, 0}, {0, 0}};
  binary.binary_labels.emplace(xt::xtensor<int64_t, 2>{{1, 0}, {1, 9}, {1, 1}});
  EXPECT_THAT(CountClasses(ProblemBatch<float>(binary).batch(), loss::Activation::kSigmoid, 9),
              ElementsAre(3, 1));

  // One logit a row: negatives and positives.
  Problem single;
  single.activation = Activation::kSigmoid;
  single.logits = {{0}, {0}, {0}};
  single.binary_labels.emplace(xt::xtensor<int64_t, 2>{{1}, {0}, {1}});
  EXPECT_THAT(CountClasses(ProblemBatch<float>(single).batch(), loss::Activation::kSigmoid, {}),
              ElementsAre(1, 2));
}

TEST(ComputeTest, SigmoidClassIdsAreOneHotAndTheClassCountIsNone) {
  Random random(14);
  for (const FormChoice& choice : FormChoices()) {
    Problem ids = Draw(Activation::kSigmoid, LabelKind::kClassIds, {4, 3}, 2, random);
    SetForm(choice, &ids);
    ids.class_ids = {1, 3, 7, 0};
    ids.ignore_index = 7;
    Problem binary = ids;
    binary.class_ids.reset();
    binary.binary_labels.emplace(
        xt::xtensor<int64_t, 2>{{0, 1, 0}, {0, 0, 0}, {7, 7, 7}, {1, 0, 0}});
    SCOPED_TRACE(Describe(ids));
    const Computed<float> a = ComputeProblem<float>(ids);
    const Computed<float> b = ComputeProblem<float>(binary);
    EXPECT_EQ(a.losses, b.losses);
    EXPECT_EQ(a.gradient, b.gradient);
    EXPECT_EQ(a.result.loss, b.result.loss);
    EXPECT_EQ(a.result.valid_count, 9);
    EXPECT_EQ(b.result.valid_count, 9);
    ExpectAgreesInBothTypes(ids);
  }
}

TEST(ComputeTest, OneLogitRowsTakeTwoEntryClassVectors) {
  Problem problem;
  problem.activation = Activation::kSigmoid;
  problem.logits = {{1}, {-2}, {0.5}};
  problem.binary_labels.emplace(xt::xtensor<int64_t, 2>{{1}, {0}, {1}});
  problem.weights = {0.5, 3};
  problem.alpha = 0.25;
  problem.positive_weights = {2};
  problem.reduction = oracle::Reduction::kMean;
  const Computed<double> actual = ComputeProblem<double>(problem);
  // Positives: α · weight · positive weight. Negatives: (1 - α) · weight.
  const double first = 0.25 * 3 * 2 * std::log1p(std::exp(-1.0));
  const double second = 0.75 * 0.5 * std::log1p(std::exp(-2.0));
  const double third = 0.25 * 3 * 2 * std::log1p(std::exp(-0.5));
  EXPECT_THAT(actual.losses, ElementsAre(DoubleNear(first, 1e-15), DoubleNear(second, 1e-15),
                                         DoubleNear(third, 1e-15)));
  EXPECT_NEAR(actual.result.loss, (first + second + third) / 3, 1e-15);
  EXPECT_THAT(actual.result.class_weights, ElementsAre(0.5, 3));
  for (const FormChoice& choice : FormChoices()) {
    SetForm(choice, &problem);
    ExpectAgreesInBothTypes(problem);
  }
}

TEST(ComputeTest, SigmoidAlphaAndPositiveWeightsMultiply) {
  Random random(15);
  for (const FormChoice& choice : FormChoices()) {
    for (const LabelKind labels : LabelKindsOf(Activation::kSigmoid)) {
      Problem problem = Draw(Activation::kSigmoid, labels, {5, 20}, 2, random);
      SetForm(choice, &problem);
      for (const double alpha : {0.0, 0.25, 1.0}) {
        problem.alpha = alpha;
        problem.positive_weights.clear();
        ExpectAgreesInBothTypes(problem);
        problem.positive_weights = {3};
        ExpectAgreesInBothTypes(problem);
      }
    }
  }
}

TEST(ComputeTest, AZeroTargetRowHasNoLoss) {
  Problem problem;
  problem.logits = {{2, 1, 0}};
  problem.targets = Matrix{{0, 0, 0}};
  for (const FormChoice& choice : FormChoices()) {
    // jensen_shannon takes distributions alone.
    if (!choice.has_softmax || choice.form == Form::kJensenShannon) continue;
    SetForm(choice, &problem);
    const Computed<double> actual = ComputeProblem<double>(problem);
    EXPECT_EQ(actual.losses[0], 0) << Describe(problem);
    EXPECT_THAT(actual.gradient, ElementsAre(0, 0, 0)) << Describe(problem);
    EXPECT_EQ(actual.result.loss, 0) << Describe(problem);
  }
}

// The weights of gradient harmonizing scale the losses and not the divisor.
TEST(ComputeTest, MinedWeightsAreNotInTheDivisor) {
  Problem problem;
  problem.logits = {{3, 0}, {3, 0}, {0, 3}, {0, 0}};
  problem.class_ids = {0, 0, 0, 1};
  problem.sample_weights = {1, 2, 3, 4};
  problem.reduction = oracle::Reduction::kMean;
  const ProblemBatch<double> batch(problem);
  LossSpec spec = SpecOf(problem);
  spec.mining = GradientHarmonizing{10};
  const Computed<double> actual =
      ComputeBatch<double>(batch.batch(), spec, OptionsOf(problem), Executor(1));
  EXPECT_EQ(actual.result.weight_sum, 10);
  // Two rows are in the easiest bin, and one in each of two others.
  const double easy = std::log1p(std::exp(-3.0)) * 4 / 6;
  const double losses[] = {easy, 2 * easy, 3 * std::log1p(std::exp(3.0)) * 4 / 3,
                           4 * std::log(2.0) * 4 / 3};
  double sum = 0;
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(actual.losses[i], losses[i], 1e-14);
    sum += losses[i];
  }
  EXPECT_NEAR(actual.result.loss, sum / 10, 1e-14);
  // The derivatives have the weights too: w s (p - 1) / 10 at the true class.
  EXPECT_NEAR(actual.gradient[0], -1 / (1 + std::exp(3.0)) * 4 / 6 / 10, 1e-15);
}

TEST(ComputeTest, StopsWhenItIsCancelled) {
  Random random(16);
  const Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, {4000, 100}, 1, random);
  const ProblemBatch<float> batch(problem);
  for (const int threads : {1, 3}) {
    for (const int blocks : {0, 1}) {
      std::atomic<int> asked = 0;
      ComputeOptions options;
      options.cancelled = [&] { return asked++ >= blocks; };
      std::vector<float> losses(4000);
      Outputs outputs;
      outputs[Output::kLosses] = absl::MakeSpan(losses);
      const auto result =
          Compute(batch.batch(), SpecOf(problem), options, outputs, Executor(threads));
      EXPECT_EQ(result.status().code(), absl::StatusCode::kCancelled);
      EXPECT_GT(asked, blocks);
    }
  }
}

TEST(ComputeTest, AsksWhetherItIsCancelledAndGoesOn) {
  Random random(17);
  const Problem problem =
      Draw(Activation::kSigmoid, LabelKind::kBinaryLabels, {200, 100}, 1, random);
  const ProblemBatch<float> batch(problem);
  ComputeOptions options;
  std::atomic<int> asked = 0;
  options.cancelled = [&] {
    ++asked;
    return false;
  };
  std::vector<float> losses(20000);
  Outputs outputs;
  outputs[Output::kLosses] = absl::MakeSpan(losses);
  const auto result = Compute(batch.batch(), SpecOf(problem), options, outputs, Executor(2));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(asked, 0);
  EXPECT_EQ(losses, ComputeProblem<float>(problem).losses);
}

}  // namespace
}  // namespace lossd::loss
