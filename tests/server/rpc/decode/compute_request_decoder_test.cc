#include "server/rpc/decode/compute_request_decoder.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/decode/compute_refusals.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

TEST(ComputeRequestDecoder, RefusesReduction) {
  ExpectComputeRefusals({
      {Softmax("reduction: 9"), "reduction = 9 is not a Reduction"},
      {Softmax("reduction: REDUCTION_MEAN normalizer: -3"),
       "normalizer = -3, expected a finite number >= 0"},
      {Softmax("reduction: REDUCTION_MEAN normalizer: nan"),
       "normalizer = nan, expected a finite number >= 0"},
      {Softmax("reduction: REDUCTION_MEAN_VALID normalizer: inf"),
       "normalizer = inf, expected a finite number >= 0"},
      {Softmax("reduction: REDUCTION_SUM normalizer: 2"),
       "normalizer acts with REDUCTION_MEAN, REDUCTION_MEAN_VALID and REDUCTION_SEQUENCE_MEAN "
       "only, "
       "but the reduction is REDUCTION_SUM"},
      {Softmax("normalizer: 2"),
       "normalizer acts with REDUCTION_MEAN, REDUCTION_MEAN_VALID and REDUCTION_SEQUENCE_MEAN "
       "only, "
       "but the reduction is REDUCTION_UNSPECIFIED"},
  });
}

TEST(ComputeRequestDecoder, RefusesLoss) {
  ExpectComputeRefusals({
      {SoftmaxLoss("activation: 5"), "loss.activation = 5 is not an Activation"},
      {SoftmaxLoss("focal { gamma: -1 }"), "loss.focal.gamma = -1, expected a finite number >= 0"},
      {SoftmaxLoss("focal { gamma: nan }"),
       "loss.focal.gamma = nan, expected a finite number >= 0"},
      {SoftmaxLoss("focal { gamma: inf }"),
       "loss.focal.gamma = inf, expected a finite number >= 0"},
      {SoftmaxLoss("focal { soft_target_rule: 8 }"),
       "loss.focal.soft_target_rule = 8 is not a SoftTargetRule"},
      {SoftmaxLoss("focal { soft_target_rule: SOFT_TARGET_RULE_BLENDED }"),
       "loss.focal.soft_target_rule = BLENDED acts with sigmoid only, but the activation is "
       "softmax"},
      {SoftmaxLoss("label_smoothing: 1"), "loss.label_smoothing = 1 is not in [0, 1)"},
      {SoftmaxLoss("label_smoothing: -0.1"), "loss.label_smoothing = -0.1 is not in [0, 1)"},
      {SoftmaxLoss("label_smoothing: nan"), "loss.label_smoothing = nan is not in [0, 1)"},
      {SoftmaxLoss("poly1 { epsilon: -1.5 }"),
       "loss.poly1.epsilon = -1.5, expected a finite number >= -1"},
      {SoftmaxLoss("generalized_cross_entropy { q: 0 }"),
       "loss.generalized_cross_entropy.q = 0 is not in (0, 1]"},
      {SoftmaxLoss("symmetric_cross_entropy { log_zero: 0 }"),
       "loss.symmetric_cross_entropy.log_zero = 0, expected a finite number < 0"},
      {SoftmaxLoss("asymmetric {}"),
       "loss.asymmetric acts with sigmoid only, but the activation is softmax"},
      {SigmoidLoss("asymmetric { margin: 1 }"), "loss.asymmetric.margin = 1 is not in [0, 1)"},
      {SigmoidLoss("quality_focal { beta: 0.5 }"),
       "loss.quality_focal.beta = 0.5, expected 0 or at least 1"},
      {SigmoidLoss("quality_focal { beta: -1 }"),
       "loss.quality_focal.beta = -1, expected a finite number >= 0"},
      {SigmoidLoss("varifocal {} label_smoothing: 0.1"),
       "loss.label_smoothing = 0.1, expected 0 for varifocal, which takes no smoothing"},
      {SigmoidLoss("focal_star { gamma: 0 }"),
       "loss.focal_star.gamma = 0, expected a finite number > 0"},
      {SigmoidLoss("focal_star { beta: inf }"),
       "loss.focal_star.beta = inf, expected a finite number"},
      {absl::StrCat(WithLabels("shape: [2, 3] float_values: [1, 0, 0, 0.5, 0, 0.25]"),
                    "loss { jensen_shannon {} }"),
       "labels[1] sums to 0.75, expected 1 for jensen_shannon"},
      {absl::StrCat(WithLabels("shape: [2, 3] float_values: [1, 0, 0, 0.5, 0, 0.25]"),
                    "loss { jensen_shannon { beta: 0.25 } }"),
       "labels[1] sums to 0.75, expected 1 for jensen_shannon"},
      {SoftmaxLoss("jensen_shannon { beta: 0 }"), "loss.jensen_shannon.beta = 0 is not in (0, 1)"},
      {SoftmaxLoss("jensen_shannon { beta: 1 }"), "loss.jensen_shannon.beta = 1 is not in (0, 1)"},
      {SigmoidLoss("hinge { margin: 0 }"), "loss.hinge.margin = 0, expected a finite number > 0"},
      {SoftmaxLoss("hinge {}"), "loss.hinge acts with sigmoid only, but the activation is softmax"},
      {SigmoidLoss("squared_margin { target: inf }"),
       "loss.squared_margin.target = inf, expected a finite number"},
      {SoftmaxLoss("squared_margin {}"),
       "loss.squared_margin acts with sigmoid only, but the activation is softmax"},
      {SoftmaxLoss("reverse_kl_divergence {}"),
       "labels are integers, expected floats for reverse_kl_divergence, a target per class, or "
       "teacher_logits"},
      {SigmoidLoss("reverse_kl_divergence {}"),
       "loss.reverse_kl_divergence acts with softmax only, but the activation is sigmoid"},
  });
}

