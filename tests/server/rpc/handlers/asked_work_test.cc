#include "server/rpc/handlers/asked_work.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "tests/server/rpc/from_text.h"
#include "tests/server/rpc/handlers/asked_work_calls.h"

// What calls ask their transport for before they take it, beside what they are seen to take.

namespace lossd::rpc {
namespace {

struct Case {
  const char* what;
  const char* text;  // merged into the batch
};

TEST_F(AskedWorkTest, ComputeAsksForItsOutputs) {
  const Case cases[] = {
      {"gradient", "outputs { gradient: true }"},
      {"float64 gradient", "outputs { gradient: true gradient_data_type: DATA_TYPE_FLOAT64 }"},
      {"half gradient",
       "outputs { gradient: true gradient_data_type: DATA_TYPE_FLOAT16 probabilities: true }"},
      {"all", "outputs { gradient: true hessian_diagonal: true probabilities: true margin: true }"},
      {"dense", "outputs { gradient: true } loss { squared_error {} }"},
      {"mining", "outputs { gradient: true } loss { mining { hardest { keep_fraction: 0.5 } } }"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    auto request = LabelledBatch<v1::ComputeRequest>();
    request.MergeFrom(FromText<v1::ComputeRequest>(one.text));
    ExpectAskedForWhatItTakes("Compute", request.SerializeAsString());
  }
}

TEST_F(AskedWorkTest, ComputeAsksForATeachersLogits) {
  for (const bool has_long_rows : {false, true}) {
    const int64_t rows = has_long_rows ? 2 : kRows;
    const int64_t classes = static_cast<int64_t>(kLogits) / rows;
    auto request = FromText<v1::ComputeRequest>(
        "loss { reverse_kl_divergence {} } outputs { gradient: true }");
    SetData(v1::DATA_TYPE_FLOAT32, {rows, classes}, 4 * kLogits, 0, *request.mutable_logits());
    SetData(v1::DATA_TYPE_BFLOAT16, {rows, classes}, 2 * kLogits, 1,
            *request.mutable_teacher_logits());
    ExpectAskedForWhatItTakes("Compute", request.SerializeAsString());
  }
}

TEST_F(AskedWorkTest, ComputeAsksForWhatLongRowsAreComputedIn) {
  constexpr int64_t kLong = kLogits / 2;
  const Case cases[] = {
      {"targets", "loss { focal {} }"},
      {"targets and gradient", "loss { focal {} } outputs { gradient: true }"},
      {"in double",
       "loss { squared_error {} } labels { int_values: [3, 7] } outputs { gradient: true }"},
      {"in double, all",
       "loss { squared_error {} } labels { int_values: [3, 7] } outputs { gradient: true "
       "hessian_diagonal: true probabilities: true }"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    auto request = FromText<v1::ComputeRequest>(one.text);
    SetData(v1::DATA_TYPE_FLOAT32, {2, kLong}, 4 * kLogits, 0, *request.mutable_logits());
    if (!request.has_labels()) {
      // NaN, whose rows the kernel of targets leaves.
      SetData(v1::DATA_TYPE_FLOAT32, {2, kLong}, 4 * kLogits, -1, *request.mutable_logits());
      SetData(v1::DATA_TYPE_FLOAT32, {2, kLong}, 4 * kLogits, 0x3c, *request.mutable_labels());
    }
    ExpectAskedForWhatItTakes("Compute", request.SerializeAsString());
  }
}

TEST_F(AskedWorkTest, ComputeAsksForWhatItKeepsOfSamples) {
  constexpr int64_t kSamples = 200'000;
  const Case cases[] = {
      {"statistics", "outputs { class_statistics: true difficulty: true }"},
      {"top-k", "outputs { top_k: [1, 5] }"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    v1::ComputeRequest request;
    SetData(v1::DATA_TYPE_FLOAT32, {kSamples, 10}, 40 * kSamples, 0, *request.mutable_logits());
    SetData(v1::DATA_TYPE_UINT8, {kSamples}, kSamples, 7, *request.mutable_labels());
    request.MergeFrom(FromText<v1::ComputeRequest>(one.text));
    ExpectAskedForWhatItTakes("Compute", request.SerializeAsString());
  }
}

TEST_F(AskedWorkTest, ComputeAsksForTheTensorsOfASigmoid) {
  const Case cases[] = {
      {"losses", ""},
      {"gradient and statistics", "outputs { gradient: true class_statistics: true }"},
      {"mining", "loss { mining { gradient_harmonizing {} } }"},
      {"threshold", "loss { mining { below {} } }"},
      {"a second axis", "class_axis: 1 outputs { gradient: true probabilities: true }"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    v1::ComputeRequest request;
    SetData(v1::DATA_TYPE_BFLOAT16, {20, kClasses, 100}, 2 * kLogits, 0, *request.mutable_logits());
    SetData(v1::DATA_TYPE_UINT8, {20, kClasses, 100}, kLogits, 1, *request.mutable_labels());
    SetData(v1::DATA_TYPE_UINT8, {20, kClasses, 100}, kLogits, 2,
            *request.mutable_sample_weights());
    request.MergeFrom(FromText<v1::ComputeRequest>(one.text));
    request.mutable_loss()->set_activation(v1::ACTIVATION_SIGMOID);
    ExpectAskedForWhatItTakes("Compute", request.SerializeAsString());
  }
}

TEST_F(AskedWorkTest, ComputeAsksForTheMarksOfSamplesWithoutWeight) {
  v1::ComputeRequest request;
  SetData(v1::DATA_TYPE_BFLOAT16, {kLogits}, 2 * kLogits, 0, *request.mutable_logits());
  SetData(v1::DATA_TYPE_UINT8, {kLogits}, kLogits, 1, *request.mutable_labels());
  SetData(v1::DATA_TYPE_UINT8, {kLogits}, kLogits, 0, *request.mutable_sample_weights());
  request.mutable_loss()->set_activation(v1::ACTIVATION_SIGMOID);
  ExpectAskedForWhatItTakes("Compute", request.SerializeAsString());
}

// Losses that such weights multiply are added up by themselves, which shows after the first
// request.
TEST_F(AskedWorkTest, ComputeAsksForTheSecondPassOfExtremeWeights) {
  auto request = FromText<v1::ComputeRequest>(
      "logits { data_type: DATA_TYPE_FLOAT32 shape: [1000, 5] } labels {} sample_weights {} "
      "loss { squared_error {} label_smoothing: 0.1 }");
  request.mutable_logits()->mutable_float_values()->Resize(5000, 1);
  request.mutable_labels()->mutable_int_values()->Resize(1000, 3);
  request.mutable_sample_weights()->mutable_float_values()->Resize(1000, 1);
  const Called once = CallOnce("Compute", request.SerializeAsString());
  for (double& weight : *request.mutable_sample_weights()->mutable_float_values()) weight = 1e307;
  const Called twice = CallOnce("Compute", request.SerializeAsString());
  ASSERT_TRUE(twice.status.ok()) << twice.status;
  // A dense row's number takes 20 nanoseconds.
  EXPECT_GE(twice.operations, once.operations + int64_t{5000} * 20);
}

TEST_F(AskedWorkTest, ComputeAsksForRollouts) {
  constexpr int64_t kTokens = 400'000;
  const Case cases[] = {
      {"ppo",
       "loss { ppo {} kl_penalty { coefficient: 1 } importance_weighting {} } outputs { "
       "gradient: true policy_statistics: true }"},
      {"sequences",
       "loss { ppo {} kl_penalty { coefficient: 1 } importance_weighting { level: "
       "RATIO_LEVEL_SEQUENCE } ratio { level: RATIO_LEVEL_SEQUENCE } } outputs { "
       "gradient: true } reduction: REDUCTION_SEQUENCE_MEAN"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    auto request = FromText<v1::ComputeRequest>(one.text);
    request.mutable_loss()->set_activation(v1::ACTIVATION_LOG_PROBABILITY);
    v1::Rollout& rollout = *request.mutable_rollout();
    for (v1::Tensor* tensor :
         {request.mutable_logits(), rollout.mutable_advantages(), rollout.mutable_old_log_probs(),
          rollout.mutable_reference_log_probs(), rollout.mutable_sampler_log_probs()}) {
      SetData(v1::DATA_TYPE_FLOAT32, {kTokens}, size_t{4} * kTokens, 0, *tensor);
    }
    SetData(v1::DATA_TYPE_UINT8, {kTokens}, kTokens, 1, *request.mutable_sample_weights());
    if (request.reduction() == v1::REDUCTION_SEQUENCE_MEAN) {
      SetData(v1::DATA_TYPE_UINT8, {kTokens}, kTokens, 1, *request.mutable_sequence_lengths());
    }
    ExpectAskedForWhatItTakes("Compute", request.SerializeAsString());
  }
}

TEST_F(AskedWorkTest, ComputeAsksForTheRolloutOfLogits) {
  constexpr int64_t kTokens = 200'000;
  auto request = FromText<v1::ComputeRequest>(
      "loss { ppo {} ratio { level: RATIO_LEVEL_SEQUENCE } } outputs { gradient: true "
      "hessian_diagonal: true difficulty: true policy_statistics: true }");
  SetData(v1::DATA_TYPE_FLOAT32, {2, kTokens / 2, 10}, size_t{40} * kTokens, 0,
          *request.mutable_logits());
  SetData(v1::DATA_TYPE_UINT8, {2, kTokens / 2}, kTokens, 7, *request.mutable_labels());
  v1::Rollout& rollout = *request.mutable_rollout();
  for (v1::Tensor* tensor : {rollout.mutable_advantages(), rollout.mutable_old_log_probs()}) {
    SetData(v1::DATA_TYPE_FLOAT32, {2, kTokens / 2}, size_t{4} * kTokens, 0, *tensor);
  }
  ExpectAskedForWhatItTakes("Compute", request.SerializeAsString());
}

TEST_F(AskedWorkTest, ComputeAsksForValuesThatAreListed) {
  v1::ComputeRequest request;
  request.mutable_logits()->add_shape(1000);
  request.mutable_logits()->add_shape(200);
  request.mutable_logits()->mutable_float_values()->Resize(200000, 0.5);
  request.mutable_labels()->mutable_int_values()->Resize(1000, 3);
  request.mutable_outputs()->set_gradient(true);
  request.mutable_outputs()->set_probabilities(true);
  ExpectAskedForWhatItTakes("Compute", request.SerializeAsString());
}

TEST_F(AskedWorkTest, ComputeAsksForTheClassesOfABatchWithoutSamples) {
  const Case cases[] = {
      {"statistics", "outputs { class_statistics: true }"},
      {"scheme", "loss { class_weighting { scheme { scheme: WEIGHT_SCHEME_MEDIAN_FREQUENCY } } }"},
      {"both",
       "outputs { class_statistics: true present_classes_only: true } loss { activation: "
       "ACTIVATION_SIGMOID class_weighting { scheme { scheme: WEIGHT_SCHEME_BALANCED } } }"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    const auto request = FromText<v1::ComputeRequest>(
        absl::StrCat("logits { shape: [0, 500000] } labels {} ", one.text));
    ExpectAskedForWhatItTakes("Compute", request.SerializeAsString());
  }
}

TEST_F(AskedWorkTest, ComputeAsksForTheVectorsOfItsClasses) {
  v1::ComputeRequest request;
  SetData(v1::DATA_TYPE_FLOAT32, {1, 300000}, size_t{4} * 300000, 0, *request.mutable_logits());
  request.mutable_labels()->add_int_values(5);
  SetData(v1::DATA_TYPE_UINT8, {300000}, 300000, 9,
          *request.mutable_loss()->mutable_logit_adjustment()->mutable_margin()->mutable_counts());
  SetData(v1::DATA_TYPE_FLOAT16, {300000}, size_t{2} * 300000, 0,
          *request.mutable_loss()->mutable_class_weighting()->mutable_weights());
  request.mutable_outputs()->set_gradient(true);
  ExpectAskedForWhatItTakes("Compute", request.SerializeAsString());
}

TEST_F(AskedWorkTest, ManyEntriesOfTopKAreAskedFor) {
  v1::ComputeRequest request;
  SetData(v1::DATA_TYPE_FLOAT32, {2, 500000}, size_t{8} * 500000, 0, *request.mutable_logits());
  request.mutable_labels()->mutable_int_values()->Resize(2, 1);
  request.mutable_outputs()->mutable_top_k()->Resize(65536, 3);
  ExpectAskedForWhatItTakes("Compute", request.SerializeAsString());
}

TEST_F(AskedWorkTest, CompareAsksForEveryLoss) {
  auto request = LabelledBatch<v1::CompareRequest>();
  for (int i = 0; i < 4; ++i) {
    v1::LossSpec& loss = *request.add_losses();
    if (i % 2 == 0) loss.set_activation(v1::ACTIVATION_SIGMOID);
  }
  ExpectAskedForWhatItTakes("Compare", request.SerializeAsString());
  const auto empty = FromText<v1::CompareRequest>(
      "logits { shape: [0, 100000] } labels {} losses {} losses {} losses {}");
  ExpectAskedForWhatItTakes("Compare", empty.SerializeAsString());
}

TEST_F(AskedWorkTest, ClassWeightsAskForTheClasses) {
  const auto request =
      FromText<v1::ComputeClassWeightsRequest>("labels { int_values: 1 } class_count: 300000");
  ExpectAskedForWhatItTakes("ComputeClassWeights", request.SerializeAsString());
  const auto by_label =
      FromText<v1::ComputeClassWeightsRequest>("labels { int_values: [1, 299999] }");
  ExpectAskedForWhatItTakes("ComputeClassWeights", by_label.SerializeAsString());
}

TEST_F(AskedWorkTest, ClassWeightsAskForTheLabels) {
  v1::ComputeClassWeightsRequest request;
  SetData(v1::DATA_TYPE_UINT8, {2000000}, 2000000, 3, *request.mutable_labels());
  SetData(v1::DATA_TYPE_UINT8, {2000000}, 2000000, 3, *request.mutable_sample_weights());
  ExpectAskedForWhatItTakes("ComputeClassWeights", request.SerializeAsString());
}

TEST_F(AskedWorkTest, InformationAsksForItsDistributions) {
  for (const int64_t rows : {1, 1000}) {
    v1::MeasureInformationRequest request;
    const int64_t outcomes = 1000000 / rows;
    SetData(v1::DATA_TYPE_FLOAT16, {rows, outcomes}, 2000000, 0x11, *request.mutable_p());
    SetData(v1::DATA_TYPE_FLOAT16, {rows, outcomes}, 2000000, 0x12, *request.mutable_q());
    request.set_self_information(true);
    ExpectAskedForWhatItTakes("MeasureInformation", request.SerializeAsString());
  }
}

}  // namespace
}  // namespace lossd::rpc
