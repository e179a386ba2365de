#include "server/transport/grpc/grpc_status.h"

#include <gtest/gtest.h>

#include "google/rpc/status.pb.h"
#include "server/rpc/errors/status.h"

namespace lossd::transport {
namespace {

TEST(ToGrpcStatusTest, OkIsOk) { EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok()); }

TEST(ToGrpcStatusTest, HasTheCodeAndTheTextAndBothInItsDetails) {
  const absl::Status error = rpc::UnimplementedOption("loss.mining is not implemented");
  const grpc::Status status = ToGrpcStatus(error);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(), "loss.mining is not implemented");
  EXPECT_EQ(status.error_details(), rpc::ToRpcStatus(error).SerializeAsString());
}

}  // namespace
}  // namespace lossd::transport
