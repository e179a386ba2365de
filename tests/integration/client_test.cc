// The C++ client against the program: streams and chunks give what single calls give, to the last
// bit where they say so.
#include "lossd/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lossd/error.h"
#include "tests/integration/client_program.h"

namespace lossd {
namespace {

class ClientServerTest : public ClientProgramTest {};

constexpr int64_t kRows = 1000;
constexpr int64_t kClasses = 17;

// Chunks of 37 rows, the last of one.
template <typename T>
ChunkOptions Chunks(int64_t row_elements = kClasses) {
  ChunkOptions chunks;
  chunks.chunk_bytes = 37 * row_elements * static_cast<int64_t>(sizeof(T));
  return chunks;
}

template <typename T>
struct Problem {
  xt::xarray<T> logits;
  xt::xarray<int64_t> labels;
  xt::xarray<double> weights;

  explicit Problem(const std::vector<size_t>& shape, std::vector<size_t> labels_shape,
                   int64_t largest_label)
      : logits(xt::xarray<T>::from_shape(shape)),
        labels(xt::xarray<int64_t>::from_shape(labels_shape)),
        weights(xt::xarray<double>::from_shape({shape[0]})) {
    std::mt19937 random(7);
    std::normal_distribution<double> normal(0.0, 3.0);
    for (T& z : logits) z = static_cast<T>(normal(random));
    std::uniform_int_distribution<int64_t> uniform(0, largest_label);
    // Most of one class, none of another, and some to be ignored.
    for (int64_t& label : labels) {
      const int64_t drawn = uniform(random);
      label = random() % 10 == 0 ? -100 : drawn == 3 ? 0 : drawn;
    }
    // Sums of these depend on their order; some samples weigh nothing.
    for (double& w : weights) w = random() % 10 == 0 ? 0 : std::abs(normal(random)) + 0.1;
  }
};

template <typename T>
Problem<T> Rows() {
  return Problem<T>({kRows, kClasses}, {kRows}, kClasses - 1);
}

// Equal to the last bit, NaN included.
template <typename T>
void ExpectSameBits(const std::optional<xt::xarray<T>>& a, const std::optional<xt::xarray<T>>& b) {
  ASSERT_EQ(a.has_value(), b.has_value());
  if (a) {
    ASSERT_EQ(a->shape(), b->shape());
    EXPECT_EQ(std::memcmp(a->data(), b->data(), a->size() * sizeof(T)), 0);
  }
}

template <typename T>
void ExpectSameArrays(const Result<T>& a, const Result<T>& b) {
  ExpectSameBits(a.losses, b.losses);
  ExpectSameBits(a.gradient, b.gradient);
  ExpectSameBits(a.hessian_diagonal, b.hessian_diagonal);
  ExpectSameBits(a.probabilities, b.probabilities);
  ExpectSameBits(a.log_sum_exp, b.log_sum_exp);
  ExpectSameBits(a.margin, b.margin);
}

// Sums of n positive doubles in different orders: each of n additions rounds by 2^-53 of the sum.
constexpr double kSumTolerance = kRows * kClasses * 0x1p-53;

template <typename T>
void ExpectSameScalars(const Result<T>& whole, const Result<T>& chunked) {
  EXPECT_NEAR(chunked.loss_sum, whole.loss_sum, kSumTolerance * std::abs(whole.loss_sum));
  EXPECT_NEAR(chunked.loss, whole.loss, kSumTolerance * std::abs(whole.loss));
  EXPECT_NEAR(chunked.weight_sum, whole.weight_sum, kSumTolerance * whole.weight_sum);
  EXPECT_EQ(chunked.valid_count, whole.valid_count);
  EXPECT_EQ(chunked.non_finite_count, whole.non_finite_count);
  EXPECT_EQ(chunked.top_k_correct, whole.top_k_correct);
  EXPECT_EQ(chunked.class_weights, whole.class_weights);
}

template <typename T>
void ExpectChunksAddUp(const Client& client, const ArrayView<T>& logits, const Labels& labels,
                       const LossSpec& loss, const ComputeOptions& options,
                       const ChunkOptions& chunks) {
  const auto whole = client.Compute(logits, labels, loss, options);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto chunked = client.ComputeChunked(logits, labels, loss, options, chunks);
  ASSERT_TRUE(chunked.ok()) << chunked.status();
  ExpectSameArrays(*whole, *chunked);
  ExpectSameScalars(*whole, *chunked);
}

ComputeOptions Everything(bool softmax) {
  ComputeOptions options;
  options.outputs.gradient = true;
  options.outputs.hessian_diagonal = true;
  options.outputs.probabilities = true;
  options.outputs.log_sum_exp = softmax;
  options.outputs.margin = true;
  if (softmax) options.outputs.top_k = {1, 3};
  return options;
}

template <typename T>
void ExpectReductionsAddUp(const Client& client, const ClassWeighting& weighting) {
  const Problem<T> problem = Rows<T>();
  LossSpec loss{Focal{1.5}};
  loss.ignore_index = -100;
  loss.class_weighting = weighting;
  for (const Reduction reduction :
       {Reduction::kNone, Reduction::kSum, Reduction::kMean, Reduction::kMeanValid}) {
    SCOPED_TRACE(static_cast<int>(reduction));
    ComputeOptions options = Everything(true);
    options.reduction = reduction;
    options.sample_weights = problem.weights;
    ExpectChunksAddUp<T>(client, problem.logits, problem.labels, loss, options, Chunks<T>());
  }
}

// A batch whose gradient the server makes in parts, while it gives up the logits' memory, and the
// same in chunks, whose gradients are whole.
template <typename T>
void ExpectLargeBatchAddsUp(const Client& client, size_t rows) {
  const size_t classes = 1000;
  const Problem<T> problem({rows, classes}, {rows}, 999);
  ASSERT_GT(problem.logits.size() * sizeof(T), size_t{32} << 20);
  LossSpec loss{Focal{2.0}};
  loss.ignore_index = -100;
  ComputeOptions options;
  options.reduction = Reduction::kSum;
  options.outputs.gradient = true;
  for (const bool statistics : {false, true}) {
    options.outputs.class_statistics = statistics;
    ExpectChunksAddUp<T>(client, problem.logits, problem.labels, loss, options, {});
  }
}

TEST_F(ClientServerTest, ALargeBatchAddsUp) {
  ExpectLargeBatchAddsUp<float>(*client_, 8500);
  ExpectLargeBatchAddsUp<double>(*client_, 4300);
}

TEST_F(ClientServerTest, ChunksAddUpWithEveryReduction) {
  ExpectReductionsAddUp<float>(*client_, {});
  ExpectReductionsAddUp<double>(*client_, {});
}

TEST_F(ClientServerTest, ChunksAddUpWithClassWeights) {
  ClassWeighting weighting;
  std::vector<double> weights(kClasses);
  for (size_t k = 0; k < weights.size(); ++k) weights[k] = 0.1 + 0.37 * static_cast<double>(k);
  weighting.source = weights;
  ExpectReductionsAddUp<double>(*client_, weighting);
}

TEST_F(ClientServerTest, ChunksAddUpWithSchemesOfTheBatchsOwnCounts) {
  for (const WeightScheme scheme :
       {WeightScheme::kBalanced, WeightScheme::kInverseSquareRoot, WeightScheme::kEffectiveNumber,
        WeightScheme::kMedianFrequency, WeightScheme::kLogFrequency}) {
    ClassWeighting weighting;
    weighting.source = SchemeWeights{scheme};
    ExpectReductionsAddUp<double>(*client_, weighting);
  }
}

TEST_F(ClientServerTest, ChunksAddUpForSigmoid) {
  const Problem<double> elements({kRows, kClasses}, {kRows, kClasses}, 1);
  const Problem<double> one_hot({kRows, kClasses}, {kRows}, kClasses);
  LossSpec loss{CrossEntropy{}, Activation::kSigmoid};
  loss.class_weighting.alpha = 0.25;
  loss.ignore_index = -100;
  for (const Problem<double>& problem : {elements, one_hot}) {
    for (const Reduction reduction : {Reduction::kNone, Reduction::kMean, Reduction::kMeanValid}) {
      ComputeOptions options = Everything(false);
      options.reduction = reduction;
      options.sample_weights = problem.weights;
      ExpectChunksAddUp<double>(*client_, problem.logits, problem.labels, loss, options,
                                Chunks<double>());
    }
  }
}

TEST_F(ClientServerTest, ChunksAddUpForImages) {
  constexpr size_t kPixels = 5;
  const Problem<double> softmax({400, 7, kPixels}, {400, kPixels}, 6);
  const Problem<double> sigmoid({400, 7, kPixels}, {400, 7, kPixels}, 1);
  xt::xarray<double> element_weights = xt::abs(sigmoid.logits) + 0.1;
  for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
    const bool is_softmax = activation == Activation::kSoftmax;
    const Problem<double>& problem = is_softmax ? softmax : sigmoid;
    LossSpec loss{CrossEntropy{}, activation};
    loss.ignore_index = -100;
    ComputeOptions options = Everything(is_softmax);
    options.class_axis = 1;
    options.reduction = Reduction::kMean;
    options.sample_weights = problem.weights;
    ExpectChunksAddUp<double>(*client_, problem.logits, problem.labels, loss, options,
                              Chunks<double>(7 * kPixels));
    if (!is_softmax) {
      options.sample_weights = element_weights;
      ExpectChunksAddUp<double>(*client_, problem.logits, problem.labels, loss, options,
                                Chunks<double>(7 * kPixels));
      // A class for each place, beside weights for each of its logits.
      ExpectChunksAddUp<double>(*client_, problem.logits, softmax.labels, loss, options,
                                Chunks<double>(7 * kPixels));
    }
  }
}

TEST_F(ClientServerTest, ChunksAddUpForTargetsAndUpstreamGradients) {
  const Problem<double> problem = Rows<double>();
  xt::xarray<double> targets = xt::abs(problem.logits);
  ComputeOptions options = Everything(true);
  options.upstream_gradient = problem.weights;
  ExpectChunksAddUp<double>(*client_, problem.logits, targets, {}, options, Chunks<double>());
  options = Everything(true);
  options.reduction = Reduction::kMean;
  options.sample_weights = problem.weights;
  ExpectChunksAddUp<double>(*client_, problem.logits, targets, {}, options, Chunks<double>());
}

template <typename Values>
void ExpectNear(const Values& actual, const Values& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i], tolerance * std::abs(expected[i])) << i;
  }
}

