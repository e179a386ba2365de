#include "lossd/client.h"

#include <cmath>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_server.h"

namespace lossd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ClientTest : public ::testing::Test {
 protected:
  Client MakeClient() {
    absl::StatusOr<Client> client = Client::Create({server_.address()});
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  static ComputeOptions WithGradient() {
    ComputeOptions options;
    options.reduction = Reduction::kMean;
    options.outputs.gradient = true;
    options.outputs.probabilities = true;
    return options;
  }

  testing::FakeServer server_;
};

TEST_F(ClientTest, ComputesOnFloatContainers) {
  const xt::xarray<float> logits = {{0.0f, 0.0f}, {0.0f, 0.0f}};
  const xt::xtensor<int64_t, 1> labels = {0, 1};

  const auto result = MakeClient().Compute(logits, labels, {}, WithGradient());

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_DOUBLE_EQ(result->loss, std::log(2.0));
  EXPECT_DOUBLE_EQ(result->loss_sum, 2.0 * std::log(2.0));
  EXPECT_EQ(result->valid_count, 2);
  EXPECT_THAT(result->losses->shape(), ElementsAre(2));
  EXPECT_EQ((*result->losses)(1), static_cast<float>(std::log(2.0)));
  EXPECT_THAT(result->gradient->shape(), ElementsAre(2, 2));
  EXPECT_THAT(*result->gradient, ElementsAre(-0.25f, 0.25f, 0.25f, -0.25f));
  EXPECT_THAT(*result->probabilities, ElementsAre(0.5f, 0.5f, 0.5f, 0.5f));
  EXPECT_FALSE(result->hessian_diagonal);
  EXPECT_THAT(result->class_weights, IsEmpty());
}

TEST_F(ClientTest, ComputesDoublesInDouble) {
  const xt::xarray<double> logits = {{std::log(1.0 / 3.0), std::log(2.0 / 3.0)}};
  const xt::xarray<int64_t> labels = {0};

  const auto result = MakeClient().Compute(logits, labels, {}, WithGradient());

  ASSERT_TRUE(result.ok()) << result.status();
  // Twelve digits: float would agree to seven.
  EXPECT_NEAR((*result->losses)(0), std::log(3.0), 1e-15);
  EXPECT_NEAR((*result->gradient)(0, 0), -2.0 / 3.0, 1e-15);
  EXPECT_EQ(server_.last_call().compute.logits().data_type(), v1::DATA_TYPE_FLOAT64);
}

TEST_F(ClientTest, ComputesOnSpansWithAShape) {
  const std::vector<float> logits = {0.0f, 0.0f, 9.0f};
  const std::vector<int64_t> labels = {1};

  const auto result =
      MakeClient().Compute(ArrayView<float>(absl::MakeConstSpan(logits).first(2), {1, 2}),
                           ArrayView<int64_t>(labels, {1}), {}, WithGradient());

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(*result->gradient, ElementsAre(0.5f, -0.5f));
}

TEST_F(ClientTest, WritesToTheCallersMemory) {
  const xt::xarray<float> logits = {{0.0f, 0.0f}, {0.0f, 0.0f}};
  const xt::xarray<int64_t> labels = {0, 1};
  std::vector<float> gradient(4, 9.0f);
  std::vector<float> losses(2, 9.0f);
  ComputeOptions options = WithGradient();
  options.memory.gradient = absl::MakeSpan(gradient);
  options.memory.losses = absl::MakeSpan(losses);

  const auto result = MakeClient().Compute(logits, labels, {}, options);

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(gradient, ElementsAre(-0.25f, 0.25f, 0.25f, -0.25f));
  EXPECT_EQ(losses[1], static_cast<float>(std::log(2.0)));
  EXPECT_FALSE(result->gradient);
  EXPECT_FALSE(result->losses);
  EXPECT_THAT(*result->probabilities, ElementsAre(0.5f, 0.5f, 0.5f, 0.5f));
}

TEST_F(ClientTest, WritesMarginsToTheCallersMemory) {
  const xt::xarray<double> logits = {{1.0, 4.0, 2.0}, {1.0, 4.0, 2.0}};
  const xt::xarray<int64_t> labels = {1, 0};
  std::vector<double> margin(2, 9.0);
  ComputeOptions options;
  options.outputs.margin = true;
  options.memory.margin = absl::MakeSpan(margin);

  const auto result = MakeClient().Compute(logits, labels, {}, options);

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(margin, ElementsAre(2.0, -3.0));
  EXPECT_FALSE(result->margin);
  EXPECT_TRUE(result->losses);
}

TEST_F(ClientTest, WritesTheGradientOverTheLogits) {
  constexpr size_t kRows = 50'000;
  std::vector<float> logits(2 * kRows, 1.0f);
  const std::vector<int64_t> labels(kRows, 1);
  ComputeOptions options;
  options.outputs.gradient = true;
  options.memory.gradient = absl::MakeSpan(logits);

  const auto result = MakeClient().Compute(ArrayView<float>(logits, {kRows, 2}),
                                           ArrayView<int64_t>(labels, {kRows}), {}, options);

  ASSERT_TRUE(result.ok()) << result.status();
  for (size_t row = 0; row < kRows; ++row) {
    ASSERT_EQ(logits[2 * row], 0.5f);
    ASSERT_EQ(logits[2 * row + 1], -0.5f);
  }
}

TEST_F(ClientTest, LeavesOutTheLossesWhenTheyAreNotAskedFor) {
  const xt::xarray<float> logits = {{1.0f, 0.0f}};
  const xt::xarray<int64_t> labels = {0};
  ComputeOptions options;
  options.outputs.losses = false;

  const auto result = MakeClient().Compute(logits, labels, {}, options);

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->losses);
  EXPECT_FALSE(result->gradient);
  EXPECT_NEAR(result->loss, std::log1p(std::exp(-1.0)), 1e-15);
}

