#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <variant>
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

// A NaN or the largest logit at any place of a row of several registers.
TEST(MarginsTest, SeeEveryPlace) {
  constexpr size_t kClasses = 67;
  for (size_t truth : {size_t{0}, size_t{20}, kClasses - 1}) {
    for (size_t place = 0; place < kClasses; ++place) {
      std::vector<double> logits(kClasses, 1);
      logits[place] = 4;
      const double expected = place == truth ? 3 : -3;
      EXPECT_THAT(RowMargins(logits, {static_cast<int64_t>(truth)}), ElementsAre(expected));
      logits[place] = kNan;
      EXPECT_THAT(RowMargins(logits, {static_cast<int64_t>(truth)}), ElementsAre(IsNan()));
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

// Logits in one piece of bytes, which Release makes NaN.
class PieceReader final : public LogitReader {
 public:
  explicit PieceReader(absl::Span<const float> logits)
      : logits_(logits.begin(), logits.end()),
        piece_{reinterpret_cast<const char*>(logits_.data()), 0,
               static_cast<int64_t>(logits_.size() * sizeof(float))} {}

  void Read(int64_t begin, absl::Span<float> out) const override {
    std::memcpy(out.data(), &logits_[static_cast<size_t>(begin)], out.size() * sizeof(float));
  }
  void Read(int64_t, absl::Span<double>) const override { ADD_FAILURE() << "read as doubles"; }
  absl::Span<const Piece> pieces() const override { return {&piece_, 1}; }
  void Release(int64_t begin, int64_t end) const override {
    for (int64_t i = begin; i < end; ++i) {
      logits_[static_cast<size_t>(i)] = std::numeric_limits<float>::quiet_NaN();
    }
  }

 private:
  mutable std::vector<float> logits_;
  Piece piece_;
};

// The fast path reads such logits where they are; margins do not change what it gives.
TEST(MarginsTest, OfLogitsInPieces) {
  Random random(22);
  for (const Shape shape : {Shape{9000, 10}, Shape{100, 3000}, Shape{3, 40000}}) {
    Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, shape, 3, random);
    problem.label_smoothing = 0;
    const ProblemBatch<float> arrays(problem);
    ComputeOptions options;
    const LossSpec spec = SpecOf(problem);
    const std::vector<float> expected = Margins<float>(arrays.batch(), spec, options);
    Batch batch = arrays.batch();
    const PieceReader reader(std::get<absl::Span<const float>>(batch.logits));
    batch.logits = absl::Span<const float>();
    batch.logit_reader = &reader;
    ExpectSameBits(Margins<float>(batch, spec, options), expected);
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
