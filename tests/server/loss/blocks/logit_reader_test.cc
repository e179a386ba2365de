#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <new>
#include <utility>
#include <variant>
#include <vector>
#include <xsimd/xsimd.hpp>

#include "gtest/gtest.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Problem;

template <typename T>
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
  template <typename Other>
  void Copy(int64_t, absl::Span<Other>) const {
    ADD_FAILURE() << "read as another type";
  }

  absl::Span<const T> logits_;
};

// Bytes that begin at an odd address, cut where no element ends. Released elements become NaN.
template <typename T>
class PiecesReader final : public LogitReader {
 public:
  explicit PiecesReader(absl::Span<const T> logits)
      : bytes_(1 + logits.size() * sizeof(T)), released_(logits.size()) {
    std::memcpy(bytes_.data() + 1, logits.data(), bytes_.size() - 1);
    constexpr size_t kPiece = 65521;  // about what gRPC reads at once, and odd
    for (size_t begin = 1; begin < bytes_.size(); begin += kPiece) {
      pieces_.push_back({bytes_.data() + begin, static_cast<int64_t>(begin - 1),
                         static_cast<int64_t>(std::min(kPiece, bytes_.size() - begin))});
    }
  }

  void Read(int64_t begin, absl::Span<float> out) const override { Copy(begin, out); }
  void Read(int64_t begin, absl::Span<double> out) const override { Copy(begin, out); }
  absl::Span<const kernels::Piece> pieces() const override { return pieces_; }

  void Release(int64_t begin, int64_t end) const override {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      EXPECT_EQ(released_[i]++, 0) << "released twice: " << i;
      std::memset(bytes_.data() + 1 + i * sizeof(T), 0xFF, sizeof(T));
    }
  }

  bool copied() const { return copied_; }
  bool released_all() const {
    return std::all_of(released_.begin(), released_.end(), [](char count) { return count == 1; });
  }

 private:
  template <typename Out>
  void Copy(int64_t begin, absl::Span<Out> out) const {
    ASSERT_EQ(sizeof(Out), sizeof(T)) << "read as another type";
    copied_ = true;
    std::memcpy(out.data(), bytes_.data() + 1 + static_cast<size_t>(begin) * sizeof(T),
                out.size() * sizeof(T));
  }

  mutable std::vector<char> bytes_;
  mutable std::vector<char> released_;  // how often, of each element
  std::vector<kernels::Piece> pieces_;
  mutable std::atomic<bool> copied_ = false;
};

// A matrix in parts, each in memory of its own.
template <typename T>
class Parts final : public MatrixParts {
 public:
  explicit Parts(int64_t columns) : columns_(columns) {}

  MutableFloatView Make(int64_t begin, int64_t end) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto [part, is_new] =
        parts_.try_emplace(begin, static_cast<size_t>((end - begin) * columns_), T(-77));
    EXPECT_TRUE(is_new) << "made twice: row " << begin;
    return absl::MakeSpan(part->second);
  }

  std::vector<T> Joined() const {
    std::vector<T> all;
    for (const auto& [begin, part] : parts_) all.insert(all.end(), part.begin(), part.end());
    return all;
  }
  size_t count() const { return parts_.size(); }

 private:
  using Part = std::vector<T, xsimd::aligned_allocator<T, 64>>;

  const int64_t columns_;
  std::mutex mutex_;
  std::map<int64_t, Part> parts_;
};

template <typename T>
void ExpectSame(const std::vector<T>& a, const std::vector<T>& b, const char* what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  EXPECT_TRUE(a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0) << what;
}

template <typename T>
void ExpectSameResults(const Computed<T>& actual, const Computed<T>& expected,
                       const ComputeOptions& options) {
  ExpectSame(actual.losses, expected.losses, "losses");
  ExpectSame(actual.gradient, expected.gradient, "gradient");
  ExpectSame(actual.hessian_diagonal, expected.hessian_diagonal, "hessian_diagonal");
  ExpectSame(actual.probabilities, expected.probabilities, "probabilities");
  ExpectSame(actual.log_sum_exp, expected.log_sum_exp, "log_sum_exp");
  if (!actual.margin.empty()) ExpectSame(actual.margin, expected.margin, "margin");
  EXPECT_EQ(actual.result.loss, expected.result.loss);
  EXPECT_EQ(actual.result.top_k_correct, expected.result.top_k_correct);
  if (!options.class_statistics) return;
  EXPECT_EQ(actual.result.class_statistics->predicted_count,
            expected.result.class_statistics->predicted_count);
}

