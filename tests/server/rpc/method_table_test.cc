#include "server/rpc/method_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "lossd/v1/compute.pb.h"
#include "tests/server/rpc/wire/received.h"

namespace lossd::rpc {
namespace {

constexpr int64_t kLimit = 1000;
const Limits kLimits = MakeLimits(kLimit);

TEST(MakeMethodTest, ParsesAnswersAndSerializes) {
  const UnaryMethod method =
      MakeMethod<v1::ComputeRequest>(kLimits,
                                     [](const v1::ComputeRequest& request,
                                        const CallContext&) -> absl::StatusOr<v1::ComputeResponse> {
                                       v1::ComputeResponse response;
                                       response.set_valid_count(request.logits().shape(1));
                                       return response;
                                     });
  v1::ComputeRequest request;
  request.mutable_logits()->add_shape(2);
  request.mutable_logits()->add_shape(300);
  const auto answer = method(Received(request.SerializeAsString()), CallContext());
  ASSERT_TRUE(answer.ok());
  v1::ComputeResponse response;
  ASSERT_TRUE(response.ParseFromString(Text(*answer)));
  EXPECT_EQ(response.valid_count(), 300);
}

TEST(MakeMethodTest, HandsOnTheHandlersError) {
  const UnaryMethod method = MakeMethod<v1::ComputeRequest>(
      kLimits,
      [](const v1::ComputeRequest&, const CallContext&) -> absl::StatusOr<v1::ComputeResponse> {
        return absl::InvalidArgumentError("no");
      });
  EXPECT_EQ(method(ReceivedBytes(), CallContext()).status(), absl::InvalidArgumentError("no"));
}

TEST(MakeMethodTest, AnExceptionIsAnInternalError) {
  const UnaryMethod method = MakeMethod<v1::ComputeRequest>(
      kLimits,
      [](const v1::ComputeRequest&, const CallContext&) -> absl::StatusOr<v1::ComputeResponse> {
        throw std::runtime_error("no");
      });
  EXPECT_EQ(method(ReceivedBytes(), CallContext()).status(), absl::InternalError("no"));
}

}  // namespace
}  // namespace lossd::rpc