// `gradient_tolerance`: of shares that come from gradients of T.
template <typename T>
void ExpectStatisticsAddUp(const Client& client, bool present_only, double gradient_tolerance) {
  const Problem<T> problem = Rows<T>();
  LossSpec loss{Focal{2.0}};
  loss.ignore_index = -100;
  ComputeOptions options;
  options.reduction = Reduction::kMean;
  options.outputs.gradient = true;
  options.outputs.gradient_scale = 1024.0;
  options.outputs.class_statistics = true;
  options.outputs.difficulty = true;
  options.outputs.present_classes_only = present_only;
  options.sample_weights = problem.weights;
  const auto whole = client.Compute(problem.logits, problem.labels, loss, options);
  const auto chunked =
      client.ComputeChunked(problem.logits, problem.labels, loss, options, Chunks<T>());
  ASSERT_TRUE(whole.ok()) << whole.status();
  ASSERT_TRUE(chunked.ok()) << chunked.status();

  const ClassStatistics& a = *chunked->class_statistics;
  const ClassStatistics& b = *whole->class_statistics;
  EXPECT_EQ(a.count, b.count);
  EXPECT_EQ(a.frequency, b.frequency);
  EXPECT_EQ(a.weight, b.weight);
  EXPECT_EQ(a.correct_count, b.correct_count);
  EXPECT_EQ(a.predicted_count, b.predicted_count);
  EXPECT_EQ(a.empty_classes, b.empty_classes);
  EXPECT_EQ(a.class_ids, b.class_ids);
  EXPECT_EQ(a.class_ids.size(), present_only ? kClasses - 1 : 0);
  ExpectNear(a.loss_sum, b.loss_sum, 2 * kSumTolerance);
  ExpectNear(a.loss_share, b.loss_share, 2 * kSumTolerance);
  ExpectNear(a.mean_true_probability, b.mean_true_probability, 2 * kSumTolerance);
  ExpectNear(a.gradient_share, b.gradient_share, gradient_tolerance);

  const Difficulty& c = *chunked->difficulty;
  const Difficulty& d = *whole->difficulty;
  EXPECT_EQ(c.bin_edges, d.bin_edges);
  EXPECT_EQ(c.count, d.count);
  EXPECT_EQ(c.hard_count, d.hard_count);
  EXPECT_EQ(c.hard_threshold, d.hard_threshold);
  ExpectNear(c.loss_share, d.loss_share, 4 * kSumTolerance);
  ExpectNear(c.gradient_share, d.gradient_share, gradient_tolerance);
  EXPECT_NEAR(c.hard_loss_share, d.hard_loss_share, 4 * kSumTolerance);
  EXPECT_NEAR(c.hard_gradient_share, d.hard_gradient_share, gradient_tolerance);
  EXPECT_NEAR(c.mean_true_probability, d.mean_true_probability, 2 * kSumTolerance);
}

