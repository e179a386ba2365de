#include <cmath>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/handlers/compute_calls.h"

namespace lossd::rpc {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::Pointwise;

constexpr char kBatch[] =
    " logits { shape: [3, 4] float_values: [-0.5, -1.5, -2, -0.1, -3, -0.7, -0.2, -1.5, -0.3, -2.6,"
    " -1, -4] } sample_weights { shape: [3, 4] float_values: [1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0] }"
    " loss { activation: ACTIVATION_LOG_PROBABILITY } outputs { gradient: true hessian_diagonal: "
    "true }";

v1::ComputeResponse ComputeBatch(absl::string_view rest) {
  return Compute(absl::StrCat(kBatch, rest));
}

TEST(LogProbabilitiesHandler, SumsCrossEntropy) {
  const v1::ComputeResponse response = ComputeBatch(" reduction: REDUCTION_SUM");
  EXPECT_DOUBLE_EQ(response.loss(), 10.9);
  EXPECT_EQ(response.valid_count(), 9);
  EXPECT_FALSE(response.has_sequence_count());
  EXPECT_THAT(response.gradient().float_values(),
              ElementsAre(-1, -1, -1, -1, -1, -1, -1, 0, -1, -1, 0, 0));
  EXPECT_THAT(response.gradient().shape(), ElementsAre(3, 4));
  EXPECT_THAT(response.losses().shape(), ElementsAre(3, 4));
  EXPECT_EQ(response.applied().loss().activation(), v1::ACTIVATION_LOG_PROBABILITY);
  EXPECT_EQ(response.applied().loss().temperature(), 0);
}

TEST(LogProbabilitiesHandler, AveragesSequences) {
  const v1::ComputeResponse response = ComputeBatch(" reduction: REDUCTION_SEQUENCE_MEAN");
  EXPECT_DOUBLE_EQ(response.loss(), (4.1 / 4 + 3.9 / 3 + 2.9 / 2) / 3);
  EXPECT_EQ(response.sequence_count(), 3);
  EXPECT_NEAR(response.gradient().float_values(4), -1.0 / 9, 1e-16);
  EXPECT_NEAR(response.gradient().float_values(8), -1.0 / 6, 1e-16);
  EXPECT_EQ(response.applied().reduction(), v1::REDUCTION_SEQUENCE_MEAN);
}

// Ranks, micro-batches and chunks of whole sequences give the whole's gradient, bit for bit.
TEST(LogProbabilitiesHandler, AddUpInPartsOfWholeSequences) {
  const auto compute = [](absl::string_view values, absl::string_view lengths) {
    return Compute(absl::StrCat(
        "logits { float_values: [", values, "] } sequence_lengths { int_values: [", lengths,
        "] } reduction: REDUCTION_SEQUENCE_MEAN normalizer: 3 loss { activation: "
        "ACTIVATION_LOG_PROBABILITY focal {} } outputs { gradient: true }"));
  };
  const auto whole = compute("-0.5, -1.5, -2, -0.1, -3, -0.7", "3, 1, 2");
  const auto first = compute("-0.5, -1.5, -2", "3");
  const auto rest = compute("-0.1, -3, -0.7", "1, 2");
  std::vector<double> parts(first.gradient().float_values().begin(),
                            first.gradient().float_values().end());
  parts.insert(parts.end(), rest.gradient().float_values().begin(),
               rest.gradient().float_values().end());
  EXPECT_THAT(whole.gradient().float_values(), ::testing::ElementsAreArray(parts));
  EXPECT_NEAR(whole.loss(), first.loss() + rest.loss(), 1e-15);
}

TEST(LogProbabilitiesHandler, TakeANormalizerOfZeroWhereNoSequenceHasWeight) {
  const char masked[] =
      "logits { shape: [1, 2] float_values: [-1, nan] } sample_weights { shape: [1, 2] "
      "float_values: [0, 0] } loss { activation: ACTIVATION_LOG_PROBABILITY } reduction: "
      "REDUCTION_SEQUENCE_MEAN normalizer: 0";
  EXPECT_EQ(Compute(masked).loss(), 0);
  EXPECT_EQ(Compute(masked).sequence_count(), 0);
  const auto refused =
      CallHandlers()->Compute(FromText<v1::ComputeRequest>(absl::StrCat(
                                  kBatch, " reduction: REDUCTION_SEQUENCE_MEAN normalizer: 0")),
                              {});
  EXPECT_EQ(std::string(refused.status().message()),
            "normalizer = 0, expected a number > 0 for a batch whose own divisor is 3");
}

// Supervised fine-tuning by logits, with a mean over answers.
TEST(LogProbabilitiesHandler, SequencesOfSoftmaxAreAlongTheLossesLastAxis) {
  const v1::ComputeResponse response = Compute(
      "logits { shape: [2, 2, 2] float_values: [0, 0, 1, 0, 0, 2, 0, 0] } labels { shape: [2, 2] "
      "int_values: [0, 0, 1, -100] } loss { ignore_index: -100 } reduction: "
      "REDUCTION_SEQUENCE_MEAN outputs { gradient: true }");
  const double first = (std::log(2.0) + std::log1p(std::exp(-1.0))) / 2;
  EXPECT_NEAR(response.loss(), (first + std::log1p(std::exp(-2.0))) / 2, 1e-15);
  EXPECT_EQ(response.sequence_count(), 2);
  EXPECT_NEAR(response.gradient().float_values(0), -0.5 / 4, 1e-16);
  EXPECT_NEAR(response.gradient().float_values(4), 1 / (1 + std::exp(2.0)) / 2, 1e-16);
  EXPECT_EQ(response.gradient().float_values(6), 0);
}

TEST(LogProbabilitiesHandler, CompareLosses) {
  const auto response = CallHandlers()->Compare(
      FromText<v1::CompareRequest>(
          "logits { float_values: [-0.5, -3] } losses { activation: ACTIVATION_LOG_PROBABILITY } "
          "losses { activation: ACTIVATION_LOG_PROBABILITY focal { gamma: 1 } } reduction: "
          "REDUCTION_MEAN"),
      {});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->comparisons(0).loss(), 1.75);
  EXPECT_NEAR(response->comparisons(1).loss(), (-0.5 * std::expm1(-0.5) - 3 * std::expm1(-3)) / 2,
              1e-15);
  EXPECT_FALSE(response->comparisons(0).has_class_statistics());
  EXPECT_EQ(response->comparisons(0).difficulty().hard_count(), 1);
  EXPECT_NEAR(response->comparisons(0).gradient_norm(), std::sqrt(0.5), 1e-15);
}

TEST(LogProbabilitiesHandler, CompareNoLogitsBesideThem) {
  const auto response = CallHandlers()->Compare(
      FromText<v1::CompareRequest>(
          "logits { float_values: [-0.5, -3] } losses { activation: ACTIVATION_LOG_PROBABILITY } "
          "losses { activation: ACTIVATION_SIGMOID }"),
      {});
  EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(response.status().message()),
              ::testing::HasSubstr("losses[1].activation reads the logits as logits, expected what "
                                   "losses[0] reads them as, log-probabilities"));
}

}  // namespace
}  // namespace lossd::rpc
