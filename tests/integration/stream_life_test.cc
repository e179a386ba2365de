// The bounds of a ComputeStream, and its end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "grpcpp/client_context.h"
#include "tests/integration/open_stream.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

constexpr int kWindow = 16;
// In-flight bytes are 16 times this: 17 requests of kLargeRequestBytes.
constexpr int64_t kMessageLimit = 64 << 10;

ServerOptions WithThreads(int threads, int64_t max_message_bytes = int64_t{64} << 20) {
  ServerOptions options;
  options.threads = threads;
  options.max_message_bytes = max_message_bytes;
  return options;
}

// Sends batches of kLargeRequestBytes, numbered from 0, and closes the stream.
std::thread Writer(OpenStream& stream, uint64_t batches) {
  return std::thread([&stream, batches] {
    for (uint64_t i = 0; i < batches; ++i) stream.Write(i, RequestOfBytes(kLargeRequestBytes));
    stream.Close();
  });
}

void ExpectAnswers(OpenStream& stream, uint64_t batches) {
  for (uint64_t i = 0; i < batches; ++i) {
    const v1::ComputeStreamResponse answer = stream.Read();
    ASSERT_EQ(answer.sequence(), i);
    ASSERT_TRUE(answer.has_response()) << answer.error().message();
  }
}

void ExpectEndsOk(OpenStream& stream) {
  EXPECT_TRUE(stream.Ends());
  const grpc::Status status = stream.Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
}

// Calls that the server answers after what it has to do for streams at that time.
void MakeSomeCalls(v1::LossService::Stub& stub) {
  for (int i = 0; i < 100; ++i) {
    grpc::ClientContext context;
    v1::GetServerInfoResponse info;
    EXPECT_TRUE(stub.GetServerInfo(&context, {}, &info).ok());
  }
}

TEST(StreamWindowTest, TheServerReadsNoFurtherThanTheWindow) {
  WaitingRoom room;
  TestServer server(room.answer(), WithThreads(2 * kWindow));
  OpenStream stream(server.stub());
  std::thread writer = Writer(stream, 50);
  EXPECT_TRUE(room.WaitUntilEntered(kWindow));
  MakeSomeCalls(server.stub());
  EXPECT_EQ(room.entered(), kWindow);
  room.Open();
  ExpectAnswers(stream, 50);
  ExpectEndsOk(stream);
  writer.join();
  EXPECT_EQ(room.entered(), 50);
}

TEST(StreamWindowTest, IsWhatServerInfoSays) {
  TestServer server;
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(server.stub().GetServerInfo(&context, {}, &info).ok());
  EXPECT_EQ(info.max_stream_window(), kWindow);
}

TEST(StreamOverloadTest, AStreamSendsAheadInHalfOfTheBytesAndLosesNoBatch) {
  WaitingRoom room;
  TestServer server(room.answer(), WithThreads(2 * kWindow, kMessageLimit));
  constexpr int kHalf = static_cast<int>(8 * kMessageLimit / (kLargeRequestBytes + 16));
  OpenStream stream(server.stub());
  std::thread writer = Writer(stream, 50);
  EXPECT_TRUE(room.WaitUntilEntered(kHalf));
  MakeSomeCalls(server.stub());
  EXPECT_EQ(room.entered(), kHalf);
  // Others find room beside it.
  OpenStream other(server.stub());
  std::thread other_writer = Writer(other, 50);
  EXPECT_TRUE(room.WaitUntilEntered(kHalf + 1));
  room.Open();
  ExpectAnswers(stream, 50);
  ExpectAnswers(other, 50);
  writer.join();
  other_writer.join();
}

TEST(StreamOverloadTest, ABatchWithNothingToWaitForIsAskedToTryAgain) {
  WaitingRoom room;
  constexpr int kAll = static_cast<int>(16 * kMessageLimit / (kLargeRequestBytes + 16));
  TestServer server(room.answer(), WithThreads(kAll, kMessageLimit));
  std::vector<std::unique_ptr<OpenStream>> others;
  for (int i = 0; i < kAll; ++i) {
    others.push_back(std::make_unique<OpenStream>(server.stub()));
    others.back()->Write(0, RequestOfBytes(kLargeRequestBytes));
  }
  EXPECT_TRUE(room.WaitUntilEntered(kAll));

  OpenStream stream(server.stub());
  stream.Write(1, RequestOfBytes(kLargeRequestBytes));
  const grpc::Status refused = ErrorOf(stream.Read());
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ErrorInfoOf(refused).reason(), "OVERLOADED");
  EXPECT_TRUE(HasRetryInfo(refused));

  room.Open();
  for (const auto& other : others) EXPECT_TRUE(other->Read().has_response());
  // Its bytes return once the server has written it.
  v1::ComputeStreamResponse answer;
  do {
    stream.Write(2, RequestOfBytes(kLargeRequestBytes));
    answer = stream.Read();
  } while (ErrorOf(answer).error_code() == grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(answer.has_response());
}

