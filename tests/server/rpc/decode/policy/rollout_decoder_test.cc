#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/decode/compute_refusals.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;

constexpr char kTokens[] = " logits { float_values: [-1, -2, -3, -4] }";
constexpr char kAdvantages[] = " advantages { float_values: [1, 2, 3, 4] }";
constexpr char kOld[] = " old_log_probs { float_values: [-1, -1, -1, -1] }";
constexpr char kReference[] = " reference_log_probs { float_values: [-1, -1, -1, -1] }";
constexpr char kSampler[] = " sampler_log_probs { float_values: [-1, -1, -1, -1] }";

std::string Tokens(absl::string_view loss, absl::string_view rollout, absl::string_view rest = "") {
  return absl::StrCat(kTokens, " loss { activation: ACTIVATION_LOG_PROBABILITY ", loss,
                      " } rollout {", rollout, " } ", rest);
}

std::string WithBoth(absl::string_view loss, absl::string_view rest = "") {
  return Tokens(loss, absl::StrCat(kAdvantages, kOld), rest);
}

absl::Status DecodeText(absl::string_view text) {
  return Decode(FromText<v1::ComputeRequest>(text));
}

TEST(RolloutDecoder, TakesOneAdvantageForEachTokenOrSequence) {
  const std::string packed = " sequence_lengths { int_values: [1, 0, 3] }";
  for (const std::string& request :
       {WithBoth("ppo {}"),
        Tokens("ppo {}", absl::StrCat(kOld, " advantages { float_values: [1, 0, 2] }"), packed),
        std::string("logits { shape: [2, 3] float_values: [-1, -1, -1, -1, -1, -1] } loss { "
                    "activation: ACTIVATION_LOG_PROBABILITY } rollout { advantages { float_values: "
                    "[1, 2] } }")}) {
    EXPECT_TRUE(DecodeText(request).ok()) << request << DecodeText(request);
  }
}

TEST(RolloutDecoder, NamesWhatALossNeeds) {
  for (const char* form : {"importance_sampling", "ppo", "cispo", "dro", "sapo", "dppo"}) {
    const absl::Status status = DecodeText(Tokens(absl::StrCat(form, " {}"), ""));
    EXPECT_THAT(Violations(status),
                ElementsAre(absl::StrCat("loss.", form, " needs rollout.advantages"),
                            absl::StrCat("loss.", form, " needs rollout.old_log_probs")));
  }
  const absl::Status status =
      DecodeText(Tokens("kl_penalty { coefficient: 1 } importance_weighting {}", kAdvantages));
  EXPECT_THAT(Violations(status),
              ElementsAre("loss.kl_penalty needs rollout.reference_log_probs",
                          "loss.importance_weighting needs rollout.old_log_probs",
                          "loss.importance_weighting needs rollout.sampler_log_probs"));
}

TEST(RolloutDecoder, RefusesWhatNothingReads) {
  ExpectComputeRefusals({
      {Tokens("", kOld), "rollout.old_log_probs is set, but the loss does not read it"},
      {Tokens("kl_penalty { coefficient: 1 }", absl::StrCat(kReference, kOld)),
       "rollout.old_log_probs is set, but the loss does not read it"},
      {Tokens("ppo {}", absl::StrCat(kAdvantages, kOld, kReference)),
       "rollout.reference_log_probs is set, but the loss does not read it"},
      {Tokens("ppo {}", absl::StrCat(kAdvantages, kOld, kSampler)),
       "rollout.sampler_log_probs is set, but the loss does not read it"},
      {Tokens("", "", "outputs { policy_statistics: true }"),
       "outputs.policy_statistics needs rollout.old_log_probs or rollout.reference_log_probs"},
      {Tokens("ratio {}", kAdvantages), "loss.ratio is set, but cross_entropy takes no ratio"},
  });
}

TEST(RolloutDecoder, RefusesShapesAndValues) {
  const auto with = [](absl::string_view rollout, absl::string_view rest = "") {
    return Tokens("ppo {}", rollout, rest);
  };
  const std::string weights = " sample_weights { float_values: [1, 0, 1, 1] }";
  ExpectComputeRefusals({
      {with(absl::StrCat(kAdvantages, " old_log_probs { float_values: [-1, -1, -1] }")),
       "rollout.old_log_probs.shape = [3], expected the losses' shape [4]"},
      {with(absl::StrCat(kOld, " advantages { shape: [2, 2] float_values: [1, 1, 1, 1] }")),
       "rollout.advantages.shape = [2, 2], expected the losses' shape [4]"},
      {with(absl::StrCat(kOld, " advantages { float_values: [1, 2] }"),
            "sequence_lengths { int_values: [1, 2, 1] }"),
       "rollout.advantages.shape = [2], expected the losses' shape [4] or [3], one for each "
       "sequence"},
      {with(absl::StrCat(kOld, " advantages { float_values: [1, 2] }")),
       "sequence_lengths is not set, expected the lengths of the sequences for rollout.advantages "
       "of shape [2] beside losses of one axis"},
      {with(absl::StrCat(kOld, " advantages { float_values: [1, nan, inf, 4] }"), weights),
       "rollout.advantages[2] = inf, expected a finite number"},
      {with(absl::StrCat(kAdvantages, " old_log_probs { float_values: [-1, nan, -1, -inf] }"),
            weights),
       "rollout.old_log_probs[3] = -inf, expected a finite number"},
      {with(absl::StrCat(kOld, " advantages { float_values: [1, nan, 2] }"),
            absl::StrCat(weights, "sequence_lengths { int_values: [2, 1, 1] }")),
       "rollout.advantages[1] = nan, expected a finite number"},
      {Tokens("", " advantages { int_values: [1, 2, 3, 4] }"),
       "rollout.advantages.data_type = INT64, expected FLOAT16, BFLOAT16, FLOAT32 or FLOAT64"},
  });
  // A sequence that weighs nothing has an advantage that is not read.
  EXPECT_TRUE(
      DecodeText(Tokens("ppo {}", absl::StrCat(kOld, " advantages { float_values: [1, nan, 2] }"),
                        absl::StrCat(weights, "sequence_lengths { int_values: [1, 1, 2] }")))
          .ok());
}

