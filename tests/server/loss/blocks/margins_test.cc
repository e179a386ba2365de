#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/loss/compute.h"
#include "tests/oracle/evaluate.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Problem;
using ::testing::ElementsAre;
using ::testing::IsNan;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Computes the margins of a batch, and no other output.
template <typename T>
std::vector<T> Margins(const Batch& batch, const LossSpec& spec, const ComputeOptions& options = {},
                       int threads = 2) {
  const bool softmax = spec.activation == loss::Activation::kSoftmax;
  std::vector<T> margin(static_cast<size_t>(batch.rows * (softmax ? 1 : batch.classes)), T(-77));
  Outputs outputs;
  outputs[Output::kMargin] = absl::MakeSpan(margin);
  const auto result = Compute(batch, spec, options, outputs, Executor(threads));
  EXPECT_TRUE(result.ok()) << result.status();
  return margin;
}

// The margins of rows of FLOAT64 logits with class ids.
std::vector<double> RowMargins(const std::vector<double>& logits, const std::vector<int64_t>& ids,
                               int64_t ignore_index = -100) {
  Batch batch;
  batch.logits = absl::MakeConstSpan(logits);
  batch.rows = static_cast<int64_t>(ids.size());
  batch.classes = static_cast<int64_t>(logits.size() / ids.size());
  batch.labels = ClassIds{ids};
  LossSpec spec;
  spec.ignore_index = ignore_index;
  return Margins<double>(batch, spec);
}

template <typename T>
void ExpectSameBits(const std::vector<T>& a, const std::vector<T>& b) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(T)), 0);
}

// Finite logits subtract to within one rounding, whatever the kind of target and the shape.
template <typename T>
void ExpectAgreesWithOracle(const Problem& problem) {
  SCOPED_TRACE(Describe(problem));
  const ProblemBatch<T> batch(problem);
  const std::vector<T> margin = Margins<T>(batch.batch(), SpecOf(problem), OptionsOf(problem));
  const oracle::Answer expected = oracle::Evaluate(problem);
  ASSERT_EQ(margin.size(), expected.margin.size());
  for (size_t i = 0; i < margin.size(); ++i) {
    EXPECT_EQ(margin[i], static_cast<T>(expected.margin[i])) << i;
  }
}

TEST(MarginsTest, AgreeWithTheOracle) {
  Random random(21);
  for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kOneHotTargets,
                                 LabelKind::kSoftTargets, LabelKind::kBinaryLabels}) {
    for (const size_t classes : std::initializer_list<size_t>{1, 2, 3, 15, 16, 17, 33, 100, 5001}) {
      for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
        const bool softmax = activation == Activation::kSoftmax;
        if (softmax && (labels == LabelKind::kBinaryLabels || classes == 1)) continue;
        if (!softmax && labels == LabelKind::kClassIds) continue;
        const Problem problem = Draw(activation, labels, {7, classes}, 3, random);
        ExpectAgreesWithOracle<float>(problem);
        ExpectAgreesWithOracle<double>(problem);
      }
    }
  }
}

TEST(MarginsTest, TakeTheRequestsLogitsWhateverActsOnThem) {
  const std::vector<double> logits = {3, 1, 2};
  const std::vector<int64_t> ids = {0};
  Batch batch;
  batch.logits = absl::MakeConstSpan(logits);
  batch.rows = 1;
  batch.classes = 3;
  batch.labels = ClassIds{ids};
  LossSpec spec;
  spec.temperature = 4;
  spec.softcap = 2;
  spec.label_smoothing = 0.1;
  spec.z_loss = 0.1;
  EXPECT_THAT(Margins<double>(batch, spec), ElementsAre(1));
}

TEST(MarginsTest, OfSpecialLogits) {
  EXPECT_THAT(RowMargins({2, 2, 1}, {0}), ElementsAre(0));
  EXPECT_THAT(RowMargins({5}, {0}), ElementsAre(kInf));
  EXPECT_THAT(RowMargins({-kInf}, {0}), ElementsAre(IsNan()));
  EXPECT_THAT(RowMargins({1, -kInf, -kInf, -kInf, 1, -kInf}, {0, 0}), ElementsAre(kInf, -kInf));
  EXPECT_THAT(RowMargins({-kInf, -kInf, kInf, kInf, kInf, 0}, {0, 0, 0}),
              ElementsAre(IsNan(), IsNan(), kInf));
  EXPECT_THAT(RowMargins({kNan, 0, 0, kNan, 0, kNan}, {0, 0, 0}),
              ElementsAre(IsNan(), IsNan(), IsNan()));
}

void ExpectSeesEveryPlace(size_t classes, size_t truth) {
  SCOPED_TRACE(classes);
  for (size_t place = 0; place < classes; ++place) {
    std::vector<double> logits(classes, 1);
    logits[place] = 4;
    const double expected = place == truth ? 3 : -3;
    EXPECT_THAT(RowMargins(logits, {static_cast<int64_t>(truth)}), ElementsAre(expected));
    logits[place] = kNan;
    EXPECT_THAT(RowMargins(logits, {static_cast<int64_t>(truth)}), ElementsAre(IsNan()));
  }
}

