#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/unknown_field_set.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "tests/server/rpc/errors/refusals.h"
#include "tests/server/rpc/from_text.h"
#include "tests/server/rpc/handlers/call_handlers.h"

namespace lossd::rpc {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

v1::ComputeClassWeightsResponse Weigh(absl::string_view text) {
  auto response =
      CallHandlers()->ComputeClassWeights(FromText<v1::ComputeClassWeightsRequest>(text), {});
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? *std::move(response) : v1::ComputeClassWeightsResponse();
}

TEST(ClassWeightsHandler, CountsLabels) {
  const auto response = Weigh("labels { int_values: [0, 2, 2, 2, 0, 4] } class_count: 6");
  EXPECT_THAT(response.counts(), ElementsAre(2, 0, 3, 0, 1, 0));
  EXPECT_THAT(response.frequencies(),
              ElementsAre(DoubleEq(2.0 / 6), 0, DoubleEq(3.0 / 6), 0, DoubleEq(1.0 / 6), 0));
  EXPECT_THAT(response.empty_classes(), ElementsAre(1, 3, 5));
  EXPECT_EQ(response.imbalance_ratio(), 3);
  EXPECT_FALSE(response.has_alpha());
}

TEST(ClassWeightsHandler, TakesTheNumberOfClassesFromTheLargestLabel) {
  EXPECT_THAT(Weigh("labels { shape: [2, 2] int_values: [0, 3, 3, 1] }").counts(),
              ElementsAre(1, 1, 0, 2));
}

TEST(ClassWeightsHandler, WeighsSamples) {
  EXPECT_THAT(Weigh("labels { shape: [2, 2] int_values: [0, 1, 1, 0] } sample_weights { shape: [2, "
                    "2] float_values: [1, 0.5, 2, 0] }")
                  .counts(),
              ElementsAre(1, 2.5));
}

// Unlabelled pixels are 255 (mmsegmentation#3831): 3 samples of class 0 and 2 of class 1 remain.
TEST(ClassWeightsHandler, IgnoresWhatItIsTold) {
  const std::string labels =
      "labels { int_values: [0, 0, 0, 1, 1, 255, 255, 255] data_type: DATA_TYPE_UINT8 } "
      "schemes { scheme: WEIGHT_SCHEME_BALANCED } ";
  const std::string weights = "sample_weights { float_values: [1, 1, 1, 1, 1, 0, 0, 0] } ";
  for (const std::string& ignored :
       {std::string("ignore_index: 255"), std::string("ignore_index: 255 class_count: 2"), weights,
        weights + "class_count: 2", weights + "ignore_index: -100"}) {
    const auto response = Weigh(labels + ignored);
    EXPECT_THAT(response.counts(), ElementsAre(3, 2)) << ignored;
    EXPECT_THAT(response.weights(0).values(), ElementsAre(DoubleEq(5.0 / 6), DoubleEq(5.0 / 4)))
        << ignored;
    EXPECT_EQ(response.alpha(), 0.6) << ignored;
  }
  // A class may be ignored too.
  EXPECT_THAT(Weigh("labels { int_values: [0, 1, 2, 2] } ignore_index: 2").counts(),
              ElementsAre(1, 1));
  EXPECT_THAT(Weigh("labels { int_values: [0, -1] } ignore_index: -1 class_count: 3").counts(),
              ElementsAre(1, 0, 0));
  EXPECT_THAT(Weigh("labels { shape: [3, 2] float_values: [0.5, 0.25, nan, -1, inf, 2] } "
                    "sample_weights { float_values: [2, 0, 0] }")
                  .counts(),
              ElementsAre(1, 0.5));
}

TEST(ClassWeightsHandler, SumsTargets) {
  EXPECT_THAT(Weigh("labels { shape: [2, 3] float_values: [0.5, 0.25, 0.25, 1, 0, 2] }").counts(),
              ElementsAre(1.5, 0.25, 2.25));
  EXPECT_THAT(Weigh("labels { shape: [2, 3] float_values: [0.5, 0.25, 0.25, 1, 0, 2] } "
                    "sample_weights { float_values: [2, 0.5] }")
                  .counts(),
              ElementsAre(1.5, 0.5, 1.5));
}

// Counts 1, 4, 0, 5 by hand: N = 10 and three classes that have samples.
TEST(ClassWeightsHandler, ComputesAllSixSchemes) {
  const auto response = Weigh("counts { int_values: [1, 4, 0, 5] }");
  ASSERT_EQ(response.weights_size(), 6);
  const std::vector<std::vector<double>> expected = {
      {10.0 / 3, 10.0 / 12, 0, 10.0 / 15},
      {10, 2.5, 0, 2},
      {std::sqrt(10.0), std::sqrt(2.5), 0, std::sqrt(2.0)},
      {},
      {4, 1, 0, 0.8},
      {1 / std::log(1.12), 1 / std::log(1.42), 0, 1 / std::log(1.52)},
  };
  for (int i = 0; i < 6; ++i) {
    const v1::ClassWeights& weights = response.weights(i);
    EXPECT_EQ(weights.scheme(), i + 1);
    EXPECT_EQ(weights.has_beta(), weights.scheme() == v1::WEIGHT_SCHEME_EFFECTIVE_NUMBER);
    if (weights.has_beta()) continue;
    EXPECT_EQ(weights.normalization(), v1::NORMALIZATION_NONE);
    EXPECT_THAT(weights.values(), Pointwise(DoubleEq(), expected[static_cast<size_t>(i)]));
  }

  const v1::ClassWeights& effective = response.weights(3);
  EXPECT_EQ(effective.beta(), 0.9999);
  EXPECT_EQ(effective.normalization(), v1::NORMALIZATION_MEAN_ONE);
  const auto raw = [](double n) { return (1 - 0.9999) / (1 - std::pow(0.9999, n)); };
  const double scale = 3 / (raw(1) + raw(4) + raw(5));
  ASSERT_EQ(effective.values_size(), 4);
  EXPECT_NEAR(effective.values(0), raw(1) * scale, 1e-11);
  EXPECT_NEAR(effective.values(1), raw(4) * scale, 1e-11);
  EXPECT_EQ(effective.values(2), 0);
  EXPECT_NEAR(effective.values(3), raw(5) * scale, 1e-11);
}

TEST(ClassWeightsHandler, AnswersTheSchemesAskedInTheirOrder) {
  const auto response = Weigh(
      "counts { float_values: [1, 3] } "
      "schemes { scheme: WEIGHT_SCHEME_INVERSE_FREQUENCY normalization: NORMALIZATION_SUM_ONE } "
      "schemes { scheme: WEIGHT_SCHEME_EFFECTIVE_NUMBER beta: 0 normalization: NORMALIZATION_NONE "
      "} "
      "schemes { scheme: WEIGHT_SCHEME_INVERSE_FREQUENCY normalization: NORMALIZATION_MEAN_ONE } "
      "schemes { scheme: WEIGHT_SCHEME_INVERSE_FREQUENCY normalization: NORMALIZATION_EXPECTED_ONE "
      "}");
  ASSERT_EQ(response.weights_size(), 4);
  EXPECT_THAT(response.weights(0).values(), ElementsAre(DoubleEq(0.75), DoubleEq(0.25)));
  EXPECT_THAT(response.weights(1).values(), ElementsAre(1, 1));
  EXPECT_EQ(response.weights(1).beta(), 0);
  EXPECT_THAT(response.weights(2).values(), ElementsAre(DoubleEq(1.5), DoubleEq(0.5)));
  // 4 (w_0 1 + w_1 3) = 8 before; N = 4.
  EXPECT_THAT(response.weights(3).values(), ElementsAre(DoubleEq(2), DoubleEq(2.0 / 3)));
  EXPECT_EQ(response.weights(3).normalization(), v1::NORMALIZATION_EXPECTED_ONE);
}

TEST(ClassWeightsHandler, GivesAlphaForTwoClasses) {
  const auto response = Weigh("labels { int_values: [0, 0, 0, 1] }");
  EXPECT_EQ(response.alpha(), 0.75);
  EXPECT_EQ(response.imbalance_ratio(), 3);
}

TEST(ClassWeightsHandler, StaysFiniteWithoutSamples) {
  const auto response = Weigh("counts { int_values: [0, 0] }");
  EXPECT_THAT(response.frequencies(), ElementsAre(0, 0));
  EXPECT_TRUE(response.has_alpha());
  EXPECT_EQ(response.alpha(), 0);
  EXPECT_TRUE(response.has_imbalance_ratio());
  EXPECT_EQ(response.imbalance_ratio(), 0);
  for (const auto& weights : response.weights()) EXPECT_THAT(weights.values(), ElementsAre(0, 0));
}

TEST(ClassWeightsHandler, GivesTheWeightsThatTheLossUses) {
  const auto weights = Weigh(
      "labels { int_values: [0, 0, 1, 2, 2, 2] } schemes { scheme: WEIGHT_SCHEME_MEDIAN_FREQUENCY "
      "}");
  auto request = FromText<v1::ComputeRequest>(
      "logits { shape: [6, 3] float_values: [1, 2, 3, 3, 2, 1, 0, 0, 1, 0, 2, 0, 1, 1, 1, 0, 1, 0] "
      "} "
      "labels { int_values: [0, 0, 1, 2, 2, 2] } reduction: REDUCTION_MEAN "
      "loss { class_weighting { scheme { scheme: WEIGHT_SCHEME_MEDIAN_FREQUENCY } } } "
      "outputs { applied: false }");
  const auto by_scheme = CallHandlers()->Compute(request, {});
  *request.mutable_loss()->mutable_class_weighting()->mutable_weights()->mutable_float_values() =
      weights.weights(0).values();
  const auto by_weights = CallHandlers()->Compute(request, {});
  ASSERT_TRUE(by_scheme.ok() && by_weights.ok());
  EXPECT_EQ(by_scheme->SerializeAsString(), by_weights->SerializeAsString());
}

// A label is a few bytes; the classes it asks for may be any number.
TEST(ClassWeightsHandler, RefusesMoreClassesThanAResponseCouldHold) {
  for (const char* text :
       {"labels { int_values: 9223372036854775807 }", "labels { int_values: 1000000000000 }",
        "labels { int_values: 0 } class_count: 100000000"}) {
    const absl::Status status =
        CallHandlers()
            ->ComputeClassWeights(FromText<v1::ComputeClassWeightsRequest>(text), {})
            .status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--max-message-bytes")) << text;
  }
}

TEST(ClassWeightsHandler, RefusesWhatIsWrong) {
  const CallHandlers handlers;
  const auto compute = [&](const v1::ComputeClassWeightsRequest& request) {
    return handlers->ComputeClassWeights(request, {}).status();
  };
  ExpectRefusals<v1::ComputeClassWeightsRequest>(
      {
          {"", "labels is not set, expected labels or counts"},
          {"labels { int_values: [0, -1] }", "labels[1] = -1, expected a class >= 0"},
          {"labels { int_values: [0, 3] } class_count: 3", "labels[1] = 3 is not in [0, 3)"},
          {"labels { int_values: 0 } class_count: -1",
           "class_count = -1, expected >= 1, or 0 for the number in labels or counts"},
          {"labels {}",
           "class_count is not set, expected the number of classes, since there are no labels"},
          {"labels { int_values: [7, 7] } ignore_index: 7",
           "class_count is not set, expected the number of classes, since no label counts"},
          {"labels { int_values: [0, 7] } sample_weights { float_values: [0, 0] }",
           "class_count is not set, expected the number of classes, since no label counts"},
          {"labels { int_values: [0, -1] } ignore_index: 255",
           "labels[1] = -1, expected a class >= 0 or ignore_index 255"},
          {"labels { int_values: [0, 5] } ignore_index: 255 class_count: 2",
           "labels[1] = 5 is not in [0, 2) and is not ignore_index 255"},
          {"labels { shape: [1, 2] float_values: [0, 1] } ignore_index: 255",
           "ignore_index = 255 beside float labels, expected integer labels"},
          {"counts { int_values: [3, 4] } ignore_index: 255",
           "ignore_index = 255 beside counts, expected integer labels"},
          {"labels { shape: [2, 2] float_values: [0, nan, 0, nan] } sample_weights { float_values: "
           "[0, 1] }",
           "labels[1, 1] = nan, expected a finite number >= 0"},
          {"labels { float_values: [0, 1] }",
           "labels.shape = [2], expected [N, C] with C >= 1 for float labels"},
          {"labels { shape: [1, 2] float_values: [0, nan] }",
           "labels[0, 1] = nan, expected a finite number >= 0"},
          {"labels { shape: [1, 2] float_values: [0, 1] } class_count: 3",
           "class_count = 3, expected 2, the number of classes in labels"},
          {"labels { int_values: [0, 1] } sample_weights { float_values: 1 }",
           "sample_weights.shape = [1], expected [2]"},
          {"labels { int_values: [0, 1] } sample_weights { float_values: [1, -1] }",
           "sample_weights[1] = -1, expected a finite number >= 0"},
          {"counts { int_values: [3, 4] } sample_weights { float_values: [1, 1] }",
           "sample_weights is set, but applies to labels, not to counts"},
          {"counts {}", "counts.shape = [0], expected at least one class"},
          {"counts { shape: [1, 2] int_values: [3, 4] }",
           "counts.shape = [1, 2], expected one axis"},
          {"counts { float_values: [3, inf] }", "counts[1] = inf, expected a finite number >= 0"},
          {"counts { float_values: [1e308, 1e308] }", "counts sums to inf, expected a finite sum"},
          {"counts { int_values: [3, 4] } class_count: 5",
           "class_count = 5, expected 2, the number of classes in counts"},
          {"counts { int_values: 3 } schemes {}",
           "schemes[0].scheme is not set, expected a weight scheme such as "
           "WEIGHT_SCHEME_BALANCED"},
          {"counts { int_values: 3 } schemes { scheme: WEIGHT_SCHEME_BALANCED } "
           "schemes { scheme: WEIGHT_SCHEME_BALANCED counts { int_values: 3 } }",
           "schemes[1].counts is set, expected none beside the request's labels or counts"},
      },
      compute);
  EXPECT_TRUE(compute(FromText<v1::ComputeClassWeightsRequest>("counts { int_values: 3 }")).ok());
}

TEST(ClassWeightsHandler, NamesUnknownFieldsOfAScheme) {
  auto request = FromText<v1::ComputeClassWeightsRequest>(
      "counts { int_values: 3 } schemes { scheme: WEIGHT_SCHEME_BALANCED }");
  v1::SchemeWeights& scheme = *request.mutable_schemes(0);
  scheme.GetReflection()->MutableUnknownFields(&scheme)->AddVarint(8, 1);
  const absl::Status status = CallHandlers()->ComputeClassWeights(request, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
  EXPECT_EQ(std::string(status.message()), "schemes[0] has the unknown field 8");
}

}  // namespace
}  // namespace lossd::rpc
