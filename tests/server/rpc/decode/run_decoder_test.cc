#include "server/rpc/decode/run_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/rpc/decode/compute_refusals.h"
#include "tests/server/rpc/from_text.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;

constexpr char kRun[] = " run: 'a/b' request_id: 'r' sample_ids { int_values: [7, 8] }";

std::string WithRun(absl::string_view rest) { return absl::StrCat(Softmax(kRun), rest); }

TEST(RunDecoderTest, TakesTheFieldsOfARun) {
  const auto pool = BufferPool::Create(0);
  const auto request = FromText<v1::ComputeRequest>(
      WithRun(" step: 0 epoch: 3 learning_rate: 0.5 loss { temperature: 2 }"));
  const auto call = DecodeComputeRequest(request, {}, *pool, kMaxMessageBytes);
  ASSERT_TRUE(call.ok()) << call.status();
  ASSERT_TRUE(call->run);
  EXPECT_EQ(call->run->run, "a/b");
  EXPECT_EQ(call->run->request_id, "r");
  EXPECT_THAT(call->run->sample_ids, ElementsAre(7, 8));
  EXPECT_EQ(call->run->step, 0);
  EXPECT_EQ(call->run->epoch, 3);
  EXPECT_EQ(call->run->learning_rate, 0.5);
}

TEST(RunDecoderTest, FieldsWithoutARunAreCheckedAndDropped) {
  const auto pool = BufferPool::Create(0);
  const auto request = FromText<v1::ComputeRequest>(
      Softmax(" step: 1 request_id: 'r' sample_ids { int_values: [7, 8] }"));
  const auto call = DecodeComputeRequest(request, {}, *pool, kMaxMessageBytes);
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_FALSE(call->run);
}

// Returns the fields of a run that are not at fault, but for what is put in.
std::string RunFieldsWith(absl::string_view run, absl::string_view request_id,
                          absl::string_view ids) {
  return absl::StrCat(" run: '", run, "' request_id: '", request_id, "' sample_ids { int_values: [",
                      ids, "] }");
}

TEST(RunDecoderTest, RefusesByName) {
  const std::string long_name(129, 'a');
  const std::string long_id(97, 'a');
  ExpectComputeRefusals({
      {WithRun(" step: -1"), "step = -1, expected an integer >= 0"},
      {WithRun(" epoch: -2"), "epoch = -2, expected an integer >= 0"},
      {WithRun(" learning_rate: nan"), "learning_rate = nan, expected a finite number >= 0"},
      {WithRun(" learning_rate: -0.5"), "learning_rate = -0.5, expected a finite number >= 0"},
      {Softmax(RunFieldsWith("a b", "r", "1, 2")),
       "run = 'a b', expected 1 to 128 letters, digits and ._-/"},
      {Softmax(RunFieldsWith(long_name, "r", "1, 2")),
       absl::StrCat("run = '", long_name, "', expected 1 to 128 letters, digits and ._-/")},
      {Softmax(RunFieldsWith("a", long_id, "1, 2")),
       "request_id has 97 bytes, expected at most 96"},
      {Softmax(RunFieldsWith("a", "", "1, 2")),
       "request_id is not set, expected 1 to 96 bytes beside run"},
      {Softmax(RunFieldsWith("a", "r", "1, 2, 3")),
       "sample_ids.shape = [3], expected the losses' shape [2]"},
      {Softmax(" run: 'a' request_id: 'r'"),
       "sample_ids is not set, expected the id of each sample beside run"},
      {WithRun(" rollout { advantages { float_values: [1, 1] } }"),
       "rollout is set, expected none beside run, whose losses are of samples alone"},
      {absl::StrCat("logits { float_values: [-1, -2] } loss { activation: "
                    "ACTIVATION_LOG_PROBABILITY }",
                    kRun),
       "run is set, expected none with log-probabilities, which have no margin"},
      {Sigmoid(RunFieldsWith("a", "r", "1, 2")),
       "sample_ids.shape = [2], expected the losses' shape [2, 3]"},
      {absl::StrCat(kLogits, kTargets, kRun),
       "labels are targets, expected integers: a run of softmax has a class for each sample"},
      {Softmax(" step: -1"), "step = -1, expected an integer >= 0"},
      {Softmax(" sample_ids { int_values: [1] }"),
       "sample_ids.shape = [1], expected the losses' shape [2]"},
  });
}

}  // namespace
}  // namespace lossd::rpc
