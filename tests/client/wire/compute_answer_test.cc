#include "client/src/wire/compute_answer.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace lossd::client {
namespace {

using ::testing::HasSubstr;

constexpr char kAnswer[] = R"pb(
  losses { data_type: DATA_TYPE_FLOAT32 shape: 2 data: "abcdefgh" }
  loss: 1.5
  valid_count: -3
  gradient {
    data_type: DATA_TYPE_FLOAT32
    shape: [ 2, 2 ]
    data: "0123456789abcdef"
  }
  hessian_diagonal { float_values: [ 1, 2 ] }
  probabilities { data: "" }
  class_statistics {
    count: [ 1, 300 ]
    loss_sum: [ 0.5, 2.5 ]
  }
  class_weights { data_type: DATA_TYPE_FLOAT64 shape: 1 data: "ABCDEFGH" }
  log_sum_exp { data: "xyz" int_values: 7 }
  top_k_correct: [ 0, -1, 70000 ]
)pb";

v1::ComputeResponse Message(const std::string& text) {
  v1::ComputeResponse message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

// The bytes in slices of 1 to `largest` bytes, empty ones among them.
grpc::ByteBuffer Scatter(const std::string& bytes, size_t largest, std::mt19937* random) {
  std::vector<grpc::Slice> slices(1);
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t size = std::min(bytes.size() - begin, 1 + (*random)() % largest);
    slices.emplace_back(bytes.data() + begin, size);
    begin += size;
    if ((*random)() % 8 == 0) slices.emplace_back();
  }
  return {slices.data(), slices.size()};
}

// The message with its elements put back where they were cut out.
v1::ComputeResponse Rejoin(const ComputeAnswer& answer) {
  v1::ComputeResponse message = answer.fields;
  const auto put_back = [&](int number, v1::Tensor* (v1::ComputeResponse::*tensor)()) {
    if (const auto found = answer.elements.find(number); found != answer.elements.end()) {
      std::string data(found->second.size(), '\0');
      found->second.CopyTo(data.data());
      (message.*tensor)()->set_data(data);
    }
  };
  put_back(1, &v1::ComputeResponse::mutable_losses);
  put_back(7, &v1::ComputeResponse::mutable_gradient);
  put_back(8, &v1::ComputeResponse::mutable_hessian_diagonal);
  put_back(9, &v1::ComputeResponse::mutable_probabilities);
  put_back(13, &v1::ComputeResponse::mutable_log_sum_exp);
  return message;
}

// Whether the parser says of these bytes what protobuf says of them whole.
void ExpectAgreement(const std::string& bytes, std::mt19937* random) {
  v1::ComputeResponse expected;
  const bool valid = expected.ParseFromString(bytes);
  const auto answer = ParseComputeAnswer(Scatter(bytes, 9, random));
  ASSERT_EQ(answer.ok(), valid) << answer.status();
  if (valid) {
    ASSERT_EQ(Rejoin(*answer).SerializeAsString(), expected.SerializeAsString());
  } else {
    ASSERT_EQ(answer.status().code(), absl::StatusCode::kInternal);
  }
}

void ExpectStreamAgreement(const std::string& bytes, std::mt19937* random) {
  v1::ComputeStreamResponse expected;
  const bool valid = expected.ParseFromString(bytes);
  const auto answer = ParseStreamAnswer(Scatter(bytes, 9, random));
  ASSERT_EQ(answer.ok(), valid) << answer.status();
  if (!valid) return;
  ASSERT_EQ(answer->sequence, expected.sequence());
  ASSERT_EQ(answer->result.ok(), expected.has_response());
  if (expected.has_response()) {
    ASSERT_EQ(Rejoin(*answer->result).SerializeAsString(), expected.response().SerializeAsString());
  } else if (expected.error().code() != 0) {
    ASSERT_EQ(answer->result.status().raw_code(), expected.error().code());
  }
}

// Changes a few bytes, cuts some out, repeats some, or ends early.
std::string Mutate(std::string bytes, std::mt19937* random) {
  const auto below = [random](size_t bound) { return (*random)() % bound; };
  for (size_t change = 1 + below(3); change > 0 && !bytes.empty(); --change) {
    const size_t at = below(bytes.size());
    const size_t count = std::min(bytes.size() - at, below(12));
    switch (below(5)) {
      case 0:
        bytes[at] = static_cast<char>(below(256));
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 2:
        bytes.erase(at, count);
        break;
      case 3:
        bytes.insert(below(bytes.size()), bytes.substr(at, count));
        break;
      default:
        bytes.resize(at);
    }
  }
  return bytes;
}