TEST(RolloutDecoder, RefusesParametersAndOptions) {
  const std::string kl = absl::StrCat(kAdvantages, kReference);
  const std::string sampled = absl::StrCat(kAdvantages, kOld, kSampler);
  ExpectComputeRefusals({
      {WithBoth("ppo { dual_clip: 1.15 }"),
       "loss.ppo.dual_clip = 1.15, expected a number above 1 + epsilon_high = 1.2"},
      {WithBoth("cispo { minimum_ratio: 5 }"),
       "loss.cispo.maximum_ratio = 4, expected a number above minimum_ratio = 5"},
      {WithBoth("dppo { divergence: 7 }"), "loss.dppo.divergence = 7 is not a DppoDivergence"},
      {WithBoth("ppo {} ratio { log_ratio_cap: 0 }"),
       "loss.ratio.log_ratio_cap = 0, expected a finite number > 0"},
      {WithBoth("ppo {} ratio { level: 5 }"), "loss.ratio.level = 5 is not a RatioLevel"},
      {WithBoth("ppo {} ratio { level: RATIO_LEVEL_SEQUENCE }"),
       "sequence_lengths is not set, expected the lengths of the sequences for ratio.level "
       "SEQUENCE beside losses of one axis"},
      {Tokens("kl_penalty {}", kl),
       "loss.kl_penalty.coefficient = 0, expected a finite number > 0"},
      {Tokens("kl_penalty { coefficient: 1 estimator: 9 }", kl),
       "loss.kl_penalty.estimator = 9 is not a KlEstimator"},
      {Tokens("kl_penalty { coefficient: 1 gradient: 9 }", kl),
       "loss.kl_penalty.gradient = 9 is not a KlGradient"},
      {Tokens("kl_penalty { coefficient: 1 gradient: KL_GRADIENT_REVERSE_KL } ratio { "
              "log_ratio_cap: 2 }",
              kl),
       "loss.ratio needs rollout.old_log_probs"},
      {Tokens("importance_weighting { maximum: 1 minimum: 1 }", sampled),
       "loss.importance_weighting.maximum = 1, expected a number above minimum = 1"},
      {Tokens("importance_weighting { mode: 9 }", sampled),
       "loss.importance_weighting.mode = 9 is not an ImportanceWeightingMode"},
      {Tokens("importance_weighting { level: RATIO_LEVEL_SEQUENCE }", sampled),
       "sequence_lengths is not set, expected the lengths of the sequences for "
       "importance_weighting.level SEQUENCE beside losses of one axis"},
  });
}

TEST(RolloutDecoder, RefusesWhatCannotBeBesideLogits) {
  const std::string rollout = " rollout { advantages { float_values: [1, 2] } }";
  const auto with_loss = [&](absl::string_view loss) {
    return absl::StrCat(SoftmaxLoss(loss), rollout);
  };
  ExpectComputeRefusals({
      {with_loss("squared_error {}"),
       "loss.squared_error is no function of the truth's probability alone, which a rollout needs"},
      {with_loss("label_smoothing: 0.1"),
       "loss.label_smoothing = 0.1, expected 0 beside a rollout"},
      {with_loss("z_loss: 0.1"), "loss.z_loss = 0.1, expected 0 beside a rollout"},
      {absl::StrCat(kLogits, kTargets, rollout),
       "labels has float targets, expected integer labels beside a rollout"},
      {absl::StrCat(kLogits, kBinaryLabels,
                    " loss { activation: ACTIVATION_SIGMOID asymmetric {} } rollout { advantages { "
                    "shape: [2, 3] float_values: [1, 1, 1, 1, 1, 1] } }"),
       "loss.asymmetric is no function of the truth's probability alone, which a rollout needs"},
  });
  EXPECT_TRUE(DecodeText(with_loss("focal {} ignore_index: 2 temperature: 2 softcap: 30")).ok());
}

}  // namespace
}  // namespace lossd::rpc