TEST_F(ClientTest, ComputesAnEmptyBatch) {
  const auto result = MakeClient().Compute(ArrayView<float>({}, {0, 7}),
                                           ArrayView<int64_t>({}, {0}), {}, WithGradient());

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->loss, 0.0);
  EXPECT_THAT(result->losses->shape(), ElementsAre(0));
  EXPECT_THAT(result->gradient->shape(), ElementsAre(0, 7));
  EXPECT_EQ(result->gradient->size(), 0U);
}

TEST_F(ClientTest, ReadsClassStatistics) {
  const xt::xarray<float> logits = {{2.0f, 1.0f}, {2.0f, 1.0f}, {0.0f, 1.0f}};
  const xt::xarray<int64_t> labels = {0, 1, 1};
  ComputeOptions options;
  options.outputs.class_statistics = true;

  const auto result = MakeClient().Compute(logits, labels, {}, options);

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->class_statistics->count, ElementsAre(1, 2));
  EXPECT_THAT(result->class_statistics->correct_count, ElementsAre(1, 1));
}

TEST_F(ClientTest, ComparesLossesInTheOrderAsked) {
  v1::CompareResponse answer;
  for (const double loss : {1.5, 0.25}) {
    auto* comparison = answer.add_comparisons();
    comparison->set_loss(loss);
    comparison->set_gradient_norm(2.0 * loss);
    comparison->set_vanishing_count(3);
    comparison->mutable_class_statistics()->add_gradient_share(loss);
    comparison->mutable_difficulty()->set_hard_loss_share(loss);
  }
  server_.AnswerWith(answer);
  const xt::xarray<float> logits = {{0.0f, 0.0f}};
  const xt::xarray<int64_t> labels = {0};

  const auto result =
      MakeClient().Compare(logits, labels, {LossSpec{CrossEntropy{}}, LossSpec{SquaredError{}}});

  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->comparisons.size(), 2U);
  EXPECT_EQ(result->comparisons[0].loss, 1.5);
  EXPECT_EQ(result->comparisons[1].gradient_norm, 0.5);
  EXPECT_EQ(result->comparisons[1].vanishing_count, 3);
  EXPECT_THAT(result->comparisons[1].class_statistics->gradient_share, ElementsAre(0.25));
  EXPECT_EQ(result->comparisons[0].difficulty->hard_loss_share, 1.5);
  const v1::CompareRequest request = server_.last_call().compare;
  ASSERT_EQ(request.losses_size(), 2);
  EXPECT_TRUE(request.losses(0).has_cross_entropy());
  EXPECT_TRUE(request.losses(1).has_squared_error());
}