TEST_F(ClientServerTest, StatisticsOfChunksAddUp) {
  // Each element of a float gradient is rounded by 2^-24, once in each of two sums.
  ExpectStatisticsAddUp<float>(*client_, false, 0x1p-22);
  ExpectStatisticsAddUp<float>(*client_, true, 0x1p-22);
  ExpectStatisticsAddUp<double>(*client_, false, 4 * kSumTolerance);
}

TEST_F(ClientServerTest, AnErrorOfAChunkIsThatOfTheBatch) {
  Problem<float> problem = Rows<float>();
  problem.labels = xt::zeros<int64_t>({kRows});
  problem.labels(500) = 99;
  const absl::Status whole = client_->Compute(problem.logits, problem.labels).status();
  const absl::Status chunked =
      client_->ComputeChunked(problem.logits, problem.labels, {}, {}, Chunks<float>()).status();
  EXPECT_EQ(chunked.message(), "labels[500] = 99 is not in [0, 17)");
  EXPECT_EQ(chunked, whole);
  EXPECT_EQ(ErrorReason(chunked), ErrorReason(whole));
}

TEST_F(ClientServerTest, StreamsAnswerWhatCallsAnswer) {
  const Problem<float> problem = Rows<float>();
  LossSpec loss{Poly1{}};
  loss.ignore_index = -100;
  const ComputeOptions options = Everything(true);
  const auto call = client_->Compute(problem.logits, problem.labels, loss, options);
  ASSERT_TRUE(call.ok()) << call.status();

  absl::StatusOr<Stream<float>> stream = client_->OpenStream<float>();
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_GT(stream->window(), 1);
  constexpr int kBatches = 100;
  std::thread sender([&] {
    for (int i = 0; i < kBatches; ++i) {
      ASSERT_TRUE(stream->Send(problem.logits, problem.labels, loss, options).ok());
    }
    EXPECT_TRUE(stream->CloseSending().ok());
  });
  int received = 0;
  absl::StatusOr<Result<float>> result = stream->Receive();
  for (; result.ok(); result = stream->Receive()) {
    ExpectSameArrays(*call, *result);
    EXPECT_EQ(result->loss, call->loss);
    ++received;
  }
  sender.join();
  EXPECT_EQ(received, kBatches);
  EXPECT_TRUE(absl::IsOutOfRange(result.status())) << result.status();
}

