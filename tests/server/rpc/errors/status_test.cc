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

google::rpc::Status Details(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

template <typename Detail>
Detail Find(const google::rpc::Status& status) {
  Detail found;
  for (const google::protobuf::Any& detail : status.details()) {
    if (detail.UnpackTo(&found)) return found;
  }
  ADD_FAILURE() << "no " << Detail::descriptor()->full_name() << " in " << status.DebugString();
  return found;
}

google::rpc::ErrorInfo Info(const grpc::Status& status) {
  return Find<google::rpc::ErrorInfo>(Details(status));
}

TEST(ToGrpcStatusTest, OkIsOk) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_EQ(ToRpcStatus(absl::OkStatus()).code(), 0);
}

TEST(ToGrpcStatusTest, CodeAndTextStandInTheStatusAndInItsDetails) {
  const grpc::Status status = ToGrpcStatus(UnimplementedOption("loss.mining is not implemented"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(), "loss.mining is not implemented");
  EXPECT_EQ(Details(status).code(), 12);
  EXPECT_EQ(Details(status).message(), "loss.mining is not implemented");
  EXPECT_EQ(Info(status).reason(), "UNIMPLEMENTED_OPTION");
  EXPECT_EQ(Info(status).domain(), "lossd");
}

TEST(ToGrpcStatusTest, FieldViolationsArrive) {
  FieldViolations violations;
  violations.Add("labels[17]", "= 12 is not in [0, 10)");
  const grpc::Status status = ToGrpcStatus(violations.ToStatus());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "labels[17] = 12 is not in [0, 10)");
  const auto bad_request = Find<google::rpc::BadRequest>(Details(status));
  ASSERT_EQ(bad_request.field_violations_size(), 1);
  EXPECT_EQ(bad_request.field_violations(0).field(), "labels[17]");
  EXPECT_EQ(bad_request.field_violations(0).description(), "= 12 is not in [0, 10)");
}

TEST(ToGrpcStatusTest, OverloadTellsWhenToTryAgain) {
  const grpc::Status status =
      ToGrpcStatus(Unavailable("busy", "OVERLOADED", absl::Milliseconds(1250)));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  const auto retry = Find<google::rpc::RetryInfo>(Details(status));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 250'000'000);
  EXPECT_EQ(Info(status).reason(), "OVERLOADED");
}

TEST(ToGrpcStatusTest, ALimitDoesNotAskForAnotherTry) {
  const grpc::Status status = ToGrpcStatus(LimitExceeded("too large"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Info(status).reason(), "LIMIT_EXCEEDED");
  const google::rpc::Status details = Details(status);
  for (const auto& detail : details.details()) {
    EXPECT_FALSE(detail.Is<google::rpc::RetryInfo>());
  }
}

TEST(ToGrpcStatusTest, InternalErrorsKeepTheirTextToThemselves) {
  for (const absl::Status& error :
       {absl::InternalError("at 0x7ffd1234 in /src/secret.cc"),
        absl::UnknownError("/src/secret.cc"), absl::DataLossError("/src/secret.cc"),
        absl::NotFoundError("/src/secret.cc")}) {
    absl::Status with_payload = error;
    with_payload.SetPayload("type.googleapis.com/google.rpc.DebugInfo",
                            absl::Cord("/src/secret.cc"));
    const grpc::Status status = ToGrpcStatus(with_payload);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
    EXPECT_THAT(status.error_message(), Not(HasSubstr("secret")));
    EXPECT_THAT(status.error_message(), Not(HasSubstr("0x")));
    EXPECT_THAT(status.error_details(), Not(HasSubstr("secret")));
    EXPECT_EQ(Info(status).reason(), "INTERNAL");
    EXPECT_EQ(Info(status).domain(), "lossd");
  }
}

TEST(ToGrpcStatusTest, EveryErrorHasErrorInfo) {
  EXPECT_EQ(Info(ToGrpcStatus(absl::CancelledError("gone"))).reason(), "CANCELLED");
  EXPECT_EQ(Info(ToGrpcStatus(absl::DeadlineExceededError("late"))).reason(), "DEADLINE_EXCEEDED");
  EXPECT_EQ(Info(ToGrpcStatus(MalformedRequest("lossd.v1.ComputeRequest"))).reason(),
            "MALFORMED_REQUEST");
}

TEST(ToGrpcStatusTest, MetadataArrives) {
  const grpc::Status status = ToGrpcStatus(
      WithErrorInfo(absl::UnimplementedError("no"), "UNIMPLEMENTED_OPTION", {{"field", "step"}}));
  EXPECT_EQ(Info(status).metadata().at("field"), "step");
}

// As they travel: the text percent-encoded at worst, the details in base64.
size_t TrailerBytes(const grpc::Status& status) {
  return 3 * status.error_message().size() + (status.error_details().size() + 2) / 3 * 4;
}

TEST(ToGrpcStatusTest, StaysUnderTheLimitOfMetadata) {
  FieldViolations violations;
  for (int i = 0; i < 1000; ++i) {
    violations.Add(std::string(500, 'p'), std::string(5000, 'd'));
  }
  absl::Status huge = LimitExceeded(std::string(100'000, 'm'));
  huge.SetPayload("type.googleapis.com/google.rpc.DebugInfo", absl::Cord(std::string(50'000, 'x')));
  for (const absl::Status& error : {violations.ToStatus(), huge}) {
    const grpc::Status status = ToGrpcStatus(error);
    EXPECT_LE(status.error_message().size() + status.error_details().size(), 4096);
    EXPECT_LE(TrailerBytes(status), 8192 - 512);
    EXPECT_EQ(Info(status).domain(), "lossd");
    EXPECT_EQ(Details(status).code(), status.error_code());
  }
}

}  // namespace
}  // namespace lossd::rpc
