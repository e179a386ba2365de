// What a ComputeRequest says of its samples: logits, labels, weights and upstream gradients.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/decode/compute_refusals.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;

TEST(ComputeRequestDecoder, RefusesLogits) {
  ExpectComputeRefusals({
      {kLabels, "logits is not set, expected a tensor of floats"},
      {absl::StrCat("logits { shape: [2, 3] int_values: [2, 1, 0, 0, 1, 2] }", kLabels),
       "logits.data_type = INT64, expected FLOAT16, BFLOAT16, FLOAT32 or FLOAT64"},
      {absl::StrCat("logits { shape: [2, 3] float_values: [2, 1, 0, 0, 1] }", kLabels),
       "logits.float_values has 5 values, expected 6 for shape [2, 3]"},
      {absl::StrCat("logits { shape: [2, 3] data: '12345678' }", kLabels),
       "logits.data has 8 bytes, expected 24 for FLOAT32 of shape [2, 3]"},
      {absl::StrCat("logits { shape: [2, 3] data: '123456789012' data_type: DATA_TYPE_FLOAT64 }",
                    kLabels),
       "logits.data has 12 bytes, expected 48 for FLOAT64 of shape [2, 3]"},
      {absl::StrCat("logits { data: '12345678' }", kLabels),
       "logits.shape is not set, expected the shape of the elements in data"},
      {absl::StrCat("logits { shape: [-2, 3] float_values: 1 }", kLabels),
       "logits.shape[0] = -2, expected an extent >= 0"},
      {absl::StrCat("logits { shape: [2, 9223372036854775807] float_values: 1 }", kLabels),
       "logits.shape = [2, 9223372036854775807] has more elements than can be counted"},
      {absl::StrCat("logits { shape: [1, 1, 1, 1, 1, 1, 1, 1, 1] float_values: 1 }", kLabels),
       "logits.shape has 9 axes, expected at most 8"},
      {absl::StrCat("logits { shape: [2, 3] float_values: 1 data: '1234' }", kLabels),
       "logits has data and float_values, expected at most one of data, float_values, int_values"},
      {absl::StrCat("logits { shape: 1 float_values: 1 data_type: 42 }", kLabels),
       "logits.data_type = 42 is not a DataType"},
      {absl::StrCat("logits { shape: [2, 0] }", kLabels),
       "logits.shape = [2, 0] has no classes, expected at least 1 on axis 1"},
      {absl::StrCat("logits { float_values: [1, 2] }", kLabels),
       "logits.shape = [2], expected [N, C] or more axes for softmax"},
      {Softmax("class_axis: 2"),
       "class_axis = 2 for logits of shape [2, 3], expected -1 or 1 (the last axis)"},
      {"logits { shape: [1, 2, 1] float_values: [1, 2] } labels { shape: [1, 1] int_values: 0 } "
       "class_axis: 0",
       "class_axis = 0 for logits of shape [1, 2, 1], expected 1, or -1 or 2 (the last axis)"},
  });
}

TEST(ComputeRequestDecoder, RefusesSoftmaxLabels) {
  ExpectComputeRefusals({
      {kLogits, "labels is not set, expected a tensor of classes or targets, or teacher_logits"},
      {WithLabels("int_values: [0, 3]"), "labels[1] = 3 is not in [0, 3)"},
      {WithLabels("int_values: [-1, 0]"), "labels[0] = -1 is not in [0, 3)"},
      {absl::StrCat(WithLabels("int_values: [-100, 7]"), "loss { ignore_index: -100 }"),
       "labels[1] = 7 is not in [0, 3) and is not ignore_index -100"},
      {WithLabels("int_values: [0, 1, 2]"),
       "labels.shape = [3], expected [2] for integer labels, the class of each sample"},
      {WithLabels("shape: [2, 3] int_values: [1, 0, 0, 0, 0, 1]"),
       "labels.shape = [2, 3], expected [2] for integer labels, the class of each sample"},
      {WithLabels("float_values: [0, 2]"),
       "labels.shape = [2], expected the logits' shape [2, 3] for float labels, a target per "
       "class"},
      {WithLabels("shape: [2, 3] float_values: [1, 0, 0, 0, -0.25, 1]"),
       "labels[1, 1] = -0.25, expected a finite number >= 0"},
      {WithLabels("shape: [2, 3] float_values: [1, 0, nan, 0, 0, 1]"),
       "labels[0, 2] = nan, expected a finite number >= 0"},
      {WithLabels("shape: [2, 3] float_values: [inf, 0, 0, 0, 0, 1]"),
       "labels[0, 0] = inf, expected a finite number >= 0"},
      {WithLabels("shape: 2 data: '1234567890123456'"),
       "labels.data_type is not set, expected the type of the elements in data"},
      {WithLabels("int_values: [0, 300] data_type: DATA_TYPE_UINT8"),
       "labels[1] = 300 is not in [0, 255] of UINT8"},
      {WithLabels("int_values: [0, 1] data_type: DATA_TYPE_FLOAT32"),
       "labels.data_type = FLOAT32 beside int_values, expected INT32, INT64 or UINT8"},
      {absl::StrCat(kLogits, kTargets, "loss { ignore_index: 1 }"),
       "loss.ignore_index = 1 beside float labels, expected integer labels; sample_weights of the "
       "losses' shape ignore where they are 0"},
  });
}

