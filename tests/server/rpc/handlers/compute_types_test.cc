#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "server/rpc/tensor/half_float.h"
#include "tests/server/rpc/from_text.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/handlers/compute_calls.h"
#include "tests/server/rpc/tensor/tensors.h"

namespace lossd::rpc {
namespace {

using ::testing::HasSubstr;

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

struct HalfFormat {
  v1::DataType type;
  uint16_t (*narrow)(double);
  float (*widen)(uint16_t);
};

// Expects of 16-bit logits [rows, 4] what the float32 numbers give that they are, and their
// gradient rounded once.
void ExpectComputedInFloat32(const HalfFormat& format, int64_t rows, absl::string_view loss) {
  SCOPED_TRACE(absl::StrCat(rows, " rows, ", loss));
  std::vector<uint16_t> bits;
  std::vector<float> widened;
  for (const double z : SomeLogits(static_cast<size_t>(4 * rows))) {
    bits.push_back(format.narrow(z));
    widened.push_back(format.widen(bits.back()));
  }
  v1::ComputeRequest narrow_request;
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < rows; ++i) labels.push_back(i * 3 % 4);
  *narrow_request.mutable_labels() = IntValues({rows}, labels);
  *narrow_request.mutable_loss() = FromText<v1::LossSpec>(loss);
  narrow_request.mutable_outputs()->set_gradient(true);
  narrow_request.mutable_outputs()->set_gradient_scale(1024);
  v1::ComputeRequest wide_request = narrow_request;
  *narrow_request.mutable_logits() = DataTensor(format.type, {rows, 4}, bits);
  *wide_request.mutable_logits() = DataTensor(v1::DATA_TYPE_FLOAT32, {rows, 4}, widened);

  const v1::ComputeResponse narrow = Compute(narrow_request);
  const v1::ComputeResponse wide = Compute(wide_request);
  EXPECT_EQ(narrow.losses().data(), wide.losses().data());
  std::vector<uint16_t> expected;
  for (const double g : ValuesOf(wide.gradient())) expected.push_back(format.narrow(g));
  EXPECT_EQ(narrow.gradient().data_type(), format.type);
  EXPECT_EQ(FromBytes<uint16_t>(narrow.gradient().data()), expected);

  wide_request.mutable_outputs()->set_gradient_data_type(format.type);
  EXPECT_EQ(FromBytes<uint16_t>(Compute(wide_request).gradient().data()), expected);
}

// Large gradients are written where they are sent from, small ones into the message.
TEST(ComputeHandler, ComputesSixteenBitLogitsInFloat32) {
  for (const HalfFormat& format :
       {HalfFormat{v1::DATA_TYPE_FLOAT16, ToFloat16, Float16ToFloat},
        HalfFormat{v1::DATA_TYPE_BFLOAT16, ToBfloat16, Bfloat16ToFloat}}) {
    for (const int64_t rows : {3, 3000}) {
      for (const absl::string_view loss :
           {"", "label_smoothing: 0.1", "activation: ACTIVATION_SIGMOID", "squared_error {}"}) {
        ExpectComputedInFloat32(format, rows, loss);
      }
    }
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

}  // namespace
}  // namespace lossd::rpc
