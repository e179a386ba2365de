#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Problem;

template <class T>
class ArrayReader final : public LogitReader {
 public:
  explicit ArrayReader(absl::Span<const T> logits) : logits_(logits) {}

  void Read(int64_t begin, absl::Span<float> out) const override { Copy(begin, out); }
  void Read(int64_t begin, absl::Span<double> out) const override { Copy(begin, out); }

 private:
  void Copy(int64_t begin, absl::Span<T> out) const {
    const auto part = logits_.subspan(static_cast<size_t>(begin), out.size());
    ASSERT_EQ(part.size(), out.size());
    std::copy(part.begin(), part.end(), out.begin());
  }
  template <class Other>
  void Copy(int64_t, absl::Span<Other>) const {
    ADD_FAILURE() << "read as another type";
  }

  absl::Span<const T> logits_;
};

template <class T>
void ExpectSame(const std::vector<T>& a, const std::vector<T>& b, const char* what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  EXPECT_TRUE(a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0) << what;
}

// The same bits, wherever the logits come from.
template <class T>
void ExpectReaderChangesNothing(const Problem& problem, const LossSpec& spec,
                                const ComputeOptions& options) {
  SCOPED_TRACE(Describe(problem));
  const Executor executor(2);
  ProblemBatch<T> arrays(problem);
  const Computed<T> expected = RunBatch<T>(arrays.batch(), spec, options, executor);
  Batch batch = arrays.batch();
  const auto logits = std::get<absl::Span<const T>>(batch.logits);
  const ArrayReader<T> reader(logits);
  batch.logits = absl::Span<const T>();
  batch.logit_reader = &reader;
  const Computed<T> actual = RunBatch<T>(batch, spec, options, executor);
  ExpectSame(actual.losses, expected.losses, "losses");
  ExpectSame(actual.gradient, expected.gradient, "gradient");
  ExpectSame(actual.hessian_diagonal, expected.hessian_diagonal, "hessian_diagonal");
  ExpectSame(actual.probabilities, expected.probabilities, "probabilities");
  ExpectSame(actual.log_sum_exp, expected.log_sum_exp, "log_sum_exp");
  EXPECT_EQ(actual.result.loss, expected.result.loss);
  EXPECT_EQ(actual.result.top_k_correct, expected.result.top_k_correct);
  if (!options.class_statistics) return;
  EXPECT_EQ(actual.result.class_statistics->predicted_count,
            expected.result.class_statistics->predicted_count);
}

TEST(LogitReaderTest, GivesTheBitsOfTheSameLogitsInAnArray) {
  Random random(7);
  for (const LabelKind labels :
       {LabelKind::kClassIds, LabelKind::kSoftTargets, LabelKind::kBinaryLabels}) {
    const Activation activation =
        labels == LabelKind::kBinaryLabels ? Activation::kSigmoid : Activation::kSoftmax;
    for (const Shape shape : {Shape{1, 3}, Shape{700, 100}, Shape{3, 40000}}) {
      const Problem problem = Draw(activation, labels, shape, 3, random);
      const LossSpec spec = SpecOf(problem);
      ComputeOptions options = OptionsOf(problem);
      options.class_statistics = false;
      options.difficulty = false;
      ExpectReaderChangesNothing<float>(problem, spec, options);
      ExpectReaderChangesNothing<double>(problem, spec, options);
      options.class_statistics = true;
      ExpectReaderChangesNothing<float>(problem, spec, options);
    }
  }
}

TEST(LogitReaderTest, ServesWhatLooksAtLogitsAgain) {
  Random random(8);
  const Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, {500, 100}, 3, random);
  LossSpec spec = SpecOf(problem);
  ComputeOptions options = OptionsOf(problem);
  options.top_k = {1, 5};
  ExpectReaderChangesNothing<float>(problem, spec, options);
  HardestMining mining;
  mining.keep_count = 100;
  spec.mining = mining;
  ExpectReaderChangesNothing<double>(problem, spec, options);
}

// z is 0 but for one entry of each row, at a place of its own and of its own size: so the loss of
// the row tells where in the batch it was read from.
class SpikeReader final : public LogitReader {
 public:
  explicit SpikeReader(int64_t classes) : classes_(classes) {}

  static int64_t PlaceIn(int64_t row, int64_t classes) { return row * 7919 % classes; }
  static float SizeIn(int64_t row) { return static_cast<float>(row % 97) / 8; }

  void Read(int64_t begin, absl::Span<float> out) const override {
    std::fill(out.begin(), out.end(), 0.0F);
    const int64_t end = begin + static_cast<int64_t>(out.size());
    for (int64_t row = begin / classes_; row * classes_ < end; ++row) {
      const int64_t place = row * classes_ + PlaceIn(row, classes_);
      if (place >= begin && place < end) out[static_cast<size_t>(place - begin)] = SizeIn(row);
    }
    read_ += static_cast<int64_t>(out.size());
  }
  void Read(int64_t, absl::Span<double>) const override { ADD_FAILURE() << "read as doubles"; }

  int64_t read() const { return read_; }

 private:
  const int64_t classes_;
  mutable std::atomic<int64_t> read_ = 0;
};

// No array of 2^31 elements is held for this: they are made when they are read.
TEST(LogitReaderTest, CountsMoreElementsThanAnInt) {
  constexpr int64_t kClasses = int64_t{1} << 15;
  constexpr int64_t kRows = (int64_t{1} << 16) + 3;
  const SpikeReader reader(kClasses);
  std::vector<int64_t> labels(kRows);
  for (int64_t row = 0; row < kRows; ++row) {
    labels[static_cast<size_t>(row)] = SpikeReader::PlaceIn(row, kClasses);
  }
  Batch batch;
  batch.logits = absl::Span<const float>();
  batch.logit_reader = &reader;
  batch.rows = kRows;
  batch.classes = kClasses;
  batch.labels = ClassIds{labels};
  std::vector<float> losses(kRows);
  Outputs outputs;
  outputs.losses = absl::MakeSpan(losses);
  outputs.gradient = absl::Span<float>();
  outputs.hessian_diagonal = absl::Span<float>();
  outputs.probabilities = absl::Span<float>();
  outputs.log_sum_exp = absl::Span<float>();

  const auto result = Compute(batch, LossSpec(), ComputeOptions(), outputs, Executor(2));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->valid_count, kRows);
  EXPECT_EQ(reader.read(), kRows * kClasses);
  ASSERT_GT(kRows * kClasses, int64_t{1} << 31);
  for (int64_t row = 0; row < kRows; ++row) {
    const double z = SpikeReader::SizeIn(row);
    const double loss = std::log(std::exp(z) + (kClasses - 1)) - z;
    ASSERT_NEAR(losses[static_cast<size_t>(row)], loss, 1e-6 * (1 + loss)) << "row " << row;
  }
}

}  // namespace
}  // namespace lossd::loss