TEST(ComputeRequestDecoder, RefusesSigmoidLabels) {
  const auto with_labels = [](absl::string_view labels) {
    return absl::StrCat(WithLabels(labels), " loss {", kSigmoid, " }");
  };
  ExpectComputeRefusals({
      {with_labels("shape: [2, 3] int_values: [0, 1, 0, 1, 2, 1]"),
       "labels[1, 1] = 2 is not 0 or 1"},
      {with_labels("shape: [2, 3] float_values: [0, 1, 0, 1, 1.5, 1]"),
       "labels[1, 1] = 1.5 is not in [0, 1]"},
      {with_labels("shape: [2, 3] float_values: [0, 1, 0, 1, nan, 1]"),
       "labels[1, 1] = nan is not in [0, 1]"},
      {with_labels("int_values: [0, 4]"), "labels[1] = 4 is not in [0, 3]"},
      {with_labels("int_values: [0, 1, 2]"),
       "labels.shape = [3], expected the logits' shape [2, 3] for 0/1 labels or [2] for class "
       "labels"},
      {absl::StrCat("logits { float_values: [1, 2] } labels { int_values: [0, 2] } loss {",
                    kSigmoid, " }"),
       "labels[1] = 2 is not 0 or 1"},
      // The place is the request's, also when the classes are not the last axis.
      {absl::StrCat("class_axis: 1 logits { shape: [1, 2, 3] float_values: [1, 2, 3, 4, 5, 6] } "
                    "labels { shape: [1, 2, 3] int_values: [0, 1, 0, 1, 1, 9] } loss {",
                    kSigmoid, " }"),
       "labels[0, 1, 2] = 9 is not 0 or 1"},
  });
}

// A head with one column and labels of its rows: libraries disagree on which label is the yes
// (mmsegmentation#2208, mmdetection#3228), so neither is guessed.
TEST(ComputeRequestDecoder, RefusesClassLabelsBesideOneColumnOfSigmoid) {
  const auto sigmoid = [](absl::string_view rest) {
    return absl::StrCat(rest, " loss {", kSigmoid, " }");
  };
  ExpectComputeRefusals({
      {sigmoid("logits { shape: [2, 1] float_values: [4, -4] } labels { int_values: [1, 0] }"),
       "labels.shape = [2], expected the logits' shape [2, 1] for 0/1 labels: as classes of one "
       "column, label 0 would be the yes"},
      // Labels that no one takes for yes and no, in any type, with and without values.
      {sigmoid("logits { shape: [2, 1] float_values: [4, -4] } labels { int_values: [0, 0] "
               "data_type: DATA_TYPE_UINT8 } "),
       "labels.shape = [2], expected the logits' shape [2, 1] for 0/1 labels: as classes of one "
       "column, label 0 would be the yes"},
      {sigmoid("logits { shape: [0, 1] } labels { shape: 0 }"),
       "labels.shape = [0], expected the logits' shape [0, 1] for 0/1 labels: as classes of one "
       "column, label 0 would be the yes"},
      {sigmoid("logits { shape: [1, 2, 1] data: '12345678' } labels { shape: [1, 2] data: "
               "'12345678' data_type: DATA_TYPE_INT32 }"),
       "labels.shape = [1, 2], expected the logits' shape [1, 2, 1] for 0/1 labels: as classes of "
       "one column, label 0 would be the yes"},
      {sigmoid("class_axis: 1 logits { shape: [1, 1, 2] float_values: [4, -4] } "
               "labels { shape: [1, 2] int_values: [1, 0] }"),
       "labels.shape = [1, 2], expected the logits' shape [1, 1, 2] for 0/1 labels: as classes of "
       "one column, label 0 would be the yes"},
      {sigmoid("logits { shape: [2, 1] float_values: [4, -4] } labels { int_values: [1, 0, 1] }"),
       "labels.shape = [3], expected the logits' shape [2, 1] for 0/1 labels"},
      {sigmoid("logits { shape: [2, 1] float_values: [4, -4] } labels { float_values: [1, 0] }"),
       "labels.shape = [2], expected the logits' shape [2, 1] for float labels, a target per "
       "class"},
      {sigmoid("logits { float_values: [4, -4] } labels { shape: [2, 1] int_values: [1, 0] }"),
       "labels.shape = [2, 1], expected the logits' shape [2] for 0/1 labels"},
  });
}

