// The window of a ComputeStream, and its end.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "grpcpp/client_context.h"
#include "tests/integration/open_stream.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/stream_batches.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

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
    writer.join();
    // A client sends what it has to say only while it waits for something.
    EXPECT_TRUE(stream.Ends());
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::CANCELLED);
    EXPECT_TRUE(room.WaitUntilCancelled(i * kBatches));
  }
  room.Open();
  OpenStream stream(server.stub());
  constexpr uint64_t kTwoWindows = 2ULL * kWindow;
  std::thread writer = Writer(stream, kTwoWindows);
  ExpectAnswers(stream, kTwoWindows);
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
