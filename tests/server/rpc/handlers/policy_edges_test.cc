// Policy losses where a batch has little to say, or a number stands where two cases meet.
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/handlers/compute_calls.h"

namespace lossd::rpc {
namespace {

constexpr char kOutputs[] =
    " outputs { gradient: true hessian_diagonal: true policy_statistics: true } ";
constexpr char kGspo[] =
    " loss { activation: ACTIVATION_LOG_PROBABILITY ppo {} ratio { level: RATIO_LEVEL_SEQUENCE } } "
    "reduction: REDUCTION_SEQUENCE_MEAN ";

// Both types: FLOAT32 tokens have kernels of their own.
constexpr const char* kTypes[] = {"DATA_TYPE_FLOAT64", "DATA_TYPE_FLOAT32"};

std::string Column(absl::string_view name, absl::string_view type, absl::string_view values) {
  return absl::StrCat(name, " { data_type: ", type, " float_values: [", values, "] } ");
}

std::string Tokens(absl::string_view type, absl::string_view u, absl::string_view old,
                   absl::string_view advantages) {
  return absl::StrCat(Column("logits", type, u), "rollout { ", Column("old_log_probs", type, old),
                      Column("advantages", type, advantages), "} ", kOutputs);
}

std::string Loss(absl::string_view form) {
  return absl::StrCat("loss { activation: ACTIVATION_LOG_PROBABILITY ", form, " } ");
}

TEST(PolicyEdges, SequencesOfOneTokenAndOfNone) {
  for (const char* type : kTypes) {
    const auto response = Compute(
        absl::StrCat(Tokens(type, "-0.5, -1, -2, -1.5", "-0.6, -1.25, -2.25, -1.5", "1, 1, 2, -1"),
                     kGspo, "sequence_lengths { int_values: [0, 1, 0, 3, 0] } "));
    EXPECT_EQ(response.sequence_count(), 2);
    const double alone = std::exp(0.1);
    const double three = std::exp(0.5 / 3);
    EXPECT_NEAR(response.loss(), (-alone - three * (1 + 2 - 1) / 3) / 2, 1e-7);
    EXPECT_NEAR(response.gradient().float_values(0), -alone / 2, 1e-7);
    EXPECT_NEAR(response.gradient().float_values(2), -2 * three / 6, 1e-7);
  }
}

TEST(PolicyEdges, SequencesThatAreMasked) {
  for (const char* type : kTypes) {
    const auto response = Compute(absl::StrCat(
        Tokens(type, "nan, -inf, -2", "-0.6, nan, -2.25", "1, 1, inf"), kGspo,
        "sequence_lengths { int_values: [2, 1] } sample_weights { float_values: [0, 0, 0] } "));
    EXPECT_EQ(response.loss(), 0);
    EXPECT_EQ(response.sequence_count(), 0);
    EXPECT_EQ(response.policy_statistics().ratio_max(), 0);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(response.gradient().float_values(i), 0);
  }
}

TEST(PolicyEdges, BatchesWithoutTokens) {
  for (const char* type : kTypes) {
    const std::string none = absl::StrCat(" { data_type: ", type, " shape: 0 } ");
    const auto response =
        Compute(absl::StrCat("logits", none, "rollout { old_log_probs", none, "advantages", none,
                             "} ", kOutputs, Loss("ppo {}"), "reduction: REDUCTION_MEAN"));
    EXPECT_EQ(response.loss(), 0);
    EXPECT_EQ(response.valid_count(), 0);
    EXPECT_EQ(response.policy_statistics().effective_sample_size(), 0);
  }
}

TEST(PolicyEdges, BoundsThatARatioOfOneStandsOn) {
  for (const char* type : kTypes) {
    const std::string tokens = Tokens(type, "-1, -1", "-1, -1", "1, -1");
    for (const char* form :
         {"ppo { epsilon_low: 0 epsilon_high: 0 }", "dppo { threshold_low: 0 threshold_high: 0 }",
          "dppo { divergence: DPPO_DIVERGENCE_KL threshold_low: 0 threshold_high: 0 }",
          "cispo { minimum_ratio: 0.5 maximum_ratio: 1 }",
          "cispo { minimum_ratio: 1 maximum_ratio: 2 }"}) {
      SCOPED_TRACE(form);
      const auto response = Compute(absl::StrCat(tokens, Loss(form)));
      EXPECT_EQ(response.gradient().float_values(0), -1);
      EXPECT_EQ(response.gradient().float_values(1), 1);
      EXPECT_EQ(response.policy_statistics().clipped_high_count(), 0);
      EXPECT_EQ(response.policy_statistics().clipped_low_count(), 0);
    }
  }
}

TEST(PolicyEdges, RatiosThatFloatHasNoRoomFor) {
  // A log-ratio of ±700 in FLOAT32 tokens: the loss is infinite there, and its sum is not.
  const auto tokens =
      Compute(absl::StrCat(Tokens("DATA_TYPE_FLOAT32", "0, -700, 0", "-700, 0, -100", "0, 1, 1"),
                           Loss("importance_sampling {}"), "reduction: REDUCTION_SUM"));
  EXPECT_EQ(tokens.gradient().float_values(0), 0);
  EXPECT_EQ(tokens.gradient().float_values(1), 0);
  EXPECT_EQ(tokens.gradient().float_values(2), -INFINITY);
  EXPECT_NEAR(tokens.policy_statistics().ratio_max() / std::exp(700.0), 1, 1e-12);
  // e^100 times a probability of e^−95 is an ordinary number.
  const auto logits = Compute(
      absl::StrCat("logits { data_type: DATA_TYPE_FLOAT32 shape: [1, 3] float_values: [0, -95, 0] "
                   "} labels { int_values: 0 } rollout { old_log_probs { float_values: ",
                   -std::log(2) - 100, " } advantages { float_values: 1 } } loss { ",
                   "importance_sampling {} } outputs { gradient: true }"));
  EXPECT_NEAR(logits.gradient().float_values(1) / (std::exp(5) / 2), 1, 1e-3);
  EXPECT_EQ(logits.gradient().float_values(0), -INFINITY);
}

}  // namespace
}  // namespace lossd::rpc
