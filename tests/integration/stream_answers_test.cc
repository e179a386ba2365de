// The answers to the messages of a ComputeStream, and their order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "grpcpp/client_context.h"
#include "server/process/log.h"
#include "tests/integration/open_stream.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kMethod[] = "/lossd.v1.LossService/ComputeStream";

// [rows, 10] logits that differ, of either sign; everything is asked for.
v1::ComputeRequest Batch(int rows) {
  constexpr int kClasses = 10;
  v1::ComputeRequest request;
  request.mutable_logits()->add_shape(rows);
  request.mutable_logits()->add_shape(kClasses);
  request.mutable_labels()->add_shape(rows);
  for (int i = 0; i < rows; ++i) request.mutable_labels()->add_int_values(i % kClasses);
  for (int i = 0; i < rows * kClasses; ++i) {
    request.mutable_logits()->add_float_values((i * 37 % 101 - 50) / 7.0);
  }
  request.mutable_loss()->mutable_focal()->set_gamma(1.5);
  request.set_reduction(v1::REDUCTION_MEAN);
  request.mutable_outputs()->set_gradient(true);
  request.mutable_outputs()->set_class_statistics(true);
  return request;
}

v1::ComputeRequest WithWrongLabel(v1::ComputeRequest request) {
  request.mutable_labels()->set_int_values(1, 12);
  return request;
}

struct UnaryAnswer {
  grpc::Status status;
  v1::ComputeResponse response;
};

UnaryAnswer Compute(v1::LossService::Stub& stub, const v1::ComputeRequest& request) {
  UnaryAnswer answer;
  grpc::ClientContext context;
  answer.status = stub.Compute(&context, request, &answer.response);
  return answer;
}

