#include "server/rpc/wire/message_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "lossd/v1/compute.pb.h"
#include "tests/server/rpc/wire/received.h"

namespace lossd::rpc {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kLimit = 1000;

v1::ComputeRequest SomeRequest() {
  v1::ComputeRequest request;
  request.mutable_logits()->add_shape(2);
  request.mutable_logits()->add_shape(300);
  request.mutable_logits()->add_float_values(0.5);
  request.mutable_labels()->set_data("0123456789");
  return request;
}

TEST(ParseMessageTest, ReadsAcrossSlicesOfAnySize) {
  const v1::ComputeRequest expected = SomeRequest();
  for (const size_t slice_bytes : {1U, 2U, 3U, 7U, 1000U}) {
    v1::ComputeRequest parsed;
    const ReceivedBytes bytes = Received(expected.SerializeAsString(), slice_bytes);
    ASSERT_TRUE(ParseMessage(bytes.pieces(), kLimit, parsed).ok()) << slice_bytes;
    EXPECT_EQ(parsed.SerializeAsString(), expected.SerializeAsString());
  }
}

TEST(ParseMessageTest, NoBytesAreAnEmptyMessage) {
  v1::ComputeRequest parsed;
  EXPECT_TRUE(ParseMessage(wire::BytePieces(), kLimit, parsed).ok());
}

TEST(ParseMessageTest, SaysThatBytesAreNoMessage) {
  const std::string cut = SomeRequest().SerializeAsString().substr(0, 5);
  for (const std::string& text : {std::string("\xff\xff\xff"), cut, std::string("\x07", 1)}) {
    v1::ComputeRequest parsed;
    const absl::Status status = ParseMessage(wire::BytePieces(text), kLimit, parsed);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("lossd.v1.ComputeRequest"));
  }
}

TEST(ParseMessageTest, RefusesAMessageOverTheLimitAndNoSmallerOne) {
  v1::ComputeRequest parsed;
  v1::ComputeRequest request;
  request.mutable_labels()->set_data(std::string(990, 'x'));
  const std::string bytes = request.SerializeAsString();
  const auto size = static_cast<int64_t>(bytes.size());
  EXPECT_TRUE(ParseMessage(wire::BytePieces(bytes), size, parsed).ok());
  const absl::Status status = ParseMessage(wire::BytePieces(bytes), size - 1, parsed);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(absl::StrCat("the request has ", size, " bytes")),
                    HasSubstr(absl::StrCat("limit of ", size - 1, " bytes")),
                    HasSubstr("--max-message-bytes")));
}

TEST(SerializeMessageTest, WritesWhatProtobufReads) {
  const v1::ComputeRequest message = SomeRequest();
  const auto bytes = SerializeMessage(message, kLimit);
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(Text(*bytes), message.SerializeAsString());
  EXPECT_EQ(SerializeMessage(v1::ComputeRequest(), kLimit)->size(), 0);
}

TEST(SerializeMessageTest, RefusesAResponseOverTheLimit) {
  const v1::ComputeRequest message = SomeRequest();
  const auto bytes = SerializeMessage(message, 10);
  EXPECT_EQ(bytes.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(bytes.status().message()),
              AllOf(HasSubstr("the response has"), HasSubstr("--max-message-bytes")));
}

// A response whose gradient stands beside it.
ComputeAnswer SomeAnswer(size_t gradient_bytes) {
  ComputeAnswer answer;
  answer.message.set_loss(0.25);
  answer.message.mutable_losses()->add_float_values(0.5);
  OutgoingTensor gradient;
  gradient.field_number = v1::ComputeResponse::kGradientFieldNumber;
  gradient.tensor.set_data_type(v1::DATA_TYPE_FLOAT32);
  gradient.tensor.add_shape(static_cast<int64_t>(gradient_bytes / 4));
  const size_t first = gradient_bytes / 3;
  for (const size_t size : {first, gradient_bytes - first}) {
    std::memset(gradient.data.emplace_back(size).data(), 'g', size);
  }
  answer.tensors.push_back(std::move(gradient));
  return answer;
}

