#include "client/src/wire/received_response.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"

namespace lossd::client {
namespace {

using ::testing::HasSubstr;

v1::Tensor TensorOf(size_t bytes, char fill) {
  v1::Tensor tensor;
  tensor.set_data_type(v1::DATA_TYPE_FLOAT32);
  tensor.add_shape(static_cast<int64_t>(bytes / sizeof(float)));
  tensor.set_data(std::string(bytes, fill));
  return tensor;
}

v1::ComputeResponse SomeResponse() {
  v1::ComputeResponse response;
  *response.mutable_losses() = TensorOf(8, 'l');
  response.set_loss(1.5);
  response.set_valid_count(-3);
  *response.mutable_gradient() = TensorOf(16000, 'g');
  response.mutable_hessian_diagonal()->add_float_values(2);
  *response.mutable_probabilities() = TensorOf(5120, 'p');
  response.mutable_class_statistics()->add_count(300);
  *response.mutable_class_weights() = TensorOf(8000, 'v');
  response.mutable_log_sum_exp();
  *response.mutable_margin() = TensorOf(6000, 'm');
  for (const int64_t count : {0, -1, 70000}) response.add_top_k_correct(count);
  return response;
}

v1::ComputeStreamResponse InStream(uint64_t sequence, const v1::ComputeResponse& response) {
  v1::ComputeStreamResponse message;
  message.set_sequence(sequence);
  *message.mutable_response() = response;
  return message;
}

// Cuts the bytes into slices of 1 to `largest` bytes, with empty ones among them.
grpc::ByteBuffer Scatter(const std::string& bytes, size_t largest, std::mt19937& random) {
  std::vector<grpc::Slice> slices(1);
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t size = std::min(bytes.size() - begin, 1 + random() % largest);
    slices.emplace_back(bytes.data() + begin, size);
    begin += size;
    if (random() % 8 == 0) slices.emplace_back();
  }
  return {slices.data(), slices.size()};
}

std::string Text(const wire::BytePieces& bytes) {
  std::string text(bytes.size(), '\0');
  bytes.CopyTo(0, absl::MakeSpan(text.data(), text.size()));
  return text;
}

// Returns the message with all of its data.
v1::ComputeResponse Rejoin(const ReceivedResponse& response) {
  v1::ComputeResponse message = response.message;
  const auto* const reflection = v1::ComputeResponse::GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const auto* const field : fields) {
    if (field->message_type() != v1::Tensor::descriptor()) continue;
    auto& tensor = *google::protobuf::DynamicCastToGenerated<v1::Tensor>(
        reflection->MutableMessage(&message, field));
    tensor.set_data(Text(response.DataOf(field->number(), tensor)));
  }
  return message;
}

TEST(ComputeResponseTest, LeavesLargeTensorsInTheSlices) {
  std::mt19937 random(1);
  const auto response =
      ReadComputeResponse(Scatter(SomeResponse().SerializeAsString(), 100, random));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->message.gradient().data(), "");
  EXPECT_EQ(response->message.gradient().shape(0), 4000);
  EXPECT_EQ(Text(response->DataOf(7, response->message.gradient())), std::string(16000, 'g'));
  EXPECT_EQ(response->message.class_weights().data(), "");
  EXPECT_EQ(Text(response->DataOf(12, response->message.class_weights())), std::string(8000, 'v'));
  EXPECT_EQ(response->message.losses().data(), "llllllll");
  EXPECT_EQ(Text(response->DataOf(1, response->message.losses())), "llllllll");
}

TEST(ComputeResponseTest, IsTheMessageThatWasSentHoweverItIsCut) {
  std::mt19937 random(2);
  for (const size_t largest : {1U, 2U, 9U, 1000U}) {
    const auto response =
        ReadComputeResponse(Scatter(SomeResponse().SerializeAsString(), largest, random));
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(Rejoin(*response).SerializeAsString(), SomeResponse().SerializeAsString());
  }
}

// Protobuf merges the two, and so reads all of it.
TEST(ComputeResponseTest, TakesATensorThatOccursTwice) {
  std::mt19937 random(3);
  const std::string whole = SomeResponse().SerializeAsString();
  v1::ComputeResponse expected;
  ASSERT_TRUE(expected.ParseFromString(whole + whole));
  const auto response = ReadComputeResponse(Scatter(whole + whole, 100, random));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->message.SerializeAsString(), expected.SerializeAsString());
}

TEST(ComputeResponseTest, IsInternalWhenTheBytesAreNone) {
  std::mt19937 random(4);
  const std::string whole = SomeResponse().SerializeAsString();
  for (const std::string& bytes : {whole.substr(0, whole.size() - 1), whole + "\xff\xff"}) {
    const auto response = ReadComputeResponse(Scatter(bytes, 100, random));
    EXPECT_EQ(response.status().code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(response.status().message()), HasSubstr("lossd.v1.ComputeResponse"));
  }
}

TEST(StreamResponseTest, HasTheSequenceAndTheResponse) {
  std::mt19937 random(5);
  const auto received =
      ReadStreamResponse(Scatter(InStream(300, SomeResponse()).SerializeAsString(), 100, random));
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(received->sequence, 300U);
  ASSERT_TRUE(received->result.ok()) << received->result.status();
  EXPECT_EQ(received->result->message.gradient().data(), "");
  EXPECT_EQ(Rejoin(*received->result).SerializeAsString(), SomeResponse().SerializeAsString());
}

TEST(StreamResponseTest, AnErrorAfterAResponseCounts) {
  v1::ComputeStreamResponse error;
  error.mutable_error()->set_code(3);
  std::mt19937 random(5);
  const std::string bytes =
      InStream(300, SomeResponse()).SerializeAsString() + error.SerializeAsString();
  const auto received = ReadStreamResponse(Scatter(bytes, 100, random));
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(received->result.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(StreamResponseTest, AnErrorIsTheBatchsStatus) {
  v1::ComputeStreamResponse error;
  error.set_sequence(9);
  error.mutable_error()->set_code(3);
  error.mutable_error()->set_message("labels[0] = 7");
  std::mt19937 random(6);
  const auto answer = ReadStreamResponse(Scatter(error.SerializeAsString(), 5, random));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->sequence, 9U);
  EXPECT_EQ(answer->result.status(), absl::InvalidArgumentError("labels[0] = 7"));
}

TEST(StreamResponseTest, NeitherAResponseNorAnErrorIsInternal) {
  v1::ComputeStreamResponse empty;
  empty.set_sequence(9);
  std::mt19937 random(7);
  const auto answer = ReadStreamResponse(Scatter(empty.SerializeAsString(), 5, random));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->result.status().code(), absl::StatusCode::kInternal);
}

TEST(ParseResponseTest, NamesTheMessageThatTheBytesAreNot) {
  const grpc::Slice bytes("\xff\xff");
  v1::ComputeResponse message;
  const absl::Status status = ParseResponse(grpc::ByteBuffer(&bytes, 1), message);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("lossd.v1.ComputeResponse"));
}

}  // namespace
}  // namespace lossd::client
