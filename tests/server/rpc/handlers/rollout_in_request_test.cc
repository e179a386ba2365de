// Large columns of a rollout are read where they lie in the request, and looked at when they are
// computed with. Lists of values are copied, and checked before: the answers must be the same bits.
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/rpc/wire/message_codec.h"
#include "tests/server/rpc/errors/refusals.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/tensor/tensors.h"
#include "tests/server/rpc/wire/received.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kTokens = 70'001;

enum class Style { kData, kValues };

std::vector<float> Column(float scale, float step) {
  std::vector<float> column(kTokens);
  for (size_t i = 0; i < column.size(); ++i) {
    column[i] = scale * std::sin(step * static_cast<float>(i));
  }
  column[77] *= 40;  // too far for float
  return column;
}

// Columns of tokens, of which some numbers are unusual.
struct Columns {
  std::vector<float> u = Column(-1, 0.7F);
  std::vector<float> advantages = Column(2, 1.3F);
  std::vector<float> old = Column(-1.1F, 0.71F);
  std::vector<float> reference = Column(-0.9F, 0.69F);
  std::vector<float> sampler = Column(-1.05F, 0.705F);
  std::vector<float> weights = std::vector<float>(kTokens, 1);
};

v1::Tensor TensorOf(const std::vector<float>& column, Style style) {
  if (style == Style::kData) return DataTensor(v1::DATA_TYPE_FLOAT32, {kTokens}, column);
  v1::Tensor tensor = FloatValues({kTokens}, {column.begin(), column.end()});
  tensor.set_data_type(v1::DATA_TYPE_FLOAT32);
  return tensor;
}

v1::ComputeRequest RequestOf(const Columns& columns, Style style, absl::string_view rest) {
  auto request = FromText<v1::ComputeRequest>(rest);
  request.mutable_loss()->set_activation(v1::ACTIVATION_LOG_PROBABILITY);
  *request.mutable_logits() = TensorOf(columns.u, Style::kData);
  *request.mutable_sample_weights() = TensorOf(columns.weights, Style::kData);
  v1::Rollout& rollout = *request.mutable_rollout();
  *rollout.mutable_advantages() = TensorOf(columns.advantages, style);
  *rollout.mutable_old_log_probs() = TensorOf(columns.old, style);
  if (request.loss().has_kl_penalty()) {
    *rollout.mutable_reference_log_probs() = TensorOf(columns.reference, style);
  }
  if (request.loss().has_importance_weighting()) {
    *rollout.mutable_sampler_log_probs() = TensorOf(columns.sampler, style);
  }
  return request;
}

// Calls with a request that comes in pieces, which have no whole elements.
absl::StatusOr<v1::ComputeResponse> CallWith(const v1::ComputeRequest& request) {
  const ReceivedBytes bytes = Received(request.SerializeAsString(), 16381);
  v1::ComputeRequest parsed;
  const auto payloads = ParseAroundTensors(bytes.pieces(), 1 << 30,
                                           wire::TensorFieldsOf<v1::ComputeRequest>(), parsed);
  if (!payloads.ok()) return payloads.status();
  const CallHandlers handlers;
  const Handlers& face = *handlers;
  auto answer = face.Compute(parsed, {}, *payloads);
  if (!answer.ok()) return answer.status();
  return WholeMessage(*std::move(answer));
}

