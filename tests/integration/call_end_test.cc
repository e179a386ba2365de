// The ends of calls, as filters are told of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "tests/integration/filter_notes.h"
#include "tests/integration/open_stream.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/stream_batches.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

constexpr char kCompute[] = "lossd.v1.LossService/Compute";
constexpr char kComputeStream[] = "lossd.v1.LossService/ComputeStream";

absl::StatusOr<v1::ComputeResponse> SomeAnswer(const v1::ComputeRequest&, const rpc::CallContext&) {
  v1::ComputeResponse response;
  response.set_valid_count(7);
  return response;
}

void Compute(v1::LossService::Stub& stub, grpc::ClientContext& context) {
  v1::ComputeResponse response;
  stub.Compute(&context, RequestOfBytes(kLargeRequestBytes), &response);
}

// Calls Compute and cancels the call when `wait` has returned.
void ComputeAndCancel(TestServer& server, const std::function<void()>& wait) {
  grpc::ClientContext context;
  std::thread caller([&] { Compute(server.stub(), context); });
  wait();
  context.TryCancel();
  caller.join();
}

// Shuts the server down and expects that one call has ended, with `code`.
void ExpectOneEnd(TestServer& server, const Notes& notes, absl::StatusCode code) {
  const std::vector<Notes::Told> ended = EndedOf(server, notes);
  ASSERT_EQ(ended.size(), 1);
  EXPECT_EQ(ended[0].status.code(), code);
}

TEST(CallEndTest, ACallThatIsCancelledWhileItIsComputedIsToldAsCancelled) {
  Notes notes;
  Gate gate;
  TestServer server(gate.answer(), {}, {&notes});
  ComputeAndCancel(server, [&] { EXPECT_TRUE(gate.WaitUntilEntered()); });
  EXPECT_TRUE(gate.WaitUntilCancelled());
  ExpectOneEnd(server, notes, absl::StatusCode::kCancelled);
}

// A handler that answers although its call was cancelled.
TEST(CallEndTest, AnAnswerThatNobodyGotIsToldAsCancelled) {
  Notes notes;
  absl::Notification entered;
  TestServer server(
      [&](const v1::ComputeRequest&, const rpc::CallContext& context) {
        entered.Notify();
        while (!context.cancelled()) absl::SleepFor(absl::Milliseconds(1));
        return SomeAnswer({}, context);
      },
      {}, {&notes});
  ComputeAndCancel(server, [&] { entered.WaitForNotification(); });
  ExpectOneEnd(server, notes, absl::StatusCode::kCancelled);
}

TEST(CallEndTest, ACallThatIsCancelledBeforeItsMessageIsToldAsCancelled) {
  Notes notes;
  TestServer server(SomeAnswer, {}, {&notes});
  {
    OpenStream unused(server.stub());  // The connection is there.
    unused.Close();
    EXPECT_TRUE(unused.Ends());
    EXPECT_TRUE(unused.Finish().ok());
  }
  const grpc::Status cancelled = StartWithoutMessage(server.channel(), absl::StrCat("/", kCompute),
                                                     [&](grpc::ClientContext& call) {
                                                       while (notes.arrived().size() < 2)
                                                         absl::SleepFor(absl::Milliseconds(1));
                                                       call.TryCancel();
                                                     });
  EXPECT_EQ(cancelled.error_code(), grpc::StatusCode::CANCELLED);
  const std::vector<Notes::Told> ended = EndedOf(server, notes);
  ASSERT_EQ(ended.size(), 2);
  EXPECT_EQ(ended[1].method, kCompute);
  EXPECT_EQ(ended[1].status.code(), absl::StatusCode::kCancelled);
}

TEST(CallEndTest, ACallPastItsDeadlineIsToldSo) {
  Notes notes;
  TestServer server(
      [&](const v1::ComputeRequest&,
          const rpc::CallContext& context) -> absl::StatusOr<v1::ComputeResponse> {
        while (!context.cancelled()) absl::SleepFor(absl::Milliseconds(1));
        // The client's clock runs out first, and the server's soon after.
        absl::SleepFor(absl::Milliseconds(200));
        return absl::CancelledError("cancelled");
      },
      {}, {&notes});
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  Compute(server.stub(), context);
  ExpectOneEnd(server, notes, absl::StatusCode::kDeadlineExceeded);
}

TEST(CallEndTest, AStreamThatIsCancelledIsToldAsCancelled) {
  Notes notes;
  TestServer server(SomeAnswer, {}, {&notes});
  OpenStream stream(server.stub());
  stream.Write(1, RequestOfBytes(2));
  EXPECT_TRUE(stream.Read().has_response());
  stream.context().TryCancel();
  EXPECT_TRUE(stream.Ends());
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::CANCELLED);
  notes.WaitUntilEnded(1);
  ExpectOneEnd(server, notes, absl::StatusCode::kCancelled);
  EXPECT_EQ(notes.messages().size(), 1);
}

TEST(CallEndTest, AMessageThatFindsNoRoomIsTold) {
  Notes notes;
  WaitingRoom room;
  constexpr int kAll = kMessagesInFlight;
  TestServer server(room.AnswerLarge(), WithThreads(kAll, kMessageLimit), {&notes});
  OpenStream stream(server.stub());
  stream.Write(0, RequestOfBytes(10));
  EXPECT_TRUE(stream.Read().has_response());
  const LargeCallers others(server, kAll);
  EXPECT_TRUE(room.WaitUntilEntered(kAll));
  stream.Write(1, RequestOfBytes(kLargeRequestBytes));
  EXPECT_TRUE(stream.Read().has_error());
  const std::vector<Notes::Told> messages = notes.messages();
  ASSERT_EQ(messages.size(), 2);
  EXPECT_EQ(messages[1].status.code(), absl::StatusCode::kUnavailable);
  EXPECT_GT(messages[1].costs.request_bytes, kLargeRequestBytes);
  room.Open();
}

TEST(CallEndTest, AStreamThatADrainCutsEndsOnce) {
  Notes notes;
  TestServer server(SomeAnswer, {}, {&notes});
  OpenStream stream(server.stub());
  stream.Write(1, RequestOfBytes(2));
  EXPECT_TRUE(stream.Read().has_response());
  ExpectOneEnd(server, notes, absl::StatusCode::kUnavailable);
  EXPECT_TRUE(stream.Ends());
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(CallEndTest, ACallThatADrainRefusesIsTold) {
  Notes notes;
  Gate gate;
  TestServer server(gate.answer(), {}, {&notes});
  grpc::ClientContext context;
  std::thread caller([&] { Compute(server.stub(), context); });
  EXPECT_TRUE(gate.WaitUntilEntered());
  std::thread closer([&] { server.Shutdown(absl::Seconds(30)); });
  WaitUntilRefused(server);
  gate.Open();
  caller.join();
  closer.join();
  const std::vector<Notes::Told> ended = notes.ended();
  ASSERT_GE(ended.size(), 2);
  EXPECT_EQ(ended.size(), notes.arrived().size());
  const auto refused = std::find_if(ended.begin(), ended.end(), [](const Notes::Told& told) {
    return absl::IsUnavailable(told.status);
  });
  ASSERT_NE(refused, ended.end());
  EXPECT_EQ(refused->method, kComputeStream);
  EXPECT_EQ(refused->costs.request_bytes, 0);
}

}  // namespace
}  // namespace lossd
