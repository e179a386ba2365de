#include "client/src/chunks/row_shift.h"

#include <string>

#include "client/src/status.h"
#include "gtest/gtest.h"
#include "lossd/error.h"

namespace lossd::client {
namespace {

std::string Shifted(const std::string& message, int64_t first_row) {
  const ChunkStart start = {first_row, 7, 100};
  return std::string(ShiftRows(absl::InvalidArgumentError(message), start).message());
}

TEST(RowShiftTest, ShiftsTheFirstIndexOfArraysThatHaveRows) {
  EXPECT_EQ(Shifted("labels[17] = 12 is not in [0, 10)", 1000),
            "labels[1017] = 12 is not in [0, 10)");
  EXPECT_EQ(Shifted("labels[1, 2] = 2 is not 0 or 1; sample_weights[0] = -1", 5),
            "labels[6, 2] = 2 is not 0 or 1; sample_weights[5] = -1");
  EXPECT_EQ(Shifted("upstream_gradient[3] = nan", 1), "upstream_gradient[4] = nan");
}

TEST(RowShiftTest, ShiftsWhatARolloutHas) {
  EXPECT_EQ(Shifted("rollout.old_log_probs[3, 1] = nan", 1000),
            "rollout.old_log_probs[1003, 1] = nan");
  EXPECT_EQ(Shifted("rollout.reference_log_probs[0] = inf; rollout.sampler_log_probs[2] = nan", 5),
            "rollout.reference_log_probs[5] = inf; rollout.sampler_log_probs[7] = nan");
  EXPECT_EQ(Shifted("rollout.advantages[3] = nan", 1000), "rollout.advantages[103] = nan");
  EXPECT_EQ(Shifted("sequence_lengths[2] = -1", 1000), "sequence_lengths[9] = -1");
}

TEST(RowShiftTest, LeavesEverythingElse) {
  for (const char* text :
       {"", "labels", "labels[", "labels[]", "labels[x]", "loss.weights[3]", "my_labels[3]",
        "other.labels[3]", "schemes[0].counts[1] = -1", "labels.shape = [3, 4]"}) {
    EXPECT_EQ(Shifted(text, 10), text);
  }
  EXPECT_EQ(Shifted("labels[2]", 0), "labels[2]");
  EXPECT_EQ(Shifted("labels[99999999999999999999]", 1), "labels[99999999999999999999]");
}

TEST(RowShiftTest, ShiftsTheViolationsAndKeepsTheRest) {
  absl::Status error = InvalidField("labels[3]", "= 7 is not in [0, 3)");
  error.SetPayload("type.googleapis.com/other", absl::Cord("kept"));
  const absl::Status shifted = ShiftRows(error, {10});
  EXPECT_EQ(shifted.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(FieldViolations(shifted).size(), 1U);
  EXPECT_EQ(FieldViolations(shifted)[0].field, "labels[13]");
  EXPECT_EQ(FieldViolations(shifted)[0].description, "= 7 is not in [0, 3)");
  EXPECT_EQ(shifted.GetPayload("type.googleapis.com/other"), absl::Cord("kept"));
}

}  // namespace
}  // namespace lossd::client
