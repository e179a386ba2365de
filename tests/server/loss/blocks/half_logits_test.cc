#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <variant>
#include <vector>
#include <xsimd/xsimd.hpp>

#include "gtest/gtest.h"
#include "server/kernels/half_float.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Problem;

uint16_t Narrow(FloatFormat format, float value) {
  return format == FloatFormat::kBfloat16 ? kernels::ToBfloat16(value) : kernels::ToFloat16(value);
}

float Widen(FloatFormat format, uint16_t bits) {
  return format == FloatFormat::kBfloat16 ? kernels::Bfloat16ToFloat(bits)
                                          : kernels::Float16ToFloat(bits);
}

// Numbers of 16 bits that begin at an odd address, cut where no number ends.
class HalfReader final : public LogitReader {
 public:
  HalfReader(FloatFormat format, const std::vector<uint16_t>& numbers)
      : format_(format), bytes_(1 + numbers.size() * sizeof(uint16_t)), numbers_(numbers) {
    std::memcpy(bytes_.data() + 1, numbers.data(), bytes_.size() - 1);
    constexpr size_t kPiece = 32749;
    for (size_t begin = 1; begin < bytes_.size(); begin += kPiece) {
      pieces_.push_back({bytes_.data() + begin, static_cast<int64_t>(begin - 1),
                         static_cast<int64_t>(std::min(kPiece, bytes_.size() - begin))});
    }
  }

  void Read(int64_t begin, absl::Span<float> out) const override {
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = Widen(format_, numbers_[static_cast<size_t>(begin) + i]);
    }
  }
  void Read(int64_t /*begin*/, absl::Span<double> /*out*/) const override {
    ADD_FAILURE() << "read as doubles";
  }
  absl::Span<const Piece> pieces() const override { return pieces_; }
  FloatFormat format() const override { return format_; }

 private:
  FloatFormat format_;
  std::vector<char> bytes_;
  std::vector<uint16_t> numbers_;
  std::vector<Piece> pieces_;
};

// What a batch is asked for, and what comes back.
struct Answers {
  explicit Answers(const Batch& batch, int64_t samples)
      : losses(static_cast<size_t>(samples)),
        gradient(static_cast<size_t>(batch.rows * batch.classes)),
        half_gradient(gradient.size() + 64, 0x1234) {}

  Outputs FloatOutputs() {
    Outputs outputs;
    outputs[Output::kLosses] = absl::MakeSpan(losses);
    outputs[Output::kGradient] = absl::MakeSpan(gradient);
    return outputs;
  }
  Outputs HalfOutputs(FloatFormat format, size_t begin) {
    Outputs outputs;
    outputs[Output::kLosses] = absl::MakeSpan(losses);
    outputs.half_gradient = {half_gradient.data() + begin, format};
    return outputs;
  }

  std::vector<float> losses;
  std::vector<float> gradient;
  std::vector<uint16_t, xsimd::aligned_allocator<uint16_t, 64>> half_gradient;
};

// Expects of logits in 16 bits what the same floats give, and their gradient rounded once.
void ExpectHalvesChangeNothing(const Problem& problem, const LossSpec& spec,
                               const ComputeOptions& options, FloatFormat format) {
  SCOPED_TRACE(Describe(problem) + (format == FloatFormat::kBfloat16 ? ", bfloat16" : ", float16"));
  const Executor executor(2);
  ProblemBatch<float> arrays(problem);
  Batch batch = arrays.batch();
  const auto logits = std::get<absl::Span<const float>>(batch.logits);
  std::vector<uint16_t> halves;
  std::vector<float> floats;
  for (const float z : logits) halves.push_back(Narrow(format, z));
  for (const uint16_t bits : halves) floats.push_back(Widen(format, bits));
  batch.logits = absl::MakeConstSpan(floats);
  const bool softmax = spec.activation == loss::Activation::kSoftmax;
  Answers expected(batch, softmax ? batch.rows : batch.rows * batch.classes);
  const auto as_floats = Compute(batch, spec, options, expected.FloatOutputs(), executor);
  ASSERT_TRUE(as_floats.ok()) << as_floats.status();

  const HalfReader reader(format, halves);
  batch.logits = absl::Span<const float>();
  batch.logit_reader = &reader;
  for (const size_t begin : std::vector<size_t>{0, 1, 16}) {
    Answers actual(batch, static_cast<int64_t>(expected.losses.size()));
    const auto as_halves =
        Compute(batch, spec, options, actual.HalfOutputs(format, begin), executor);
    ASSERT_TRUE(as_halves.ok()) << as_halves.status();
    EXPECT_EQ(std::memcmp(&as_halves->loss, &as_floats->loss, sizeof(double)), 0);
    EXPECT_EQ(as_halves->top_k_correct, as_floats->top_k_correct);
    EXPECT_EQ(std::memcmp(actual.losses.data(), expected.losses.data(),
                          actual.losses.size() * sizeof(float)),
              0);
    const size_t size = expected.gradient.size();
    for (size_t i = 0; i < actual.half_gradient.size(); ++i) {
      const bool is_inside = i >= begin && i < begin + size;
      ASSERT_EQ(actual.half_gradient[i],
                is_inside ? Narrow(format, expected.gradient[i - begin]) : 0x1234)
          << "element " << i - begin << " of " << size;
    }
  }
}

