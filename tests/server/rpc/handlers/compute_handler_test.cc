#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "tests/server/rpc/errors/refusals.h"
#include "tests/server/rpc/from_text.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/handlers/compute_calls.h"
#include "tests/server/rpc/tensor/tensors.h"

namespace lossd::rpc {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

TEST(ComputeHandler, NotesTheLossAndTheShapeIfAsked) {
  CallContext context;
  CallNotes notes;
  context.notes = &notes;
  EXPECT_TRUE(CallHandlers()
                  ->Compute(FromText<v1::ComputeRequest>(
                                "loss { focal {} } logits { shape: [2, 3] float_values: [2, 1, 0, "
                                "0, 1, 2] } labels { int_values: [0, 0] }"),
                            context)
                  .ok());
  EXPECT_THAT(notes.losses, ElementsAre("focal"));
  EXPECT_THAT(notes.shape, ElementsAre(2, 3));
  EXPECT_EQ(notes.data_type, "FLOAT64");
  EXPECT_EQ(notes.rows, 2);
  EXPECT_EQ(notes.non_finite_losses, 0);
}

TEST(ComputeHandler, NotesHowManyLossesAreNotFinite) {
  CallContext context;
  CallNotes notes;
  context.notes = &notes;
  EXPECT_TRUE(CallHandlers()
                  ->Compute(FromText<v1::ComputeRequest>(
                                "logits { shape: [3, 2] float_values: [nan, 1, 0, 0, inf, 2] } "
                                "labels { int_values: [0, 0, 0] }"),
                            context)
                  .ok());
  EXPECT_EQ(notes.non_finite_losses, 2);
}

TEST(ComputeHandler, AnswersAPersonInNumbers) {
  const v1::ComputeResponse response = Compute(
      "logits { shape: [2, 3] float_values: [2, 1, 0, 0, 1, 2] } labels { int_values: [0, 0] } "
      "loss { focal { gamma: 2 } } outputs { gradient: true probabilities: true }");
  const Row first = FocalRow({2, 1, 0}, 0, 2);
  const Row second = FocalRow({0, 1, 2}, 0, 2);
  EXPECT_THAT(response.losses().float_values(),
              ElementsAre(DoubleNear(first.loss, 1e-14), DoubleNear(second.loss, 1e-14)));
  std::vector<double> gradient = first.gradient;
  gradient.insert(gradient.end(), second.gradient.begin(), second.gradient.end());
  EXPECT_THAT(response.gradient().float_values(), Pointwise(DoubleNear(1e-14), gradient));
  std::vector<double> p = first.p;
  p.insert(p.end(), second.p.begin(), second.p.end());
  EXPECT_THAT(response.probabilities().float_values(), Pointwise(DoubleNear(1e-15), p));
  EXPECT_THAT(response.gradient().shape(), ElementsAre(2, 3));
  EXPECT_THAT(response.losses().shape(), ElementsAre(2));
  EXPECT_NEAR(response.loss(), first.loss + second.loss, 1e-14);
  EXPECT_EQ(response.loss_sum(), response.loss());
  EXPECT_EQ(response.weight_sum(), 2);
  EXPECT_EQ(response.valid_count(), 2);
}

TEST(ComputeHandler, ComputesCrossEntropyWhenNoLossIsSet) {
  const v1::ComputeResponse response =
      Compute("logits { shape: [1, 2] float_values: [0, 0] } labels { int_values: 1 }");
  EXPECT_NEAR(response.loss(), std::log(2.0), 1e-15);
}

// Each parameter reaches its own place in the form, and one that is not set has its default.
TEST(ComputeHandler, UsesTheParametersGiven) {
  const auto loss = [](absl::string_view form) {
    return Compute(absl::StrCat("logits { shape: [1, 3] float_values: [2, 1, 0] } labels { "
                                "int_values: 1 } loss { ",
                                form, " }"))
        .loss();
  };
  const double p_t = FocalRow({2, 1, 0}, 1, 0).p[1];
  EXPECT_NEAR(loss("focal { gamma: 3.5 }"), FocalRow({2, 1, 0}, 1, 3.5).loss, 1e-15);
  EXPECT_NEAR(loss("focal { gamma: 0 }"), -std::log(p_t), 1e-15);
  EXPECT_NEAR(loss("focal {}"), FocalRow({2, 1, 0}, 1, 2).loss, 1e-15);
  EXPECT_NEAR(loss("symmetric_cross_entropy { alpha: 2 beta: 0 }"), -2 * std::log(p_t), 1e-14);
  EXPECT_NEAR(loss("symmetric_cross_entropy { alpha: 0 beta: 3 log_zero: -5 }"), 3 * 5 * (1 - p_t),
              1e-14);
  EXPECT_NEAR(loss("symmetric_cross_entropy { alpha: 0 }"), 4 * (1 - p_t), 1e-14);
}

TEST(ComputeHandler, SendsOnlyWhatWasAskedFor) {
  const v1::ComputeResponse plain =
      Compute("logits { shape: [1, 2] float_values: [0, 0] } labels { int_values: 1 }");
  EXPECT_TRUE(plain.has_losses());
  EXPECT_FALSE(plain.has_gradient());
  EXPECT_FALSE(plain.has_hessian_diagonal());
  EXPECT_FALSE(plain.has_probabilities());
  EXPECT_FALSE(plain.has_class_statistics());
  EXPECT_FALSE(plain.has_difficulty());
  EXPECT_FALSE(plain.has_class_weights());
  EXPECT_FALSE(plain.has_log_sum_exp());
  EXPECT_FALSE(plain.has_margin());
  EXPECT_EQ(plain.top_k_correct_size(), 0);

  const v1::ComputeResponse full = Compute(
      "logits { shape: [1, 2] float_values: [0, 0] } labels { int_values: 1 } outputs { "
      "omit_losses: true gradient: true hessian_diagonal: true probabilities: true log_sum_exp: "
      "true margin: true class_statistics: true difficulty: true top_k: [2, 1] }");
  EXPECT_FALSE(full.has_losses());
  EXPECT_THAT(full.gradient().float_values(), ElementsAre(0.5, -0.5));
  EXPECT_THAT(full.hessian_diagonal().float_values(), ElementsAre(0.25, 0.25));
  EXPECT_THAT(full.probabilities().float_values(), ElementsAre(0.5, 0.5));
  EXPECT_THAT(full.log_sum_exp().float_values(), ElementsAre(DoubleNear(std::log(2.0), 1e-15)));
  EXPECT_THAT(full.margin().float_values(), ElementsAre(0));
  EXPECT_THAT(full.class_statistics().count(), ElementsAre(0, 1));
  EXPECT_EQ(full.difficulty().bin_edges_size(), 11);
  EXPECT_EQ(full.difficulty().count_size(), 10);
  EXPECT_TRUE(full.difficulty().has_hard_loss_share());
  // The first of equal logits counts as the larger.
  EXPECT_THAT(full.top_k_correct(), ElementsAre(1, 0));
}

// Softmax has a margin for each sample, sigmoid for each element, in the shape of the losses.
TEST(ComputeHandler, SendsMarginsInTheShapeOfTheLosses) {
  const v1::ComputeResponse rows = Compute(
      "logits { shape: [1, 3, 2] float_values: [5, 1, 2, 7, 4, 3] } class_axis: 1 "
      "labels { shape: [1, 2] int_values: [0, 2] } outputs { margin: true }");
  EXPECT_THAT(rows.margin().shape(), ElementsAre(1, 2));
  EXPECT_THAT(rows.margin().float_values(), ElementsAre(1, -4));

  const v1::ComputeResponse elements = Compute(
      "loss { activation: ACTIVATION_SIGMOID } logits { shape: [1, 3, 2] float_values: [5, 1, 2, "
      "7, "
      "4, 3] } class_axis: 1 labels { shape: [1, 3, 2] float_values: [1, 0, 0.5, 0.25, 0, 1] } "
      "outputs { margin: true }");
  EXPECT_THAT(elements.margin().shape(), ElementsAre(1, 3, 2));
  EXPECT_THAT(elements.margin().float_values(), ElementsAre(5, -1, 2, -7, -4, 3));
}

// Two confident hits: the same head with labels [N] would be read backwards, and is refused.
TEST(ComputeHandler, TakesBinaryLabelsOfOneColumn) {
  const std::string request =
      "loss { activation: ACTIVATION_SIGMOID } logits { shape: [2, 1] float_values: [4, -4] } "
      "labels { shape: [2, 1] int_values: [1, 0] } outputs { gradient: true }";
  const v1::ComputeResponse response = Compute(request);
  // ln(1 + e⁻⁴), and 1 / (1 + e⁴)
  EXPECT_NEAR(response.loss(), 2 * 0.01814992791780978, 1e-16);
  EXPECT_THAT(
      response.gradient().float_values(),
      ElementsAre(DoubleNear(-0.01798620996209156, 1e-16), DoubleNear(0.01798620996209156, 1e-16)));
}

// Padding beside soft targets (MambaInLlama#11): two rows of loss ln(1 + e⁻¹), whatever is in the
// third.
TEST(ComputeHandler, IgnoresSamplesOfWeightZero) {
  const std::string request =
      "logits { shape: [3, 2] float_values: [1, 0, nan, 7, 0, 1] } labels { shape: [3, 2] "
      "float_values: [1, 0, -100, nan, 0, 1] } sample_weights { float_values: [1, 0, 1] } "
      "reduction: REDUCTION_MEAN_VALID outputs { gradient: true hessian_diagonal: true "
      "hessian_mode: HESSIAN_MODE_POSITIVE probabilities: true log_sum_exp: true margin: true "
      "class_statistics: true difficulty: true top_k: 1 } loss { ";
  constexpr double kLoss = 0.31326168751822286;
  for (const char* loss :
       {"", "mining { hardest { keep_fraction: 1 } }", "mining { below { min_kept: 3 } }",
        "mining { gradient_harmonizing {} }"}) {
    const v1::ComputeResponse response = Compute(absl::StrCat(request, loss, " }"));
    EXPECT_NEAR(response.loss(), kLoss, 1e-16) << loss;
    EXPECT_EQ(response.valid_count(), 2) << loss;
    EXPECT_EQ(response.weight_sum(), 2) << loss;
    EXPECT_EQ(response.non_finite_count(), 0) << loss;
    EXPECT_THAT(response.losses().float_values(),
                ElementsAre(DoubleNear(kLoss, 1e-16), 0, DoubleNear(kLoss, 1e-16)));
    EXPECT_EQ(response.gradient().float_values(2), 0);
    EXPECT_EQ(response.gradient().float_values(3), 0);
    EXPECT_EQ(response.hessian_diagonal().float_values(2), 1e-16);
    EXPECT_EQ(response.probabilities().float_values(3), 0);
    EXPECT_EQ(response.log_sum_exp().float_values(1), 0);
    EXPECT_THAT(response.margin().float_values(), ElementsAre(1, 0, 1));
    EXPECT_THAT(response.top_k_correct(), ElementsAre(2));
    EXPECT_THAT(response.class_statistics().count(), ElementsAre(1, 1));
    EXPECT_THAT(response.class_statistics().predicted_count(), ElementsAre(1, 1));
  }
  EXPECT_NEAR(Compute(absl::StrCat(request, "jensen_shannon {} }")).loss(), 0.10369627416929392,
              1e-16);
}

// A 0 must be told from a field that is not there.
TEST(ComputeHandler, SetsEveryScalar) {
  for (const char* request :
       {"logits { shape: [0, 3] } labels { shape: 0 } reduction: REDUCTION_MEAN",
        "logits { shape: [1, 2] float_values: [1, 2] } labels { int_values: -100 } "
        "loss { ignore_index: -100 } reduction: REDUCTION_MEAN"}) {
    const v1::ComputeResponse response = Compute(request);
    EXPECT_TRUE(response.has_loss() && response.has_loss_sum() && response.has_weight_sum() &&
                response.has_valid_count() && response.has_non_finite_count())
        << request;
    EXPECT_EQ(response.loss(), 0) << request;
    EXPECT_EQ(response.valid_count(), 0) << request;
  }
}

// A step in which all ranks together have no token.
TEST(ComputeHandler, DividesNothingByANormalizerOfZero) {
  const std::string all_ignored =
      "logits { shape: [2, 2] float_values: [1, 2, 3, nan] } outputs { gradient: true "
      "hessian_diagonal: true } ";
  const std::string by_index = "labels { int_values: [-100, -100] } loss { ignore_index: -100 } ";
  const std::string by_weight =
      "labels { int_values: [0, 7] } sample_weights { float_values: [0, 0] } ";
  for (const std::string& batch :
       {all_ignored + by_index, all_ignored + by_weight,
        std::string("logits { shape: [0, 3] } labels { shape: 0 } outputs { gradient: true }")}) {
    for (const char* mean : {"REDUCTION_MEAN", "REDUCTION_MEAN_VALID"}) {
      const v1::ComputeResponse response =
          Compute(absl::StrCat(batch, " normalizer: 0 reduction: ", mean));
      EXPECT_EQ(response.loss(), 0);
      EXPECT_EQ(response.weight_sum(), 0);
      EXPECT_EQ(response.valid_count(), 0);
      EXPECT_THAT(ValuesOf(response.gradient()), ::testing::Each(0.0));
      EXPECT_THAT(ValuesOf(response.hessian_diagonal()), ::testing::Each(0.0));
    }
  }
}

TEST(ComputeHandler, RefusesANormalizerOfZeroForSamplesThatCount) {
  const CallHandlers handlers;
  const auto compute = [&](const v1::ComputeRequest& request) {
    return handlers->Compute(request, {}).status();
  };
  const std::string batch =
      "logits { shape: [2, 2] float_values: [1, 2, 3, 4] } labels { int_values: [0, 1] } "
      "normalizer: 0 ";
  ExpectRefusals<v1::ComputeRequest>(
      {
          {batch + "reduction: REDUCTION_MEAN sample_weights { float_values: [0, 0.5] }",
           "normalizer = 0, expected a number > 0 for a batch whose own divisor is 0.5"},
          {batch + "reduction: REDUCTION_MEAN_VALID",
           "normalizer = 0, expected a number > 0 for a batch whose own divisor is 2"},
          // Samples whose class weighs nothing count, and MEAN_VALID divides by their number.
          {batch + "reduction: REDUCTION_MEAN_VALID loss { class_weighting { weights { "
                   "float_values: [0, 0] } } }",
           "normalizer = 0, expected a number > 0 for a batch whose own divisor is 2"},
      },
      compute);
  EXPECT_EQ(Compute(batch + "reduction: REDUCTION_MEAN loss { class_weighting { weights { "
                            "float_values: [0, 0] } } }")
                .loss(),
            0);
}

TEST(ComputeHandler, TakesABatchOfNoSamples) {
  for (const char* request :
       {"logits { shape: [0, 3] } labels { shape: 0 }", "logits { shape: [0, 3] } labels {}",
        "logits { shape: [0, 3] } labels { shape: [0, 3] }",
        "logits { shape: [4, 0, 3] } labels { shape: [4, 0] } sample_weights { shape: 4 "
        "float_values: [1, 1, 1, 1] }",
        "logits { shape: [0, 3, 5] } class_axis: 1 labels { shape: [0, 5] data_type: "
        "DATA_TYPE_INT64 }",
        "logits {} labels {} loss { activation: ACTIVATION_SIGMOID }"}) {
    auto with_outputs = FromText<v1::ComputeRequest>(request);
    AskForEverything(*with_outputs.mutable_outputs());
    const v1::ComputeResponse response = Compute(with_outputs);
    EXPECT_EQ(response.loss(), 0) << request;
    EXPECT_TRUE(ValuesOf(response.gradient()).empty()) << request;
    EXPECT_THAT(response.gradient().shape(),
                Pointwise(::testing::Eq(), response.probabilities().shape()));
  }
}

TEST(ComputeHandler, BlendsSoftTargetsWhenAsked) {
  const auto loss = [](absl::string_view rule) {
    return Compute(absl::StrCat("logits { float_values: 0 } labels { float_values: 0.25 } loss { "
                                "activation: ACTIVATION_SIGMOID focal { ",
                                rule, " } }"))
        .loss();
  };
  // M = y/2 + (1 - y)/2 = 1/2 whatever y is; per class (1 - p) = 1/2 as well. So at z = 0 both are
  // a quarter of ln 2.
  EXPECT_NEAR(loss("soft_target_rule: SOFT_TARGET_RULE_BLENDED"), std::log(2.0) / 4, 1e-15);
  EXPECT_NEAR(loss(""), std::log(2.0) / 4, 1e-15);
  const auto at_one = [](absl::string_view rule) {
    return Compute(absl::StrCat("logits { float_values: 1 } labels { float_values: 0.25 } loss { "
                                "activation: ACTIVATION_SIGMOID focal { ",
                                rule, " } }"))
        .loss();
  };
  const double p = 1 / (1 + std::exp(-1));
  const double y = 0.25;
  const double bce = -y * std::log(p) - (1 - y) * std::log(1 - p);
  const double m = y * (1 - p) + (1 - y) * p;
  EXPECT_NEAR(at_one("soft_target_rule: SOFT_TARGET_RULE_BLENDED"), m * m * bce, 1e-15);
  EXPECT_NEAR(at_one("soft_target_rule: SOFT_TARGET_RULE_PER_CLASS"),
              -y * (1 - p) * (1 - p) * std::log(p) - (1 - y) * p * p * std::log(1 - p), 1e-15);
}

TEST(ComputeHandler, CountsLogitsThatAreNotFinite) {
  const v1::ComputeResponse response = Compute(
      "logits { shape: [3, 2] float_values: [nan, 1, 1, 2, -inf, 3] } labels { int_values: [0, 1, "
      "1] "
      "}");
  EXPECT_EQ(response.non_finite_count(), 1);
  EXPECT_EQ(response.losses().float_values(2), 0);
}

TEST(ComputeHandler, RefusesAResponseOverTheLimitBeforeComputing) {
  v1::ComputeRequest request;
  *request.mutable_logits() =
      DataTensor(v1::DATA_TYPE_FLOAT32, {100, 10}, std::vector<float>(1000, 1));
  *request.mutable_labels() = IntValues({100}, std::vector<int64_t>(100, 3));
  AskForEverything(*request.mutable_outputs());
  // Losses 400, three arrays of 4000, statistics of 10 classes at least 510 bytes.
  const absl::Status status = CallHandlers(12000)->Compute(request, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("at least 12910 bytes, more than the limit of 12000 bytes for a message "
                        "(--max-message-bytes)"));
  EXPECT_EQ(ErrorInfoOf(status).reason(), "LIMIT_EXCEEDED");
  request.mutable_outputs()->set_omit_losses(true);
  request.mutable_outputs()->clear_class_statistics();
  request.mutable_outputs()->clear_difficulty();
  EXPECT_TRUE(CallHandlers(12000)->Compute(request, {}).ok());
}

// The classes of an empty batch come with no elements, and must not be allocated.
TEST(ComputeHandler, RefusesMoreClassesThanAMessageCouldHold) {
  const auto request = FromText<v1::ComputeRequest>(
      "logits { shape: [0, 1000000000000] } labels {} loss { class_weighting { scheme { scheme: "
      "WEIGHT_SCHEME_BALANCED } } } outputs { class_statistics: true present_classes_only: true }");
  const absl::Status status = CallHandlers()->Compute(request, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("logits.shape = [0, 1000000000000] has 1000000000000 classes, more than fit "
                "the limit of 67108864 bytes for a message (--max-message-bytes)"));
}

TEST(ComputeHandler, StopsWhenTheCallIsCancelled) {
  CallContext context;
  context.cancelled = [] { return true; };
  const auto request = FromText<v1::ComputeRequest>(
      "logits { shape: [1, 2] float_values: [0, 0] } labels { int_values: 1 }");
  EXPECT_EQ(CallHandlers()->Compute(request, context).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace lossd::rpc