TEST(StreamOverloadTest, ABatchLargerThanAllBeforeItIsAskedToTryAgainWhereThereIsNoRoom) {
  WaitingRoom room;
  constexpr int kOthers = 16;
  TestServer server(room.answer(), WithThreads(kOthers + 1, kMessageLimit));
  OpenStream stream(server.stub());
  stream.Write(1, RequestOfBytes(kLargeRequestBytes / 3));
  std::vector<std::unique_ptr<OpenStream>> others;
  for (int i = 0; i < kOthers; ++i) {
    others.push_back(std::make_unique<OpenStream>(server.stub()));
    others.back()->Write(0, RequestOfBytes(kLargeRequestBytes));
  }
  EXPECT_TRUE(room.WaitUntilEntered(kOthers + 1));
  stream.Write(2, RequestOfBytes(kLargeRequestBytes));
  MakeSomeCalls(server.stub());  // The batch has been read by then.
  room.Open();
  EXPECT_TRUE(stream.Read().has_response());
  EXPECT_EQ(ErrorInfoOf(ErrorOf(stream.Read())).reason(), "OVERLOADED");
  for (const auto& other : others) EXPECT_TRUE(other->Read().has_response());
}

TEST(StreamOverloadTest, StreamsThatAreIdleKeepNoStreamFromSendingAhead) {
  WaitingRoom room;
  TestServer server(
      [&](const v1::ComputeRequest& request,
          const rpc::CallContext& context) -> absl::StatusOr<v1::ComputeResponse> {
        if (request.labels().data().size() == kLargeRequestBytes) {
          return room.Answer(request, context);
        }
        return v1::ComputeResponse();
      },
      WithThreads(2 * kWindow, kMessageLimit));
  // Each has had a batch answered and waits for another.
  std::vector<std::unique_ptr<OpenStream>> idle;
  for (int i = 0; i < kWindow; ++i) {
    idle.push_back(std::make_unique<OpenStream>(server.stub()));
    idle.back()->Write(0, RequestOfBytes(kLargeRequestBytes + 1));
    EXPECT_TRUE(idle.back()->Read().has_response());
  }
  constexpr int kHalf = static_cast<int>(8 * kMessageLimit / (kLargeRequestBytes + 16));
  OpenStream stream(server.stub());
  std::thread writer = Writer(stream, kHalf);
  EXPECT_TRUE(room.WaitUntilEntered(kHalf));
  room.Open();
  ExpectAnswers(stream, kHalf);
  writer.join();
}

TEST(StreamEndTest, AStreamWithoutMessagesEndsOk) {
  TestServer server;
  OpenStream stream(server.stub());
  stream.Close();
  ExpectEndsOk(stream);
}

TEST(StreamEndTest, AClientThatClosesItsSideGetsWhatIsInFlight) {
  WaitingRoom room;
  TestServer server(room.answer(), WithThreads(3));
  OpenStream stream(server.stub());
  Writer(stream, 3).join();
  EXPECT_TRUE(room.WaitUntilEntered(3));
  room.Open();
  ExpectAnswers(stream, 3);
  ExpectEndsOk(stream);
}

