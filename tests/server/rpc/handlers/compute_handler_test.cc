#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "server/rpc/tensor/half_float.h"
#include "tests/server/rpc/errors/refusals.h"
#include "tests/server/rpc/from_text.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/tensor/tensors.h"

namespace lossd::rpc {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

v1::ComputeResponse Compute(const v1::ComputeRequest& request) {
  auto response = CallHandlers()->Compute(request, {});
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? *std::move(response) : v1::ComputeResponse();
}

v1::ComputeResponse Compute(absl::string_view request) {
  return Compute(FromText<v1::ComputeRequest>(request));
}

// Numbers that are different, of either sign and not round.
std::vector<double> SomeLogits(size_t count) {
  std::vector<double> logits(count);
  for (size_t i = 0; i < count; ++i) logits[i] = 3 * std::sin(1.7 * static_cast<double>(i) + 0.3);
  return logits;
}

void AskForEverything(v1::OutputOptions& outputs) {
  outputs.set_gradient(true);
  outputs.set_hessian_diagonal(true);
  outputs.set_probabilities(true);
  outputs.set_class_statistics(true);
  outputs.set_difficulty(true);
}

// One row of softmax focal loss, straight from the definitions.
struct Row {
  std::vector<double> p;
  double loss = 0;
  std::vector<double> gradient;
};

Row FocalRow(const std::vector<double>& z, size_t t, double gamma) {
  Row row;
  double sum = 0;
  for (const double z_k : z) sum += std::exp(z_k);
  for (const double z_k : z) row.p.push_back(std::exp(z_k) / sum);
  const double p_t = row.p[t];
  row.loss = -std::pow(1 - p_t, gamma) * std::log(p_t);
  const double slope =
      gamma * p_t * std::pow(1 - p_t, gamma - 1) * std::log(p_t) - std::pow(1 - p_t, gamma);
  for (size_t k = 0; k < z.size(); ++k) {
    row.gradient.push_back(slope * ((k == t ? 1 : 0) - row.p[k]));
  }
  return row;
}

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

// Each of 256,000 equal targets is 65.5 of FLOAT16's smallest numbers, and is rounded to 66 of them
// (tt-metal#52045): they sum to 1.00708.
TEST(ComputeHandler, TakesFloat16TargetsOfALargeVocabulary) {
  constexpr int64_t kWords = 256000;
  v1::ComputeRequest request;
  *request.mutable_logits() =
      DataTensor(v1::DATA_TYPE_FLOAT32, {1, kWords}, std::vector<float>(kWords, 0.5F));
  *request.mutable_labels() = DataTensor(v1::DATA_TYPE_FLOAT16, {1, kWords},
                                         std::vector<uint16_t>(kWords, ToFloat16(1.0 / kWords)));
  request.mutable_loss()->mutable_jensen_shannon();
  const double sum = 66 * 0x1p-24 * kWords;
  EXPECT_NEAR(sum, 1.00708, 1e-5);
  // With y = sum / C and p = 1 / C: ½ Σ (y ln(y / m) + p ln(p / m)).
  const double m = (sum + 1) / 2;
  EXPECT_NEAR(Compute(request).loss(), (sum * std::log(sum / m) - std::log(m)) / 2, 1e-9);

  // Two classes leave no such room, nor does another type.
  const auto refused = [](absl::string_view targets) {
    return CallHandlers()
        ->Compute(FromText<v1::ComputeRequest>(absl::StrCat(
                      "logits { shape: [1, 2] float_values: [0, 0] } loss { jensen_shannon {} } "
                      "labels { shape: [1, 2] float_values: ",
                      targets, " }")),
                  {})
        .status();
  };
  EXPECT_THAT(std::string(refused("[0.5, 0.507] data_type: DATA_TYPE_FLOAT16").message()),
              HasSubstr("labels[0] sums to 1.0068359375"));
  EXPECT_TRUE(refused("[0.5, 0.503] data_type: DATA_TYPE_FLOAT64").ok());
  request.mutable_labels()->set_data_type(v1::DATA_TYPE_FLOAT32);
  request.mutable_labels()->set_data(Bytes(std::vector<float>(kWords, 66 * 0x1p-24F)));
  EXPECT_THAT(std::string(CallHandlers()->Compute(request, {}).status().message()),
              HasSubstr("labels[0] sums to 1.00708"));
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

// API: FLOAT64 logits are answered in FLOAT64, others in FLOAT32; the gradient and the
// probabilities follow the logits' type, the gradient unless asked otherwise.
TEST(ComputeHandler, AnswersInTheTypesOfTheApi) {
  struct Case {
    v1::DataType logits;
    v1::DataType asked;
    v1::DataType computed;
    v1::DataType gradient;
  };
  constexpr auto kNone = v1::DATA_TYPE_UNSPECIFIED;
  constexpr auto kF16 = v1::DATA_TYPE_FLOAT16;
  constexpr auto kBf16 = v1::DATA_TYPE_BFLOAT16;
  constexpr auto kF32 = v1::DATA_TYPE_FLOAT32;
  constexpr auto kF64 = v1::DATA_TYPE_FLOAT64;
  for (const Case& c :
       {Case{kF64, kNone, kF64, kF64}, Case{kF32, kNone, kF32, kF32}, Case{kF16, kNone, kF32, kF16},
        Case{kBf16, kNone, kF32, kBf16}, Case{kF16, kF32, kF32, kF32}, Case{kF64, kF16, kF64, kF16},
        Case{kF32, kF64, kF32, kF64}}) {
    auto request = FromText<v1::ComputeRequest>(
        "logits { shape: [1, 2] float_values: [1, 2] } labels { int_values: 0 } loss { "
        "class_weighting { weights { float_values: [1, 2] } } } outputs { gradient: true "
        "hessian_diagonal: true probabilities: true log_sum_exp: true margin: true }");
    request.mutable_logits()->set_data_type(c.logits);
    request.mutable_outputs()->set_gradient_data_type(c.asked);
    const v1::ComputeResponse response = Compute(request);
    EXPECT_EQ(response.losses().data_type(), c.computed);
    EXPECT_EQ(response.hessian_diagonal().data_type(), c.computed);
    EXPECT_EQ(response.log_sum_exp().data_type(), c.computed);
    EXPECT_EQ(response.margin().data_type(), c.computed);
    EXPECT_EQ(response.probabilities().data_type(), c.logits);
    EXPECT_EQ(response.gradient().data_type(), c.gradient);
    EXPECT_EQ(response.class_weights().data_type(), kF64);
  }
}

TEST(ComputeHandler, AnswersDataWithData) {
  v1::ComputeRequest request;
  *request.mutable_logits() =
      DataTensor<float>(v1::DATA_TYPE_UNSPECIFIED, {2, 3}, {2, 1, 0, 0, 1, 2});
  *request.mutable_labels() = IntValues({2}, {0, 0});
  request.mutable_loss()->mutable_focal();
  AskForEverything(*request.mutable_outputs());
  const v1::ComputeResponse response = Compute(request);
  EXPECT_EQ(response.losses().data_type(), v1::DATA_TYPE_FLOAT32);
  EXPECT_EQ(response.losses().data().size(), 8U);
  EXPECT_EQ(response.losses().float_values_size(), 0);
  const std::vector<double> gradient = ValuesOf(response.gradient());
  const Row first = FocalRow({2, 1, 0}, 0, 2);
  ASSERT_EQ(gradient.size(), 6U);
  for (size_t k = 0; k < 3; ++k) EXPECT_NEAR(gradient[k], first.gradient[k], 5e-7);
}

// 16-bit logits are computed as the float32 numbers that they are, and the gradient is rounded
// once.
TEST(ComputeHandler, ComputesSixteenBitLogitsInFloat32) {
  const std::vector<double> logits = SomeLogits(12);
  struct Format {
    v1::DataType type;
    uint16_t (*narrow)(double);
    float (*widen)(uint16_t);
  };
  for (const Format& format : {Format{v1::DATA_TYPE_FLOAT16, ToFloat16, Float16ToFloat},
                               Format{v1::DATA_TYPE_BFLOAT16, ToBfloat16, Bfloat16ToFloat}}) {
    std::vector<uint16_t> bits;
    std::vector<float> widened;
    for (const double z : logits) {
      bits.push_back(format.narrow(z));
      widened.push_back(format.widen(bits.back()));
    }
    v1::ComputeRequest narrow_request;
    *narrow_request.mutable_labels() = IntValues({3}, {0, 3, 1});
    narrow_request.mutable_outputs()->set_gradient(true);
    narrow_request.mutable_outputs()->set_gradient_scale(1024);
    v1::ComputeRequest wide_request = narrow_request;
    *narrow_request.mutable_logits() = DataTensor(format.type, {3, 4}, bits);
    *wide_request.mutable_logits() = DataTensor(v1::DATA_TYPE_FLOAT32, {3, 4}, widened);

    const v1::ComputeResponse narrow = Compute(narrow_request);
    const v1::ComputeResponse wide = Compute(wide_request);
    EXPECT_EQ(narrow.losses().data(), wide.losses().data());
    std::vector<uint16_t> expected;
    for (const double g : ValuesOf(wide.gradient())) expected.push_back(format.narrow(g));
    EXPECT_EQ(FromBytes<uint16_t>(narrow.gradient().data()), expected);
  }
}

TEST(ComputeHandler, TakesLabelsOfEveryIntegerType) {
  v1::ComputeRequest request;
  *request.mutable_logits() = FloatValues({2, 3}, SomeLogits(6));
  *request.mutable_labels() = IntValues({2}, {2, 1});
  const double expected = Compute(request).loss();
  *request.mutable_labels() = DataTensor<int32_t>(v1::DATA_TYPE_INT32, {2}, {2, 1});
  EXPECT_EQ(Compute(request).loss(), expected);
  *request.mutable_labels() = DataTensor<int64_t>(v1::DATA_TYPE_INT64, {2}, {2, 1});
  EXPECT_EQ(Compute(request).loss(), expected);
  *request.mutable_labels() = DataTensor<uint8_t>(v1::DATA_TYPE_UINT8, {2}, {2, 1});
  EXPECT_EQ(Compute(request).loss(), expected);
  *request.mutable_labels() = FloatValues({2, 3}, {0, 0, 1, 0, 1, 0});
  EXPECT_NEAR(Compute(request).loss(), expected, 1e-15);
}

// [N, C, A, B] with class_axis 1 against the same numbers written as [N, A, B, C].
class MovedAxis : public ::testing::Test {
 protected:
  static constexpr int64_t kN = 2;
  static constexpr int64_t kC = 3;
  static constexpr int64_t kA = 4;
  static constexpr int64_t kB = 5;
  static constexpr size_t kSize = kN * kC * kA * kB;

  template <typename T>
  static std::vector<T> ToClassesLast(const std::vector<T>& classes_second) {
    std::vector<T> moved(classes_second.size());
    for (int64_t n = 0; n < kN; ++n) {
      for (int64_t c = 0; c < kC; ++c) {
        for (int64_t i = 0; i < kA * kB; ++i) {
          moved[static_cast<size_t>((n * kA * kB + i) * kC + c)] =
              classes_second[static_cast<size_t>((n * kC + c) * kA * kB + i)];
        }
      }
    }
    return moved;
  }

  static std::vector<int64_t> Second() { return {kN, kC, kA, kB}; }
  static std::vector<int64_t> Last() { return {kN, kA, kB, kC}; }

  // Both answers are the same but for `losses`, whose shapes differ.
  static void ExpectSame(const v1::ComputeResponse& second, const v1::ComputeResponse& last) {
    EXPECT_EQ(second.loss(), last.loss());
    for (const auto& [moved, plain] :
         {std::pair(&second.gradient(), &last.gradient()),
          std::pair(&second.hessian_diagonal(), &last.hessian_diagonal()),
          std::pair(&second.probabilities(), &last.probabilities())}) {
      EXPECT_THAT(moved->shape(), ElementsAre(kN, kC, kA, kB));
      ASSERT_EQ(ValuesOf(*moved).size(), kSize);
      EXPECT_EQ(ToClassesLast(ValuesOf(*moved)), ValuesOf(*plain));
    }
  }
};

TEST_F(MovedAxis, IsATransposition) {
  v1::ComputeRequest second;
  *second.mutable_logits() = FloatValues(Second(), SomeLogits(kSize));
  std::vector<int64_t> labels(kN * kA * kB);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int64_t>(i * 7 % kC);
  *second.mutable_labels() = IntValues({kN, kA, kB}, labels);
  *second.mutable_sample_weights() = FloatValues({kN}, {0.5, 2});
  AskForEverything(*second.mutable_outputs());
  second.set_class_axis(1);

  v1::ComputeRequest last = second;
  last.clear_class_axis();
  *last.mutable_logits() = FloatValues(Last(), ToClassesLast(SomeLogits(kSize)));

  const v1::ComputeResponse moved = Compute(second);
  const v1::ComputeResponse plain = Compute(last);
  ExpectSame(moved, plain);
  EXPECT_THAT(moved.losses().shape(), ElementsAre(kN, kA, kB));
  EXPECT_EQ(ValuesOf(moved.losses()), ValuesOf(plain.losses()));
}

TEST_F(MovedAxis, MovesTargetsToo) {
  std::vector<double> targets(kSize);
  for (size_t i = 0; i < kSize; ++i) targets[i] = static_cast<double>(i % 5) / 4;
  v1::ComputeRequest second;
  *second.mutable_logits() = FloatValues(Second(), SomeLogits(kSize));
  *second.mutable_labels() = FloatValues(Second(), targets);
  AskForEverything(*second.mutable_outputs());
  second.set_class_axis(1);

  v1::ComputeRequest last = second;
  last.set_class_axis(3);
  *last.mutable_logits() = FloatValues(Last(), ToClassesLast(SomeLogits(kSize)));
  *last.mutable_labels() = FloatValues(Last(), ToClassesLast(targets));
  ExpectSame(Compute(second), Compute(last));
}

TEST_F(MovedAxis, MovesEverythingOfTheLogitsShapeForSigmoid) {
  std::vector<int64_t> labels(kSize);
  std::vector<double> weights(kSize);
  std::vector<double> upstream(kSize);
  for (size_t i = 0; i < kSize; ++i) {
    labels[i] = static_cast<int64_t>(i % 3 == 0);
    weights[i] = static_cast<double>(i % 7);
    upstream[i] = static_cast<double>(i % 11) - 5;
  }
  v1::ComputeRequest second;
  second.mutable_loss()->set_activation(v1::ACTIVATION_SIGMOID);
  *second.mutable_logits() = FloatValues(Second(), SomeLogits(kSize));
  *second.mutable_labels() = IntValues(Second(), labels);
  *second.mutable_sample_weights() = FloatValues(Second(), weights);
  *second.mutable_upstream_gradient() = FloatValues(Second(), upstream);
  AskForEverything(*second.mutable_outputs());
  second.set_class_axis(1);

  v1::ComputeRequest last = second;
  last.clear_class_axis();
  *last.mutable_logits() = FloatValues(Last(), ToClassesLast(SomeLogits(kSize)));
  *last.mutable_labels() = IntValues(Last(), ToClassesLast(labels));
  *last.mutable_sample_weights() = FloatValues(Last(), ToClassesLast(weights));
  *last.mutable_upstream_gradient() = FloatValues(Last(), ToClassesLast(upstream));

  const v1::ComputeResponse moved = Compute(second);
  const v1::ComputeResponse plain = Compute(last);
  ExpectSame(moved, plain);
  EXPECT_THAT(moved.losses().shape(), ElementsAre(kN, kC, kA, kB));
  EXPECT_EQ(ToClassesLast(ValuesOf(moved.losses())), ValuesOf(plain.losses()));
}

TEST(ComputeHandler, FlattensLeadingAxes) {
  v1::ComputeRequest deep;
  *deep.mutable_logits() = FloatValues({2, 3, 2}, SomeLogits(12));
  *deep.mutable_labels() = IntValues({2, 3}, {0, 1, 1, 0, 0, 1});
  AskForEverything(*deep.mutable_outputs());
  v1::ComputeRequest flat = deep;
  *flat.mutable_logits() = FloatValues({6, 2}, SomeLogits(12));
  *flat.mutable_labels() = IntValues({6}, {0, 1, 1, 0, 0, 1});
  // One weight for each entry of the first axis.
  *deep.mutable_sample_weights() = FloatValues({2}, {3, 0.5});
  *flat.mutable_sample_weights() = FloatValues({6}, {3, 3, 3, 0.5, 0.5, 0.5});
  const v1::ComputeResponse from_deep = Compute(deep);
  const v1::ComputeResponse from_flat = Compute(flat);
  EXPECT_EQ(ValuesOf(from_deep.gradient()), ValuesOf(from_flat.gradient()));
  EXPECT_EQ(ValuesOf(from_deep.losses()), ValuesOf(from_flat.losses()));
  EXPECT_THAT(from_deep.losses().shape(), ElementsAre(2, 3));
}

// A weight for each row of sigmoid logits is one for each of its elements.
TEST(ComputeHandler, RepeatsAWeightOfARow) {
  v1::ComputeRequest per_row;
  per_row.mutable_loss()->set_activation(v1::ACTIVATION_SIGMOID);
  *per_row.mutable_logits() = FloatValues({2, 3}, SomeLogits(6));
  *per_row.mutable_labels() = IntValues({2, 3}, {0, 1, 0, 1, 1, 0});
  per_row.mutable_outputs()->set_gradient(true);
  v1::ComputeRequest per_element = per_row;
  *per_row.mutable_sample_weights() = IntValues({2}, {2, 5});
  *per_row.mutable_upstream_gradient() = FloatValues({2}, {-1, 3});
  *per_element.mutable_sample_weights() = FloatValues({2, 3}, {2, 2, 2, 5, 5, 5});
  *per_element.mutable_upstream_gradient() = FloatValues({2, 3}, {-1, -1, -1, 3, 3, 3});
  EXPECT_EQ(ValuesOf(Compute(per_row).gradient()), ValuesOf(Compute(per_element).gradient()));
  EXPECT_EQ(Compute(per_row).loss(), Compute(per_element).loss());
}

TEST(ComputeHandler, ReadsClassLabelsOfSigmoidAsOneHot) {
  v1::ComputeRequest ids;
  ids.mutable_loss()->set_activation(v1::ACTIVATION_SIGMOID);
  *ids.mutable_logits() = FloatValues({2, 3}, SomeLogits(6));
  *ids.mutable_labels() = IntValues({2}, {1, 3});
  ids.mutable_outputs()->set_gradient(true);
  v1::ComputeRequest one_hot = ids;
  *one_hot.mutable_labels() = IntValues({2, 3}, {0, 1, 0, 0, 0, 0});
  EXPECT_EQ(ValuesOf(Compute(ids).losses()), ValuesOf(Compute(one_hot).losses()));
  EXPECT_EQ(ValuesOf(Compute(ids).gradient()), ValuesOf(Compute(one_hot).gradient()));
}

TEST(ComputeHandler, SendsClassWeightsWhenAnyWereApplied) {
  constexpr char kBatch[] =
      "logits { shape: [4, 3] float_values: [1, 2, 3, 3, 2, 1, 0, 0, 0, 1, 0, 1] } labels { "
      "int_values: [0, 0, 0, 2] } ";
  const v1::ComputeResponse balanced = Compute(absl::StrCat(
      kBatch, "loss { class_weighting { scheme { scheme: WEIGHT_SCHEME_BALANCED } } }"));
  // N / (C n) over the two classes that have samples: 4 / (2 * 3) and 4 / (2 * 1).
  EXPECT_THAT(balanced.class_weights().float_values(),
              ElementsAre(DoubleNear(2.0 / 3, 1e-15), 0, 2));
  const v1::ComputeResponse omitted =
      Compute(absl::StrCat(kBatch,
                           "loss { class_weighting { scheme { scheme: WEIGHT_SCHEME_BALANCED } } } "
                           "outputs { omit_class_weights: true }"));
  EXPECT_FALSE(omitted.has_class_weights());
  EXPECT_EQ(omitted.loss(), balanced.loss());
  EXPECT_FALSE(Compute(kBatch).has_class_weights());
}

TEST(ComputeHandler, SendsSparseColumnsForPresentClasses) {
  constexpr char kBatch[] =
      "logits { shape: [2, 4] float_values: [9, 0, 0, 0, 0, 0, 0, 9] } labels { int_values: [1, 3] "
      "} ";
  const v1::ClassStatistics all =
      Compute(absl::StrCat(kBatch, "outputs { class_statistics: true }")).class_statistics();
  EXPECT_THAT(all.count(), ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(all.predicted_count(), ElementsAre(1, 0, 0, 1));
  EXPECT_THAT(all.empty_classes(), ElementsAre(0, 2));
  EXPECT_EQ(all.class_ids_size(), 0);
  const v1::ClassStatistics present =
      Compute(absl::StrCat(kBatch, "outputs { class_statistics: true present_classes_only: true }"))
          .class_statistics();
  EXPECT_THAT(present.class_ids(), ElementsAre(1, 3));
  EXPECT_THAT(present.count(), ElementsAre(1, 1));
  EXPECT_THAT(present.correct_count(), ElementsAre(0, 1));
  EXPECT_THAT(present.predicted_count(), ElementsAre(0, 1));
  EXPECT_THAT(present.loss_sum(), ElementsAre(all.loss_sum(1), all.loss_sum(3)));
  EXPECT_EQ(present.empty_classes_size(), 0);
}

// [N] logits: class vectors are {negative, positive}.
TEST(ComputeHandler, HasTwoClassesForOneLogitRows) {
  const v1::ComputeResponse response = Compute(
      "logits { float_values: [0, 0, 0] } labels { int_values: [0, 1, 1] } loss { activation: "
      "ACTIVATION_SIGMOID class_weighting { weights { float_values: [3, 5] } positive_weights { "
      "float_values: [7, 2] } } } outputs { class_statistics: true }");
  const double bce = std::log(2.0);
  EXPECT_THAT(response.losses().float_values(),
              ElementsAre(DoubleNear(3 * bce, 1e-14), DoubleNear(10 * bce, 1e-14),
                          DoubleNear(10 * bce, 1e-14)));
  EXPECT_THAT(response.class_weights().float_values(), ElementsAre(3, 5));
  EXPECT_THAT(response.class_statistics().count(), ElementsAre(1, 2));
}

// [N, 1] logits: one class, as for any other C.
TEST(ComputeHandler, HasOneClassForOneColumn) {
  constexpr char kBatch[] =
      "logits { shape: [4, 1] float_values: [1, -1, 2, -3] } labels { shape: [4, 1] int_values: "
      "[0, "
      "1, 1, 0] } outputs { class_statistics: true } ";
  const v1::ComputeResponse weighted =
      Compute(absl::StrCat(kBatch,
                           "loss { activation: ACTIVATION_SIGMOID class_weighting { weights { "
                           "float_values: 3 } } }"));
  const auto bce = [](double signed_logit) { return std::log1p(std::exp(-signed_logit)); };
  EXPECT_THAT(weighted.losses().float_values(),
              ElementsAre(DoubleNear(3 * bce(-1), 1e-14), DoubleNear(3 * bce(-1), 1e-14),
                          DoubleNear(3 * bce(2), 1e-14), DoubleNear(3 * bce(3), 1e-14)));
  EXPECT_THAT(weighted.class_weights().float_values(), ElementsAre(3));
  const v1::ClassStatistics& statistics = weighted.class_statistics();
  EXPECT_THAT(statistics.count(), ElementsAre(2));
  EXPECT_THAT(statistics.frequency(), ElementsAre(1));
  EXPECT_THAT(statistics.weight(), ElementsAre(3));
  EXPECT_THAT(statistics.loss_sum(), ElementsAre(DoubleNear(weighted.loss(), 1e-14)));
  EXPECT_THAT(statistics.loss_share(), ElementsAre(DoubleNear(1, 1e-15)));
  EXPECT_THAT(statistics.gradient_share(), ElementsAre(DoubleNear(1, 1e-15)));
  EXPECT_THAT(statistics.correct_count(), ElementsAre(2));
  EXPECT_THAT(statistics.predicted_count(), ElementsAre(2));
  const double mean_p = (1 / (1 + std::exp(1)) + 1 / (1 + std::exp(-2))) / 2;
  EXPECT_THAT(statistics.mean_true_probability(), ElementsAre(DoubleNear(mean_p, 1e-15)));
  EXPECT_EQ(statistics.empty_classes_size(), 0);

  // N = n = 2, the positives.
  const v1::ComputeResponse scheme =
      Compute(absl::StrCat(kBatch,
                           "loss { activation: ACTIVATION_SIGMOID class_weighting { scheme { "
                           "scheme: WEIGHT_SCHEME_LOG_FREQUENCY } } }"));
  EXPECT_THAT(scheme.class_weights().float_values(),
              ElementsAre(DoubleNear(1 / std::log(2.02), 1e-15)));
  const v1::ComputeResponse from_counts =
      Compute(absl::StrCat(kBatch,
                           "loss { activation: ACTIVATION_SIGMOID class_weighting { scheme { "
                           "scheme: WEIGHT_SCHEME_LOG_FREQUENCY counts { int_values: 9 } } } }"));
  EXPECT_EQ(from_counts.loss(), scheme.loss());
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
