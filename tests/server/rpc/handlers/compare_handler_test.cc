#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "tests/server/rpc/from_text.h"
#include "tests/server/rpc/handlers/call_handlers.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::CompareResponse Compare(absl::string_view text) {
  auto response = CallHandlers()->Compare(FromText<v1::CompareRequest>(text), {});
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? *std::move(response) : v1::CompareResponse();
}

TEST(CompareHandler, NotesTheLossesInTheOrderAskedAndTheShapeIfAsked) {
  CallContext context;
  CallNotes notes;
  context.notes = &notes;
  EXPECT_TRUE(CallHandlers()
                  ->Compare(FromText<v1::CompareRequest>(
                                "logits { shape: [1, 2] float_values: [-20, 0] } labels { "
                                "int_values: 0 } losses { squared_error {} } losses {}"),
                            context)
                  .ok());
  EXPECT_THAT(notes.losses, ElementsAre("squared_error", "cross_entropy"));
  EXPECT_THAT(notes.shape, ElementsAre(1, 2));
}

// Confidently wrong: squared error has nothing left to learn from, cross entropy everything.
TEST(CompareHandler, CountsVanishingGradients) {
  const v1::CompareResponse response = Compare(
      "logits { shape: [1, 2] float_values: [-20, 0] } labels { int_values: 0 } losses {} losses { "
      "squared_error {} }");
  ASSERT_EQ(response.comparisons_size(), 2);
  const v1::LossComparison& cross_entropy = response.comparisons(0);
  const v1::LossComparison& squared_error = response.comparisons(1);
  EXPECT_EQ(cross_entropy.vanishing_count(), 0);
  EXPECT_EQ(squared_error.vanishing_count(), 1);
  EXPECT_NEAR(cross_entropy.gradient_norm(), std::sqrt(2.0), 1e-8);
  // With p = 1 / (1 + e^20): |dL/dz_0| = 4 p (1 - p)^2, and dL/dz_1 is its negative.
  const double p = 1 / (1 + std::exp(20.0));
  EXPECT_NEAR(squared_error.gradient_norm() / (std::sqrt(2.0) * 4 * p * (1 - p) * (1 - p)), 1,
              1e-12);
}

TEST(CompareHandler, AnswersInTheOrderAskedWithTheSpecs) {
  const v1::CompareResponse response = Compare(
      "logits { shape: [2, 2] float_values: [1, 2, 3, 4] } labels { int_values: [0, 1] } losses { "
      "activation: ACTIVATION_SIGMOID } losses { focal { gamma: 3 } } losses { activation: "
      "ACTIVATION_SIGMOID squared_error {} } losses {}");
  ASSERT_EQ(response.comparisons_size(), 4);
  const auto softplus = [](double x) { return std::log1p(std::exp(x)); };
  // One-hot of the labels: positives z = 1 and 4, negatives 2 and 3.
  EXPECT_NEAR(response.comparisons(0).loss(),
              softplus(-1) + softplus(2) + softplus(3) + softplus(-4), 1e-13);
  EXPECT_EQ(response.comparisons(1).loss_spec().focal().gamma(), 3);
  EXPECT_TRUE(response.comparisons(2).loss_spec().has_squared_error());
  EXPECT_NEAR(response.comparisons(3).loss(), softplus(1) + softplus(-1), 1e-14);
  for (const v1::LossComparison& comparison : response.comparisons()) {
    EXPECT_TRUE(comparison.has_loss() && comparison.has_loss_sum() &&
                comparison.has_gradient_norm() && comparison.has_vanishing_count());
  }
}