TEST(ComputeRequestDecoder, RefusesSampleWeightsAndUpstreamGradient) {
  ExpectComputeRefusals({
      {Softmax("sample_weights { float_values: [1, -1] }"),
       "sample_weights[1] = -1, expected a finite number >= 0"},
      {Softmax("sample_weights { float_values: [nan, 1] }"),
       "sample_weights[0] = nan, expected a finite number >= 0"},
      {Softmax("sample_weights { float_values: [1, inf] }"),
       "sample_weights[1] = inf, expected a finite number >= 0"},
      {Softmax("sample_weights { float_values: [1, 1, 1] }"),
       "sample_weights.shape = [3], expected the losses' shape [2]"},
      {Sigmoid("sample_weights { float_values: [1, 1, 1] }"),
       "sample_weights.shape = [3], expected the losses' shape [2, 3] or [2]"},
      {Softmax("sample_weights { shape: 2 data: '12345678' }"),
       "sample_weights.data_type is not set, expected the type of the elements in data"},
      {Softmax("upstream_gradient { float_values: [1, -inf] }"),
       "upstream_gradient[1] = -inf, expected a finite number"},
      {Softmax("upstream_gradient { shape: [2, 1] float_values: [1, 1] }"),
       "upstream_gradient.shape = [2, 1], expected the losses' shape [2]"},
      {Softmax("upstream_gradient { float_values: [1, 1] } reduction: REDUCTION_MEAN"),
       "upstream_gradient acts with REDUCTION_NONE only, but the reduction is REDUCTION_MEAN"},
  });
}

// Padding may hold anything: sentinels in soft targets (MambaInLlama#11), labels that are no class.
TEST(ComputeRequestDecoder, ReadsNothingOfSamplesThatWeighNothing) {
  const std::string nothing = " sample_weights { float_values: [1, 0] }";
  const std::string zeros = " sample_weights { shape: [2, 3] float_values: [1, 1, 1, 1, 0, 0] }";
  const std::string prior =
      "loss { logit_adjustment { prior { counts { int_values: [1, 2, 0] } } } }";
  for (const std::string& request : {
           absl::StrCat(WithLabels("int_values: [0, 255]"), nothing),
           absl::StrCat(WithLabels("int_values: [0, -100]"), nothing, "loss { ignore_index: 7 }"),
           // The largest FLOAT32 that is below half of its smallest is rounded to 0.
           absl::StrCat(WithLabels("int_values: [0, 255]"),
                        "sample_weights { float_values: [1, 7e-46] data_type: DATA_TYPE_FLOAT32 }"),
           absl::StrCat(WithLabels("int_values: [0, 255]"),
                        "sample_weights { float_values: [1, -0.0] }"),
           absl::StrCat(WithLabels("int_values: [0, 255]"),
                        "sample_weights { int_values: [1, 0] }"),
           absl::StrCat(WithLabels("shape: [2, 3] float_values: [1, 0, 0, nan, -1, inf]"), nothing),
           absl::StrCat(WithLabels("shape: [2, 3] float_values: [1, 0, 0, 0, 0, 0]"), nothing,
                        "loss { jensen_shannon {} }"),
           absl::StrCat(WithLabels("shape: [2, 3] float_values: [1, 0, 0, 9, nan, 0]"), nothing,
                        "loss { jensen_shannon {} }"),
           absl::StrCat(kLogits, kLabels, nothing, prior),
           absl::StrCat(kLogits, kTargets, nothing, prior),
           absl::StrCat(kLogits, kLabels, nothing, "upstream_gradient { float_values: [2, nan] }"),
           absl::StrCat(WithLabels("int_values: [0, 7]"), "loss { ignore_index: 7 }",
                        "upstream_gradient { float_values: [2, nan] }"),
           absl::StrCat(WithLabels("shape: [2, 3] int_values: [0, 1, 0, 1, 255, -1]"), zeros,
                        "loss {", kSigmoid,
                        "} upstream_gradient { shape: [2, 3] float_values: "
                        "[1, 1, 1, 1, nan, inf] }"),
           absl::StrCat(WithLabels("shape: [2, 3] float_values: [0, 1, 0, 1, 255, nan]"), zeros,
                        "loss {", kSigmoid, "}"),
           // The second row has no weight at all: its class is not read, nor one number for it.
           absl::StrCat(WithLabels("int_values: [3, 9]"), nothing, "loss {", kSigmoid,
                        "} upstream_gradient { float_values: [1, nan] }"),
           absl::StrCat(WithLabels("int_values: [3, 9]"),
                        "sample_weights { shape: [2, 3] float_values: [0, 0, 1, 0, 0, 0] } loss {",
                        kSigmoid, "}"),
           // Where the classes are the second axis.
           absl::StrCat(
               "class_axis: 1 logits { shape: [1, 2, 3] float_values: [1, 2, 3, 4, 5, 6] } "
               "labels { shape: [1, 2, 3] float_values: [1, nan, 0, 0, 9, 1] } "
               "sample_weights { shape: [1, 3] float_values: [1, 0, 1] }"),
           absl::StrCat(
               "class_axis: 1 logits { shape: [1, 2, 3] float_values: [1, 2, 3, 4, 5, 6] } "
               "labels { shape: [1, 2, 3] int_values: [1, 9, 0, 0, 1, 1] } loss {",
               kSigmoid,
               "} sample_weights { shape: [1, 2, 3] float_values: "
               "[1, 0, 1, 1, 1, 1] }"),
       }) {
    const absl::Status status = Decode(FromText<v1::ComputeRequest>(request));
    EXPECT_TRUE(status.ok()) << request << "\n" << status;
  }
}