TEST(ComputeRequestDecoder, RefusesWhatActsOnLogits) {
  const auto adjustment = [](absl::string_view text) {
    return SoftmaxLoss(absl::StrCat("logit_adjustment { ", text, " }"));
  };
  const std::string path = "loss.logit_adjustment";
  ExpectComputeRefusals({
      {SoftmaxLoss("temperature: -1"), "loss.temperature = -1, expected a finite number >= 0"},
      {SoftmaxLoss("temperature: inf"), "loss.temperature = inf, expected a finite number >= 0"},
      {SoftmaxLoss("softcap: -30"), "loss.softcap = -30, expected a finite number >= 0"},
      {SoftmaxLoss("softcap: nan"), "loss.softcap = nan, expected a finite number >= 0"},
      {SoftmaxLoss("z_loss: -1"), "loss.z_loss = -1, expected a finite number >= 0"},
      {SigmoidLoss("z_loss: 1"),
       "loss.z_loss acts with softmax only, but the activation is sigmoid"},
      {SigmoidLoss("logit_adjustment { prior { counts { int_values: [1, 2, 3] } } }"),
       path + " acts with softmax only, but the activation is sigmoid"},
      {adjustment(""), path + " sets none of prior, margin and seesaw"},
      {adjustment("prior {}"),
       path + ".prior.counts is not set, expected the number of samples of each class"},
      {adjustment("prior { counts { int_values: [1, 2] } }"),
       path + ".prior.counts.shape = [2], expected [3], one entry per class"},
      {adjustment("prior { tau: nan counts { int_values: [1, 2, 3] } }"),
       path + ".prior.tau = nan, expected a finite number"},
      {adjustment("margin { counts { int_values: [0, 0, 0] } }"),
       path + ".margin.counts is 0 for every class, expected a class with samples"},
      {adjustment("margin { max_margin: -1 counts { int_values: [1, 2, 3] } }"),
       path + ".margin.max_margin = -1, expected a finite number >= 0"},
      {adjustment("margin { scale: 0 counts { int_values: [1, 2, 3] } }"),
       path + ".margin.scale = 0, expected a finite number > 0"},
      {adjustment("seesaw { p: -1 counts { int_values: [1, 2, 3] } }"),
       path + ".seesaw.p = -1, expected a finite number >= 0"},
      {adjustment("seesaw { q: inf counts { int_values: [1, 2, 3] } }"),
       path + ".seesaw.q = inf, expected a finite number >= 0"},
      {adjustment("seesaw { eps: 0 counts { int_values: [1, 2, 3] } }"),
       path + ".seesaw.eps = 0 is not in (0, 1]"},
      {adjustment("seesaw { counts { float_values: [1, nan, 3] } }"),
       path + ".seesaw.counts[1] = nan, expected a finite number >= 0"},
      // Its part of the target has no probability (BalancedMetaSoftmax#15).
      {absl::StrCat(WithLabels("int_values: [0, 1]"),
                    "loss { label_smoothing: 0.1 logit_adjustment { prior { counts { int_values: "
                    "[7, 3, 0] } } } }"),
       "loss.label_smoothing = 0.1, expected 0 beside class 2, which has no samples in "
       "logit_adjustment.prior.counts"},
      {adjustment("prior { counts { int_values: [1, 2, 0] } }"),
       "labels[1] is on class 2, which has no samples in logit_adjustment.prior.counts"},
      {absl::StrCat(kLogits, kTargets,
                    "loss { logit_adjustment { prior { counts { int_values: [1, 2, 0] } } } }"),
       "labels[1] is on class 2, which has no samples in logit_adjustment.prior.counts"},
      {absl::StrCat(kLogits, kTargets,
                    "loss { logit_adjustment { margin { counts { int_values: [1, 2, 3] } } } }"),
       path + ".margin is set beside float labels, expected integer labels"},
      {absl::StrCat(kLogits, kTargets,
                    "loss { logit_adjustment { seesaw { counts { int_values: [1, 2, 3] } } } }"),
       path + ".seesaw is set beside float labels, expected integer labels"},
  });
}