// Expects the same bits, wherever the logits come from and whether margins are wanted or not.
template <typename T>
void ExpectReaderChangesNothing(const Problem& problem, const LossSpec& spec,
                                const ComputeOptions& options, bool copies_pieces = true) {
  SCOPED_TRACE(Describe(problem));
  const Executor executor(2);
  ProblemBatch<T> arrays(problem);
  const Computed<T> expected = ComputeBatch<T>(arrays.batch(), spec, options, executor);
  Batch batch = arrays.batch();
  const auto logits = std::get<absl::Span<const T>>(batch.logits);
  batch.logits = absl::Span<const T>();
  for (const Wanted wanted : {Wanted::kEveryOutput, Wanted::kKernelOutputs}) {
    const ArrayReader<T> elements(logits);
    batch.logit_reader = &elements;
    ExpectSameResults(ComputeBatch<T>(batch, spec, options, executor, wanted), expected, options);
    const PiecesReader<T> pieces(logits);
    batch.logit_reader = &pieces;
    ExpectSameResults(ComputeBatch<T>(batch, spec, options, executor, wanted), expected, options);
    EXPECT_EQ(pieces.copied(), copies_pieces);
    EXPECT_TRUE(pieces.released_all());
  }
}

// Expects the same bits, whether the gradient is in one piece or made in parts, and whether margins
// are wanted or not.
template <typename T>
void ExpectPartsChangeNothing(const Problem& problem, const ComputeOptions& options,
                              size_t fewest_parts) {
  SCOPED_TRACE(Describe(problem));
  const Executor executor(2);
  const LossSpec spec = SpecOf(problem);
  ProblemBatch<T> arrays(problem);
  const Computed<T> expected = ComputeBatch<T>(arrays.batch(), spec, options, executor);
  for (const auto& [in_pieces, with_margin] :
       {std::pair(false, true), std::pair(true, true), std::pair(true, false)}) {
    Batch batch = arrays.batch();
    const PiecesReader<T> pieces(std::get<absl::Span<const T>>(batch.logits));
    if (in_pieces) {
      batch.logits = absl::Span<const T>();
      batch.logit_reader = &pieces;
    }
    Parts<T> gradient(batch.classes);
    // Without an array for the losses they are forgotten block by block.
    std::vector<T> losses(in_pieces ? 0 : expected.losses.size());
    std::vector<T> hessian(expected.hessian_diagonal.size());
    std::vector<T> probabilities(expected.probabilities.size());
    std::vector<T> log_sum_exp(expected.log_sum_exp.size());
    std::vector<T> margin(with_margin ? expected.margin.size() : 0);
    Outputs outputs;
    outputs[Output::kLosses] = absl::MakeSpan(losses);
    outputs[Output::kHessianDiagonal] = absl::MakeSpan(hessian);
    outputs[Output::kProbabilities] = absl::MakeSpan(probabilities);
    outputs[Output::kLogSumExp] = absl::MakeSpan(log_sum_exp);
    outputs[Output::kMargin] = absl::MakeSpan(margin);
    outputs.gradient_parts = &gradient;
    const auto result = Compute(batch, spec, options, outputs, executor);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->loss, expected.result.loss);
    ExpectSame(gradient.Joined(), expected.gradient, "gradient");
    if (!in_pieces) ExpectSame(losses, expected.losses, "losses");
    ExpectSame(hessian, expected.hessian_diagonal, "hessian_diagonal");
    ExpectSame(probabilities, expected.probabilities, "probabilities");
    ExpectSame(log_sum_exp, expected.log_sum_exp, "log_sum_exp");
    if (with_margin) ExpectSame(margin, expected.margin, "margin");
    EXPECT_GE(gradient.count(), fewest_parts);
    EXPECT_EQ(pieces.released_all(), in_pieces);
  }
}

// Returns the options without those that have all of the logits read beforehand.
ComputeOptions LookingOnce(ComputeOptions options) {
  options.class_statistics = false;
  options.difficulty = false;
  options.vanishing = false;
  options.top_k.clear();
  return options;
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
      ComputeOptions options = LookingOnce(OptionsOf(problem));
      const bool copies = labels != LabelKind::kClassIds || spec.label_smoothing != 0;
      ExpectReaderChangesNothing<float>(problem, spec, options, copies);
      ExpectReaderChangesNothing<double>(problem, spec, options, copies);
      options.class_statistics = true;
      ExpectReaderChangesNothing<float>(problem, spec, options, copies);
    }
  }
}

// Rows that take the fast path are not copied.
TEST(LogitReaderTest, ReadsPiecesInPlace) {
  Random random(9);
  for (const Shape shape : {Shape{9000, 10}, Shape{700, 100}, Shape{100, 3000}, Shape{3, 40000}}) {
    Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, shape, 3, random);
    problem.label_smoothing = 0;
    const ComputeOptions options = LookingOnce(OptionsOf(problem));
    ExpectReaderChangesNothing<float>(problem, SpecOf(problem), options, false);
    ExpectReaderChangesNothing<double>(problem, SpecOf(problem), options, false);
  }
}

