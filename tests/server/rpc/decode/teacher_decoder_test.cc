#include "server/rpc/decode/teacher_decoder.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/rpc/decode/compare_request_decoder.h"
#include "tests/server/rpc/decode/compute_refusals.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;

std::string Taught(absl::string_view teacher, absl::string_view rest = "") {
  return absl::StrCat(kLogits, " teacher_logits { ", teacher, " } ", rest);
}

constexpr char kTeacher[] = "shape: [2, 3] float_values: [1, 0, 0.5, -inf, 2, -1]";

TEST(TeacherDecoder, IsReadInPlaceOfLabels) {
  const auto pool = BufferPool::Create(0);
  for (const char* loss : {"", "loss { kl_divergence {} }", "loss { reverse_kl_divergence {} }",
                           "loss { temperature: 2 teacher { temperature: 3 } }",
                           "loss { teacher { scale_by_squared_temperature: true } }",
                           "loss { label_smoothing: 0.1 }"}) {
    const auto call = DecodeComputeRequest(FromText<v1::ComputeRequest>(Taught(kTeacher, loss)), {},
                                           *pool, kMaxMessageBytes);
    ASSERT_TRUE(call.ok()) << loss << call.status();
    EXPECT_NE(FindTeacher(call->samples.labels), nullptr) << loss;
  }
}

TEST(TeacherDecoder, RefusesWhatIsNoTeacher) {
  ExpectComputeRefusals({
      {Taught(kTeacher, kLabels), "teacher_logits is set beside labels, expected one of them"},
      {Taught("shape: [2, 2] float_values: [1, 0, 0, 1]"),
       "teacher_logits.shape = [2, 2], expected the logits' shape [2, 3]"},
      {Taught("float_values: [1, 0, 0, 1, 2, 3]"),
       "teacher_logits.shape = [6], expected the logits' shape [2, 3]"},
      {Taught("shape: [2, 3] float_values: [1, 0, nan, 0, 2, -1]"),
       "teacher_logits[0, 2] = nan, expected a finite number or -inf"},
      {Taught("shape: [2, 3] float_values: [1, 0, 0, 0, inf, -1]"),
       "teacher_logits[1, 1] = inf, expected a finite number or -inf"},
      {Taught("shape: [2, 3] float_values: [1, 0, 0, -inf, -inf, -inf]"),
       "teacher_logits[1] is -inf for every class, expected a logit above"},
      {Taught(kTeacher, "loss { ignore_index: 0 }"),
       "loss.ignore_index = 0 beside teacher_logits, expected integer labels; sample_weights of "
       "the "
       "losses' shape ignore where they are 0"},
      {Taught(kTeacher,
              "loss { logit_adjustment { margin { counts { int_values: [1, 2, 3] } } } }"),
       "loss.logit_adjustment.margin is set beside teacher_logits, expected integer labels"},
      {Taught("shape: [2, 3] float_values: [1, 0, -inf, 0, 2, -1]",
              "loss { logit_adjustment { prior { counts { int_values: [1, 2, 0] } } } }"),
       "teacher_logits[1] is on class 2, which has no samples in logit_adjustment.prior.counts"},
      {Taught(kTeacher, absl::StrCat("loss { ", kSigmoid, " }")),
       "teacher_logits acts with softmax only, but the activation is sigmoid"},
      {Taught(kTeacher, "run: 'a' request_id: 'b' sample_ids { int_values: [1, 2] }"),
       "teacher_logits are targets, expected integers: a run of softmax has a class for each "
       "sample"},
  });
}

TEST(TeacherDecoder, RefusesOptionsThatCannotAct) {
  ExpectComputeRefusals({
      {SoftmaxLoss("teacher { temperature: 2 }"),
       "loss.teacher.temperature acts beside teacher_logits only"},
      {SoftmaxLoss("teacher { scale_by_squared_temperature: true }"),
       "loss.teacher.scale_by_squared_temperature acts beside teacher_logits and float labels "
       "only, "
       "but the labels are integers"},
      {SigmoidLoss("teacher { scale_by_squared_temperature: true }"),
       "loss.teacher.scale_by_squared_temperature acts beside teacher_logits and float labels "
       "only, "
       "but the labels are integers"},
      {Taught(kTeacher, "loss { teacher { temperature: 0 } }"),
       "loss.teacher.temperature = 0, expected a finite number > 0"},
      {Taught(kTeacher, "loss { teacher { temperature: inf } }"),
       "loss.teacher.temperature = inf, expected a finite number > 0"},
      {"logits { float_values: [-1, -2] } loss { activation: ACTIVATION_LOG_PROBABILITY teacher {} "
       "}",
       "loss.teacher acts on logits, but the activation is log_probability"},
      {absl::StrCat("logits { float_values: [-1, -2] } teacher_logits { float_values: [1, 2] } "
                    "loss { activation: ACTIVATION_LOG_PROBABILITY }"),
       "teacher_logits acts with softmax only, but the activation is log_probability"},
  });
}

TEST(TeacherDecoder, TellsEverythingAtOnce) {
  const absl::Status status = Decode(FromText<v1::ComputeRequest>(
      Taught("shape: [2, 3] float_values: [nan, 0, 0, -inf, -inf, -inf]",
             "loss { ignore_index: 1 temperature: -1 teacher { temperature: -2 } } "
             "rollout { advantages { float_values: [1, 1] } }")));
  EXPECT_THAT(Violations(status),
              ElementsAre("loss.temperature = -1, expected a finite number >= 0",
                          "loss.teacher.temperature = -2, expected a finite number > 0",
                          "teacher_logits is set, expected integer labels beside a rollout",
                          "teacher_logits[0, 0] = nan, expected a finite number or -inf",
                          "teacher_logits[1] is -inf for every class, expected a logit above",
                          "loss.ignore_index = 1 beside teacher_logits, expected integer labels; "
                          "sample_weights of the losses' shape ignore where they are 0"));
}

TEST(TeacherDecoder, ReadsNothingOfRowsThatWeighNothing) {
  EXPECT_TRUE(Decode(FromText<v1::ComputeRequest>(
                         Taught("shape: [2, 3] float_values: [nan, inf, 0, 0, 1, 2]",
                                "sample_weights { float_values: [0, 1] }")))
                  .ok());
  EXPECT_TRUE(Decode(FromText<v1::ComputeRequest>(
                         Taught("shape: [2, 3] float_values: [-inf, -inf, -inf, 0, 1, 2]",
                                "sample_weights { float_values: [0, 1] }")))
                  .ok());
}

TEST(TeacherDecoder, ComparesWithSoftmaxAlone) {
  const auto pool = BufferPool::Create(0);
  const auto refused = [&](absl::string_view losses) {
    return Violations(DecodeCompareRequest(FromText<v1::CompareRequest>(Taught(kTeacher, losses)),
                                           {}, *pool, kMaxMessageBytes)
                          .status());
  };
  EXPECT_THAT(refused("losses { } losses { teacher { temperature: 2 } }"), ElementsAre());
  EXPECT_THAT(refused(absl::StrCat("losses { } losses { ", kSigmoid, " }")),
              ElementsAre("teacher_logits acts with softmax only, but the activation is sigmoid"));
  const auto without =
      DecodeCompareRequest(FromText<v1::CompareRequest>(absl::StrCat(
                               kLogits, kTargets, " losses { teacher { temperature: 2 } }")),
                           {}, *pool, kMaxMessageBytes);
  EXPECT_THAT(Violations(without.status()),
              ElementsAre("losses[0].teacher.temperature acts beside teacher_logits only"));
}

}  // namespace
}  // namespace lossd::rpc
