#include "server/rpc/method_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>

#include "lossd/v1/compute.pb.h"
#include "server/memory/buffer_pool.h"
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

TEST(MakeMethodTest, ACallWithoutMemoryIsResourceExhausted) {
  for (const bool is_length : {false, true}) {
    const UnaryMethod method = MakeMethod<v1::ComputeRequest>(
        kLimits,
        [is_length](const v1::ComputeRequest&,
                    const CallContext&) -> absl::StatusOr<v1::ComputeResponse> {
          if (is_length) throw std::length_error("vector::_M_default_append");
          throw std::bad_alloc();
        });
    const absl::Status status = method(ReceivedBytes(), CallContext()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(status.message()),
                ::testing::HasSubstr("the server has not enough memory for this call"));
  }
}

// More than any address space has.
TEST(MakeMethodTest, MemoryThatTheSystemDoesNotHaveIsResourceExhausted) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer ends the process where no memory is left";
#endif
  const UnaryMethod method = MakeMethod<v1::ComputeRequest>(
      kLimits,
      [](const v1::ComputeRequest&, const CallContext&) -> absl::StatusOr<v1::ComputeResponse> {
        const auto pool = BufferPool::Create(0);
        const Buffer buffer = pool->Take(size_t{1} << 60);
        v1::ComputeResponse response;
        response.set_valid_count(static_cast<int64_t>(buffer.size()));
        return response;
      });
  EXPECT_EQ(method(ReceivedBytes(), CallContext()).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace lossd::rpc
