#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "tests/server/rpc/errors/refusals.h"
#include "tests/server/rpc/from_text.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/tensor/tensors.h"

namespace lossd::rpc {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

constexpr double kTolerance = 1e-15;

v1::MeasureInformationResponse Measure(const v1::MeasureInformationRequest& request) {
  auto response = CallHandlers()->MeasureInformation(request, {});
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? *std::move(response) : v1::MeasureInformationResponse();
}

v1::MeasureInformationResponse Measure(absl::string_view text) {
  return Measure(FromText<v1::MeasureInformationRequest>(text));
}

// A fair coin against one that falls 3 : 1, in bits.
TEST(InformationHandler, MeasuresInBits) {
  const auto response = Measure(
      "p { float_values: [0.5, 0.5] } q { float_values: [0.75, 0.25] } base: INFORMATION_BASE_BIT "
      "self_information: true");
  EXPECT_THAT(response.entropy().float_values(), ElementsAre(1));
  EXPECT_THAT(response.self_information().float_values(), ElementsAre(1, 1));
  const double log2_3 = std::log2(3.0);
  EXPECT_THAT(response.cross_entropy().float_values(),
              ElementsAre(DoubleNear(2 - log2_3 / 2, kTolerance)));
  EXPECT_THAT(response.kl_divergence().float_values(),
              ElementsAre(DoubleNear(1 - log2_3 / 2, kTolerance)));
  // m = (5/8, 3/8).
  const double js = (0.5 * std::log2(4.0 / 5) + 0.5 * std::log2(4.0 / 3) +
                     0.75 * std::log2(6.0 / 5) + 0.25 * std::log2(2.0 / 3)) /
                    2;
  EXPECT_THAT(response.jensen_shannon().float_values(), ElementsAre(DoubleNear(js, kTolerance)));
  EXPECT_THAT(response.entropy().shape(), ElementsAre(1));
  EXPECT_THAT(response.self_information().shape(), ElementsAre(2));
}

TEST(InformationHandler, MeasuresInEveryBase) {
  const auto entropy = [](absl::string_view base) {
    return Measure(absl::StrCat("p { float_values: [1, 1, 1, 1] } base: ", base))
        .entropy()
        .float_values(0);
  };
  EXPECT_NEAR(entropy("INFORMATION_BASE_UNSPECIFIED"), std::log(4.0), kTolerance);
  EXPECT_NEAR(entropy("INFORMATION_BASE_NAT"), std::log(4.0), kTolerance);
  EXPECT_NEAR(entropy("INFORMATION_BASE_BIT"), 2, kTolerance);
  EXPECT_NEAR(entropy("INFORMATION_BASE_HARTLEY"), std::log10(4.0), kTolerance);
}

TEST(InformationHandler, DividesRowsByTheirSums) {
  const auto response = Measure("p { shape: [2, 2] float_values: [3, 3, 8, 0] }");
  EXPECT_THAT(response.entropy().float_values(),
              ElementsAre(DoubleNear(std::log(2.0), kTolerance), 0));
  EXPECT_FALSE(response.has_self_information());
  EXPECT_FALSE(response.has_cross_entropy());
  EXPECT_FALSE(response.has_kl_divergence());
  EXPECT_FALSE(response.has_jensen_shannon());
}

TEST(InformationHandler, SaysInfinityWhereTheOtherHasNoProbability) {
  const auto response =
      Measure("p { float_values: [1, 1, 0] } q { float_values: [1, 0, 1] } self_information: true");
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_THAT(response.cross_entropy().float_values(), ElementsAre(inf));
  EXPECT_THAT(response.kl_divergence().float_values(), ElementsAre(inf));
  EXPECT_NEAR(response.jensen_shannon().float_values(0), std::log(2.0) / 2, kTolerance);
  EXPECT_EQ(response.self_information().float_values(2), inf);
}

TEST(InformationHandler, TakesLogits) {
  // ln 3 and 0 are the logits of (3/4, 1/4).
  const double ln_3 = std::log(3.0);
  v1::MeasureInformationRequest request;
  *request.mutable_p() = FloatValues({2}, {ln_3 - 700, -700});
  *request.mutable_q() = FloatValues({2}, {ln_3 + 5, 5});
  request.set_from_logits(true);
  const auto response = Measure(request);
  const double entropy = std::log(4.0) - 0.75 * ln_3;
  EXPECT_NEAR(response.entropy().float_values(0), entropy, 1e-13);
  EXPECT_NEAR(response.kl_divergence().float_values(0), 0, 1e-13);
}

// Words that may not come next have the logit −inf (heretic#348): they are outcomes of probability
// 0.
TEST(InformationHandler, ReadsMaskedLogitsAsProbabilityZero) {
  const auto response = Measure(
      "p { shape: [2, 4] float_values: [2, 1, -inf, 0, 1, -inf, -inf, 2] } "
      "q { shape: [2, 4] float_values: [2, 1, -inf, 0, 2, 1, -inf, 0] } "
      "from_logits: true self_information: true");
  const double inf = std::numeric_limits<double>::infinity();
  // e², e, 1 over their sum
  EXPECT_NEAR(response.entropy().float_values(0), 0.8323955818399389, 1e-15);
  EXPECT_NEAR(response.cross_entropy().float_values(0), 0.8323955818399389, 1e-15);
  EXPECT_EQ(response.kl_divergence().float_values(0), 0);
  EXPECT_EQ(response.jensen_shannon().float_values(0), 0);
  EXPECT_EQ(response.self_information().float_values(2), inf);
  // e, 0, 0, e² against e², e, 0, 1
  EXPECT_NEAR(response.kl_divergence().float_values(1), 1.2875200128161721, 1e-15);
  EXPECT_NEAR(response.jensen_shannon().float_values(1), 0.27081772943904503, 1e-15);
  const auto swapped = Measure(
      "p { float_values: [0, 0] } q { float_values: [-inf, 7] } "
      "from_logits: true");
  EXPECT_EQ(swapped.kl_divergence().float_values(0), inf);
}

TEST(InformationHandler, AnswersTheWayItWasAsked) {
  v1::MeasureInformationRequest request;
  *request.mutable_p() = DataTensor<float>(v1::DATA_TYPE_FLOAT32, {1, 2}, {0.5F, 0.5F});
  request.set_self_information(true);
  const auto single = Measure(request);
  EXPECT_EQ(single.entropy().data_type(), v1::DATA_TYPE_FLOAT32);
  EXPECT_EQ(FromBytes<float>(single.entropy().data()),
            std::vector<float>{static_cast<float>(std::log(2.0))});
  EXPECT_THAT(single.self_information().shape(), ElementsAre(1, 2));
  *request.mutable_p() = DataTensor<double>(v1::DATA_TYPE_FLOAT64, {1, 2}, {0.5, 0.5});
  EXPECT_EQ(Measure(request).entropy().data().size(), 8U);
}

TEST(InformationHandler, TakesNoRows) {
  const auto response = Measure("p { shape: [0, 3] } q { shape: [0, 3] }");
  EXPECT_THAT(response.entropy().shape(), ElementsAre(0));
  EXPECT_TRUE(response.has_kl_divergence());
}

TEST(InformationHandler, IsCrossEntropyLessEntropy) {
  v1::MeasureInformationRequest request;
  std::vector<double> p;
  std::vector<double> q;
  for (int i = 0; i < 5000; ++i) {
    p.push_back(std::exp(4 * std::sin(i * 0.7)));
    q.push_back(std::exp(3 * std::cos(i * 1.3)));
  }
  *request.mutable_p() = FloatValues({50, 100}, p);
  *request.mutable_q() = FloatValues({50, 100}, q);
  const auto response = Measure(request);
  for (int i = 0; i < 50; ++i) {
    EXPECT_NEAR(response.kl_divergence().float_values(i),
                response.cross_entropy().float_values(i) - response.entropy().float_values(i),
                1e-12);
  }
}

TEST(InformationHandler, RefusesAResponseOverTheLimit) {
  v1::MeasureInformationRequest request;
  *request.mutable_p() = FloatValues({200}, std::vector<double>(200, 1));
  request.set_self_information(true);
  EXPECT_EQ(CallHandlers(1000)->MeasureInformation(request, {}).status().code(),
            absl::StatusCode::kResourceExhausted);
  request.set_self_information(false);
  EXPECT_TRUE(CallHandlers(1000)->MeasureInformation(request, {}).ok());
}

TEST(InformationHandler, RefusesWhatIsWrong) {
  const CallHandlers handlers;
  const auto measure = [&](const v1::MeasureInformationRequest& request) {
    return handlers->MeasureInformation(request, {}).status();
  };
  ExpectRefusals<v1::MeasureInformationRequest>(
      {
          {"", "p is not set, expected a tensor of floats"},
          {"p { int_values: [1, 1] }",
           "p.data_type = INT64, expected FLOAT16, BFLOAT16, FLOAT32 or FLOAT64"},
          {"p { float_values: [0.5, -0.5] }", "p[1] = -0.5, expected a finite number >= 0"},
          {"p { shape: [2, 2] float_values: [1, 0, 0, 0] }",
           "p[1] sums to 0, expected a finite sum > 0"},
          {"p { float_values: [1e308, 1e308] }", "p[0] sums to inf, expected a finite sum > 0"},
          {"p { shape: [1, 1, 2] float_values: [1, 0] }",
           "p.shape = [1, 1, 2], expected [N, K] or [K] with at least 1 outcome"},
          {"p { shape: [2, 0] }",
           "p.shape = [2, 0], expected [N, K] or [K] with at least 1 outcome"},
          {"p { float_values: [1, 1] } q { float_values: [1, 1, 1] }",
           "q.shape = [3], expected p's shape [2]"},
          {"p { float_values: [1, 1] } q { float_values: [1, inf] } from_logits: true",
           "q[1] = inf, expected a finite number or -inf"},
          {"p { float_values: [1, nan] } from_logits: true",
           "p[1] = nan, expected a finite number or -inf"},
          {"p { shape: [2, 2] float_values: [1, 1, -inf, -inf] } from_logits: true",
           "p[1] has no finite logit, expected at least one"},
          {"p { float_values: [1, -inf] }", "p[1] = -inf, expected a finite number >= 0"},
          {"p { float_values: [1, 1] } base: 4", "base = 4 is not an InformationBase"},
      },
      measure);
  EXPECT_TRUE(measure(FromText<v1::MeasureInformationRequest>("p { float_values: [1, 1] }")).ok());
}

}  // namespace
}  // namespace lossd::rpc