// A NaN or the largest logit at any place of rows of few classes and of several registers.
TEST(MarginsTest, SeeEveryPlace) {
  for (const size_t classes : std::initializer_list<size_t>{2, 7, 32, 33, 67}) {
    for (const size_t truth : {size_t{0}, classes / 3, classes - 1}) {
      ExpectSeesEveryPlace(classes, truth);
    }
  }
}

// The bits of a zero do not depend on the order in which zeros of both signs are met.
TEST(MarginsTest, OfZerosOfBothSigns) {
  for (size_t place = 1; place < 40; ++place) {
    std::vector<double> logits(40, -0.0);
    logits[place] = 0.0;
    EXPECT_TRUE(std::signbit(RowMargins(logits, {0})[0])) << place;
  }
}

TEST(MarginsTest, OfIgnoredSamplesAreZero) {
  EXPECT_THAT(RowMargins({1, 2, kNan, 2}, {0, 255}, 255), ElementsAre(-1, 0));
  const std::vector<double> logits = {3, kNan, 2};
  const std::vector<int64_t> labels = {0, 7, 1};
  Batch batch;
  batch.logits = absl::MakeConstSpan(logits);
  batch.rows = 3;
  batch.classes = 1;
  batch.labels = BinaryLabels{labels};
  LossSpec spec;
  spec.activation = loss::Activation::kSigmoid;
  spec.ignore_index = 7;
  EXPECT_THAT(Margins<double>(batch, spec), ElementsAre(-3, 0, 2));
}

// The first sample has the largest loss.
TEST(MarginsTest, OfSamplesThatMiningDropsAreZero) {
  const std::vector<double> logits = {1, 5, 3, 1, 2, 1};
  const std::vector<int64_t> ids = {0, 0, 0};
  Batch batch;
  batch.logits = absl::MakeConstSpan(logits);
  batch.rows = 3;
  batch.classes = 2;
  batch.labels = ClassIds{ids};
  LossSpec spec;
  HardestMining mining;
  mining.keep_count = 1;
  spec.mining = mining;
  EXPECT_THAT(Margins<double>(batch, spec), ElementsAre(-4, 0, 0));
  spec.mining = GradientHarmonizing();
  EXPECT_THAT(Margins<double>(batch, spec), ElementsAre(-4, 2, 1));
}

// Returns [rows, classes] as [rows / inner, classes, inner].
template <typename T>
std::vector<T> MoveClasses(const std::vector<T>& logits, size_t classes, size_t inner) {
  std::vector<T> moved(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    const size_t row = i / classes;
    moved[(row / inner * classes + i % classes) * inner + row % inner] = logits[i];
  }
  return moved;
}

// Expects the same bits of rows of special logits, side by side, as of the rows one by one.
template <typename T>
void ExpectAnyClassAxis(size_t classes) {
  constexpr size_t kInner = 70;
  constexpr size_t kRows = 3 * kInner;
  const std::vector<double> kinds = {kInf, -kInf, 0.0, -0.0, 1, 1, 2, -3, 1e-30, kNan};
  std::vector<T> logits;
  std::vector<int64_t> ids;
  for (size_t i = 0; i < kRows * classes; ++i) {
    const bool may_be_nan = i / classes % 5 == 0;  // else most rows had a NaN
    const size_t kind = i * 7919 / 3 % 127 % (may_be_nan ? kinds.size() : kinds.size() - 1);
    logits.push_back(static_cast<T>(kinds[kind]));
  }
  for (size_t row = 0; row < kRows; ++row) ids.push_back(static_cast<int64_t>(row % classes));
  ids[5] = 255;
  Batch batch;
  batch.logits = absl::MakeConstSpan(logits);
  batch.rows = kRows;
  batch.classes = static_cast<int64_t>(classes);
  batch.labels = ClassIds{ids};
  LossSpec spec;
  spec.ignore_index = 255;
  const std::vector<T> expected = Margins<T>(batch, spec);
  const std::vector<T> moved = MoveClasses(logits, classes, kInner);
  batch.logits = absl::MakeConstSpan(moved);
  batch.inner = kInner;
  ExpectSameBits(Margins<T>(batch, spec), expected);
}

TEST(MarginsTest, AreTheSameBitsForAnyClassAxis) {
  for (const size_t classes : std::initializer_list<size_t>{1, 2, 5, 21, 32, 33}) {
    ExpectAnyClassAxis<float>(classes);
    ExpectAnyClassAxis<double>(classes);
  }
}

TEST(MarginsTest, AreTheSameBitsOnAnyNumberOfThreadsAndBesideOtherOutputs) {
  Random random(23);
  const Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, {3000, 100}, 3, random);
  const ProblemBatch<float> arrays(problem);
  const std::vector<float> expected = Margins<float>(arrays.batch(), SpecOf(problem), {}, 1);
  ExpectSameBits(Margins<float>(arrays.batch(), SpecOf(problem), {}, 3), expected);
  const Computed<float> all = ComputeProblem<float>(problem);
  ExpectSameBits(all.margin, expected);
}

}  // namespace
}  // namespace lossd::loss