TEST(ComputeRequestDecoder, ReadsWhatWeighsSomething) {
  const std::string nothing = " sample_weights { float_values: [1, 0] }";
  ExpectComputeRefusals({
      {absl::StrCat(WithLabels("int_values: [4, 255]"), nothing), "labels[0] = 4 is not in [0, 3)"},
      {absl::StrCat(WithLabels("shape: [2, 3] float_values: [1, nan, 0, nan, -1, inf]"), nothing),
       "labels[0, 1] = nan, expected a finite number >= 0"},
      {absl::StrCat(WithLabels("shape: [2, 3] float_values: [0.5, 0, 0, 0, 0, 0]"), nothing,
                    "loss { jensen_shannon {} }"),
       "labels[0] sums to 0.5, expected 1 for jensen_shannon"},
      {absl::StrCat(WithLabels("int_values: [2, 2]"), nothing,
                    "loss { logit_adjustment { prior { counts { int_values: [1, 2, 0] } } } }"),
       "labels[0] is on class 2, which has no samples in logit_adjustment.prior.counts"},
      {absl::StrCat(WithLabels("int_values: [3, 9]"), "loss {", kSigmoid, "} sample_weights { ",
                    "shape: [2, 3] float_values: [0, 0, 0, 0, 0, 1] }"),
       "labels[1] = 9 is not in [0, 3]"},
      {absl::StrCat(kLogits, kBinaryLabels, "loss {", kSigmoid, "} sample_weights { ",
                    "shape: [2, 3] float_values: [0, 0, 0, 0, 0, 1] } upstream_gradient { ",
                    "float_values: [nan, nan] }"),
       "upstream_gradient[1] = nan, expected a finite number"},
      // A class weight of 0 and an upstream gradient of 0 ignore nothing.
      {absl::StrCat(WithLabels("int_values: [0, 255]"),
                    "upstream_gradient { float_values: [1, 0] }"),
       "labels[1] = 255 is not in [0, 3)"},
      {absl::StrCat(WithLabels("shape: [2, 3] float_values: [1, 0, nan, 0, 0, 1]"),
                    "loss { class_weighting { weights { float_values: [1, 1, 0] } } }"),
       "labels[0, 2] = nan, expected a finite number >= 0"},
      {Softmax("upstream_gradient { float_values: [2, nan] } loss { ignore_index: 0 }"),
       "upstream_gradient[1] = nan, expected a finite number"},
      {absl::StrCat("class_axis: 1 logits { shape: [1, 2, 3] float_values: [1, 2, 3, 4, 5, 6] } "
                    "labels { shape: [1, 2, 3] float_values: [1, nan, 0, 0, 9, nan] } "
                    "sample_weights { shape: [1, 3] float_values: [1, 0, 1] }"),
       "labels[0, 1, 2] = nan, expected a finite number >= 0"},
  });
}