TEST(StreamEndTest, CancellationStopsTheWorkAndLeavesNothingInFlight) {
  WaitingRoom room;
  constexpr int kBatches = 4;
  TestServer server(room.answer(), WithThreads(kBatches, kMessageLimit));
  // More bytes than may be in flight, if they stayed there.
  for (int i = 1; i <= 2 * kWindow; ++i) {
    OpenStream stream(server.stub());
    std::thread writer = Writer(stream, kBatches);
    EXPECT_TRUE(room.WaitUntilEntered(i * kBatches));
    stream.context().TryCancel();
    EXPECT_TRUE(room.WaitUntilCancelled(i * kBatches));
    writer.join();
    EXPECT_TRUE(stream.Ends());
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  room.Open();
  OpenStream stream(server.stub());
  std::thread writer = Writer(stream, 2 * kWindow);
  ExpectAnswers(stream, 2 * kWindow);
  ExpectEndsOk(stream);
  writer.join();
  EXPECT_TRUE(server.Shutdown(absl::Seconds(30)));
}

TEST(StreamEndTest, TheDeadlineStopsTheWork) {
  WaitingRoom room;
  TestServer server(room.answer(), WithThreads(2));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(300));
  const auto stream = server.stub().ComputeStream(&context);
  v1::ComputeStreamRequest request;
  *request.mutable_request() = RequestOfBytes(kLargeRequestBytes);
  EXPECT_TRUE(stream->Write(request));
  v1::ComputeStreamResponse answer;
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(room.WaitUntilCancelled(1));
}

TEST(StreamShutdownTest, AnIdleStreamEndsAtOnce) {
  TestServer server;
  OpenStream stream(server.stub());
  stream.Write(1, {});
  EXPECT_TRUE(stream.Read().has_error());
  const absl::Time start = absl::Now();
  EXPECT_TRUE(server.Shutdown(absl::Seconds(30)));
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
  EXPECT_TRUE(stream.Ends());
  const grpc::Status status = stream.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "SHUTTING_DOWN");
  EXPECT_TRUE(HasRetryInfo(status));
}

// Waits until calls on new connections are refused: until the server drains.
grpc::Status WaitUntilRefused(const TestServer& server) {
  while (true) {
    const auto stub = v1::LossService::NewStub(Connect(server.address()));
    OpenStream stream(*stub);
    stream.Close();
    EXPECT_TRUE(stream.Ends());
    if (grpc::Status status = stream.Finish(); !status.ok()) return status;
  }
}

TEST(StreamShutdownTest, WhatIsInFlightIsAnsweredAndNoFurtherBatchTaken) {
  WaitingRoom room;
  TestServer server(room.answer(), WithThreads(2));
  OpenStream stream(server.stub());
  for (const uint64_t sequence : {1U, 2U}) {
    stream.Write(sequence, RequestOfBytes(kLargeRequestBytes));
  }
  EXPECT_TRUE(room.WaitUntilEntered(2));
  bool finished = false;
  std::thread closer([&] { finished = server.Shutdown(absl::Seconds(30)); });
  const grpc::Status refused = WaitUntilRefused(server);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ErrorInfoOf(refused).reason(), "SHUTTING_DOWN");
  EXPECT_TRUE(HasRetryInfo(refused));

  stream.Write(3, RequestOfBytes(kLargeRequestBytes));
  room.Open();
  EXPECT_EQ(stream.Read().sequence(), 1);
  EXPECT_EQ(stream.Read().sequence(), 2);
  EXPECT_TRUE(stream.Ends());
  EXPECT_EQ(ErrorInfoOf(stream.Finish()).reason(), "SHUTTING_DOWN");
  closer.join();
  EXPECT_TRUE(finished);
  EXPECT_EQ(room.entered(), 2);
}

TEST(StreamShutdownTest, AStreamThatItsClientHasClosedEndsOk) {
  WaitingRoom room;
  TestServer server(room.answer(), WithThreads(2));
  OpenStream stream(server.stub());
  Writer(stream, 2).join();
  EXPECT_TRUE(room.WaitUntilEntered(2));
  std::thread closer([&] { EXPECT_TRUE(server.Shutdown(absl::Seconds(30))); });
  WaitUntilRefused(server);
  room.Open();
  ExpectAnswers(stream, 2);
  ExpectEndsOk(stream);
  closer.join();
}

TEST(StreamShutdownTest, WhatIsNotFinishedAfterTheGracePeriodIsCancelled) {
  WaitingRoom room;
  TestServer server(room.answer(), WithThreads(2));
  OpenStream stream(server.stub());
  std::thread writer = Writer(stream, 2);
  EXPECT_TRUE(room.WaitUntilEntered(2));
  EXPECT_FALSE(server.Shutdown(absl::Milliseconds(50)));
  EXPECT_TRUE(room.WaitUntilCancelled(2));
  writer.join();
  EXPECT_TRUE(stream.Ends());
  EXPECT_FALSE(stream.Finish().ok());
}

}  // namespace
}  // namespace lossd