TEST(ComputeRequestDecoder, RefusesMining) {
  const auto mining = [](absl::string_view text) {
    return SoftmaxLoss(absl::StrCat("mining { ", text, " }"));
  };
  const std::string path = "loss.mining";
  ExpectComputeRefusals({
      {mining(""), path + " sets none of hardest, below and gradient_harmonizing"},
      {mining("hardest {}"), path + ".hardest sets neither keep_fraction nor keep_count"},
      {mining("hardest { keep_fraction: 0 }"),
       path + ".hardest.keep_fraction = 0 is not in (0, 1]"},
      {mining("hardest { keep_fraction: 1.5 }"),
       path + ".hardest.keep_fraction = 1.5 is not in (0, 1]"},
      {mining("hardest { keep_count: 0 }"), path + ".hardest.keep_count = 0, expected >= 1"},
      {mining("below { probability: 0 }"), path + ".below.probability = 0 is not in (0, 1]"},
      {mining("below { min_kept: -1 }"), path + ".below.min_kept = -1, expected >= 0"},
      {mining("gradient_harmonizing { bins: 0 }"),
       path + ".gradient_harmonizing.bins = 0 is not in [1, 10000]"},
      {mining("gradient_harmonizing { bins: 2000000000 }"),
       path + ".gradient_harmonizing.bins = 2000000000 is not in [1, 10000]"},
  });
}

TEST(ComputeRequestDecoder, RefusesClassWeighting) {
  const auto softmax = [](absl::string_view weighting) {
    return SoftmaxLoss(absl::StrCat("class_weighting { ", weighting, " }"));
  };
  const auto sigmoid = [](absl::string_view weighting) {
    return SigmoidLoss(absl::StrCat("class_weighting { ", weighting, " }"));
  };
  const std::string path = "loss.class_weighting";
  ExpectComputeRefusals({
      {softmax("weights { float_values: [1, 2] }"),
       path + ".weights.shape = [2], expected [3], one entry per class"},
      {softmax("weights { shape: [1, 3] float_values: [1, 2, 3] }"),
       path + ".weights.shape = [1, 3], expected one axis"},
      {softmax("weights { float_values: [1, -2, 1] }"),
       path + ".weights[1] = -2, expected a finite number >= 0"},
      {softmax("weights { float_values: [1, 1, inf] }"),
       path + ".weights[2] = inf, expected a finite number >= 0"},
      {softmax("alpha: 0.25"),
       path + ".alpha acts with sigmoid only, but the activation is softmax"},
      {sigmoid("alpha: 1.25"), path + ".alpha = 1.25 is not in [0, 1]"},
      {sigmoid("alpha: nan"), path + ".alpha = nan is not in [0, 1]"},
      {softmax("positive_weights { float_values: 2 }"),
       path + ".positive_weights acts with sigmoid only, but the activation is softmax"},
      {sigmoid("positive_weights { float_values: [1, 2] }"),
       path + ".positive_weights.shape = [2], expected [3], one weight per class, or [1]"},
      {sigmoid("positive_weights { float_values: [1, 2, -1] }"),
       path + ".positive_weights[2] = -1, expected a finite number >= 0"},
      {softmax("scheme {}"),
       path + ".scheme.scheme is not set, expected a weight scheme such as WEIGHT_SCHEME_BALANCED"},
      {softmax("scheme { scheme: 77 }"), path + ".scheme.scheme = 77 is not a WeightScheme"},
      {softmax("scheme { scheme: WEIGHT_SCHEME_EFFECTIVE_NUMBER beta: 1 }"),
       path + ".scheme.beta = 1 is not in [0, 1)"},
      {softmax("scheme { scheme: WEIGHT_SCHEME_BALANCED beta: 0.9 }"),
       path + ".scheme.beta acts with WEIGHT_SCHEME_EFFECTIVE_NUMBER only"},
      {softmax("scheme { scheme: WEIGHT_SCHEME_BALANCED normalization: 6 }"),
       path + ".scheme.normalization = 6 is not a Normalization"},
      {softmax("scheme { scheme: WEIGHT_SCHEME_BALANCED counts { int_values: [1, 2] } }"),
       path + ".scheme.counts.shape = [2], expected [3], one entry per class"},
      {softmax("scheme { scheme: WEIGHT_SCHEME_BALANCED counts { int_values: [1, -2, 3] } }"),
       path + ".scheme.counts[1] = -2, expected a finite number >= 0"},
      {softmax("scheme { scheme: WEIGHT_SCHEME_BALANCED "
               "counts { float_values: [1e308, 1e308, 1] } }"),
       path + ".scheme.counts sums to inf, expected a finite sum"},
  });
}

