#include "server/rpc/errors/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/rpc/errors/field_violations.h"

namespace lossd::rpc {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

int Number(absl::StatusCode code) { return static_cast<int>(code); }

template <typename Detail>
Detail Find(const google::rpc::Status& status) {
  Detail found;
  for (const google::protobuf::Any& detail : status.details()) {
    if (detail.UnpackTo(&found)) return found;
  }
  ADD_FAILURE() << "no " << Detail::descriptor()->full_name() << " in " << status.DebugString();
  return found;
}

google::rpc::ErrorInfo Info(const google::rpc::Status& status) {
  return Find<google::rpc::ErrorInfo>(status);
}

TEST(ToRpcStatusTest, OkIsOk) { EXPECT_EQ(ToRpcStatus(absl::OkStatus()).code(), 0); }

TEST(ToRpcStatusTest, HasTheCodeAndTheText) {
  const google::rpc::Status status =
      ToRpcStatus(UnimplementedOption("loss.mining is not implemented"));
  EXPECT_EQ(status.code(), Number(absl::StatusCode::kUnimplemented));
  EXPECT_EQ(status.message(), "loss.mining is not implemented");
  EXPECT_EQ(Info(status).reason(), "UNIMPLEMENTED_OPTION");
  EXPECT_EQ(Info(status).domain(), "lossd");
}

TEST(ToRpcStatusTest, FieldViolationsArrive) {
  FieldViolations violations;
  violations.Add("labels[17]", "= 12 is not in [0, 10)");
  const google::rpc::Status status = ToRpcStatus(violations.ToStatus());
  EXPECT_EQ(status.code(), Number(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(status.message(), "labels[17] = 12 is not in [0, 10)");
  const auto bad_request = Find<google::rpc::BadRequest>(status);
  ASSERT_EQ(bad_request.field_violations_size(), 1);
  EXPECT_EQ(bad_request.field_violations(0).field(), "labels[17]");
  EXPECT_EQ(bad_request.field_violations(0).description(), "= 12 is not in [0, 10)");
}

TEST(ToRpcStatusTest, OverloadTellsWhenToTryAgain) {
  const google::rpc::Status status =
      ToRpcStatus(Unavailable("busy", "OVERLOADED", absl::Milliseconds(1250)));
  EXPECT_EQ(status.code(), Number(absl::StatusCode::kUnavailable));
  const auto retry = Find<google::rpc::RetryInfo>(status);
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 250'000'000);
  EXPECT_EQ(Info(status).reason(), "OVERLOADED");
}

TEST(ToRpcStatusTest, ALimitDoesNotAskForAnotherTry) {
  const google::rpc::Status status = ToRpcStatus(LimitExceeded("too large"));
  EXPECT_EQ(status.code(), Number(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(Info(status).reason(), "LIMIT_EXCEEDED");
  for (const auto& detail : status.details()) {
    EXPECT_FALSE(detail.Is<google::rpc::RetryInfo>());
  }
}

TEST(ToRpcStatusTest, InternalErrorsKeepTheirTextToThemselves) {
  for (const absl::Status& error :
       {absl::InternalError("at 0x7ffd1234 in /src/secret.cc"),
        absl::UnknownError("/src/secret.cc"), absl::DataLossError("/src/secret.cc"),
        absl::AbortedError("/src/secret.cc")}) {
    absl::Status with_payload = error;
    with_payload.SetPayload("type.googleapis.com/google.rpc.DebugInfo",
                            absl::Cord("/src/secret.cc"));
    const google::rpc::Status status = ToRpcStatus(with_payload);
    EXPECT_EQ(status.code(), Number(absl::StatusCode::kInternal));
    EXPECT_THAT(status.message(), Not(HasSubstr("secret")));
    EXPECT_THAT(status.message(), Not(HasSubstr("0x")));
    EXPECT_THAT(status.SerializeAsString(), Not(HasSubstr("secret")));
    EXPECT_EQ(Info(status).reason(), "INTERNAL");
    EXPECT_EQ(Info(status).domain(), "lossd");
  }
}

TEST(ToRpcStatusTest, EveryErrorHasErrorInfo) {
  EXPECT_EQ(Info(ToRpcStatus(absl::CancelledError("gone"))).reason(), "CANCELLED");
  EXPECT_EQ(Info(ToRpcStatus(absl::DeadlineExceededError("late"))).reason(), "DEADLINE_EXCEEDED");
  EXPECT_EQ(Info(ToRpcStatus(MalformedRequest("lossd.v1.ComputeRequest"))).reason(),
            "MALFORMED_REQUEST");
}

TEST(ToRpcStatusTest, ARefusedCallerIsToldSo) {
  const google::rpc::Status unknown = ToRpcStatus(absl::UnauthenticatedError("a token is missing"));
  EXPECT_EQ(unknown.code(), Number(absl::StatusCode::kUnauthenticated));
  EXPECT_EQ(unknown.message(), "a token is missing");
  EXPECT_EQ(Info(unknown).reason(), "UNAUTHENTICATED");
  const google::rpc::Status denied = ToRpcStatus(absl::PermissionDeniedError("not for this token"));
  EXPECT_EQ(denied.code(), Number(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(denied.message(), "not for this token");
}

TEST(ToRpcStatusTest, MetadataArrives) {
  const google::rpc::Status status = ToRpcStatus(
      WithErrorInfo(absl::UnimplementedError("no"), "UNIMPLEMENTED_OPTION", {{"field", "step"}}));
  EXPECT_EQ(Info(status).metadata().at("field"), "step");
}

// Returns the bytes in trailers: the text percent-encoded at worst, the status in base64.
size_t TrailerBytes(const google::rpc::Status& status) {
  return 3 * status.message().size() + (status.ByteSizeLong() + 2) / 3 * 4;
}

TEST(ToRpcStatusTest, StaysUnderTheLimitOfMetadata) {
  FieldViolations violations;
  for (int i = 0; i < 1000; ++i) {
    violations.Add(std::string(500, 'p'), std::string(5000, 'd'));
  }
  absl::Status huge = LimitExceeded(std::string(100'000, 'm'));
  huge.SetPayload("type.googleapis.com/google.rpc.DebugInfo", absl::Cord(std::string(50'000, 'x')));
  for (const absl::Status& error : {violations.ToStatus(), huge}) {
    const google::rpc::Status status = ToRpcStatus(error);
    EXPECT_LE(status.message().size() + status.ByteSizeLong(), 4096);
    EXPECT_LE(TrailerBytes(status), 8192 - 512);
    EXPECT_EQ(Info(status).domain(), "lossd");
  }
}

}  // namespace
}  // namespace lossd::rpc