TEST_F(ClientServerTest, AStreamGoesOnAfterABadBatch) {
  const Problem<float> good({5, 3}, {5}, 2);
  const xt::xarray<int64_t> bad = {0, 1, 7, 0, 0};
  LossSpec loss;
  loss.ignore_index = -100;
  absl::StatusOr<Stream<float>> stream = client_->OpenStream<float>();
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE(stream->Send(good.logits, bad).ok());
  ASSERT_TRUE(stream->Send(good.logits, good.labels, loss).ok());
  const absl::Status refused = stream->Receive().status();
  EXPECT_EQ(refused, client_->Compute(good.logits, bad).status());
  EXPECT_EQ(FieldViolations(refused).at(0).field, "labels[2]");
  EXPECT_TRUE(stream->Receive().ok());
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ClientServerTest, ABatchOverTheLimitOfMessagesIsComputedInChunks) {
  constexpr int64_t kMany = 20'000;  // 80 MB, over the limit of 64 MiB
  constexpr int64_t kWide = 1000;
  std::vector<float> logits(kMany * kWide, 1.0f);
  const std::vector<int64_t> labels(kMany, 3);
  ComputeOptions options;
  options.outputs.gradient = true;
  options.outputs.losses = false;
  options.memory.gradient = absl::MakeSpan(logits);  // in place
  const ArrayView<float> view(logits, {kMany, kWide});
  EXPECT_TRUE(absl::IsResourceExhausted(
      client_->Compute(view, ArrayView<int64_t>(labels, {kMany}), {}, options).status()));
  const auto result =
      client_->ComputeChunked(view, ArrayView<int64_t>(labels, {kMany}), {}, options);
  ASSERT_TRUE(result.ok()) << result.status();
  // Each loss is rounded to float.
  EXPECT_NEAR(result->loss_sum, kMany * std::log(1000.0), kMany * std::log(1000.0) * 0x1p-24);
  for (int64_t row = 0; row < kMany; row += 999) {
    const float* g = logits.data() + row * kWide;
    EXPECT_NEAR(g[0], 0.001f, 1e-9);
    EXPECT_NEAR(g[3], 0.001f - 1.0f, 1e-7);
  }
}

}  // namespace
}  // namespace lossd
