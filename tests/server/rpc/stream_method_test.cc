#include "server/rpc/stream_method.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/rpc/status.pb.h"
#include "server/rpc/errors/status.h"
#include "tests/server/rpc/wire/received.h"

namespace lossd::rpc {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kLimit = 1000;
const Limits kLimits = MakeLimits(kLimit);

v1::ComputeStreamResponse Parsed(const SentBytes& bytes) {
  v1::ComputeStreamResponse message;
  EXPECT_TRUE(message.ParseFromString(Text(bytes)));
  return message;
}

uint64_t SequenceOfText(const std::string& text, size_t piece_bytes = 1 << 20) {
  return SequenceOf(Received(text, piece_bytes).pieces());
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
    for (const size_t piece_bytes : {1U, 3U, 1000U}) {
      EXPECT_EQ(SequenceOfText(text, piece_bytes), sequence) << piece_bytes;
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

StreamMethod MethodThatCounts() {
  return MakeStreamMethod(
      kLimits,
      [](const v1::ComputeRequest& request, const CallContext& context,
         const wire::TensorPayloads&) -> absl::StatusOr<ComputeAnswer> {
        if (context.cancelled()) return absl::CancelledError("cancelled");
        if (request.labels().data().empty()) throw std::runtime_error("nothing to count");
        ComputeAnswer answer;
        answer.message.set_valid_count(static_cast<int64_t>(request.labels().data().size()));
        return answer;
      });
}

TEST(MakeStreamMethodTest, AnswersTheRequestUnderItsSequence) {
  const StreamAnswer answer =
      MethodThatCounts().answer(Received(SomeRequest(12).SerializeAsString()), {});
  EXPECT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(Parsed(answer.message).sequence(), 12);
  EXPECT_EQ(Parsed(answer.message).response().valid_count(), 200);
}

// Expects an error under `sequence` that says what the status does.
void ExpectError(const StreamAnswer& answer, uint64_t sequence, const absl::Status& error) {
  EXPECT_EQ(answer.status, error);
  EXPECT_EQ(Parsed(answer.message).sequence(), sequence);
  EXPECT_EQ(Parsed(answer.message).error().SerializeAsString(),
            ToRpcStatus(error).SerializeAsString());
}

TEST(MakeStreamMethodTest, AnswersAnErrorUnderTheSequenceThatCanBeRead) {
  const StreamMethod method = MethodThatCounts();
  ExpectError(method.answer(Received("\xff\xff"), {}), 0,
              MalformedRequest("lossd.v1.ComputeStreamRequest"));
  ExpectError(method.answer(Received(SomeRequest(300).SerializeAsString() + "\xff"), {}), 300,
              MalformedRequest("lossd.v1.ComputeStreamRequest"));
  ExpectError(
      method.answer(Received(SomeRequest(1).SerializeAsString()), CallContext{[] { return true; }}),
      1, absl::CancelledError("cancelled"));
  v1::ComputeStreamRequest empty;
  empty.set_sequence(5);
  ExpectError(method.answer(Received(empty.SerializeAsString()), {}), 5,
              absl::InternalError("nothing to count"));

  const std::string large = SomeRequest(7).SerializeAsString() + std::string(kLimit + 1, '\0');
  const StreamAnswer refused = method.answer(Received(large), {});
  EXPECT_EQ(refused.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status.message()),
              HasSubstr(absl::StrCat("the request has ", large.size(), " bytes")));
  EXPECT_EQ(Parsed(refused.message).sequence(), 7);
}

TEST(MakeStreamMethodTest, RefusesUnderTheSequenceOfTheRequest) {
  const absl::Status busy = absl::UnavailableError("busy");
  const SentBytes message =
      MethodThatCounts().refuse(Received(SomeRequest(9).SerializeAsString()), busy);
  ExpectError({SentBytes(Text(message)), busy}, 9, busy);
}

}  // namespace
}  // namespace lossd::rpc
