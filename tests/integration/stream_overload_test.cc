// Streams beside others that take most of the bytes that may be in flight.
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "tests/integration/open_stream.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/stream_batches.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

// Opens streams with a batch of kLargeRequestBytes each.
std::vector<std::unique_ptr<OpenStream>> OpenOthers(TestServer& server, int count) {
  std::vector<std::unique_ptr<OpenStream>> others;
  for (int i = 0; i < count; ++i) {
    others.push_back(std::make_unique<OpenStream>(server.stub()));
    others.back()->Write(0, RequestOfBytes(kLargeRequestBytes));
  }
  return others;
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
  const auto others = OpenOthers(server, kAll);
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

TEST(StreamOverloadTest, ABatchLargerThanThoseBeforeItWaitsForThemWhereThereIsNoRoom) {
  WaitingRoom room;
  constexpr int kOthers = 16;
  TestServer server(room.answer(), WithThreads(kOthers + 2, kMessageLimit));
  OpenStream stream(server.stub());
  stream.Write(0, RequestOfBytes(kLargeRequestBytes / 3));
  EXPECT_TRUE(room.WaitUntilEntered(1));
  const auto others = OpenOthers(server, kOthers);
  EXPECT_TRUE(room.WaitUntilEntered(kOthers + 1));
  // Ragged batches: each second one is larger than the one before it.
  std::thread writer([&] {
    for (uint64_t i = 1; i < 10; ++i) {
      stream.Write(i, RequestOfBytes(i % 2 == 1 ? kLargeRequestBytes : kLargeRequestBytes / 3));
    }
    stream.Close();
  });
  MakeSomeCalls(server.stub());  // The second batch has been read by then.
  EXPECT_EQ(room.entered(), kOthers + 1);
  room.Open();
  ExpectAnswers(stream, 10);
  ExpectEndsOk(stream);
  for (const auto& other : others) EXPECT_TRUE(other->Read().has_response());
  writer.join();
}

TEST(StreamOverloadTest, ABatchThatWaitsIsAnsweredWhenTheServerDrains) {
  WaitingRoom room;
  constexpr int kOthers = 16;
  TestServer server(room.answer(), WithThreads(kOthers + 2, kMessageLimit));
  OpenStream stream(server.stub());
  stream.Write(0, RequestOfBytes(kLargeRequestBytes / 3));
  EXPECT_TRUE(room.WaitUntilEntered(1));
  const auto others = OpenOthers(server, kOthers);
  EXPECT_TRUE(room.WaitUntilEntered(kOthers + 1));
  stream.Write(1, RequestOfBytes(kLargeRequestBytes));
  MakeSomeCalls(server.stub());  // It has been read by then.
  std::thread closer([&] { EXPECT_TRUE(server.Shutdown(absl::Seconds(30))); });
  WaitUntilRefused(server);
  room.Open();
  ExpectAnswers(stream, 2);
  EXPECT_TRUE(stream.Ends());
  EXPECT_EQ(ErrorInfoOf(stream.Finish()).reason(), "SHUTTING_DOWN");
  closer.join();
}

TEST(StreamOverloadTest, ALargeBatchOnceReservesNothingForTheSmallOnesAfterIt) {
  constexpr size_t kSmallBatchBytes = 20 << 10;
  WaitingRoom room;
  TestServer server(
      [&](const v1::ComputeRequest& request,
          const rpc::CallContext& context) -> absl::StatusOr<v1::ComputeResponse> {
        if (request.labels().data().size() > kLargeRequestBytes) return v1::ComputeResponse();
        return room.Answer(request, context);
      },
      WithThreads(2 * kWindow, kMessageLimit));
  OpenStream stream(server.stub());
  stream.Write(0, RequestOfBytes(kLargeRequestBytes + 1));
  EXPECT_TRUE(stream.Read().has_response());
  // With these in flight, and bytes reserved for another, 10 small batches fit in the half; 8 if
  // the last of them needed the room of a large one.
  OpenStream other(server.stub());
  for (uint64_t i = 0; i < 4; ++i) other.Write(i, RequestOfBytes(kLargeRequestBytes));
  EXPECT_TRUE(room.WaitUntilEntered(4));
  MakeSomeCalls(server.stub());
  std::thread writer([&] {
    for (uint64_t i = 1; i <= 10; ++i) stream.Write(i, RequestOfBytes(kSmallBatchBytes));
    stream.Close();
  });
  EXPECT_TRUE(room.WaitUntilEntered(4 + 10));
  room.Open();
  for (uint64_t i = 1; i <= 10; ++i) EXPECT_EQ(stream.Read().sequence(), i);
  ExpectEndsOk(stream);
  writer.join();
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

}  // namespace
}  // namespace lossd