TEST(CompareHandler, SaysWhatComputeSays) {
  constexpr char kBatch[] =
      "logits { shape: [3, 4] float_values: [1, 2, 3, 4, 0, 0, 1, 0, -1, 5, 2, 2] } labels { "
      "int_values: [0, 2, 2] } sample_weights { float_values: [1, 2, 0.5] } reduction: "
      "REDUCTION_MEAN ";
  constexpr char kLoss[] =
      "{ focal { gamma: 1 } class_weighting { scheme { scheme: WEIGHT_SCHEME_INVERSE_SQUARE_ROOT } "
      "} }";
  const v1::CompareResponse compared =
      Compare(absl::StrCat(kBatch, "hard_threshold: 0.3 losses {} losses ", kLoss));
  const auto computed = CallHandlers()->Compute(
      FromText<v1::ComputeRequest>(
          absl::StrCat(kBatch, "loss ", kLoss,
                       "outputs { gradient: true class_statistics: true difficulty: true "
                       "hard_threshold: 0.3 }")),
      {});
  ASSERT_TRUE(computed.ok()) << computed.status();
  const v1::LossComparison& comparison = compared.comparisons(1);
  EXPECT_EQ(comparison.loss(), computed->loss());
  EXPECT_EQ(comparison.loss_sum(), computed->loss_sum());
  EXPECT_EQ(comparison.class_statistics().SerializeAsString(),
            computed->class_statistics().SerializeAsString());
  EXPECT_EQ(comparison.difficulty().SerializeAsString(),
            computed->difficulty().SerializeAsString());
  double squares = 0;
  for (const double g : computed->gradient().float_values()) squares += g * g;
  EXPECT_NEAR(comparison.gradient_norm(), std::sqrt(squares), 1e-15);
}

TEST(CompareHandler, OmitsWhatItIsAskedToOmit) {
  constexpr char kBatch[] =
      "logits { shape: [1, 3] float_values: [1, 2, 3] } labels { int_values: 1 } losses {} ";
  const v1::LossComparison bare =
      Compare(absl::StrCat(kBatch, "omit_class_statistics: true omit_difficulty: true"))
          .comparisons(0);
  EXPECT_FALSE(bare.has_class_statistics());
  EXPECT_FALSE(bare.has_difficulty());
  const v1::LossComparison sparse =
      Compare(absl::StrCat(kBatch, "present_classes_only: true")).comparisons(0);
  EXPECT_THAT(sparse.class_statistics().class_ids(), ElementsAre(1));
}

// A weight per row serves softmax and sigmoid losses alike.
TEST(CompareHandler, RepeatsWeightsOfRowsForEachActivation) {
  const v1::CompareResponse response = Compare(
      "logits { shape: [2, 2] float_values: [0, 0, 0, 0] } labels { int_values: [0, 1] } "
      "sample_weights { float_values: [1, 3] } losses {} losses { activation: ACTIVATION_SIGMOID "
      "}");
  EXPECT_NEAR(response.comparisons(0).loss(), 4 * std::log(2.0), 1e-14);
  EXPECT_NEAR(response.comparisons(1).loss(), 8 * std::log(2.0), 1e-14);
}

// The second row is padding: its label is no class, and its logits are as wrong as can be.
TEST(CompareHandler, IgnoresSamplesOfWeightZero) {
  const v1::CompareResponse response = Compare(
      "logits { shape: [3, 2] float_values: [1, 0, -900, nan, 0, 1] } labels { int_values: [0, "
      "255, "
      "1] } sample_weights { float_values: [1, 0, 1] } reduction: REDUCTION_MEAN_VALID "
      "losses {} losses { activation: ACTIVATION_SIGMOID } losses { label_smoothing: 0.5 }");
  constexpr double kLogOnePlus = 0.31326168751822286;  // ln(1 + e⁻¹)
  EXPECT_NEAR(response.comparisons(0).loss(), kLogOnePlus, 1e-16);
  EXPECT_NEAR(response.comparisons(1).loss(), (kLogOnePlus + std::log(2.0)) / 2, 1e-15);
  EXPECT_NEAR(response.comparisons(2).loss(), kLogOnePlus + 0.25, 1e-15);
  for (const v1::LossComparison& comparison : response.comparisons()) {
    EXPECT_TRUE(std::isfinite(comparison.gradient_norm()));
    EXPECT_EQ(comparison.vanishing_count(), 0);
    EXPECT_EQ(comparison.difficulty().hard_count(), 0);
    EXPECT_THAT(comparison.class_statistics().count(), ElementsAre(1, 1));
    EXPECT_THAT(comparison.class_statistics().predicted_count(), ElementsAre(1, 1));
  }
}

TEST(CompareHandler, RefusesAResponseOverTheLimit) {
  std::string request =
      "logits { shape: [1, 20] float_values: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, "
      "1, "
      "1, 1] } labels { int_values: 1 } ";
  for (int i = 0; i < 10; ++i) request += "losses {} ";
  const auto parsed = FromText<v1::CompareRequest>(request);
  const absl::Status status = CallHandlers(10000)->Compare(parsed, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("at least 10200 bytes"));
}

}  // namespace
}  // namespace lossd::rpc