constexpr FloatFormat kFormats[] = {FloatFormat::kFloat16, FloatFormat::kBfloat16};

// The sizes cover tiles, groups and chunks of rows, lines that two rows share, and rows of which no
// two fit the caches.
TEST(HalfLogitsTest, HardLabels) {
  Random random(21);
  for (const FloatFormat format : kFormats) {
    for (const Shape shape : {Shape{1, 1}, Shape{1000, 2}, Shape{131, 10}, Shape{70000, 10},
                              Shape{67, 32}, Shape{70, 33}, Shape{50, 300}, Shape{9, 511},
                              Shape{9, 517}, Shape{700, 1000}, Shape{40, 4111}, Shape{3, 70001}}) {
      Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, shape, 3, random);
      problem.label_smoothing = 0;
      ComputeOptions options = OptionsOf(problem);
      ExpectHalvesChangeNothing(problem, SpecOf(problem), options, format);
    }
  }
}

// Kernels that write floats alone are narrowed a few rows at a time.
TEST(HalfLogitsTest, OtherKernels) {
  Random random(22);
  for (const FloatFormat format : kFormats) {
    for (const Shape shape : {Shape{900, 10}, Shape{700, 100}, Shape{30, 3000}}) {
      for (const double smoothing : {0.0, 0.1}) {
        for (const LabelKind labels :
             {LabelKind::kClassIds, LabelKind::kSoftTargets, LabelKind::kBinaryLabels}) {
          const bool binary = labels == LabelKind::kBinaryLabels;
          const Activation activation = binary ? Activation::kSigmoid : Activation::kSoftmax;
          Problem problem = Draw(activation, labels, shape, 3, random);
          problem.label_smoothing = smoothing;
          ExpectHalvesChangeNothing(problem, SpecOf(problem), OptionsOf(problem), format);
        }
      }
    }
  }
}

TEST(HalfLogitsTest, MiningAndStatistics) {
  Random random(23);
  Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, {500, 100}, 3, random);
  problem.label_smoothing = 0;
  LossSpec spec = SpecOf(problem);
  ComputeOptions options = OptionsOf(problem);
  options.class_statistics = true;
  options.top_k = {1, 5};
  ExpectHalvesChangeNothing(problem, spec, options, FloatFormat::kBfloat16);
  HardestMining mining;
  mining.keep_count = 100;
  spec.mining = mining;
  ExpectHalvesChangeNothing(problem, spec, options, FloatFormat::kBfloat16);
}

// Numbers that are not finite, and an ignored row among them.
TEST(HalfLogitsTest, NotFinite) {
  Random random(24);
  for (const size_t classes : std::vector<size_t>{7, 100}) {
    Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, {90, classes}, 3, random);
    problem.label_smoothing = 0;
    problem.logits(3, 2) = std::numeric_limits<double>::quiet_NaN();
    problem.logits(5, 1) = std::numeric_limits<double>::infinity();
    problem.logits(8, 4) = -std::numeric_limits<double>::infinity();
    ExpectHalvesChangeNothing(problem, SpecOf(problem), OptionsOf(problem), FloatFormat::kBfloat16);
  }
}

}  // namespace
}  // namespace lossd::loss
