#include "server/rpc/errors/field_violations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace lossd::rpc {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

google::rpc::BadRequest Listed(const absl::Status& status) {
  google::rpc::BadRequest bad_request;
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  EXPECT_TRUE(payload && bad_request.ParseFromString(std::string(*payload)));
  return bad_request;
}

TEST(FieldViolationsTest, NoneIsOk) {
  const FieldViolations violations;
  EXPECT_TRUE(violations.empty());
  EXPECT_TRUE(violations.ToStatus().ok());
}

TEST(FieldViolationsTest, TheMessageReadsAsASentence) {
  FieldViolations violations;
  violations.Add("logits.shape", "= [4] has 1 axis, expected 2");
  violations.Add("labels[3]", "= -1 is not in [0, 10)");
  const absl::Status status = violations.ToStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "logits.shape = [4] has 1 axis, expected 2; labels[3] = -1 is not in [0, 10)");
  EXPECT_EQ(Listed(status).field_violations_size(), 2);
}

TEST(FieldViolationsTest, CountsWhatTheMessageDoesNotSay) {
  FieldViolations violations;
  for (int i = 0; i < 4; ++i) violations.Add(absl::StrCat("labels[", i, "]"), "= 9 is too large");
  violations.AddUnlisted();
  const absl::Status status = violations.ToStatus();
  EXPECT_EQ(violations.count(), 5);
  EXPECT_EQ(std::string(status.message()),
            "labels[0] = 9 is too large; labels[1] = 9 is too large; and 3 more");
  EXPECT_EQ(Listed(status).field_violations_size(), 4);
}

TEST(FieldViolationsTest, ListsTheFirstThatFitAndCountsTheRest) {
  FieldViolations violations;
  for (int i = 0; i < 100'000; ++i) {
    violations.Add(absl::StrCat("labels[", i, "]"), "= 12 is not in [0, 10)");
  }
  const absl::Status status = violations.ToStatus();
  const google::rpc::BadRequest listed = Listed(status);
  EXPECT_GT(listed.field_violations_size(), 10);
  EXPECT_LT(listed.ByteSizeLong(), 1500);
  for (int i = 0; i < listed.field_violations_size(); ++i) {
    EXPECT_EQ(listed.field_violations(i).field(), absl::StrCat("labels[", i, "]"));
  }
  EXPECT_THAT(std::string(status.message()), EndsWith("; and 99998 more"));
}

TEST(FieldViolationsTest, KeepsTheOrderWhenALaterOneWouldFit) {
  FieldViolations violations;
  for (int i = 0; i < 4; ++i) violations.Add("first", std::string(315, 'x'));
  violations.Add("too_long", std::string(315, 'x'));
  violations.Add("short", "x");
  const google::rpc::BadRequest listed = Listed(violations.ToStatus());
  ASSERT_EQ(listed.field_violations_size(), 4);
  EXPECT_EQ(listed.field_violations(3).field(), "first");
}

TEST(FieldViolationsTest, CutsLongTexts) {
  FieldViolations violations;
  violations.Add(std::string(10'000, 'p'), std::string(10'000, 'd'));
  const google::rpc::BadRequest listed = Listed(violations.ToStatus());
  ASSERT_EQ(listed.field_violations_size(), 1);
  EXPECT_THAT(listed.field_violations(0).field(), StartsWith("ppp"));
  EXPECT_THAT(listed.field_violations(0).field(), EndsWith("..."));
  EXPECT_LT(listed.ByteSizeLong(), 600);
}

}  // namespace
}  // namespace lossd::rpc
