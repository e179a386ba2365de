// Streams beside others that take most of the bytes that may be in flight.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/integration/open_stream.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/stream_batches.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

TEST(StreamOverloadTest, AStreamSendsAheadInHalfOfTheBytesAndLosesNoBatch) {
  WaitingRoom room;
  TestServer server(room.answer(), WithThreads(2 * kWindow, kMessageLimit));
  constexpr int kHalf = kMessagesInHalf;
  OpenStream stream(server.stub());
  std::thread writer = Writer(stream, 50);
  EXPECT_TRUE(room.WaitUntilEntered(kHalf));
  EXPECT_FALSE(room.WaitUntilEntered(kHalf + 1, absl::Milliseconds(200)));
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

TEST(StreamOverloadTest, AStreamWithNothingInFlightWaitsForRoom) {
  WaitingRoom room;
  constexpr int kAll = kMessagesInFlight;
  TestServer server(room.answer(), WithThreads(kAll, kMessageLimit));
  const LargeCallers others(server, kAll);
  EXPECT_TRUE(room.WaitUntilEntered(kAll));
  OpenStream stream(server.stub());
  std::thread writer = Writer(stream, 3);
  EXPECT_FALSE(room.WaitUntilEntered(kAll + 1, absl::Milliseconds(200)));
  room.Open();
  ExpectAnswers(stream, 3);
  writer.join();
}

TEST(StreamOverloadTest, ABatchThatIsLargerThanItsStreamLetExpectIsAskedToTryAgain) {
  WaitingRoom room;
  constexpr int kAll = kMessagesInFlight;
  TestServer server(room.AnswerLarge(), WithThreads(kAll, kMessageLimit));
  OpenStream stream(server.stub());
  stream.Write(0, RequestOfBytes(10));
  EXPECT_TRUE(stream.Read().has_response());
  const LargeCallers others(server, kAll);
  EXPECT_TRUE(room.WaitUntilEntered(kAll));

  stream.Write(1, RequestOfBytes(kLargeRequestBytes));
  const grpc::Status refused = ErrorOf(stream.Read());
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ErrorInfoOf(refused).reason(), "OVERLOADED");
  EXPECT_TRUE(HasRetryInfo(refused));

  // Now it is expected, and waits for room.
  stream.Write(2, RequestOfBytes(kLargeRequestBytes));
  room.Open();
  EXPECT_TRUE(stream.Read().has_response());
}

// A stream with a batch in flight, and a larger one behind it for which there is no room.
class LargerBatchTest : public ::testing::Test {
 protected:
  static constexpr size_t kThird = kLargeRequestBytes / 3;
  static constexpr int kOthers = 14;

  LargerBatchTest() {
    stream_.Write(0, RequestOfBytes(10));
    EXPECT_TRUE(stream_.Read().has_response());
    stream_.Write(0, RequestOfBytes(kThird));
    EXPECT_TRUE(room_.WaitUntilEntered(1));
    others_.emplace(server_, kOthers);
    EXPECT_TRUE(room_.WaitUntilEntered(kOthers + 1));
  }

  WaitingRoom room_;
  TestServer server_{room_.AnswerLarge(), WithThreads(kOthers + 2, kMessageLimit)};
  OpenStream stream_{server_.stub()};
  std::optional<LargeCallers> others_;
};

TEST_F(LargerBatchTest, WaitsForThoseBeforeIt) {
  // Ragged batches: each second one is larger than the one before it.
  std::thread writer([&] {
    for (uint64_t i = 1; i < 10; ++i) {
      stream_.Write(i, RequestOfBytes(i % 2 == 1 ? kLargeRequestBytes : kThird));
    }
    stream_.Close();
  });
  EXPECT_FALSE(room_.WaitUntilEntered(kOthers + 2, absl::Milliseconds(200)));
  room_.Open();
  ExpectAnswers(stream_, 10);
  ExpectEndsOk(stream_);
  writer.join();
}

TEST_F(LargerBatchTest, IsAnsweredWhenTheServerDrains) {
  stream_.Write(1, RequestOfBytes(kLargeRequestBytes));
  EXPECT_FALSE(
      room_.WaitUntilEntered(kOthers + 2, absl::Milliseconds(200)));  // It is read by then.
  std::thread closer([&] { EXPECT_TRUE(server_.Shutdown(absl::Seconds(30))); });
  WaitUntilRefused(server_);
  room_.Open();
  ExpectAnswers(stream_, 2);
  EXPECT_TRUE(stream_.Ends());
  EXPECT_EQ(ErrorInfoOf(stream_.Finish()).reason(), "SHUTTING_DOWN");
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
  constexpr int kHalf = kMessagesInHalf;
  // What they have reserved is free when all have been idle for a second. A stream that finds no
  // room before tries again after its next answer, for which this one would wait in vain.
  absl::SleepFor(absl::Milliseconds(1500));
  OpenStream stream(server.stub());
  std::thread writer = Writer(stream, kHalf);
  EXPECT_TRUE(room.WaitUntilEntered(kHalf));
  room.Open();
  ExpectAnswers(stream, kHalf);
  writer.join();
}

}  // namespace
}  // namespace lossd