TEST(StreamAnswersTest, AreInOrderWithTheBitsOfUnaryAnswersWhateverTheSizes) {
  TestServer server;
  const int rows[] = {1, 3000, 2, 0, 500, 1, 4000, 7};
  // The server gives sequences no meaning.
  const uint64_t sequences[] = {5, 5, 0, std::numeric_limits<uint64_t>::max(), 1, 2, 9, 4};
  OpenStream stream(server.stub());
  for (size_t i = 0; i < 8; ++i) ASSERT_TRUE(stream.Write(sequences[i], Batch(rows[i])));
  for (size_t i = 0; i < 8; ++i) {
    const v1::ComputeStreamResponse answer = stream.Read();
    const UnaryAnswer expected = Compute(server.stub(), Batch(rows[i]));
    ASSERT_TRUE(expected.status.ok()) << expected.status.error_message();
    EXPECT_EQ(answer.sequence(), sequences[i]);
    EXPECT_EQ(answer.response().SerializeAsString(), expected.response.SerializeAsString()) << i;
  }
  stream.Close();
  EXPECT_TRUE(stream.Ends());
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(StreamAnswersTest, ABadBatchGetsItsErrorAndTheStreamGoesOn) {
  TestServer server;
  OpenStream stream(server.stub());
  for (const int rows : {4, 3000}) {
    const v1::ComputeRequest bad = WithWrongLabel(Batch(rows));
    stream.Write(1, Batch(rows));
    stream.Write(2, bad);
    stream.Write(3, Batch(rows));
    EXPECT_TRUE(stream.Read().has_response());
    const v1::ComputeStreamResponse answer = stream.Read();
    EXPECT_EQ(answer.sequence(), 2);
    EXPECT_EQ(answer.error().SerializeAsString(),
              DetailsOf(Compute(server.stub(), bad).status).SerializeAsString());
    EXPECT_EQ(answer.error().code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(answer.error().message(), HasSubstr("labels[1] = 12"));
    const v1::ComputeStreamResponse next = stream.Read();
    EXPECT_EQ(next.sequence(), 3);
    EXPECT_TRUE(next.has_response());
  }
  stream.Close();
  EXPECT_TRUE(stream.Ends());
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(StreamAnswersTest, WhatIsNoRequestGetsAnErrorWithWhatIsKnown) {
  const TestServer server;
  v1::ComputeStreamRequest good;
  good.set_sequence(3);
  *good.mutable_request() = Batch(2);
  // A sequence and then the start of a request that ends too early.
  const std::string cut = good.SerializeAsString().substr(0, 30);
  const RawStreamAnswer answer =
      StreamRaw(server.channel(), kMethod, {"\xff\xff\xff", cut, "", good.SerializeAsString()});
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  ASSERT_EQ(answer.responses.size(), 4);
  std::vector<v1::ComputeStreamResponse> messages(4);
  for (size_t i = 0; i < 4; ++i) ASSERT_TRUE(messages[i].ParseFromString(answer.responses[i]));

  EXPECT_EQ(messages[0].sequence(), 0);
  EXPECT_EQ(messages[1].sequence(), 3);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(messages[i].error().code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(messages[i].error().message(),
              "the request is malformed: its bytes are not a lossd.v1.ComputeStreamRequest");
    EXPECT_EQ(ErrorInfoOf(ErrorOf(messages[i])).reason(), "MALFORMED_REQUEST");
  }
  EXPECT_EQ(ErrorInfoOf(ErrorOf(messages[2])).reason(), "INVALID_FIELD");
  EXPECT_EQ(messages[3].sequence(), 3);
  EXPECT_TRUE(messages[3].has_response());
}

TEST(StreamAnswersTest, MessagesOverTheLimitAreErrorsOfTheirOwn) {
  ServerOptions options;
  options.max_message_bytes = 1 << 20;
  TestServer server(
      [](const v1::ComputeRequest& request,
         const rpc::CallContext&) -> absl::StatusOr<v1::ComputeResponse> {
        v1::ComputeResponse response;
        response.mutable_losses()->set_data(
            std::string(request.labels().data().size() == 1 ? size_t{2} << 20 : 1, 'x'));
        return response;
      },
      options);
  OpenStream stream(server.stub());
  stream.Write(1, RequestOfBytes(3 << 20));
  stream.Write(2, RequestOfBytes(1));
  stream.Write(3, RequestOfBytes(2));
  const char* const texts[] = {"the request has 3", "the response has 2"};
  for (uint64_t i = 0; i < 2; ++i) {
    const v1::ComputeStreamResponse answer = stream.Read();
    EXPECT_EQ(answer.sequence(), i + 1);
    const grpc::Status error = ErrorOf(answer);
    EXPECT_EQ(error.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_THAT(error.error_message(), HasSubstr(texts[i]));
    EXPECT_THAT(error.error_message(), HasSubstr("--max-message-bytes"));
    EXPECT_EQ(ErrorInfoOf(error).reason(), "LIMIT_EXCEEDED");
  }
  const v1::ComputeStreamResponse last = stream.Read();
  EXPECT_EQ(last.sequence(), 3);
  EXPECT_TRUE(last.has_response());
}

TEST(StreamAnswersTest, AnExceptionIsThatMessagesInternalErrorWithoutItsText) {
  TestServer server([](const v1::ComputeRequest& request,
                       const rpc::CallContext&) -> absl::StatusOr<v1::ComputeResponse> {
    if (!request.labels().data().empty()) throw std::runtime_error("at 0x7ffe in secret.cc");
    return v1::ComputeResponse();
  });
  OpenStream stream(server.stub());
  for (const size_t bytes : {size_t{1}, kLargeRequestBytes}) {
    stream.Write(7, RequestOfBytes(bytes));
    stream.Write(8, RequestOfBytes(0));
    const v1::ComputeStreamResponse answer = stream.Read();
    EXPECT_EQ(answer.sequence(), 7);
    EXPECT_EQ(answer.error().code(), grpc::StatusCode::INTERNAL);
    EXPECT_THAT(answer.error().message(), Not(HasSubstr("secret")));
    EXPECT_TRUE(stream.Read().has_response());
  }
}

TEST(StreamAnswersTest, TheLogHasTheErrorsOfAStreamSummedUp) {
  ::testing::internal::CaptureStderr();
  {
    const Log log(LogFormat::kText);
    ServerOptions options;
    options.log = &log;
    TestServer server(options);
    OpenStream stream(server.stub());
    for (int i = 0; i < 3; ++i) stream.Write(1, WithWrongLabel(Batch(2)));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(stream.Read().has_error());
  }
  const std::string text = ::testing::internal::GetCapturedStderr();
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  const auto names = AllOf(HasSubstr("lossd.v1.LossService/ComputeStream"),
                           HasSubstr("INVALID_ARGUMENT"), HasSubstr("labels[1] = 12"));
  EXPECT_EQ(absl::c_count_if(lines,
                             [&](absl::string_view line) {
                               return ::testing::Matches(names)(std::string(line));
                             }),
            2)
      << text;
  EXPECT_THAT(text, HasSubstr(" more=2 "));
}

TEST(StreamAnswersTest, SmallBatchesAreComputedBesideALargeOneAndAnsweredAfterIt) {
  absl::Notification small_computed;
  TestServer server([&](const v1::ComputeRequest& request,
                        const rpc::CallContext&) -> absl::StatusOr<v1::ComputeResponse> {
    v1::ComputeResponse response;
    if (request.labels().data().size() < kLargeRequestBytes) {
      small_computed.Notify();
    } else if (!small_computed.WaitForNotificationWithTimeout(absl::Seconds(10))) {
      return absl::InvalidArgumentError("nothing was computed beside this one");
    }
    return response;
  });
  OpenStream stream(server.stub());
  stream.Write(1, RequestOfBytes(kLargeRequestBytes));
  stream.Write(2, RequestOfBytes(1));
  for (const uint64_t sequence : {1U, 2U}) {
    const v1::ComputeStreamResponse answer = stream.Read();
    EXPECT_EQ(answer.sequence(), sequence);
    EXPECT_TRUE(answer.has_response()) << answer.error().message();
  }
}

TEST(StreamAnswersTest, LargeBatchesOfOneStreamAreComputedSideBySide) {
  WaitingRoom room;
  ServerOptions options;
  options.threads = 3;
  TestServer server(room.answer(), options);
  OpenStream stream(server.stub());
  for (size_t i = 0; i < 3; ++i) stream.Write(i, RequestOfBytes(kLargeRequestBytes + i));
  EXPECT_TRUE(room.WaitUntilEntered(3));
  room.Open();
  for (size_t i = 0; i < 3; ++i) {
    const v1::ComputeStreamResponse answer = stream.Read();
    EXPECT_EQ(answer.sequence(), i);
    EXPECT_EQ(answer.response().valid_count(), kLargeRequestBytes + i);
  }
}

TEST(StreamAnswersTest, AThousandSmallBatchesAllGetTheirOwnAnswer) {
  constexpr uint64_t kBatches = 1000;
  TestServer server([](const v1::ComputeRequest& request,
                       const rpc::CallContext&) -> absl::StatusOr<v1::ComputeResponse> {
    v1::ComputeResponse response;
    response.set_valid_count(static_cast<int64_t>(request.labels().data().size()));
    return response;
  });
  OpenStream stream(server.stub());
  std::thread writer([&] {
    for (uint64_t i = 0; i < kBatches; ++i) EXPECT_TRUE(stream.Write(i, RequestOfBytes(i)));
    stream.Close();
  });
  for (uint64_t i = 0; i < kBatches; ++i) {
    const v1::ComputeStreamResponse answer = stream.Read();
    ASSERT_EQ(answer.sequence(), i);
    ASSERT_EQ(answer.response().valid_count(), i);
  }
  writer.join();
  EXPECT_TRUE(stream.Ends());
  EXPECT_TRUE(stream.Finish().ok());
}

}  // namespace
}  // namespace lossd