void ExpectSameAnswer(const v1::ComputeRequest& request, const v1::ComputeRequest& copied) {
  const auto answer = CallWith(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  const auto expected = CallWith(copied);
  ASSERT_TRUE(expected.ok()) << expected.status();
  EXPECT_EQ(answer->SerializeAsString(), expected->SerializeAsString());
}

void ExpectSameAnswers(const Columns& columns, absl::string_view rest) {
  SCOPED_TRACE(rest);
  ExpectSameAnswer(RequestOf(columns, Style::kData, rest),
                   RequestOf(columns, Style::kValues, rest));
}

constexpr char kOutputs[] =
    " outputs { gradient: true hessian_diagonal: true policy_statistics: true }";

TEST(RolloutInRequest, GivesTheBitsOfCopies) {
  const Columns columns;
  for (const char* rest :
       {"loss { ppo {} kl_penalty { coefficient: 0.04 } }",
        "loss { sapo {} } reduction: REDUCTION_MEAN",
        "loss { kl_penalty { coefficient: 1 gradient: KL_GRADIENT_REVERSE_KL } ratio { "
        "log_ratio_cap: 0.5 } }",
        "loss { cispo {} importance_weighting { maximum: 1.1 } }",
        "loss { dppo {} ratio { level: RATIO_LEVEL_SEQUENCE } importance_weighting { level: "
        "RATIO_LEVEL_SEQUENCE } } sequence_lengths { int_values: [ 1, 60000, 0, 10000 ] }",
        "loss { ppo {} mining { hardest { keep_fraction: 0.5 } } }"}) {
    ExpectSameAnswers(columns, absl::StrCat(rest, kOutputs));
  }
}

TEST(RolloutInRequest, GivesThemBesideLogitsOfOtherTypesAndLabels) {
  const Columns columns;
  const std::string rest =
      absl::StrCat("loss { ppo {} kl_penalty { coefficient: 0.04 } }", kOutputs);
  const auto expect_same = [&](auto change) {
    v1::ComputeRequest request = RequestOf(columns, Style::kData, rest);
    v1::ComputeRequest copied = RequestOf(columns, Style::kValues, rest);
    change(request);
    change(copied);
    ExpectSameAnswer(request, copied);
  };
  expect_same([&](v1::ComputeRequest& request) {
    const std::vector<double> u(columns.u.begin(), columns.u.end());
    *request.mutable_logits() = DataTensor(v1::DATA_TYPE_FLOAT64, {kTokens}, u);
  });
  expect_same([&](v1::ComputeRequest& request) {
    std::vector<float> logits = columns.u;
    logits.insert(logits.end(), columns.old.begin(), columns.old.end());
    request.mutable_loss()->set_activation(v1::ACTIVATION_SOFTMAX);
    *request.mutable_logits() = DataTensor(v1::DATA_TYPE_FLOAT32, {kTokens, 2}, logits);
    *request.mutable_labels() =
        DataTensor(v1::DATA_TYPE_UINT8, {kTokens}, std::vector<uint8_t>(kTokens, 1));
  });
}

// Sixteen bits hold these numbers exactly.
TEST(RolloutInRequest, ReadsSixteenBits) {
  Columns columns;
  std::vector<uint16_t> bits;
  for (size_t i = 0; i < columns.old.size(); ++i) {
    const bool half = i % 3 == 0;
    columns.old[i] = half ? -0.5F : -1.0F;
    bits.push_back(half ? 0xbf00 : 0xbf80);
  }
  const std::string rest = absl::StrCat("loss { ppo {} }", kOutputs);
  v1::ComputeRequest request = RequestOf(columns, Style::kData, rest);
  *request.mutable_rollout()->mutable_old_log_probs() =
      DataTensor(v1::DATA_TYPE_BFLOAT16, {kTokens}, bits);
  ExpectSameAnswer(request, RequestOf(columns, Style::kValues, rest));
}

TEST(RolloutInRequest, RefusesWhatIsNotFinite) {
  constexpr char kLoss[] = "loss { ppo {} kl_penalty { coefficient: 1 } importance_weighting {} }";
  const struct {
    std::vector<float> Columns::*column;
    float value;
    const char* violation;
  } cases[] = {
      {&Columns::advantages, INFINITY, "rollout.advantages[70000] = inf, expected a finite number"},
      {&Columns::old, NAN, "rollout.old_log_probs[70000] = nan, expected a finite number"},
      {&Columns::reference, -INFINITY,
       "rollout.reference_log_probs[70000] = -inf, expected a finite number"},
      {&Columns::sampler, NAN, "rollout.sampler_log_probs[70000] = nan, expected a finite number"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.violation);
    Columns columns;
    (columns.*one.column)[kTokens - 1] = one.value;
    for (const Style style : {Style::kData, Style::kValues}) {
      const auto answer = CallWith(RequestOf(columns, style, kLoss));
      EXPECT_THAT(Violations(answer.status()), ElementsAre(one.violation));
    }
  }
  Columns columns;
  columns.old[5] = columns.advantages[3] = NAN;
  const auto answer = CallWith(RequestOf(columns, Style::kData, "loss { ppo {} }"));
  EXPECT_THAT(Violations(answer.status()),
              ElementsAre("rollout.old_log_probs[5] = nan, expected a finite number",
                          "rollout.advantages[3] = nan, expected a finite number"));
}

TEST(RolloutInRequest, TellsItWithAllOtherFaults) {
  Columns columns;
  columns.old[5] = NAN;
  const char rest[] = "loss { ppo {} } normalizer: -1 reduction: REDUCTION_MEAN";
  const auto expected = CallWith(RequestOf(columns, Style::kValues, rest));
  EXPECT_THAT(Violations(expected.status()),
              ElementsAre("rollout.old_log_probs[5] = nan, expected a finite number",
                          "normalizer = -1, expected a finite number >= 0"));
  const auto answer = CallWith(RequestOf(columns, Style::kData, rest));
  EXPECT_EQ(answer.status(), expected.status());
}

TEST(RolloutInRequest, TakesAnythingOfWhatWeighsNothing) {
  Columns columns;
  columns.old[5] = columns.reference[6] = columns.advantages[7] = NAN;
  for (const size_t i : {size_t{5}, size_t{6}, size_t{7}}) columns.weights[i] = 0;
  ExpectSameAnswers(columns,
                    absl::StrCat("loss { ppo {} kl_penalty { coefficient: 0.04 } }", kOutputs));
}

}  // namespace
}  // namespace lossd::rpc
