#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/decode/compute_refusals.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;

constexpr char kLogProbabilities[] = " logits { shape: [2, 2] float_values: [-1, -2, -3, -4] }";
constexpr char kPacked[] = " logits { float_values: [-1, -2, -3, -4] }";
constexpr char kSequenceMean[] = " reduction: REDUCTION_SEQUENCE_MEAN";

std::string LogProbabilities(absl::string_view loss, absl::string_view rest = "") {
  return absl::StrCat(kLogProbabilities, " loss { activation: ACTIVATION_LOG_PROBABILITY ", loss,
                      " }", rest);
}

std::string Packed(absl::string_view rest) {
  return absl::StrCat(kPacked, " loss { activation: ACTIVATION_LOG_PROBABILITY }", rest);
}

absl::Status DecodeText(absl::string_view text) {
  return Decode(FromText<v1::ComputeRequest>(text));
}

TEST(LogProbabilitiesDecoder, TakesAnyShapeAndEveryFormOfTheTruth) {
  for (const char* form :
       {"", "cross_entropy {}", "focal { gamma: 0.5 }", "kl_divergence {}", "poly1 {}",
        "generalized_cross_entropy {}", "symmetric_cross_entropy {}", "jensen_shannon {}"}) {
    EXPECT_TRUE(DecodeText(LogProbabilities(form)).ok()) << DecodeText(LogProbabilities(form));
  }
  for (const char* shape : {"[4]", "[2, 2]", "[1, 2, 2]", "[1, 1, 1, 1, 1, 2, 1, 2]"}) {
    const absl::Status status = DecodeText(absl::StrCat(
        "logits { shape: ", shape, " float_values: [-1, -2, -3, -4] }",
        "loss { activation: ACTIVATION_LOG_PROBABILITY } sample_weights { shape: ", shape,
        " float_values: [1, 1, 0, 1] }"));
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST(LogProbabilitiesDecoder, RefusesWhatActsOnLogits) {
  const std::string text = " acts on logits, but the activation is log_probability";
  ExpectComputeRefusals({
      {LogProbabilities("class_weighting {}"), "loss.class_weighting" + text},
      {LogProbabilities("label_smoothing: 0.1"), "loss.label_smoothing" + text},
      {LogProbabilities("ignore_index: -100"), "loss.ignore_index" + text},
      {LogProbabilities("temperature: 2"), "loss.temperature" + text},
      {LogProbabilities("softcap: 30"), "loss.softcap" + text},
      {LogProbabilities("z_loss: 1e-4"), "loss.z_loss" + text},
      {LogProbabilities("logit_adjustment {}"), "loss.logit_adjustment" + text},
      {LogProbabilities("", "outputs { probabilities: true }"), "outputs.probabilities" + text},
      {LogProbabilities("", "outputs { class_statistics: true }"),
       "outputs.class_statistics" + text},
      {LogProbabilities("", "outputs { margin: true }"), "outputs.margin" + text},
      {LogProbabilities("", "outputs { log_sum_exp: true }"),
       "outputs.log_sum_exp acts with softmax only, but the activation is log_probability"},
      {LogProbabilities("", "outputs { top_k: 1 }"),
       "outputs.top_k acts with softmax only, but the activation is log_probability"},
      {LogProbabilities("", "labels { int_values: [0, 1] }"),
       "labels is set beside log-probabilities, which are those of the truth"},
      {LogProbabilities("", "class_axis: 1"),
       "class_axis = 1 beside log-probabilities, which have no class axis"},
      {LogProbabilities("squared_error {}"),
       "loss.squared_error depends on the other classes' probabilities, but the activation is "
       "log_probability"},
      {LogProbabilities("varifocal {}"),
       "loss.varifocal acts with sigmoid only, but the activation is log_probability"},
      {LogProbabilities("", "sample_weights { float_values: [1, 1, 1] }"),
       "sample_weights.shape = [3], expected the losses' shape [2, 2] or [2]"},
  });
}

TEST(LogProbabilitiesDecoder, NamesEverythingThatIsWrong) {
  const absl::Status status = DecodeText(
      LogProbabilities("focal { gamma: -1 } z_loss: 1 softcap: 2",
                       "outputs { margin: true } labels { int_values: 0 } reduction: 7"));
  EXPECT_THAT(Violations(status),
              ElementsAre("loss.focal.gamma = -1, expected a finite number >= 0",
                          "loss.softcap acts on logits, but the activation is log_probability",
                          "loss.z_loss acts on logits, but the activation is log_probability",
                          "outputs.margin acts on logits, but the activation is log_probability",
                          "labels is set beside log-probabilities, which are those of the truth",
                          "reduction = 7 is not a Reduction"));
}

TEST(SequenceDecoder, TakesLengthsAndTheLastAxis) {
  for (const char* lengths : {"[4]", "[1, 3]", "[0, 4, 0]", "[1, 1, 1, 1]"}) {
    const absl::Status status = DecodeText(
        Packed(absl::StrCat("sequence_lengths { int_values: ", lengths, " }", kSequenceMean)));
    EXPECT_TRUE(status.ok()) << status;
  }
  EXPECT_TRUE(DecodeText(LogProbabilities("", kSequenceMean)).ok());
  EXPECT_TRUE(
      DecodeText(Softmax(absl::StrCat("sequence_lengths { int_values: [1, 1] }", kSequenceMean)))
          .ok());
}

TEST(SequenceDecoder, RefusesWhatIsNoSequence) {
  const auto with = [](absl::string_view lengths) {
    return Packed(absl::StrCat("sequence_lengths { ", lengths, " }", kSequenceMean));
  };
  ExpectComputeRefusals({
      {Packed("sequence_lengths { int_values: [4] }"),
       "sequence_lengths is set, but neither the reduction nor the loss reads sequences"},
      {Packed(kSequenceMean),
       "sequence_lengths is not set, expected the lengths of the sequences for "
       "REDUCTION_SEQUENCE_MEAN beside losses of one axis"},
      {LogProbabilities("", absl::StrCat("sequence_lengths { int_values: [2, 2] }", kSequenceMean)),
       "sequence_lengths is set beside losses of shape [2, 2], whose last axis is the sequence; "
       "expected losses of one axis"},
      {with("int_values: [1, 2]"),
       "sequence_lengths adds up to 3, expected the number of samples, 4"},
      {with("int_values: [3, 2]"),
       "sequence_lengths adds up to more, expected the number of samples, 4"},
      {with("int_values: [9223372036854775807, 9223372036854775807, 6]"),
       "sequence_lengths adds up to more, expected the number of samples, 4"},
      {with("int_values: [5, -1]"), "sequence_lengths[1] = -1, expected >= 0"},
      {with("shape: [2, 1] int_values: [2, 2]"),
       "sequence_lengths.shape = [2, 1], expected one axis"},
      {with("float_values: [4]"),
       "sequence_lengths.data_type = FLOAT64, expected INT32, INT64 or UINT8"},
  });
}

}  // namespace
}  // namespace lossd::rpc