// Rows with a target per class are not copied either, but for one that is not finite.
TEST(LogitReaderTest, ReadsPiecesOfRowsWithTargetsInPlace) {
  Random random(10);
  for (const bool is_finite : {true, false}) {
    for (const Shape shape : {Shape{9000, 10}, Shape{700, 100}, Shape{100, 3000}}) {
      Problem problem = Draw(Activation::kSoftmax, LabelKind::kSoftTargets, shape, 3, random);
      problem.label_smoothing = 0;
      if (!is_finite) problem.logits(70, 7) = std::numeric_limits<double>::infinity();
      ProblemBatch<float> arrays(problem);
      Batch batch = arrays.batch();
      const PiecesReader<float> pieces(std::get<absl::Span<const float>>(batch.logits));
      const size_t size = shape.rows * shape.classes;
      std::vector<float> gradients[2] = {std::vector<float>(size), std::vector<float>(size)};
      for (std::vector<float>& gradient : gradients) {
        Outputs outputs;
        outputs[Output::kGradient] = absl::MakeSpan(gradient);
        ASSERT_TRUE(Compute(batch, SpecOf(problem), ComputeOptions(), outputs, Executor(2)).ok());
        batch.logits = absl::Span<const float>();
        batch.logit_reader = &pieces;
      }
      ExpectSame(gradients[0], gradients[1], "gradient");
      EXPECT_EQ(pieces.copied(), !is_finite);
      EXPECT_TRUE(pieces.released_all());
    }
  }
}

TEST(LogitReaderTest, GivesTheBitsOfAnArrayInParts) {
  Random random(11);
  for (const LabelKind labels :
       {LabelKind::kClassIds, LabelKind::kSoftTargets, LabelKind::kBinaryLabels}) {
    const Activation activation =
        labels == LabelKind::kBinaryLabels ? Activation::kSigmoid : Activation::kSoftmax;
    for (const Shape shape : {Shape{1, 3}, Shape{3000, 100}, Shape{40, 10000}, Shape{3, 70000}}) {
      Problem problem = Draw(activation, labels, shape, 3, random);
      problem.label_smoothing = 0;
      ComputeOptions options = LookingOnce(OptionsOf(problem));
      const size_t parts = shape.rows * shape.classes > 200000 && shape.rows > 8 ? 5 : 1;
      ExpectPartsChangeNothing<float>(problem, options, parts);
      ExpectPartsChangeNothing<double>(problem, options, parts);
      options.class_statistics = true;
      ExpectPartsChangeNothing<float>(problem, options, parts);
    }
  }
}

// Parts for which there is no memory.
class NoParts final : public MatrixParts {
 public:
  MutableFloatView Make(int64_t begin, int64_t /*end*/) override {
    if (begin > 0) throw std::bad_alloc();
    return absl::MakeSpan(first_);
  }

 private:
  std::vector<float> first_ = std::vector<float>(size_t{1} << 18);
};

TEST(LogitReaderTest, PartsMayBeCancelledOrFindNoMemory) {
  Random random(12);
  Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, {3000, 100}, 3, random);
  problem.label_smoothing = 0;
  ProblemBatch<float> arrays(problem);
  const auto logits = std::get<absl::Span<const float>>(arrays.batch().logits);
  Batch batch = arrays.batch();
  batch.logits = absl::Span<const float>();
  const Executor executor(2);
  const LossSpec spec = SpecOf(problem);
  ComputeOptions options = LookingOnce(OptionsOf(problem));
  Outputs outputs;

  const PiecesReader<float> pieces(logits);
  batch.logit_reader = &pieces;
  NoParts no_parts;
  outputs.gradient_parts = &no_parts;
  EXPECT_THROW(static_cast<void>(Compute(batch, spec, options, outputs, executor)), std::bad_alloc);
  EXPECT_FALSE(pieces.released_all());

  const PiecesReader<float> again(logits);
  batch.logit_reader = &again;
  Parts<float> parts(batch.classes);
  outputs.gradient_parts = &parts;
  std::atomic<int> asked = 0;
  options.cancelled = [&asked] { return ++asked > 2; };
  EXPECT_EQ(Compute(batch, spec, options, outputs, executor).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_FALSE(again.released_all());
}

TEST(LogitReaderTest, ServesWhatLooksAtLogitsAgain) {
  Random random(8);
  const Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, {500, 100}, 3, random);
  LossSpec spec = SpecOf(problem);
  ComputeOptions options = OptionsOf(problem);
  options.top_k = {1, 5};
  // What a row predicts is found out while it is read.
  ExpectReaderChangesNothing<float>(problem, spec, options, false);
  HardestMining mining;
  mining.keep_count = 100;
  spec.mining = mining;
  ExpectReaderChangesNothing<double>(problem, spec, options);
}

// Logits that are 0 but for one entry of each row, at a place of its own and of its own size. So
// the loss of the row tells where in the batch it was read from.
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

// The logits are made when they are read, so that no array of 2³¹ elements is held.
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
  outputs[Output::kLosses] = absl::MakeSpan(losses);

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