TEST_F(ClientTest, FindsClassWeights) {
  v1::ComputeClassWeightsResponse answer;
  answer.add_counts(3.0);
  answer.add_frequencies(1.0);
  answer.set_imbalance_ratio(1.0);
  answer.set_alpha(0.75);
  answer.add_empty_classes(1);
  auto* weights = answer.add_weights();
  weights->set_scheme(v1::WEIGHT_SCHEME_EFFECTIVE_NUMBER);
  weights->set_normalization(v1::NORMALIZATION_MEAN_ONE);
  weights->set_beta(0.99);
  weights->add_values(1.25);
  server_.AnswerWith(answer);
  const xt::xarray<int64_t> labels = {0, 0, 0};

  const auto result = MakeClient().ComputeClassWeights(labels);

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->counts, ElementsAre(3.0));
  EXPECT_THAT(result->frequencies, ElementsAre(1.0));
  EXPECT_THAT(result->empty_classes, ElementsAre(1));
  EXPECT_EQ(result->imbalance_ratio, 1.0);
  EXPECT_EQ(result->alpha, 0.75);
  ASSERT_EQ(result->weights.size(), 1U);
  EXPECT_EQ(result->weights[0].scheme, WeightScheme::kEffectiveNumber);
  EXPECT_EQ(result->weights[0].normalization, Normalization::kMeanOne);
  EXPECT_EQ(result->weights[0].beta, 0.99);
  EXPECT_THAT(result->weights[0].values, ElementsAre(1.25));
}

TEST_F(ClientTest, MeasuresInformation) {
  v1::MeasureInformationResponse answer;
  const double entropy = 1.0;
  answer.mutable_entropy()->set_data_type(v1::DATA_TYPE_FLOAT64);
  answer.mutable_entropy()->add_shape(1);
  answer.mutable_entropy()->set_data(&entropy, sizeof(entropy));
  *answer.mutable_kl_divergence() = answer.entropy();
  server_.AnswerWith(answer);
  const xt::xarray<double> p = {{0.5, 0.5}};
  InformationOptions options;
  options.base = InformationBase::kBit;

  const auto result = MakeClient().MeasureInformation(p, p, options);

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->entropy, ElementsAre(1.0));
  EXPECT_THAT(*result->kl_divergence, ElementsAre(1.0));
  EXPECT_FALSE(result->cross_entropy);
  const v1::MeasureInformationRequest request = server_.last_call().information;
  EXPECT_EQ(request.base(), v1::INFORMATION_BASE_BIT);
  EXPECT_EQ(request.q().data().size(), 16U);
}

TEST_F(ClientTest, ListsLosses) {
  v1::ListLossesResponse answer;
  auto* loss = answer.add_losses();
  loss->set_name("focal");
  loss->add_activations(v1::ACTIVATION_SIGMOID);
  auto* parameter = loss->add_parameters();
  parameter->set_name("gamma");
  parameter->set_default_value(2.0);
  parameter->set_minimum(0.0);
  server_.AnswerWith(answer);

  const auto losses = MakeClient().ListLosses();

  ASSERT_TRUE(losses.ok()) << losses.status();
  ASSERT_EQ(losses->size(), 1U);
  EXPECT_EQ(losses->front().name, "focal");
  EXPECT_THAT(losses->front().activations, ElementsAre(Activation::kSigmoid));
  EXPECT_EQ(losses->front().parameters[0].default_value, 2.0);
  EXPECT_EQ(losses->front().parameters[0].minimum, 0.0);
  EXPECT_FALSE(losses->front().parameters[0].maximum);
}

TEST_F(ClientTest, ReadsServerInfo) {
  v1::GetServerInfoResponse answer;
  answer.set_version("1.2.3");
  answer.set_simd_instruction_set("avx2");
  answer.set_thread_count(2);
  answer.set_max_message_bytes(int64_t{1} << 40);
  server_.AnswerWith(answer);

  const auto info = MakeClient().GetServerInfo();

  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->version, "1.2.3");
  EXPECT_EQ(info->simd_instruction_set, "avx2");
  EXPECT_EQ(info->thread_count, 2);
  EXPECT_EQ(info->max_message_bytes, int64_t{1} << 40);
}

TEST_F(ClientTest, ServesManyThreadsAtOnce) {
  const Client client = MakeClient();
  constexpr int kThreads = 8;
  constexpr int kCalls = 25;
  std::vector<int> right(kThreads, 0);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&client, &right, t] {
      // Each thread's answer is its own: −ln p of class 0 falls as its logit rises.
      const auto logit = static_cast<float>(t);
      const xt::xarray<float> logits = {{logit, 0.0f}};
      const xt::xarray<int64_t> labels = {0};
      const double expected = std::log1p(std::exp(-static_cast<double>(t)));
      for (int i = 0; i < kCalls; ++i) {
        const auto result = client.Compute(logits, labels);
        right[static_cast<size_t>(t)] +=
            result.ok() && std::abs(result->loss - expected) < 1e-14 ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(right, ::testing::Each(kCalls));
}

TEST_F(ClientTest, MovesItsConnection) {
  Client first = MakeClient();
  Client second = std::move(first);
  first = std::move(second);
  EXPECT_TRUE(first.GetServerInfo().ok());
}

}  // namespace
}  // namespace lossd