v1::ComputeResponse ExpectedResponse(size_t gradient_bytes) {
  v1::ComputeResponse response;
  response.set_loss(0.25);
  response.mutable_losses()->add_float_values(0.5);
  response.mutable_gradient()->set_data_type(v1::DATA_TYPE_FLOAT32);
  response.mutable_gradient()->add_shape(static_cast<int64_t>(gradient_bytes / 4));
  response.mutable_gradient()->set_data(std::string(gradient_bytes, 'g'));
  return response;
}

TEST(SerializeAnswerTest, WritesTensorsBesideTheMessageAsProtobufReadsThem) {
  for (const size_t gradient_bytes : {4U, 400U, 70000U}) {
    const auto bytes = SerializeAnswer(SomeAnswer(gradient_bytes), 1 << 20);
    ASSERT_TRUE(bytes.ok());
    v1::ComputeResponse parsed;
    ASSERT_TRUE(parsed.ParseFromString(Text(*bytes)));
    const v1::ComputeResponse expected = ExpectedResponse(gradient_bytes);
    EXPECT_EQ(parsed.SerializeAsString(), expected.SerializeAsString());
    EXPECT_EQ(bytes->size(), expected.ByteSizeLong());
  }
}

TEST(SerializeAnswerTest, CountsTheTensorsAgainstTheLimit) {
  const auto size = static_cast<int64_t>(ExpectedResponse(400).ByteSizeLong());
  EXPECT_TRUE(SerializeAnswer(SomeAnswer(400), size).ok());
  const auto bytes = SerializeAnswer(SomeAnswer(400), size - 1);
  EXPECT_EQ(bytes.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(SerializeStreamAnswerTest, WrapsTheResponse) {
  const auto bytes = SerializeStreamAnswer(1234567, SomeAnswer(5000), 1 << 20);
  ASSERT_TRUE(bytes.ok());
  v1::ComputeStreamResponse parsed;
  ASSERT_TRUE(parsed.ParseFromString(Text(*bytes)));
  EXPECT_EQ(parsed.sequence(), 1234567U);
  EXPECT_EQ(parsed.response().SerializeAsString(), ExpectedResponse(5000).SerializeAsString());
}

TEST(ParseAroundTensorsTest, GivesTheTensorsWhereTheyWereReceived) {
  v1::ComputeRequest request = SomeRequest();
  request.mutable_labels()->set_data(std::string(5000, 'y'));
  for (const size_t slice_bytes : {1U, 50U, 2000U}) {
    const ReceivedBytes bytes = Received(request.SerializeAsString(), slice_bytes);
    v1::ComputeRequest parsed;
    const auto payloads = ParseAroundTensors(bytes.pieces(), 6000,
                                             wire::TensorFieldsOf<v1::ComputeRequest>(), parsed);
    ASSERT_TRUE(payloads.ok());
    const wire::BytePieces* labels =
        wire::FindPayload(*payloads, v1::ComputeRequest::kLabelsFieldNumber);
    ASSERT_NE(labels, nullptr);
    std::string text(labels->size(), ' ');
    labels->CopyTo(0, absl::MakeSpan(text.data(), text.size()));
    EXPECT_EQ(text, request.labels().data());
    EXPECT_EQ(parsed.labels().data(), "");
    EXPECT_EQ(parsed.logits().SerializeAsString(), request.logits().SerializeAsString());
  }
}

TEST(ParseAroundTensorsTest, FailsAsParsingDoes) {
  const std::string whole = [] {
    v1::ComputeRequest request = SomeRequest();
    request.mutable_labels()->set_data(std::string(5000, 'y'));
    return request.SerializeAsString();
  }();
  v1::ComputeRequest parsed;
  const ReceivedBytes cut = Received(whole.substr(0, whole.size() - 1), 100);
  EXPECT_EQ(
      ParseAroundTensors(cut.pieces(), 6000, wire::TensorFieldsOf<v1::ComputeRequest>(), parsed)
          .status()
          .code(),
      absl::StatusCode::kInvalidArgument);
  const ReceivedBytes bytes = Received(whole, 100);
  EXPECT_EQ(ParseAroundTensors(bytes.pieces(), static_cast<int64_t>(whole.size()) - 1,
                               wire::TensorFieldsOf<v1::ComputeRequest>(), parsed)
                .status()
                .code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace lossd::rpc