// Images that have their classes second, as PyTorch's (pytorch#29754) and ONNX's
// (onnxruntime#25807), without saying so; and the other way round.
TEST(ComputeRequestDecoder, NamesTheClassAxisThatWouldFit) {
  const std::string logits = "logits { shape: [1, 2, 2, 3] data_type: DATA_TYPE_FLOAT32 data: '" +
                             std::string(48, 'x') + "' } ";
  const std::string labels = "labels { shape: [1, 2, 3] int_values: [0, 1, 0, 1, 0, 1] } ";
  const std::string first = "labels { shape: [1, 2, 2] int_values: [0, 1, 0, 1] } ";
  ExpectComputeRefusals({
      {logits + labels,
       "labels.shape = [1, 2, 3], expected [1, 2, 2] for integer labels, the class of each sample; "
       "class_axis 1 would fit"},
      {logits + first + "class_axis: 1",
       "labels.shape = [1, 2, 2], expected [1, 2, 3] for integer labels, the class of each sample; "
       "class_axis -1 would fit"},
      {logits + labels + "loss { activation: ACTIVATION_SIGMOID }",
       "labels.shape = [1, 2, 3], expected the logits' shape [1, 2, 2, 3] for 0/1 labels or "
       "[1, 2, 2] for class labels; class_axis 1 would fit"},
      {logits + first + "sample_weights { shape: [1, 2, 3] float_values: [0, 1, 0, 1, 0, 1] }",
       "sample_weights.shape = [1, 2, 3], expected the losses' shape [1, 2, 2] or [1]; class_axis "
       "1 would fit"},
      // Nothing fits, or there is no other axis.
      {logits + "labels { shape: [1, 3, 2] int_values: [0, 1, 0, 1, 0, 1] } ",
       "labels.shape = [1, 3, 2], expected [1, 2, 2] for integer labels, the class of each sample"},
      {"logits { shape: [2, 3] float_values: [1, 2, 3, 4, 5, 6] } labels { int_values: [0, 1, 2] }",
       "labels.shape = [3], expected [2] for integer labels, the class of each sample"},
  });
}

// A sentinel in float targets (micro-sam#1365): what it is for, and where it is, are told at once.
TEST(ComputeRequestDecoder, SaysHowToIgnoreFloatTargets) {
  const absl::Status status = Decode(FromText<v1::ComputeRequest>(
      absl::StrCat(WithLabels("shape: [2, 3] float_values: [0.9, 255, 0, 0, 0.7, 255]"),
                   " loss { ignore_index: 255 ", kSigmoid, " }")));
  EXPECT_THAT(
      Violations(status),
      ElementsAre("labels[0, 1] = 255 is not in [0, 1]", "labels[1, 2] = 255 is not in [0, 1]",
                  "loss.ignore_index = 255 beside float labels, expected integer labels; "
                  "sample_weights of the losses' shape ignore where they are 0"));
  // A row that breaks the rules of targets breaks none of the loss's beside.
  const absl::Status divergence = Decode(FromText<v1::ComputeRequest>(
      absl::StrCat(WithLabels("shape: [2, 3] float_values: [-1, 2, 0, 0, 0.7, 0]"),
                   " loss { jensen_shannon {} }")));
  EXPECT_THAT(Violations(divergence),
              ElementsAre("labels[0, 0] = -1, expected a finite number >= 0",
                          "labels[1] sums to 0.7, expected 1 for jensen_shannon"));
}

TEST(ComputeRequestDecoder, ChecksOtherTensorsBesideBadLogits) {
  const auto request = FromText<v1::ComputeRequest>(
      "logits { shape: [2, 3] float_values: 1 } labels { shape: [3] int_values: 1 } "
      "sample_weights { shape: 1 data: '1234' }");
  EXPECT_THAT(Violations(Decode(request)),
              ElementsAre("logits.float_values has 1 values, expected 6 for shape [2, 3]",
                          "labels.int_values has 1 values, expected 3 for shape [3]",
                          "sample_weights.data_type is not set, expected the type of the elements "
                          "in data"));
}

}  // namespace
}  // namespace lossd::rpc
