// Compressed requests: a few bytes that unpack to many.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>

#include "absl/strings/strip.h"
#include "grpc/compression.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "tests/integration/child_process.h"
#include "tests/integration/raw_client.h"

namespace lossd {
namespace {

using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using ::testing::HasSubstr;

constexpr int64_t kMiB = 1 << 20;

class CompressedTest : public ::testing::TestWithParam<grpc_compression_algorithm> {
 protected:
  explicit CompressedTest(const std::string& accept = "off")
      : process_(LOSSD_PROGRAM, {"--listen", "127.0.0.1:0", "--accept-compressed", accept}) {
    const std::string line = process_.ReadLine().value_or("");
    absl::string_view address = line;
    EXPECT_TRUE(absl::ConsumePrefix(&address, "listening on "));
    channel_ = grpc::CreateChannel(std::string(address), grpc::InsecureChannelCredentials());
  }

  // Sends two rows of `classes` logits, all 0, whose losses are ln(classes).
  grpc::Status Compute(grpc_compression_algorithm compression, int64_t classes) {
    v1::ComputeRequest request;
    request.mutable_logits()->add_shape(2);
    request.mutable_logits()->add_shape(classes);
    request.mutable_logits()->set_data(std::string(static_cast<size_t>(8 * classes), '\0'));
    request.mutable_labels()->add_int_values(0);
    request.mutable_labels()->add_int_values(1);
    grpc::ClientContext context;
    context.set_compression_algorithm(compression);
    v1::ComputeResponse response;
    grpc::Status status = v1::LossService::NewStub(channel_)->Compute(&context, request, &response);
    if (!status.ok()) return status;
    EXPECT_NEAR(response.loss_sum(), 2 * std::log(static_cast<double>(classes)), 1e-4);
    return status;
  }

  grpc::Status Check(grpc_compression_algorithm compression, size_t name_bytes) {
    HealthCheckRequest request;
    request.set_service(std::string(name_bytes, 'x'));
    grpc::ClientContext context;
    context.set_compression_algorithm(compression);
    HealthCheckResponse response;
    return Health::NewStub(channel_)->Check(&context, request, &response);
  }

  ChildProcess process_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_P(CompressedTest, AreRefusedAndNotUnpacked) {
  ASSERT_TRUE(Compute(GRPC_COMPRESS_NONE, 10).ok());
  ASSERT_TRUE(Check(GRPC_COMPRESS_NONE, 0).ok());
  const int64_t before = process_.MostResidentBytes();
  for (const auto& refused :
       {Compute(GetParam(), 16 * kMiB), Check(GetParam(), size_t{128} * kMiB)}) {
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNIMPLEMENTED) << refused.error_message();
    EXPECT_THAT(refused.error_message(), HasSubstr("is disabled"));
  }
  EXPECT_LT(process_.MostResidentBytes() - before, 32 * kMiB);
  // The connection, and calls that say nothing of compression, go on.
  EXPECT_TRUE(Compute(GRPC_COMPRESS_NONE, 10).ok());
  EXPECT_TRUE(Check(GRPC_COMPRESS_NONE, 0).ok());
}

class AcceptedTest : public CompressedTest {
 protected:
  AcceptedTest() : CompressedTest("on") {}
};

TEST_P(AcceptedTest, AreAnsweredLikeOthers) {
  for (const int64_t classes : {10, 100'000}) {
    const grpc::Status status = Compute(GetParam(), classes);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  EXPECT_TRUE(Check(GetParam(), 0).ok());
  const grpc::Status too_large = Compute(GetParam(), 9 * kMiB);
  EXPECT_EQ(too_large.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(too_large.error_message(), HasSubstr("--max-message-bytes"));
}

INSTANTIATE_TEST_SUITE_P(Algorithms, CompressedTest,
                         ::testing::Values(GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE));
INSTANTIATE_TEST_SUITE_P(Algorithms, AcceptedTest,
                         ::testing::Values(GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE));

}  // namespace
}  // namespace lossd
