// Checks what a batch in chunks sends, and how it merges the answers. An integration test checks
// that the real server's answers add up to the whole batch's.
#include "lossd/chunks.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/client.h"
#include "lossd/error.h"
#include "tests/client/fake_server.h"

namespace lossd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class ChunksTest : public ::testing::Test {
 protected:
  ChunksTest() {
    v1::GetServerInfoResponse info;
    info.set_max_stream_window(8);
    server_.AnswerWith(info);
    chunks_.chunk_bytes = 2 * kClasses * static_cast<int64_t>(sizeof(float));
  }

  Client MakeClient(ClientOptions options = {}) {
    options.target = server_.address();
    absl::StatusOr<Client> client = Client::Create(options);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  absl::StatusOr<Result<float>> Compute(const LossSpec& loss, const ComputeOptions& options) {
    return MakeClient().ComputeChunked(logits_, labels_, loss, options, chunks_);
  }

  std::string Refusal(const LossSpec& loss, const ComputeOptions& options) {
    const absl::Status status = Compute(loss, options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(server_.last_call().count, 0);
    return std::string(status.message());
  }

  static constexpr int64_t kClasses = 3;
  // Seven rows: three chunks of two and one of one.
  const xt::xarray<float> logits_ = {{0, 1, 2}, {3, 0, 0}, {0, 0, 0}, {1, 1, 0},
                                     {5, 0, 1}, {0, 2, 2}, {1, 0, 4}};
  const xt::xarray<int64_t> labels_ = {2, 0, 1, 0, 2, 1, 0};
  ChunkOptions chunks_;
  testing::FakeServer server_;
};

TEST_F(ChunksTest, PutsTheArraysTogether) {
  ComputeOptions options;
  options.outputs.gradient = true;
  const auto whole = MakeClient().Compute(logits_, labels_, {}, options);
  ASSERT_TRUE(whole.ok()) << whole.status();
  ASSERT_EQ(server_.last_call().count, 1);

  const auto result = Compute({}, options);

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(server_.last_call().count, 6);  // GetServerInfo and four chunks
  EXPECT_EQ(*result->losses, *whole->losses);
  EXPECT_EQ(*result->gradient, *whole->gradient);
  EXPECT_THAT(result->gradient->shape(), ElementsAre(7, 3));
  EXPECT_EQ(result->valid_count, 7);
  EXPECT_NEAR(result->loss_sum, whole->loss_sum, 1e-14);
  EXPECT_EQ(result->loss, result->loss_sum);
  EXPECT_FALSE(result->probabilities);
}

// Each of the small losses is less than half of what the large one rounds to: added to it one by
// one they would be lost.
TEST_F(ChunksTest, AddsUpManyChunksAsOne) {
  constexpr size_t kSmall = 400;
  xt::xarray<double> logits = xt::zeros<double>({kSmall + 1, size_t{2}});
  xt::xarray<int64_t> labels = xt::zeros<int64_t>({kSmall + 1});
  logits(0, 1) = 512;
  for (size_t i = 1; i <= kSmall; ++i) logits(i, 1) = -30.6;
  chunks_.chunk_bytes = 1;
  const double small = std::log1p(std::exp(-30.6));
  ASSERT_EQ(512 + small, 512.0);
  const double sum = 512 + kSmall * small;

  const auto result = MakeClient().ComputeChunked(logits, labels, {}, {}, chunks_);

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_NEAR(result->loss_sum, sum, 1e-14 * sum);
  EXPECT_EQ(result->loss, result->loss_sum);
}

TEST_F(ChunksTest, SaysThatASumIsNotFinite) {
  const double infinity = std::numeric_limits<double>::infinity();
  const xt::xarray<double> logits = {{0, 1}, {0, infinity}, {0, 1}, {0, 1}};
  const xt::xarray<int64_t> labels = {0, 0, 0, 0};
  chunks_.chunk_bytes = 1;
  const auto result = MakeClient().ComputeChunked(logits, labels, {}, {}, chunks_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->loss_sum, infinity);
}

TEST_F(ChunksTest, WritesToTheCallersMemory) {
  std::vector<float> gradient(21);
  ComputeOptions options;
  options.outputs.gradient = true;
  const auto whole = MakeClient().Compute(logits_, labels_, {}, options);
  options.memory.gradient = absl::MakeSpan(gradient);
  const auto result = Compute({}, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->gradient);
  EXPECT_THAT(gradient, ::testing::ElementsAreArray(*whole->gradient));
}

TEST_F(ChunksTest, TellsEveryChunkTheDivisorOfTheWhole) {
  const xt::xarray<double> weights = {1, 2, 4, 8, 16, 32, 64};
  ComputeOptions options;
  options.reduction = Reduction::kMean;
  options.sample_weights = weights;
  LossSpec loss;
  loss.ignore_index = 2;
  loss.class_weighting.source = std::vector<double>{0.5, 3.0, 1000.0};

  ASSERT_TRUE(Compute(loss, options).ok());

  // Σ s v_t over the rows that are not ignored, of classes 0, 1, 0, 1, 0.
  const v1::ComputeRequest last = server_.last_call().compute;
  EXPECT_EQ(last.normalizer(), 0.5 * 2 + 3 * 4 + 0.5 * 8 + 3 * 32 + 0.5 * 64);
  EXPECT_THAT(last.logits().shape(), ElementsAre(1, 3));
  EXPECT_THAT(last.sample_weights().shape(), ElementsAre(1));
  EXPECT_THAT(last.labels().shape(), ElementsAre(1));

  options.reduction = Reduction::kMeanValid;
  ASSERT_TRUE(Compute(loss, options).ok());
  EXPECT_EQ(server_.last_call().compute.normalizer(), 5.0);

  options.normalizer = 17.0;
  ASSERT_TRUE(Compute(loss, options).ok());
  EXPECT_EQ(server_.last_call().compute.normalizer(), 17.0);

  options = {};
  ASSERT_TRUE(Compute(loss, options).ok());
  EXPECT_FALSE(server_.last_call().compute.has_normalizer());
}

TEST_F(ChunksTest, SumsSampleWeightsForSigmoid) {
  const xt::xarray<float> weights = {1, 2, 4, 8, 16, 32, 64};
  ComputeOptions options;
  options.reduction = Reduction::kMean;
  options.sample_weights = weights;
  LossSpec loss;
  loss.activation = Activation::kSigmoid;
  loss.ignore_index = 2;
  options.outputs.losses = false;  // the fake server's are softmax's
  ASSERT_TRUE(Compute(loss, options).ok());
  // Three elements in each row that is not ignored.
  EXPECT_EQ(server_.last_call().compute.normalizer(), 3.0 * (2 + 4 + 8 + 32 + 64));
}

// The divisors and counts are of the samples that weigh something.
TEST_F(ChunksTest, SkipsSamplesOfWeightZero) {
  const xt::xarray<double> weights = {1, 0, 4, 0, 16, 32, 64};
  ComputeOptions options;
  options.reduction = Reduction::kMeanValid;
  options.sample_weights = weights;
  LossSpec loss;
  ASSERT_TRUE(Compute(loss, options).ok());
  EXPECT_EQ(server_.last_call().compute.normalizer(), 5.0);

  loss.class_weighting.source = SchemeWeights{WeightScheme::kInverseFrequency};
  loss.ignore_index = 1;
  ASSERT_TRUE(Compute(loss, options).ok());
  const v1::ComputeRequest last = server_.last_call().compute;
  const v1::Tensor counts = last.loss().class_weighting().scheme().counts();
  const double expected[] = {1.0, 0.0, 2.0};
  EXPECT_EQ(counts.data(), std::string(reinterpret_cast<const char*>(expected), 24));
  EXPECT_EQ(last.normalizer(), 3.0);
}

TEST_F(ChunksTest, ADivisorOfNothingIsLeftToTheChunks) {
  LossSpec loss;
  ComputeOptions options;
  options.reduction = Reduction::kMean;
  const xt::xarray<double> weights = xt::zeros<double>({7});
  options.sample_weights = weights;
  const auto result = Compute(loss, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(server_.last_call().compute.has_normalizer());
  EXPECT_EQ(result->loss, 0.0);
}

TEST_F(ChunksTest, ANormalizerOfZeroGivesZero) {
  ComputeOptions options;
  options.reduction = Reduction::kMean;
  options.normalizer = 0.0;
  const auto result = Compute({}, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(server_.last_call().compute.has_normalizer());
  EXPECT_EQ(server_.last_call().compute.normalizer(), 0.0);
  EXPECT_EQ(result->loss, 0.0);
}

TEST_F(ChunksTest, CountsTheWholeBatchForAScheme) {
  LossSpec loss;
  loss.class_weighting.source = SchemeWeights{WeightScheme::kInverseFrequency};
  loss.ignore_index = 1;
  ASSERT_TRUE(Compute(loss, {}).ok());
  const v1::Tensor counts = server_.last_call().compute.loss().class_weighting().scheme().counts();
  const double expected[] = {3.0, 0.0, 2.0};
  EXPECT_EQ(counts.data(), std::string(reinterpret_cast<const char*>(expected), 24));
}

TEST_F(ChunksTest, AsksForTheWeightsOfASchemeToFindTheDivisor) {
  v1::ComputeClassWeightsResponse weights;
  auto* answer = weights.add_weights();
  answer->set_scheme(v1::WEIGHT_SCHEME_BALANCED);
  for (const double value : {0.5, 2.0, 8.0}) answer->add_values(value);
  server_.AnswerWith(weights);
  LossSpec loss;
  loss.class_weighting.source = SchemeWeights{WeightScheme::kBalanced};
  ComputeOptions options;
  options.reduction = Reduction::kMean;
  ASSERT_TRUE(Compute(loss, options).ok());
  EXPECT_EQ(server_.last_call().compute.normalizer(), 3 * 0.5 + 2 * 2.0 + 2 * 8.0);
  const double counts[] = {3.0, 2.0, 2.0};
  EXPECT_EQ(server_.last_call().class_weights.counts().data(),
            std::string(reinterpret_cast<const char*>(counts), 24));
}

TEST_F(ChunksTest, RefusesWhatNeedsTheWholeBatch) {
  LossSpec loss;
  loss.mining = HardestFraction{0.5};
  EXPECT_EQ(Refusal(loss, {}),
            "loss.mining needs the whole batch in one request, and cannot be computed in chunks");

  loss = {};
  loss.activation = Activation::kSigmoid;
  loss.class_weighting.source = SchemeWeights{WeightScheme::kBalanced};
  EXPECT_THAT(Refusal(loss, {}), HasSubstr("loss.class_weighting.scheme.counts are needed"));

  ComputeOptions options;
  options.outputs.class_statistics = true;
  EXPECT_THAT(Refusal({}, options), HasSubstr("outputs.class_statistics in chunks needs"));
  options.outputs.class_statistics = false;
  options.outputs.difficulty = true;
  EXPECT_THAT(Refusal({}, options), HasSubstr("outputs.difficulty in chunks needs"));
  options.outputs.gradient = true;
  options.outputs.gradient_scale = 0.0;
  EXPECT_THAT(Refusal({}, options), HasSubstr("gradient_scale"));
  options.outputs.gradient_scale = 1.0;
  const xt::xarray<double> upstream = xt::ones<double>({7});
  options.upstream_gradient = upstream;
  EXPECT_THAT(Refusal({}, options), HasSubstr("upstream_gradient"));
}

TEST_F(ChunksTest, CutsAPackedBatchWhereSequencesEnd) {
  const xt::xarray<int64_t> lengths = {1, 0, 3, 2, 1};
  const xt::xarray<double> weights = {1, 1, 0, 1, 0, 0, 1};
  const xt::xarray<double> of_sequences = {1, 2, 3, 4, 5};
  const xt::xarray<double> of_rows = {1, 2, 3, 4, 5, 6, 7};
  ComputeOptions options;
  options.reduction = Reduction::kSequenceMean;
  options.sample_weights = weights;
  options.sequence_lengths = lengths;
  options.rollout.advantages = of_sequences;
  options.rollout.old_log_probs = of_rows;
  const auto result = Compute({}, options);
  ASSERT_TRUE(result.ok()) << result.status();
  // GetServerInfo, and chunks of 1 + 0, 3, 2 and 1 rows: 2 rows are to be a chunk.
  EXPECT_EQ(server_.last_call().count, 5);
  const v1::ComputeRequest last = server_.last_call().compute;
  EXPECT_THAT(last.logits().shape(), ElementsAre(1, 3));
  EXPECT_THAT(last.sequence_lengths().shape(), ElementsAre(1));
  EXPECT_THAT(last.rollout().advantages().shape(), ElementsAre(1));
  EXPECT_THAT(last.rollout().old_log_probs().shape(), ElementsAre(1));
  double advantage = 0.0;
  std::memcpy(&advantage, last.rollout().advantages().data().data(), sizeof(advantage));
  EXPECT_EQ(advantage, 5.0);
  // The sequences that have a sample of weight: the first, the third and the last.
  EXPECT_EQ(last.normalizer(), 3.0);
}

TEST_F(ChunksTest, SequencesAreTheLastAxisWithoutLengths) {
  const xt::xarray<float> u = {{-1, -2, -3}, {-1, -1, -1}, {-2, -2, -2}};
  const xt::xarray<double> weights = {{1, 0, 0}, {0, 0, 0}, {0, 1, 1}};
  ComputeOptions options;
  options.reduction = Reduction::kSequenceMean;
  options.sample_weights = weights;
  const LossSpec loss{CrossEntropy{}, Activation::kLogProbability};
  // The fake server has no losses of log-probabilities.
  EXPECT_FALSE(MakeClient().ComputeChunked(u, kNoLabels, loss, options, chunks_).ok());
  const v1::ComputeRequest last = server_.last_call().compute;
  EXPECT_EQ(last.normalizer(), 2.0);
  EXPECT_FALSE(last.has_labels());
  EXPECT_EQ(last.loss().activation(), v1::ACTIVATION_LOG_PROBABILITY);
}

TEST_F(ChunksTest, RefusesARolloutThatHasOtherRows) {
  const xt::xarray<double> six = xt::ones<double>({6});
  const xt::xarray<int64_t> lengths = {3, 4};
  ComputeOptions options;
  options.rollout.old_log_probs = six;
  EXPECT_EQ(Refusal({}, options),
            "rollout.old_log_probs.shape = [6], expected 7 rows, as the logits have");
  options.rollout = {};
  options.rollout.advantages = six;
  EXPECT_THAT(Refusal({}, options), HasSubstr("rollout.advantages.shape = [6], expected 7 rows"));
  options.sequence_lengths = lengths;
  EXPECT_THAT(Refusal({}, options), HasSubstr("rollout.advantages.shape = [6], expected [2]"));
  options.rollout = {};
  const xt::xarray<int64_t> short_lengths = {3, 3};
  options.sequence_lengths = short_lengths;
  EXPECT_THAT(Refusal({}, options), HasSubstr("sequence_lengths adds up to 6"));
}

TEST_F(ChunksTest, RefusesArraysThatHaveOtherRows) {
  const xt::xarray<double> six = xt::ones<double>({6});
  ComputeOptions options;
  options.sample_weights = six;
  EXPECT_EQ(Refusal({}, options),
            "sample_weights.shape = [6], expected 7 rows, as the logits have");
  options = {};
  options.upstream_gradient = six;
  EXPECT_THAT(Refusal({}, options), HasSubstr("upstream_gradient.shape = [6]"));
  EXPECT_THAT(std::string(MakeClient().ComputeChunked(logits_, six).status().message()),
              HasSubstr("labels.shape = [6]"));
  const std::vector<float> one(1);
  const absl::Status status =
      MakeClient().ComputeChunked(ArrayView<float>(one, {}), labels_).status();
  EXPECT_EQ(status.message(), "logits.shape = [] has no rows to cut");
  options = {};
  options.class_axis = 7;
  EXPECT_THAT(Refusal({}, options), HasSubstr("no axis of classes"));
  chunks_.chunk_bytes = 0;
  EXPECT_EQ(Refusal({}, {}), "chunk_bytes = 0, expected >= 1");
  chunks_.chunk_bytes = 1;
  chunks_.window = 0;
  EXPECT_EQ(Refusal({}, {}), "window = 0, expected >= 1");
}

TEST_F(ChunksTest, AnErrorNamesTheRowOfTheBatch) {
  server_.FailBatch(2, {grpc::StatusCode::INVALID_ARGUMENT, "labels[1] = 7 is not in [0, 3)"});
  server_.FailBatch(3, {grpc::StatusCode::INVALID_ARGUMENT, "later"});
  EXPECT_EQ(Compute({}, {}).status(), absl::InvalidArgumentError("labels[5] = 7 is not in [0, 3)"));
}

TEST_F(ChunksTest, AStreamThatEndsIsTheCallsError) {
  server_.EndStreamAt(1, {grpc::StatusCode::UNAVAILABLE, "the server shuts down"});
  EXPECT_EQ(Compute({}, {}).status(), absl::UnavailableError("the server shuts down"));
}

TEST_F(ChunksTest, AChunkOverTheLimitIsRefused) {
  ClientOptions options;
  options.max_message_bytes = 10;
  const absl::Status status =
      MakeClient(options).ComputeChunked(logits_, labels_, {}, {}, chunks_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("limit of 10"));
}

TEST_F(ChunksTest, StopsWaitingAtTheDeadline) {
  const Client client = MakeClient();
  ASSERT_TRUE(client.ComputeChunked(logits_, labels_, {}, {}, chunks_).ok());
  server_.NeverAnswerBatches();
  CallOptions call;
  call.deadline = absl::Milliseconds(200);
  EXPECT_EQ(client.ComputeChunked(logits_, labels_, {}, {}, chunks_, call).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(ChunksTest, ABatchOfOneChunkIsOneCall) {
  chunks_.chunk_bytes = 1 << 20;
  ComputeOptions options;
  options.reduction = Reduction::kMean;
  const auto result = Compute({}, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(server_.last_call().count, 1);
  EXPECT_FALSE(server_.last_call().compute.has_normalizer());
  const auto empty = MakeClient().ComputeChunked(ArrayView<float>({}, {0, 3}),
                                                 ArrayView<int64_t>({}, {0}), {}, {}, chunks_);
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_THAT(empty->losses->shape(), ElementsAre(0));
}

TEST_F(ChunksTest, NamesTheChunksOfARunByTheirFirstRows) {
  const xt::xarray<int64_t> ids = {10, 11, 12, 13, 14, 15, 16};
  ComputeOptions options;
  options.recording = Recording{"run", ids, "mine"};
  const auto result = Compute({}, options);
  ASSERT_TRUE(result.ok()) << result.status();
  const v1::ComputeRequest last = server_.last_call().compute;
  EXPECT_EQ(last.request_id(), "mine#6");
  EXPECT_THAT(last.sample_ids().shape(), ElementsAre(1));
  EXPECT_EQ(last.sample_ids().data(), std::string("\x10\0\0\0\0\0\0\0", 8));
}

TEST_F(ChunksTest, MakesOneNameForAllChunksOfARun) {
  const xt::xarray<int64_t> ids = {10, 11, 12, 13, 14, 15, 16};
  ComputeOptions options;
  options.recording = Recording{"run", ids};
  const auto result = Compute({}, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(server_.last_call().compute.request_id(), MatchesRegex("[0-9a-f]{32}#6"));
}

TEST_F(ChunksTest, RefusesIdsOfOtherRows) {
  const xt::xarray<int64_t> ids = {10, 11};
  ComputeOptions options;
  options.recording = Recording{"run", ids};
  EXPECT_THAT(Refusal({}, options), HasSubstr("sample_ids.shape = [2], expected 7 rows"));
}

}  // namespace
}  // namespace lossd