TEST(ComputeAnswerTest, CutsTheElementsOutAndParsesTheRest) {
  std::mt19937 random(1);
  const auto answer = ParseComputeAnswer(Scatter(Message(kAnswer).SerializeAsString(), 4, &random));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->fields.gradient().data(), "");
  EXPECT_EQ(answer->fields.gradient().shape_size(), 2);
  ASSERT_EQ(answer->elements.count(7), 1U);
  std::string gradient(16, '\0');
  ASSERT_EQ(answer->elements.at(7).size(), gradient.size());
  answer->elements.at(7).CopyTo(gradient.data());
  EXPECT_EQ(gradient, "0123456789abcdef");
  EXPECT_EQ(answer->fields.class_weights().data(), "ABCDEFGH");
  EXPECT_EQ(answer->fields.loss(), 1.5);
}

TEST(ComputeAnswerTest, AgreesWithProtobufOnUnusualMessages) {
  std::mt19937 random(2);
  const std::string whole = Message(kAnswer).SerializeAsString();
  const std::string losses = Message("losses { data: 'other' shape: 1 }").SerializeAsString();
  const std::string tensor_twice("\x0a\x08\x1a\x02zz\x1a\x02yy", 10);
  const std::string group("\x0b\x10\x01\x0c", 4);
  const std::string losses_as_varint("\x08\x05", 2);
  const std::string unknown_field("\xa2\x1f\x03new", 6);
  const std::string long_tag("\x8a\x00\x02\x1a\x00", 5);
  const std::string long_length("\x0a\x82\x80\x00\x1a\x00", 6);
  const std::string field_zero("\x02\x00", 2);
  const std::string long_varint("\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11);
  for (const std::string& part : {std::string(), losses, tensor_twice, group, losses_as_varint,
                                  unknown_field, long_tag, long_length, field_zero, long_varint}) {
    ExpectAgreement(part, &random);
    ExpectAgreement(whole + part, &random);
    ExpectAgreement(part + whole, &random);
  }
}

TEST(ComputeAnswerTest, AgreesWithProtobufOnEveryTruncation) {
  std::mt19937 random(3);
  const std::string whole = Message(kAnswer).SerializeAsString();
  for (size_t size = 0; size <= whole.size(); ++size) {
    ExpectAgreement(whole.substr(0, size), &random);
  }
}

TEST(ComputeAnswerTest, AgreesWithProtobufOnMutatedMessages) {
  std::mt19937 random(4);
  const std::string whole = Message(kAnswer).SerializeAsString();
  for (int i = 0; i < 50'000; ++i) ExpectAgreement(Mutate(whole, &random), &random);
}

TEST(StreamAnswerTest, AgreesWithProtobufOnMutatedMessages) {
  const google::protobuf::LogSilencer no_complaints_about_utf8;
  std::mt19937 random(5);
  v1::ComputeStreamResponse response;
  response.set_sequence(300);
  *response.mutable_response() = Message(kAnswer);
  v1::ComputeStreamResponse error;
  error.set_sequence(1);
  error.mutable_error()->set_code(3);
  error.mutable_error()->set_message("labels");
  for (const v1::ComputeStreamResponse& message : {response, error}) {
    const std::string whole = message.SerializeAsString();
    ExpectStreamAgreement(whole, &random);
    for (int i = 0; i < 20'000; ++i) ExpectStreamAgreement(Mutate(whole, &random), &random);
  }
}

TEST(StreamAnswerTest, AnErrorIsTheBatchsStatus) {
  v1::ComputeStreamResponse error;
  error.set_sequence(9);
  error.mutable_error()->set_code(3);
  error.mutable_error()->set_message("labels[0] = 7");
  std::mt19937 random(6);
  const auto answer = ParseStreamAnswer(Scatter(error.SerializeAsString(), 5, &random));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->sequence, 9U);
  EXPECT_EQ(answer->result.status(), absl::InvalidArgumentError("labels[0] = 7"));
}

TEST(StreamAnswerTest, NeitherAResponseNorAnErrorIsInternal) {
  v1::ComputeStreamResponse empty;
  empty.set_sequence(9);
  std::mt19937 random(7);
  const auto answer = ParseStreamAnswer(Scatter(empty.SerializeAsString(), 5, &random));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->result.status().code(), absl::StatusCode::kInternal);
}

TEST(ParseAnswerTest, NamesTheMessageThatTheBytesAreNot) {
  const grpc::Slice bytes("\xff\xff");
  v1::ComputeResponse message;
  const absl::Status status = ParseAnswer(grpc::ByteBuffer(&bytes, 1), &message);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("lossd.v1.ComputeResponse"));
}

}  // namespace
}  // namespace lossd::client