TEST(ComputeRequestDecoder, RefusesOutputs) {
  const auto softmax = [](absl::string_view outputs) {
    return Softmax(absl::StrCat("outputs { ", outputs, " }"));
  };
  const auto sigmoid = [](absl::string_view outputs) {
    return Sigmoid(absl::StrCat("outputs { ", outputs, " }"));
  };
  ExpectComputeRefusals({
      {softmax("gradient_data_type: DATA_TYPE_INT32"),
       "outputs.gradient_data_type = INT32, expected FLOAT16, BFLOAT16, FLOAT32 or FLOAT64"},
      {softmax("gradient_data_type: 31"), "outputs.gradient_data_type = 31 is not a DataType"},
      {softmax("hessian_mode: 4"), "outputs.hessian_mode = 4 is not a HessianMode"},
      {softmax("hard_threshold: 0"), "outputs.hard_threshold = 0 is not in (0, 1)"},
      {softmax("hard_threshold: 1"), "outputs.hard_threshold = 1 is not in (0, 1)"},
      {softmax("hard_threshold: nan"), "outputs.hard_threshold = nan is not in (0, 1)"},
      {softmax("gradient_scale: inf"), "outputs.gradient_scale = inf, expected a finite number"},
      {softmax("top_k: [1, 0]"), "outputs.top_k[1] = 0, expected >= 1"},
      {sigmoid("top_k: 1"), "outputs.top_k acts with softmax only, but the activation is sigmoid"},
      {sigmoid("log_sum_exp: true"),
       "outputs.log_sum_exp acts with softmax only, but the activation is sigmoid"},
  });
}

// One round trip is enough to learn of everything.
TEST(ComputeRequestDecoder, ListsEverythingThatIsWrong) {
  const auto request = FromText<v1::ComputeRequest>(
      "logits { shape: [2, 3] float_values: [2, 1, 0, 0, 1, 2] } labels { int_values: [5, 2] } "
      "sample_weights { float_values: [1, -1] } reduction: 9 "
      "loss { focal { gamma: -1 } label_smoothing: 2 } outputs { hard_threshold: 7 }");
  const absl::Status status = Decode(request);
  EXPECT_THAT(Violations(status),
              ElementsAre("loss.focal.gamma = -1, expected a finite number >= 0",
                          "loss.label_smoothing = 2 is not in [0, 1)",
                          "outputs.hard_threshold = 7 is not in (0, 1)",
                          "sample_weights[1] = -1, expected a finite number >= 0",
                          "labels[0] = 5 is not in [0, 3)", "reduction = 9 is not a Reduction"));
  EXPECT_THAT(std::string(status.message()),
              StartsWith("loss.focal.gamma = -1, expected a finite number >= 0; "));
}

}  // namespace
}  // namespace lossd::rpc
