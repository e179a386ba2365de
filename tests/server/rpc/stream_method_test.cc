#include "server/rpc/stream_method.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "google/rpc/status.pb.h"
#include "grpcpp/support/slice.h"
#include "server/rpc/errors/status.h"

namespace lossd::rpc {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kLimit = 1000;

// `text` in slices of `slice_bytes`, as a connection delivers it.
grpc::ByteBuffer Bytes(const std::string& text, size_t slice_bytes = 1 << 20) {
  std::vector<grpc::Slice> slices;
  for (size_t i = 0; i < text.size(); i += slice_bytes) {
    slices.emplace_back(text.substr(i, slice_bytes));
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

v1::ComputeStreamResponse Parsed(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(bytes.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& slice : slices) text.append(slice.begin(), slice.end());
  v1::ComputeStreamResponse message;
  EXPECT_TRUE(message.ParseFromString(text));
  return message;
}

uint64_t SequenceOfText(const std::string& text, size_t slice_bytes = 1 << 20) {
  grpc::ByteBuffer bytes = Bytes(text, slice_bytes);
  return SequenceOf(bytes);
}

v1::ComputeStreamRequest SomeRequest(uint64_t sequence) {
  v1::ComputeStreamRequest message;
  message.set_sequence(sequence);
  message.mutable_request()->mutable_labels()->set_data(std::string(200, 'x'));
  return message;
}

TEST(SequenceOfTest, IsThatOfTheMessage) {
  for (const uint64_t sequence : {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{1} << 40,
                                  std::numeric_limits<uint64_t>::max()}) {
    const std::string text = SomeRequest(sequence).SerializeAsString();
    for (const size_t slice_bytes : {1U, 3U, 1000U}) {
      EXPECT_EQ(SequenceOfText(text, slice_bytes), sequence) << slice_bytes;
    }
  }
}

TEST(SequenceOfTest, MayComeAfterTheRequestAndMoreThanOnce) {
  v1::ComputeStreamRequest batch = SomeRequest(0);
  const std::string text =
      SomeRequest(4).SerializeAsString() + batch.SerializeAsString() + std::string("\x08\x09");
  v1::ComputeStreamRequest parsed;
  ASSERT_TRUE(parsed.ParseFromString(text));
  EXPECT_EQ(SequenceOfText(text), parsed.sequence());
  EXPECT_EQ(SequenceOfText(text), 9);
}

TEST(SequenceOfTest, IsKeptWhenTheBytesGoBadBehindIt) {
  const std::string text = SomeRequest(300).SerializeAsString();
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_EQ(SequenceOfText(text.substr(0, length)), length < 3 ? 0 : 300) << length;
  }
  EXPECT_EQ(SequenceOfText(text + "\xff"), 300);
  EXPECT_EQ(SequenceOfText("\xff\xff\xff"), 0);
  // A sequence of more than ten bytes is none, and leaves the one before.
  EXPECT_EQ(SequenceOfText(std::string("\x08\x07\x08") + std::string(11, '\xff')), 7);
  // A string where the number belongs.
  EXPECT_EQ(SequenceOfText("\x0a\x01\x05"), 0);
}

TEST(StreamErrorTest, HoldsTheSequenceAndTheStatusThatACallWouldEndWith) {
  const absl::Status error = LimitExceeded("too much");
  const v1::ComputeStreamResponse answer = Parsed(StreamError(6, error));
  EXPECT_EQ(answer.sequence(), 6);
  EXPECT_EQ(answer.error().SerializeAsString(), ToRpcStatus(error).SerializeAsString());
}

UnaryMethod MethodThatCounts() {
  return MakeStreamMethod(
      kLimit,
      [](const v1::ComputeRequest& request, const CallContext& context,
         const TensorPayloads&) -> absl::StatusOr<ComputeAnswer> {
        if (context.cancelled()) return absl::CancelledError("cancelled");
        ComputeAnswer answer;
        answer.message.set_valid_count(static_cast<int64_t>(request.labels().data().size()));
        return answer;
      });
}

TEST(MakeStreamMethodTest, AnswersTheRequestUnderItsSequence) {
  grpc::ByteBuffer bytes = Bytes(SomeRequest(12).SerializeAsString());
  const auto answer = MethodThatCounts()(bytes, {});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(Parsed(*answer).sequence(), 12);
  EXPECT_EQ(Parsed(*answer).response().valid_count(), 200);
  EXPECT_FALSE(bytes.Valid());
}

TEST(MakeStreamMethodTest, GivesErrorsAsTheStatus) {
  grpc::ByteBuffer malformed = Bytes("\xff\xff");
  EXPECT_EQ(MethodThatCounts()(malformed, {}).status(),
            MalformedRequest("lossd.v1.ComputeStreamRequest"));

  grpc::ByteBuffer large = Bytes(std::string(kLimit + 1, '\0'));
  const absl::Status refused = MethodThatCounts()(large, {}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("the request has 1001 bytes"));

  grpc::ByteBuffer cancelled = Bytes(SomeRequest(1).SerializeAsString());
  EXPECT_TRUE(
      absl::IsCancelled(MethodThatCounts()(cancelled, CallContext{[] { return true; }}).status()));
}

}  // namespace
}  // namespace lossd::rpc
